"""Google's SDK as a judge of translation: it reads through the gateway what other SDKs read from the recording itself, and they read through
the gateway what it reads."""

import dataclasses
import json
import os
import unittest

from google.genai import errors

from clients import Chat, Messages
from google_client import FINISHES, Google
from readings import finish_in_chat, finish_in_messages
from recorded import load
from responses_client import Recorded, Responses, finish_in_responses
from staging import start
from test_translation import LONG, PROMPT, WAYS, Case, read
from test_translated_responses import declared

# Of each direction at least so many recordings are compared.
AT_LEAST = 25


def setUpModule():
    global URL, REPLAY, KEY, CASES
    CASES, providers = {}, {}
    folders = {"messages": "messages", "chat": "chat-completions", "responses": "responses", "generate_content": "generate-content"}
    for shape, folder in folders.items():
        recordings, _ = load(folder)
        CASES[shape] = [Case(f"{shape.replace('_', '-')}-g", *numbered) for numbered in enumerate(recordings)]
        providers.update({case.model: shape for case in CASES[shape]})
    URL, KEY, REPLAY = start(providers)


def ask_in(shape):
    if shape == "responses":
        return {"max_output_tokens": LONG, "input": PROMPT}
    return {"max_tokens": LONG} if shape == "generate_content" else {"max_tokens": LONG, "messages": PROMPT}


def as_events(response):
    """A stream that was recorded as one array, as events: Google's SDK reads nothing else."""
    text = response.get("body_text")
    if text is None or not text.lstrip().startswith("["):
        return response
    events = "".join(f"data: {json.dumps(element)}\n\n" for element in json.loads(text))
    return {**response, "body_text": events, "headers": {"content-type": "text/event-stream"}}


class Judged(unittest.TestCase):
    maxDiff = None

    def judge(self, told, shape, reader, raw, expected):
        compared, failed = 0, []
        for case in CASES[told]:
            recording = case.recording
            REPLAY.set(as_events(recording.response))
            original = self.read(raw, "streamed" if recording.stream else "whole", model="recorded", **ask_in(told))
            if isinstance(original, Exception):
                failed.append(case.name)
                continue
            ask = ask_in(shape)
            names = sorted({name for _, name, _ in original.tools})
            if names:
                ask["tools"] = names if shape == "generate_content" else declared(names, shape)
            REPLAY.set(recording.response)
            # Nothing is translated between two of a shape: what was recorded as a stream is one.
            ways = ([way for way in WAYS if (way == "whole") != recording.stream] if told == shape else WAYS)
            for way in ways:
                with self.subTest(recording=case.name, way=way):
                    got = self.read(reader, way, model=case.model, **ask)
                    if isinstance(got, Exception):
                        raise AssertionError(f"{type(got).__name__}: {got}") from got
                    expected(original, got)
            compared += 1
        print(f"\n{told} to {shape}: {compared} recordings compared in {len(WAYS)} ways; errors: {', '.join(failed)}", flush=True)
        if os.environ.get("OVTH_RECORDINGS"):
            self.assertGreaterEqual(compared, AT_LEAST)

    def read(self, reader, way, **ask):
        try:
            return read(reader, way, **ask)
        except errors.APIError as error:
            return error

    def same(self, original, got):
        self.assertEqual(got.text, original.text)
        self.assertEqual(got.reasoning, original.reasoning)
        self.assertEqual([call[1:] for call in got.tools], [call[1:] for call in original.tools])
        for (given, _, _), (own, _, _) in zip(got.tools, original.tools):
            self.assertEqual(given, own or given)
        self.assertEqual(got.usage, original.usage or dict.fromkeys(got.usage or {}, 0) or None)


class GooglesClients(Judged):
    def as_google_tells_it(self, original):
        """What was written to a cache is counted with the prompt, and what a model says when it refuses is what it says."""
        usage = original.usage and {
            **original.usage, "input": original.usage["input"] + original.usage["cache_write"], "cache_write": 0}
        return dataclasses.replace(original, usage=usage, text=original.text + original.refusal)

    def expected(self, original, got):
        self.same(self.as_google_tells_it(original), got)
        self.assertEqual(got.finish, "SAFETY" if original.refusal else FINISHES.get(original.finish, "STOP"))

    def test_messages_recordings(self):
        def expected(original, got):
            # Why it refuses is no part of what Claude says.
            self.same(self.as_google_tells_it(dataclasses.replace(original, refusal="")), got)
            self.assertEqual(got.finish, FINISHES.get(original.finish, "STOP"))

        self.judge("messages", "generate_content", Google(f"{URL}/gemini", KEY), Messages(REPLAY.url, "raw"), expected)

    def test_chat_recordings(self):
        self.judge("chat", "generate_content", Google(f"{URL}/gemini", KEY), Chat(f"{REPLAY.url}/v1", "raw"), self.expected)

    def test_responses_recordings(self):
        self.judge("responses", "generate_content", Google(f"{URL}/gemini", KEY), Recorded(f"{REPLAY.url}/v1", "raw"), self.expected)

    def test_google_s_own_recordings(self):
        def expected(original, got):
            self.assertEqual(got, original)

        self.judge("generate_content", "generate_content", Google(f"{URL}/gemini", KEY), Google(REPLAY.url, "raw"), expected)


class OtherClients(Judged):
    """What Google says, as the words of the other shapes have it."""

    def in_their_words(self, original):
        cut = {"MAX_TOKENS": "length", "STOP": "stop"}
        return dataclasses.replace(original, finish=cut.get(original.finish, "content_filter"))

    def test_chat(self):
        def expected(original, got):
            self.same(original, got)
            words = self.in_their_words(original)
            self.assertEqual(got.finish, words.finish if words.finish != "stop" else finish_in_chat(words))

        self.judge("generate_content", "chat", Chat(f"{URL}/v1", KEY), Google(REPLAY.url, "raw"), expected)

    def test_messages(self):
        def expected(original, got):
            self.same(original, got)
            self.assertEqual(got.finish, finish_in_messages(self.in_their_words(original)))

        self.judge("generate_content", "messages", Messages(f"{URL}/anthropic", KEY), Google(REPLAY.url, "raw"), expected)

    def test_responses(self):
        def expected(original, got):
            self.same(original, got)
            # A refusal is a part of the answer, and the answer is whole.
            self.assertEqual(got.finish, "completed" if got.refusal else finish_in_responses(self.in_their_words(original)))

        self.judge("generate_content", "responses", Responses(f"{URL}/v1", KEY), Google(REPLAY.url, "raw"), expected)


if __name__ == "__main__":
    unittest.main()
