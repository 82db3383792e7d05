// Vercel's AI SDK with OpenRouter's own provider for it, with only base URL and key changed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { MODELS, PROMPT, Stage } from "./stage.mjs";

let stage;
let router;

before(async () => {
  stage = await Stage.open();
  router = createOpenRouter({ apiKey: stage.key, baseURL: stage.baseURL, appName: "router-sdk", appUrl: "https://app.example" });
});
after(() => stage?.close());

const weather = tool({
  description: "Tells it.",
  inputSchema: z.object({ city: z.string() }),
  execute: async () => "sunny",
});

test("turns, with provider and cost", async () => {
  for (const id of MODELS) {
    const answer = await generateText({ model: router(id, { usage: { include: true } }), prompt: PROMPT, maxRetries: 0 });
    assert.ok(answer.text.length > 0);
    const told = answer.providerMetadata.openrouter;
    assert.ok(told.usage.cost > 0, JSON.stringify(told));
    assert.ok(told.provider.length > 0);
    assert.match(answer.response.id, /^gen-/);
  }
});

test("streams", async () => {
  for (const id of MODELS) {
    const stream = streamText({ model: router(id), prompt: PROMPT, maxRetries: 0, onError: ({ error }) => { throw error; } });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.ok(text.length > 0);
    assert.ok((await stream.providerMetadata).openrouter.usage.cost > 0);
    assert.equal(await stream.finishReason, "stop");
  }
});

test("tools are called, and the answer goes on from them", async () => {
  for (const id of MODELS) {
    const asked = { model: router(id), tools: { weather }, prompt: "[tool] What is the weather in Brno?", stopWhen: stepCountIs(2), maxRetries: 0 };
    const answer = await generateText(asked);
    assert.equal(answer.steps[0].toolCalls[0].toolName, "weather");
    assert.ok(answer.text.includes("sunny"), answer.text);
    const stream = streamText({ ...asked, onError: ({ error }) => { throw error; } });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.ok(text.includes("sunny"), text);
  }
});

test("reasoning is told", async () => {
  const model = router("anthropic/claude-sonnet-4.5", { reasoning: { effort: "high" } });
  const answer = await generateText({ model, prompt: "[think] A river?", maxOutputTokens: 8000, maxRetries: 0 });
  assert.ok(answer.reasoningText.length > 0);
});

test("refusals are understood", async () => {
  await assert.rejects(generateText({ model: router("no-such/model"), prompt: PROMPT, maxRetries: 0 }), (error) => {
    assert.equal(error.statusCode, 404);
    return /no-such/.test(error.message);
  });
});
