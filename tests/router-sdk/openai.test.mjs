// OpenAI's SDK as clients of OpenRouter use it: with the router's fields in the body, and only base URL and key changed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import OpenAI from "openai";

import { MODELS, PROMPT, Stage } from "./stage.mjs";

let stage;
let client;

before(async () => {
  stage = await Stage.open();
  client = new OpenAI({ apiKey: stage.key, baseURL: stage.baseURL, maxRetries: 0, defaultHeaders: { "HTTP-Referer": "https://app.example", "X-Title": "an app" } });
});
after(() => stage?.close());

const messages = [{ role: "user", content: PROMPT }];

test("turns and streams with fields of a router", async () => {
  for (const model of MODELS) {
    const fields = { model, messages, models: ["openai/gpt-4o"], provider: { sort: "price" }, usage: { include: true }, transforms: [] };
    const { data, response } = await client.chat.completions.create(fields).withResponse();
    assert.equal(data.id, response.headers.get("x-generation-id"));
    assert.ok(data.usage.cost > 0);
    assert.ok(data.provider.length > 0);
    let text = "";
    let usage;
    for await (const chunk of await client.chat.completions.create({ ...fields, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.ok(text.length > 0 && usage.cost > 0);
  }
});

test("reasoning is told, unless it is not wanted", async () => {
  const asked = { model: "anthropic/claude-sonnet-4.5", messages: [{ role: "user", content: "[think] A river?" }], max_tokens: 8000 };
  for (const exclude of [false, true]) {
    const answer = await client.chat.completions.create({ ...asked, reasoning: { effort: "high", exclude } });
    assert.equal((answer.choices[0].message.reasoning ?? "").length > 0, !exclude);
  }
});

test("the stream helper puts tool calls together", async () => {
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];
  for (const model of MODELS) {
    const stream = client.chat.completions.stream({ model, messages: [{ role: "user", content: "[tool] Brno?" }], tools, tool_choice: "required" });
    const answer = await stream.finalChatCompletion();
    assert.equal(answer.choices[0].message.tool_calls[0].function.name, "weather");
  }
});

test("responses, models and refusals", async () => {
  const { data, response } = await client.responses.create({ model: "openai/gpt-4o", input: PROMPT }).withResponse();
  assert.ok(data.output_text.length > 0);
  assert.match(response.headers.get("x-generation-id"), /^gen-/);
  const models = await client.models.list();
  assert.equal(models.data[0].id, "auto");
  await assert.rejects(client.chat.completions.create({ model: "no-such/model", messages }), (error) => {
    assert.equal(error.status, 404);
    assert.equal(error.code, 404);
    return error.error.metadata.error_type === "not_found";
  });
});

test("a plain client of the same gateway sees plain OpenAI", async () => {
  const plain = new OpenAI({ apiKey: stage.key, baseURL: `${stage.origin}/v1`, maxRetries: 0 });
  const { data, response } = await plain.chat.completions.create({ model: "openai/gpt-4o", messages }).withResponse();
  assert.equal(data.provider, undefined);
  assert.equal(response.headers.get("x-generation-id"), null);
  assert.equal(data.usage.cost, undefined);
});
