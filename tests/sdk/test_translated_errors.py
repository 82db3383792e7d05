"""Errors across shapes, as the SDKs raise them: those recorded, those that nobody recorded, and streams that break."""

import unittest

import anthropic
import openai

import faults
from recorded import load
from staging import start

PROMPT = [{"role": "user", "content": "Go on."}]
WAYS = (False, True)


def setUpModule():
    global URL, KEY, REPLAY, FRESH
    # One for each exchange, as what a provider did wrong is held against it.
    names = {shape: [f"{shape}-{number}" for number in range(100)] for shape in ("chat", "messages")}
    FRESH = {shape: iter(those) for shape, those in names.items()}
    URL, KEY, REPLAY = start({name: shape for shape, those in names.items() for name in those})


class Chat:
    """Asks as the OpenAI SDK does; what is raised is told as class, status and code."""

    upstream = "messages"

    def ask(self, stream):
        client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
        text = ""
        try:
            answer = client.chat.completions.create(
                model=next(FRESH[self.upstream]), messages=PROMPT, max_tokens=20_000, stream=stream)
            for chunk in answer if stream else ():
                text += chunk.choices[0].delta.content or ""
                if text:
                    REPLAY.go_on()
        except openai.APIError as error:
            status = getattr(error, "status_code", None)
            return text, (type(error).__name__, status, error.code), error
        raise AssertionError(f"nothing is raised: {answer}")


class Messages:
    """Asks as the Anthropic SDK does; what is raised is told as class, status and type."""

    upstream = "chat"

    def ask(self, stream):
        client = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0, timeout=30)
        text = ""
        try:
            answer = client.messages.create(
                model=next(FRESH[self.upstream]), messages=PROMPT, max_tokens=20_000, stream=stream)
            for event in answer if stream else ():
                if event.type == "content_block_delta":
                    text += getattr(event.delta, "text", "") or getattr(event.delta, "thinking", "")
                    REPLAY.go_on()
        except anthropic.APIStatusError as error:
            return text, (type(error).__name__, error.status_code, error.body["error"]["type"]), error
        raise AssertionError(f"nothing is raised: {answer}")


class Constructed(unittest.TestCase):
    def check(self, client, cases):
        for name, response, expected in cases:
            for stream in WAYS:
                with self.subTest(fault=name, stream=stream):
                    REPLAY.set(response)
                    text, raised, error = client.ask(stream)
                    self.assertEqual(text, "")
                    self.assertEqual(raised, expected)
                    if "retry-after" in response["headers"]:
                        self.assertEqual(error.response.headers["retry-after"], response["headers"]["retry-after"])
                    if name == "context overflow":
                        words = "maximum context length" if client.upstream == "messages" else "prompt is too long: "
                        self.assertIn(words, str(error))

    def test_faults_of_messages_hosts(self):
        self.check(Chat(), faults.OF_MESSAGES)

    def test_faults_of_chat_hosts(self):
        self.check(Messages(), faults.OF_CHAT)

    def test_streams_of_messages_hosts_that_break(self):
        self.broken(Chat(), faults.BROKEN_MESSAGES)

    def test_streams_of_chat_hosts_that_break(self):
        self.broken(Messages(), faults.BROKEN_CHAT)

    def broken(self, client, streams):
        for name, response, in_stream, in_whole in streams:
            with self.subTest(fault=name):
                REPLAY.set(response)
                text, raised, _ = client.ask(True)
                self.assertEqual(text, "Hi")
                self.assertEqual(raised, in_stream)
                REPLAY.set(response)
                REPLAY.go_on()
                self.assertEqual(client.ask(False)[1], in_whole)


class Recorded(unittest.TestCase):
    def test_errors_of_messages_hosts(self):
        self.check(Chat(), "messages", faults.RECORDED_OF_MESSAGES)

    def test_errors_of_chat_hosts(self):
        self.check(Messages(), "chat-completions", faults.RECORDED_OF_CHAT)

    def check(self, client, shape, expected):
        checked = 0
        for recording in load(shape)[0]:
            body = recording.response.get("body") or {}
            status = body["error"].get("status") if "error" in body and recording.status == 200 else recording.status
            if status == 200:
                continue
            for stream in WAYS:
                with self.subTest(recording=recording.name, stream=stream):
                    REPLAY.set(recording.response)
                    kind, code, word = expected[status]
                    if word is None and "prompt is too long" in body["error"]["message"]:
                        word = "context_length_exceeded"
                    self.assertEqual(client.ask(stream)[1], (kind, code, word))
            checked += 1
        print(f"\n{shape}: {checked} recorded errors", flush=True)

    def test_recorded_stream_with_an_error_in_it(self):
        for recording in load("chat-completions")[0]:
            begun, mark, rest = recording.response.get("body_text", "").partition("event: error")
            if not mark:
                continue
            REPLAY.set({**recording.response, "body_text": begun, "rest": mark + rest})
            text, raised, _ = Messages().ask(True)
            self.assertTrue(text)
            self.assertEqual(raised, ("APIStatusError", 200, "invalid_request_error"))
            REPLAY.set(recording.response)
            self.assertEqual(Messages().ask(False)[1], ("BadRequestError", 400, "invalid_request_error"))


if __name__ == "__main__":
    unittest.main()
