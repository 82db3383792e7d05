"""Conversations across shapes: what an SDK was told and gives back as history reaches the provider as the provider had said it."""

import json
import os
import unittest

import anthropic
import openai

import chat_rules
import messages_rules
from clients import Chat, Messages
from recorded import load
from staging import start

PROMPT = {"role": "user", "content": "Go on."}
SCHEMA = {"type": "object", "properties": {}}
# So long an answer is streamed by the provider also when the client wants it whole.
LONG = 20_000
FINAL_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Yes."}],
                 "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
FINAL_COMPLETION = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}


def setUpModule():
    global URL, KEY, REPLAY
    URL, KEY, REPLAY = start({"plain-messages": "messages", "plain-chat": "chat", "plain-gemini": "generate_content"})


FINAL_ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes."}]}, "finishReason": "STOP", "index": 0}],
                "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}, "modelVersion": "m"}
# What says that a signature is not known.
NO_SIGNATURE = "skip_thought_signature_validator"


def answers(shape):
    """The recordings that hold an answer."""
    for recording in load(shape)[0]:
        body = recording.response.get("body", {"choices": True})
        if recording.status == 200 and "event: error" not in recording.response.get("body_text", "") and "error" not in body:
            yield recording


class ChatClients(unittest.TestCase):
    """The OpenAI SDK on a messages host."""

    maxDiff = None

    def test_its_history_is_what_the_provider_said(self):
        raw, client = Messages(REPLAY.url, "raw"), openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
        checked = 0
        for recording in answers("messages"):
            REPLAY.set(recording.response)
            original = (raw.streamed if recording.stream else raw.whole)(model="raw", max_tokens=LONG, messages=[PROMPT])
            tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}}
                     for name in sorted({name for _, name, _ in original.tools} | {"another"})]
            ask = {"model": "plain-messages", "max_tokens": LONG, "tools": tools}
            for helped in (False, True):
                with self.subTest(recording=recording.name, helped=helped):
                    REPLAY.set(recording.response)
                    said = self.answer(client, helped, messages=[PROMPT], **ask)
                    history = [PROMPT, said] + [{"role": "tool", "tool_call_id": call.id, "content": f"result of {call.id}"}
                                                for call in said.tool_calls or []] + [{"role": "user", "content": "And then?"}]
                    REPLAY.set({"status": 200, "body": FINAL_MESSAGE})
                    client.chat.completions.create(messages=history, **ask)
                    got = REPLAY.asked[-1]["body"]
                    self.assertEqual(messages_rules.problems(got), [])
                    if original.text.strip() or original.tools or original.signatures:
                        self.same(original, got)
            checked += 1
        print(f"\n{checked} answers given back", flush=True)

    def answer(self, client, helped, **ask):
        if not helped:
            return client.chat.completions.create(**ask).choices[0].message
        with client.chat.completions.stream(**ask) as stream:
            stream.until_done()
            return stream.current_completion_snapshot.choices[0].message

    def same(self, original, got):
        self.assertEqual([turn["role"] for turn in got["messages"]], ["user", "assistant", "user"])
        blocks = got["messages"][1]["content"]
        blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        self.assertEqual(text, original.text if original.text.strip() else original.refusal)
        calls = [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        self.assertEqual(calls, original.tools)
        states = [block.get("signature") or block.get("data") for block in blocks if "thinking" in block["type"]]
        self.assertEqual(states, original.signatures)
        thoughts = "".join(block["thinking"] for block in blocks if block["type"] == "thinking")
        self.assertEqual(thoughts, original.reasoning)
        results = [block["tool_use_id"] for block in got["messages"][2]["content"] if block["type"] == "tool_result"]
        self.assertEqual(results, [call[0] for call in original.tools])


class MessagesClients(unittest.TestCase):
    """The Anthropic SDK on a chat host."""

    maxDiff = None

    def test_its_history_is_what_the_provider_said(self):
        raw = Chat(f"{REPLAY.url}/v1", "raw")
        client = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0, timeout=30)
        checked = 0
        for recording in answers("chat-completions"):
            REPLAY.set(recording.response)
            original = (raw.streamed if recording.stream else raw.whole)(model="raw", messages=[PROMPT])
            tools = [{"name": name, "input_schema": SCHEMA}
                     for name in sorted({name for _, name, _ in original.tools} | {"another"})]
            ask = {"model": "plain-chat", "max_tokens": LONG, "tools": tools}
            for helped in (False, True):
                with self.subTest(recording=recording.name, helped=helped):
                    REPLAY.set(recording.response)
                    said = self.answer(client, helped, messages=[PROMPT], **ask)
                    results = [{"type": "tool_result", "tool_use_id": block.id, "content": f"result of {block.id}"}
                               for block in said.content if block.type == "tool_use"]
                    history = [PROMPT, {"role": "assistant", "content": said.content},
                               {"role": "user", "content": results + [{"type": "text", "text": "And then?"}]}]
                    REPLAY.set({"status": 200, "body": FINAL_COMPLETION})
                    client.messages.create(messages=history, **ask)
                    got = REPLAY.asked[-1]["body"]
                    self.assertEqual(chat_rules.problems(got), [])
                    self.same(original, got)
            checked += 1
        print(f"\n{checked} answers given back", flush=True)

    def answer(self, client, helped, **ask):
        if not helped:
            return client.messages.create(**ask)
        with client.messages.stream(**ask) as stream:
            return stream.get_final_message()

    def same(self, original, got):
        said, *rest = got["messages"][1:]
        self.assertEqual(said["role"], "assistant")
        self.assertEqual(said["content"] or "", original.text + original.refusal)
        calls = [(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
                 for call in said.get("tool_calls", [])]
        self.assertEqual([call[1:] for call in calls], [call[1:] for call in original.tools])
        self.assertEqual([call[0] for call in calls], [own or call[0] for (own, _, _), call in zip(original.tools, calls)])
        self.assertEqual([message["tool_call_id"] for message in rest if message["role"] == "tool"], [call[0] for call in calls])


class Said:
    """What a Gemini model said, read from the provider's own JSON."""

    def __init__(self, parts):
        self.text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        self.calls = [part["functionCall"] for part in parts if "functionCall" in part]
        # On which call, or on no call, each signature stands; those of what only Google's own clients see are not told.
        signed = [part for part in parts if part.get("thoughtSignature", NO_SIGNATURE) != NO_SIGNATURE]
        self.of_calls = [(self.calls.index(part["functionCall"]), part["thoughtSignature"]) for part in signed if "functionCall" in part]
        self.of_texts = [part["thoughtSignature"] for part in signed if "text" in part]

    @staticmethod
    def recorded(response):
        text = response.get("body_text")
        if text is None:
            chunks = [response["body"]]
        elif text.lstrip().startswith("["):
            chunks = json.loads(text)
        else:
            chunks = [json.loads(line.removeprefix("data:")) for line in text.splitlines() if line.startswith("data:")]
        candidates = [candidate for chunk in chunks for candidate in chunk.get("candidates", [])[:1]]
        return Said([part for candidate in candidates for part in candidate.get("content", {}).get("parts", [])])


class OnGemini(unittest.TestCase):
    """The OpenAI and the Anthropic SDK on a Gemini host: each signature goes back on the part that it came with."""

    maxDiff = None

    def loop(self, ask_twice):
        checked, signed = 0, 0
        for recording in answers("generate-content"):
            original = Said.recorded(recording.response)
            if not original.text.strip() and not original.calls:
                continue
            names = sorted({call["name"] for call in original.calls} | {"another"})
            for helped in (False, True):
                with self.subTest(recording=recording.name, helped=helped):
                    REPLAY.set(recording.response)
                    ask_twice(names, helped)
                    turns = REPLAY.asked[-1]["body"]["contents"]
                    self.assertEqual([turn["role"] for turn in turns], ["user", "model", "user"])
                    got = Said(turns[1]["parts"])
                    self.assertEqual(got.text, original.text)
                    self.assertEqual([(call["name"], call.get("args") or {}) for call in got.calls],
                                     [(call["name"], call.get("args") or {}) for call in original.calls])
                    self.assertEqual([call.get("id") for call in got.calls], [call.get("id") for call in original.calls])
                    self.assertEqual(got.of_calls, original.of_calls)
                    self.assertEqual(sorted(got.of_texts), sorted(original.of_texts))
                    results = [part["functionResponse"] for part in turns[2]["parts"] if "functionResponse" in part]
                    self.assertEqual([(result.get("id"), result["name"]) for result in results],
                                     [(call.get("id"), call["name"]) for call in original.calls])
            checked += 1
            signed += bool(original.of_calls or original.of_texts)
        print(f"\n{checked} answers of Gemini given back, {signed} of them signed", flush=True)
        if os.environ.get("OVTH_RECORDINGS"):
            self.assertGreaterEqual(checked, 25)
            self.assertGreaterEqual(signed, 10)

    def test_openai_s_history_is_what_the_provider_said(self):
        client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)

        def ask_twice(names, helped):
            tools = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in names]
            ask = {"model": "plain-gemini", "max_tokens": LONG, "tools": tools}
            said = ChatClients.answer(self, client, helped, messages=[PROMPT], **ask)
            results = [{"role": "tool", "tool_call_id": call.id, "content": "ok"} for call in said.tool_calls or []]
            REPLAY.set({"status": 200, "body": FINAL_ANSWER})
            client.chat.completions.create(
                messages=[PROMPT, said, *results, {"role": "user", "content": "And then?"}], **ask)

        self.loop(ask_twice)

    def test_anthropic_s_history_is_what_the_provider_said(self):
        client = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0, timeout=30)

        def ask_twice(names, helped):
            tools = [{"name": name, "input_schema": SCHEMA} for name in names]
            ask = {"model": "plain-gemini", "max_tokens": LONG, "tools": tools}
            said = MessagesClients.answer(self, client, helped, messages=[PROMPT], **ask)
            results = [{"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
                       for block in said.content if block.type == "tool_use"]
            REPLAY.set({"status": 200, "body": FINAL_ANSWER})
            client.messages.create(messages=[
                PROMPT, {"role": "assistant", "content": said.content},
                {"role": "user", "content": results + [{"type": "text", "text": "And then?"}]}], **ask)

        self.loop(ask_twice)


if __name__ == "__main__":
    unittest.main()
