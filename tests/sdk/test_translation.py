"""The official SDKs as judges of translation: each reads through the gateway what the other one reads from the recording itself."""

import dataclasses
import unittest

import anthropic
import openai

from clients import Chat, Messages
from readings import NoAnswer, finish_in_chat, finish_in_messages
from recorded import load
from staging import start

WAYS = ("whole", "streamed", "helped")
PROMPT = [{"role": "user", "content": "Go on."}]
# So long an answer is streamed by the provider also when the client wants it whole.
LONG = 20_000


class Case:
    """A recording, and the model that plays it: each has a provider of its own, so that no error of one is held against another."""

    def __init__(self, kind, number, recording):
        self.recording = recording
        self.name = recording.name
        self.model = f"{kind}-{number:03}"


def setUpModule():
    global URL, REPLAY, KEY, MESSAGES, CHAT, LEFT_OUT
    (messages, few), (chat, fewer) = load("messages"), load("chat-completions")
    LEFT_OUT = few + fewer
    MESSAGES = [Case("messages", *numbered) for numbered in enumerate(messages)]
    CHAT = [Case("chat", *numbered) for numbered in enumerate(chat)]
    URL, KEY, REPLAY = start({**{case.model: "messages" for case in MESSAGES}, **{case.model: "chat" for case in CHAT}})


def declared(names, shape):
    schema = {"type": "object", "properties": {}}
    if shape == "chat":
        return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    return [{"name": name, "input_schema": schema} for name in names]


def read(reader, way, **ask):
    """What the SDK accumulated, or how it failed."""
    try:
        return getattr(reader, way)(**ask)
    except (openai.APIError, anthropic.APIError, NoAnswer) as error:
        return error


class Judged(unittest.TestCase):
    maxDiff = None

    def judge(self, cases, shape, reader, raw, expected):
        compared, errors = 0, []
        for case in cases:
            recording = case.recording
            REPLAY.set(recording.response)
            way = "streamed" if recording.stream else "whole"
            ask = {"max_tokens": LONG, "messages": PROMPT}
            original = read(raw, way, model="recorded", **ask)
            if isinstance(original, Exception):
                errors.append(case.name)
                continue
            names = sorted({name for _, name, _ in original.tools})
            if names:
                ask["tools"] = declared(names, shape)
            for way in WAYS:
                with self.subTest(recording=case.name, way=way):
                    got = read(reader, way, model=case.model, **ask)
                    if isinstance(got, Exception):
                        raise AssertionError(f"{type(got).__name__}: {got}") from got
                    expected(self, original, got)
            compared += 1
        print(f"\n{compared} recordings compared in {len(WAYS)} ways; errors, which are checked elsewhere: {', '.join(errors)}", flush=True)
        if LEFT_OUT:
            print(f"OVTH_RECORDINGS is not set: {LEFT_OUT} recordings left out", flush=True)
        else:
            self.assertGreaterEqual(compared, 40)

    def same(self, original, got):
        self.assertEqual(got.text, original.text)
        self.assertEqual(got.reasoning, original.reasoning)
        self.assertEqual([call[1:] for call in got.tools], [call[1:] for call in original.tools])
        for (given, _, _), (own, _, _) in zip(got.tools, original.tools):
            self.assertEqual(given, own or given)
        self.assertEqual(got.usage, original.usage)


class ChatClients(Judged):
    def test_messages_recordings(self):
        def expected(self, original, got):
            self.same(original, got)
            self.assertEqual(got.pages, original.pages)
            self.assertEqual(got.refusal, original.refusal)
            self.assertEqual(got.signatures, original.signatures)
            self.assertEqual(got.finish, finish_in_chat(original))

        self.judge(MESSAGES, "chat", Chat(f"{URL}/v1", KEY), Messages(REPLAY.url, "raw"), expected)


class MessagesClients(Judged):
    def test_chat_recordings(self):
        def expected(self, original, got):
            # A refusal is text here, and there are counts also where nobody counted.
            usage = original.usage or dict.fromkeys(got.usage, 0)
            self.same(dataclasses.replace(original, text=original.text + original.refusal, usage=usage), got)
            self.assertEqual(got.finish, finish_in_messages(original))

        self.judge(CHAT, "messages", Messages(f"{URL}/anthropic", KEY), Chat(f"{REPLAY.url}/v1", "raw"), expected)


if __name__ == "__main__":
    unittest.main()
