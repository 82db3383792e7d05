"""The OpenAI SDK's Responses as a judge of translation: it reads through the gateway what other SDKs read from the recording itself, and they
read through the gateway what it reads."""

import dataclasses
import os
import unittest

from clients import Chat, Messages
from readings import finish_in_chat, finish_in_messages
from recorded import load
from responses_client import Recorded, Responses, finish_in_responses
from staging import start
from test_translation import LONG, PROMPT, WAYS, Case, read

# Of each direction at least so many recordings are compared.
AT_LEAST = 25


def setUpModule():
    global URL, REPLAY, KEY, CASES
    CASES, providers = {}, {}
    for shape, folder in (("messages", "messages"), ("chat", "chat-completions"), ("responses", "responses")):
        recordings, _ = load(folder)
        CASES[shape] = [Case(f"{shape}-r", *numbered) for numbered in enumerate(recordings)]
        providers.update({case.model: shape for case in CASES[shape]})
    URL, KEY, REPLAY = start(providers)


def declared(names, shape):
    schema = {"type": "object", "properties": {}}
    if shape == "chat":
        return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    if shape == "messages":
        return [{"name": name, "input_schema": schema} for name in names]
    return [{"type": "function", "name": name, "parameters": schema, "strict": False} for name in names]


def ask_in(shape):
    if shape == "responses":
        return {"max_output_tokens": LONG, "input": PROMPT}
    return {"max_tokens": LONG, "messages": PROMPT}


class Judged(unittest.TestCase):
    maxDiff = None

    def judge(self, told, shape, reader, raw, expected):
        compared, errors = 0, []
        for case in CASES[told]:
            recording = case.recording
            REPLAY.set(recording.response)
            original = read(raw, "streamed" if recording.stream else "whole", model="recorded", **ask_in(told))
            if isinstance(original, Exception):
                errors.append(case.name)
                continue
            ask = ask_in(shape)
            names = sorted({name for _, name, _ in original.tools})
            if names:
                ask["tools"] = declared(names, shape)
            for way in WAYS:
                if way == "helped" and shape == "chat" and "custom-tool" in case.name:
                    # That helper falls over custom tools.
                    continue
                with self.subTest(recording=case.name, way=way):
                    got = read(reader, way, model=case.model, **ask)
                    if isinstance(got, Exception):
                        raise AssertionError(f"{type(got).__name__}: {got}") from got
                    expected(original, got)
            compared += 1
        print(f"\n{told} to {shape}: {compared} recordings compared in {len(WAYS)} ways; errors: {', '.join(errors)}", flush=True)
        if os.environ.get("OVTH_RECORDINGS"):
            self.assertGreaterEqual(compared, AT_LEAST)

    def same(self, original, got):
        self.assertEqual(got.text, original.text)
        self.assertEqual(got.reasoning, original.reasoning)
        self.assertEqual([call[1:] for call in got.tools], [call[1:] for call in original.tools])
        for (given, _, _), (own, _, _) in zip(got.tools, original.tools):
            self.assertEqual(given, own or given)
        # There are counts also where nobody counted.
        self.assertEqual(got.usage, original.usage or dict.fromkeys(got.usage or {}, 0) or None)


class ResponsesClients(Judged):
    def reader(self):
        return Responses(f"{URL}/v1", KEY)

    def test_messages_recordings(self):
        def expected(original, got):
            self.same(original, got)
            self.assertEqual(got.pages, original.pages)
            self.assertEqual(got.refusal, original.refusal)
            # A refusal is a part of the answer, and the answer is whole.
            self.assertEqual(got.finish, "completed" if original.refusal else finish_in_responses(original))
            self.assertEqual(bool(got.signatures), bool(original.signatures))

        self.judge("messages", "responses", self.reader(), Messages(REPLAY.url, "raw"), expected)

    def test_chat_recordings(self):
        def expected(original, got):
            self.same(original, got)
            self.assertEqual(got.refusal, original.refusal)
            self.assertEqual(got.finish, finish_in_responses(original))

        self.judge("chat", "responses", self.reader(), Chat(f"{REPLAY.url}/v1", "raw"), expected)


class OtherClients(Judged):
    """What a response says, as the words of the other shapes have it."""

    def in_their_words(self, original):
        finish = {"max_output_tokens": "length", "content_filter": "content_filter"}.get(original.finish, "stop")
        return dataclasses.replace(original, finish=finish)

    def test_chat(self):
        def expected(original, got):
            self.same(original, got)
            words = self.in_their_words(original)
            expected = words.finish if words.finish != "stop" else finish_in_chat(words)
            # A refusal is the reason why it ends.
            self.assertEqual(got.finish, "content_filter" if original.refusal else expected)

        self.judge("responses", "chat", Chat(f"{URL}/v1", KEY), Recorded(f"{REPLAY.url}/v1", "raw"), expected)

    def test_messages(self):
        def expected(original, got):
            self.same(dataclasses.replace(original, text=original.text + original.refusal), got)
            self.assertEqual(got.finish, finish_in_messages(self.in_their_words(original)))

        self.judge("responses", "messages", Messages(f"{URL}/anthropic", KEY), Recorded(f"{REPLAY.url}/v1", "raw"), expected)


if __name__ == "__main__":
    unittest.main()
