// OpenRouter's own SDK, with only base URL and key changed. It checks all that it is given against its schemas.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OpenRouter } from "@openrouter/sdk";

import { MASTER_KEY, MODELS, PROMPT, Stage, eventually } from "./stage.mjs";

let stage;
let client;

before(async () => {
  stage = await Stage.open();
  client = new OpenRouter({ apiKey: stage.key, serverURL: stage.baseURL, retryConfig: { strategy: "none" } });
});
after(() => stage?.close());

const ask = (fields) => ({ chatRequest: { messages: [{ role: "user", content: PROMPT }], ...fields } });
const WEATHER = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
};

test("turns, with what they cost", async () => {
  for (const model of MODELS) {
    const answer = await client.chat.send(ask({ model }));
    assert.match(answer.id, /^gen-/);
    assert.ok(answer.choices[0].message.content.length > 0);
    assert.equal(answer.choices[0].finishReason, "stop");
    assert.ok(answer.usage.cost > 0, JSON.stringify(answer.usage));
    assert.equal(answer.usage.isByok, false);
    assert.ok(answer.usage.costDetails.upstreamInferencePromptCost > 0);
  }
});

test("streams, whose last chunk tells what they cost", async () => {
  for (const model of MODELS) {
    let text = "";
    let usage;
    const stream = await client.chat.send(ask({ model, stream: true }));
    for await (const chunk of stream) {
      assert.match(chunk.id, /^gen-/);
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.ok(text.length > 0);
    assert.ok(usage.cost > 0, `${model}: ${JSON.stringify(usage)}`);
  }
});

test("tool calls, and what the tool said", async () => {
  for (const model of MODELS) {
    const messages = [{ role: "user", content: "[tool] What is the weather in Brno?" }];
    const first = await client.chat.send(ask({ model, messages, tools: [WEATHER], toolChoice: "required" }));
    const message = first.choices[0].message;
    const [call] = message.toolCalls;
    assert.equal(call.function.name, "weather");
    messages.push(message, { role: "tool", toolCallId: call.id, content: "sunny" });
    const second = await client.chat.send(ask({ model, messages, tools: [WEATHER] }));
    assert.ok(second.choices[0].message.content.includes("sunny"), second.choices[0].message.content);
  }
});

test("streamed tool calls", async () => {
  const messages = [{ role: "user", content: "[tool] Brno?" }];
  for (const model of MODELS) {
    let name = "";
    let json = "";
    const stream = await client.chat.send(ask({ model, messages, tools: [WEATHER], toolChoice: "required", stream: true }));
    for await (const chunk of stream) {
      for (const call of chunk.choices[0]?.delta.toolCalls ?? []) {
        name += call.function?.name ?? "";
        json += call.function?.arguments ?? "";
      }
    }
    assert.equal(name, "weather");
    JSON.parse(json);
  }
});

test("reasoning, as text and in details", async () => {
  const messages = [{ role: "user", content: "[think] Is there a river in Bohemia?" }];
  const answer = await client.chat.send(
    ask({ model: "anthropic/claude-sonnet-4.5", messages, reasoning: { effort: "high" }, maxTokens: 8000 }),
  );
  const { reasoning, reasoningDetails } = answer.choices[0].message;
  assert.ok(reasoning.length > 0);
  assert.equal(reasoningDetails[0].type, "reasoning.text");
});

test("models to go on with, and wishes of providers", async () => {
  const answer = await client.chat.send(ask({ models: ["no-such/model", "openai/gpt-4o"], provider: { order: ["openai"], allowFallbacks: false } }));
  assert.match(answer.model, /gpt-4o/);
  const auto = await client.chat.send(ask({ model: "openrouter/auto" }));
  assert.ok(auto.choices[0].message.content.length > 0);
  await assert.rejects(client.chat.send(ask({ model: "openai/gpt-4o", provider: { only: ["nobody"] } })), (error) => {
    assert.equal(error.statusCode, 404);
    return error.error.message.includes("provider.only");
  });
});

test("refusals are understood", async () => {
  const stranger = new OpenRouter({ apiKey: "ovth_live_wrong", serverURL: stage.baseURL, retryConfig: { strategy: "none" } });
  await assert.rejects(stranger.chat.send(ask({ model: "auto" })), (error) => {
    assert.equal(error.constructor.name, "UnauthorizedResponseError");
    return error.error.code === 401;
  });
  await assert.rejects(client.chat.send(ask({ model: "no-such/model" })), (error) => {
    assert.equal(error.constructor.name, "NotFoundResponseError");
    return error.error.code === 404;
  });
});

test("models, their places, and providers", async () => {
  const models = [];
  for await (const page of await client.models.list({})) models.push(...(page.result ?? page).data);
  assert.deepEqual(models.slice(0, 3).map((model) => model.id), ["auto", "cheap", "smart"]);
  const sonnet = models.find((model) => model.canonicalSlug === "anthropic/claude-sonnet-4.5" || model.id === "claude-sonnet-4-5");
  assert.ok(Number(sonnet.pricing.prompt) > 0);
  assert.ok(sonnet.supportedParameters.includes("tools"));
  const { data } = await client.models.count({});
  assert.equal(data.count, models.length);
  const places = await client.endpoints.list({ author: "anthropic", slug: "claude-sonnet-4.5" });
  assert.equal(places.data.endpoints[0].providerName, "Anthropic");
  const providers = await client.providers.list({});
  assert.deepEqual(providers.data.map((provider) => provider.slug).sort(), ["anthropic", "google", "openai"]);
});

test("what became of an answer, for the key that it was made for", async () => {
  const answer = await client.chat.send(ask({ model: "anthropic/claude-sonnet-4.5", user: "somebody" }));
  const { data } = await eventually(() => client.generations.getGeneration({ id: answer.id }));
  assert.equal(data.id, answer.id);
  assert.equal(data.providerName, "Anthropic");
  assert.equal(data.totalCost, answer.usage.cost);
  assert.equal(data.tokensPrompt, answer.usage.promptTokens);
  assert.equal(data.externalUser, "somebody");
  const other = new OpenRouter({ apiKey: await stage.mint("other"), serverURL: stage.baseURL, retryConfig: { strategy: "none" } });
  await assert.rejects(other.generations.getGeneration({ id: answer.id }), (error) => error.statusCode === 404);
});

test("the key, its credits, and keys that are made, changed and ended", async () => {
  const { data: own } = await client.apiKeys.getCurrentKeyMetadata();
  assert.equal(own.label, "router-sdk");
  const credits = await client.credits.getCredits();
  assert.ok(credits.data.totalCredits >= credits.data.totalUsage);
  const manager = new OpenRouter({ apiKey: MASTER_KEY, serverURL: stage.baseURL, retryConfig: { strategy: "none" } });
  const made = await manager.apiKeys.create({ requestBody: { name: "made", limit: 12.5, limitReset: "monthly" } });
  assert.equal(made.data.limit, 12.5);
  const theirs = new OpenRouter({ apiKey: made.key, serverURL: stage.baseURL });
  assert.ok((await theirs.chat.send(ask({ model: "openai/gpt-4o" }))).choices.length === 1);
  const listed = await manager.apiKeys.list({});
  assert.ok(listed.data.some((key) => key.hash === made.data.hash && key.name === "made"));
  const changed = await manager.apiKeys.update({ hash: made.data.hash, requestBody: { name: "renamed" } });
  assert.equal(changed.data.name, "renamed");
  assert.equal((await manager.apiKeys.get({ hash: made.data.hash })).data.limitReset, "monthly");
  assert.equal((await manager.apiKeys.delete({ hash: made.data.hash })).deleted, true);
  await assert.rejects(client.apiKeys.list({}), (error) => error.statusCode === 401);
});
