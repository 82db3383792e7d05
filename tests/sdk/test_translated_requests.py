"""Requests across shapes: what the SDKs send is what the provider gets, in a form that a strict reader of its API takes."""

import unittest

import anthropic
import openai

import chat_rules
import meaning
import messages_rules
from recorded import load
from staging import start

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Yes."}],
           "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
COMPLETION = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}


def setUpModule():
    global URL, KEY, REPLAY
    URL, KEY, REPLAY = start({"plain-messages": "messages", "plain-chat": "chat"})


def chat(body, model):
    """Sends a chat request as the OpenAI SDK does; what came to the provider, and the warnings."""
    REPLAY.set({"status": 200, "body": MESSAGE})
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
    # What chooses among models and providers would choose none of these.
    chosen = ("model", "models", "provider", "messages", "stream", "stream_options")
    rest = {name: value for name, value in body.items() if name not in chosen}
    answer = client.chat.completions.with_raw_response.create(model=model, messages=body["messages"], extra_body=rest)
    return REPLAY.asked[-1]["body"], answer.headers.get("x-ovth-warnings", "")


def messages(body, model):
    """Sends a messages request as the Anthropic SDK does; what came to the provider, and the warnings."""
    REPLAY.set({"status": 200, "body": COMPLETION})
    client = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0, timeout=30)
    rest = {name: value for name, value in body.items() if name not in ("model", "messages", "max_tokens", "stream")}
    answer = client.messages.with_raw_response.create(
        model=model, messages=body["messages"], max_tokens=body["max_tokens"], extra_body=rest)
    return REPLAY.asked[-1]["body"], answer.headers.get("x-ovth-warnings", "")


# Recorded requests that are wrong, or that the other shape cannot say at all, and what the refusal names.
REFUSED = {
    "error-400-01": "max_tokens",
    "bedrock-audio-in-01": "sound",
    "multi-choice-n-01": "`n`",
    "mcp-tool-use-thinking-signature-thinking-out-01": "MCP servers",
}


class Recorded(unittest.TestCase):
    maxDiff = None

    def check(self, recordings, send, rules, sent, got):
        checked = 0
        for recording in recordings:
            if recording.request is None:
                continue
            with self.subTest(recording=recording.name):
                if recording.name in REFUSED:
                    with self.assertRaisesRegex((openai.BadRequestError, anthropic.BadRequestError), REFUSED[recording.name]):
                        send(recording.request)
                    continue
                body, _ = send(recording.request)
                self.assertEqual(rules(body), [])
                self.same(sent(recording.request), got(body))
                checked += 1
        print(f"\n{checked} recorded requests checked", flush=True)

    def same(self, sent, got):
        self.assertEqual(got.instructions, sent.instructions)
        self.assertEqual(got.turns, sent.turns)
        self.assertEqual(got.tools, sent.tools)

    def test_chat_requests_on_a_messages_host(self):
        self.check(load("chat-completions")[0], lambda body: chat(body, "plain-messages"), messages_rules.problems,
                   meaning.of_chat, meaning.of_messages)

    def test_messages_requests_on_a_chat_host(self):
        self.check(load("messages")[0], lambda body: messages(body, "plain-chat"), chat_rules.problems,
                   meaning.of_messages, meaning.of_chat)


if __name__ == "__main__":
    unittest.main()
