"""Errors across shapes, as the SDKs raise them: those recorded, those that nobody recorded, and streams that break."""

import unittest

import anthropic
import openai
from google import genai
from google.genai import errors, types

import faults
from recorded import load
from staging import start

PROMPT = [{"role": "user", "content": "Go on."}]
WAYS = (False, True)


def setUpModule():
    global URL, KEY, REPLAY, FRESH
    # One for each exchange, as what a provider did wrong is held against it.
    shapes = {"chat": 150, "messages": 100, "responses": 80, "generate_content": 80}
    names = {shape: [f"{shape.replace('_', '-')}-{number}" for number in range(count)] for shape, count in shapes.items()}
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


class Responses:
    """Asks for responses as the OpenAI SDK does; what is raised is told as class, status and code."""

    def ask(self, stream):
        client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
        try:
            answer = client.responses.create(
                model=next(FRESH[self.upstream]), input="Go on.", max_output_tokens=20_000, stream=stream)
            told = list(answer) if stream else answer
        except openai.APIError as error:
            return "", (type(error).__name__, getattr(error, "status_code", None), error.code), error
        raise AssertionError(f"nothing is raised: {told}")


class Google:
    """Asks as Google's SDK does; what is raised is told as class, status and Google's own word for it."""

    def ask(self, stream):
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=f"{URL}/gemini", timeout=30_000))
        ask = {"model": next(FRESH[self.upstream]), "contents": "Go on."}
        try:
            told = list(client.models.generate_content_stream(**ask)) if stream else client.models.generate_content(**ask)
        except errors.APIError as error:
            return "", (type(error).__name__, error.code, error.status), error
        finally:
            client.close()
        raise AssertionError(f"nothing is raised: {told}")


class BetweenAll(unittest.TestCase):
    """What hosts of the newer shapes refuse, to the clients of all shapes; and what the older ones refuse, to clients of the newer."""

    def check(self, kind, client, case):
        name, fault, response = case
        for stream in WAYS:
            with self.subTest(fault=name, client=type(client).__name__, upstream=client.upstream, stream=stream):
                REPLAY.set(response)
                _, raised, error = client.ask(stream)
                expected = faults.RAISED[kind][fault]
                # What a provider calls it in particular is its own.
                self.assertEqual(raised[:2] if fault == "wrong request" else raised, expected[:2] if fault == "wrong request" else expected)
                if "retry-after" in response.get("headers", {}):
                    self.assertEqual(self.wait(error), response["headers"]["retry-after"])

    def wait(self, error):
        return error.response.headers["retry-after"]

    def clients(self, kinds, upstream):
        for kind in kinds:
            client = {"chat": Chat, "responses": Responses, "messages": Messages, "generate_content": Google}[kind]()
            client.upstream = upstream
            yield kind, client

    def recorded(self, folder):
        for recording in load(folder)[0]:
            if recording.status != 200:
                yield recording.name, faults.fault_of(recording), recording.response

    def test_constructed_of_newer_hosts(self):
        for upstream, cases in faults.OF_NEWER.items():
            for case in cases:
                for kind, client in self.clients(faults.RAISED, upstream):
                    self.check(kind, client, case)

    def test_recorded_of_newer_hosts(self):
        told = 0
        for upstream, folder in (("responses", "responses"), ("generate_content", "generate-content")):
            for case in self.recorded(folder):
                for kind, client in self.clients(faults.RAISED, upstream):
                    self.check(kind, client, case)
                told += 1
        print(f"\n{told} recorded errors of the newer shapes to clients of all", flush=True)
        self.assertGreaterEqual(told, 4)

    def test_recorded_of_older_hosts(self):
        for upstream, folder in (("chat", "chat-completions"), ("messages", "messages")):
            for case in self.recorded(folder):
                for kind, client in self.clients(("responses", "generate_content"), upstream):
                    self.check(kind, client, case)


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
