"""The official OpenAI and Anthropic SDKs through the gateway: plain, streamed, tool-calling and error turns, sync and async."""

import asyncio
import functools
import json
import time
import unittest

import anthropic
import openai

import upstream
from stage import Stage

CHAT_MODEL = "gpt-4o"
MESSAGES_MODEL = "claude-sonnet-4.5"
# A model for each shape that reasons and signs what it thought.
ELSEWHERE = {"generate_content": "gemini-3.8-flash", "messages": "claude-sonnet-4.5", "responses": "gpt-5.5-pro"}
PROMPT = "Repeat after me: a river in Bohemia."
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


def setUpModule():
    global STAGE, KEY
    STAGE = Stage()
    STAGE.__enter__()
    unittest.addModuleCleanup(STAGE.__exit__)
    KEY = STAGE.mint("sdk")


def within_one_day(test):
    """Runs a test about a daily quota once more when it failed and midnight (UTC) came in between."""
    @functools.wraps(test)
    def run(self):
        day = time.time() // 86_400
        try:
            test(self)
        except AssertionError:
            if time.time() // 86_400 == day:
                raise
            test(self)
    return run


def spent_key():
    """A key that has had answers until its quota was spent."""
    key = STAGE.mint("small", daily_tokens=200)
    client = openai.OpenAI(base_url=f"{STAGE.base_url}/v1", api_key=key, max_retries=0)
    for answered in range(50):
        try:
            client.chat.completions.create(model=CHAT_MODEL, messages=[{"role": "user", "content": PROMPT}])
        except openai.RateLimitError as refusal:
            assert answered > 0, "a fresh key is refused"
            assert "daily_tokens" in refusal.message, refusal.message
            assert refusal.response.headers["x-ratelimit-limit-tokens"] == "200"
            return key
    raise AssertionError("a quota of 200 tokens let 50 answers through")


class Chat(unittest.TestCase):
    def client(self, key=None, kind=openai.OpenAI):
        return kind(base_url=f"{STAGE.base_url}/v1", api_key=key or KEY, max_retries=0)

    def test_plain(self):
        for model in (CHAT_MODEL, "auto", "smart"):
            answer = self.client().chat.completions.create(
                model=model, messages=[{"role": "user", "content": PROMPT}])
            self.assertTrue(answer.choices[0].message.content)
            self.assertEqual(answer.choices[0].finish_reason, "stop")
            self.assertGreater(answer.usage.total_tokens, 0)
            self.assertTrue(answer._request_id)

    def test_streamed(self):
        plain = self.client().chat.completions.create(
            model=CHAT_MODEL, messages=[{"role": "user", "content": PROMPT}]).choices[0].message.content
        for options in ({}, {"stream_options": {"include_usage": True}}):
            chunks = list(self.client().chat.completions.create(
                model=CHAT_MODEL, messages=[{"role": "user", "content": PROMPT}], stream=True, **options))
            text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
            self.assertEqual(text, plain)
            usages = [chunk.usage for chunk in chunks if chunk.usage]
            self.assertEqual(len(usages), 1 if options else 0, "usage comes only when it was asked for")

    def test_tools(self):
        tool = {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": WEATHER}}
        messages = [{"role": "user", "content": "[tool] What is the weather in Brno?"}]
        first = self.client().chat.completions.create(
            model=CHAT_MODEL, messages=messages, tools=[tool], tool_choice="required").choices[0]
        self.assertEqual(first.finish_reason in ("tool_calls", "stop"), True)
        call = first.message.tool_calls[0]
        self.assertEqual(call.function.name, "weather")
        json.loads(call.function.arguments)
        messages += [first.message.model_dump(exclude_none=True),
                     {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        second = self.client().chat.completions.create(model=CHAT_MODEL, messages=messages, tools=[tool])
        self.assertEqual(second.choices[0].finish_reason, "stop")
        self.assertTrue(second.choices[0].message.content)

    def test_tools_with_reasoning_elsewhere(self):
        """Two turns on models of every other shape, with reasoning: its state goes back where it came from."""
        tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
        for shape, model in ELSEWHERE.items():
            for stream, strips in ((False, False), (True, False), (False, True)):
                with self.subTest(upstream=shape, stream=stream, strips=strips):
                    upstream.forget(STAGE.simulator)
                    ask = {"model": model, "tools": tools, "reasoning_effort": "low"}
                    messages = [{"role": "user", "content": "[tool] [think] What is the weather in Brno?"}]
                    if stream:
                        with self.client().chat.completions.stream(messages=messages, **ask) as events:
                            events.until_done()
                            said = events.current_completion_snapshot.choices[0].message
                    else:
                        said = self.client().chat.completions.create(messages=messages, **ask).choices[0].message
                    [call] = said.tool_calls
                    turn = said.model_dump(exclude_none=True)
                    if strips:
                        # As clients do that know no more than the shape's own fields.
                        function = {"name": call.function.name, "arguments": call.function.arguments}
                        turn = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": function}]}
                    messages += [turn, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
                    second = self.client().chat.completions.create(messages=messages, **ask)
                    self.assertEqual(second.choices[0].message.content, "The tool said: sunny")
                    upstream.assert_signed(self, shape, upstream.second_turn(self, STAGE.simulator))

    def test_streamed_tools(self):
        tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
        with self.client().chat.completions.stream(
            model=CHAT_MODEL, messages=[{"role": "user", "content": "[tool] Brno?"}], tools=[tool], tool_choice="required",
        ) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        self.assertEqual(message.tool_calls[0].function.name, "weather")
        json.loads(message.tool_calls[0].function.arguments)

    @within_one_day
    def test_errors(self):
        ask = {"messages": [{"role": "user", "content": PROMPT}]}
        with self.assertRaises(openai.AuthenticationError):
            self.client("ovth_live_wrong").chat.completions.create(model=CHAT_MODEL, **ask)
        with self.assertRaises(openai.NotFoundError) as error:
            self.client().chat.completions.create(model="no-such-model", **ask)
        self.assertEqual(error.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError):
            self.client().chat.completions.create(model=CHAT_MODEL, messages="no list")
        key = spent_key()
        for stream in (False, True):
            with self.assertRaises(openai.RateLimitError):
                self.client(key).chat.completions.create(model=CHAT_MODEL, stream=stream, **ask)

    def test_async(self):
        async def turn():
            async with self.client(kind=openai.AsyncOpenAI) as client:
                messages = [{"role": "user", "content": PROMPT}]
                plain = await client.chat.completions.create(model=CHAT_MODEL, messages=messages)
                text = ""
                async for chunk in await client.chat.completions.create(model=CHAT_MODEL, messages=messages, stream=True):
                    text += "".join(choice.delta.content or "" for choice in chunk.choices)
                self.assertEqual(text, plain.choices[0].message.content)
            async with self.client("ovth_live_wrong", openai.AsyncOpenAI) as client:
                with self.assertRaises(openai.AuthenticationError):
                    await client.chat.completions.create(model=CHAT_MODEL, messages=messages)

        asyncio.run(turn())

    def test_models(self):
        models = [model.id for model in self.client().models.list()]
        self.assertEqual(models[:3], ["auto", "cheap", "smart"])
        self.assertEqual(self.client().models.retrieve(models[5]).id, models[5])


class Messages(unittest.TestCase):
    def client(self, key=None, kind=anthropic.Anthropic):
        return kind(base_url=f"{STAGE.base_url}/anthropic", api_key=key or KEY, max_retries=0)

    ASK = {"model": MESSAGES_MODEL, "max_tokens": 256}

    def test_plain(self):
        for model in (MESSAGES_MODEL, "auto", "cheap"):
            answer = self.client().messages.create(
                model=model, max_tokens=256, messages=[{"role": "user", "content": PROMPT}])
            self.assertTrue(answer.content[0].text)
            self.assertEqual(answer.stop_reason, "end_turn")
            self.assertGreater(answer.usage.output_tokens, 0)
            self.assertTrue(answer._request_id)

    def test_streamed(self):
        messages = [{"role": "user", "content": PROMPT}]
        plain = self.client().messages.create(messages=messages, **self.ASK)
        with self.client().messages.stream(messages=messages, **self.ASK) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        self.assertEqual(text, plain.content[0].text)
        self.assertEqual(final.stop_reason, "end_turn")
        self.assertEqual(final.usage.output_tokens, plain.usage.output_tokens)

    def test_tools(self):
        tools = [{"name": "weather", "description": "Tells it.", "input_schema": WEATHER}]
        messages = [{"role": "user", "content": "[tool] What is the weather in Brno?"}]
        for stream in (False, True):
            ask = {**self.ASK, "messages": messages, "tools": tools, "tool_choice": {"type": "any"}}
            if stream:
                with self.client().messages.stream(**ask) as events:
                    first = events.get_final_message()
            else:
                first = self.client().messages.create(**ask)
            self.assertEqual(first.stop_reason, "tool_use")
            call = next(block for block in first.content if block.type == "tool_use")
            self.assertEqual(call.name, "weather")
            self.assertIsInstance(call.input, dict)
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
            history = messages + [{"role": "assistant", "content": [block.to_dict() for block in first.content]},
                                  {"role": "user", "content": [result]}]
            second = self.client().messages.create(messages=history, tools=tools, **self.ASK)
            self.assertEqual(second.stop_reason, "end_turn")

    def test_tools_with_reasoning_elsewhere(self):
        """Two turns on models of every other shape, with thinking: its state goes back where it came from."""
        tools = [{"name": "weather", "description": "Tells it.", "input_schema": WEATHER}]
        for shape, model in {**ELSEWHERE, "messages": MESSAGES_MODEL}.items():
            for stream in (False, True):
                with self.subTest(upstream=shape, stream=stream):
                    upstream.forget(STAGE.simulator)
                    ask = {"model": model, "tools": tools, "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}}
                    messages = [{"role": "user", "content": "[tool] [think] What is the weather in Brno?"}]
                    if stream:
                        with self.client().messages.stream(messages=messages, **ask) as events:
                            first = events.get_final_message()
                    else:
                        first = self.client().messages.create(messages=messages, **ask)
                    self.assertEqual(first.content[0].type, "thinking")
                    [call] = [block for block in first.content if block.type == "tool_use"]
                    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
                    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
                    second = self.client().messages.create(messages=messages, **ask)
                    self.assertEqual([block.text for block in second.content if block.type == "text"], ["The tool said: sunny"])
                    upstream.assert_signed(self, shape, upstream.second_turn(self, STAGE.simulator))

    def test_count_tokens(self):
        counted = self.client().messages.count_tokens(
            model=MESSAGES_MODEL, messages=[{"role": "user", "content": PROMPT}])
        self.assertGreater(counted.input_tokens, 0)

    @within_one_day
    def test_errors(self):
        messages = [{"role": "user", "content": PROMPT}]
        with self.assertRaises(anthropic.AuthenticationError):
            self.client("ovth_live_wrong").messages.create(messages=messages, **self.ASK)
        with self.assertRaises(anthropic.NotFoundError):
            self.client().messages.create(model="no-such-model", max_tokens=64, messages=messages)
        with self.assertRaises(anthropic.BadRequestError):
            self.client().messages.create(messages=[], **self.ASK)
        with self.assertRaises(anthropic.RateLimitError):
            self.client(spent_key()).messages.create(messages=messages, **self.ASK)

    def test_async(self):
        async def turn():
            messages = [{"role": "user", "content": PROMPT}]
            async with self.client(kind=anthropic.AsyncAnthropic) as client:
                plain = await client.messages.create(messages=messages, **self.ASK)
                async with client.messages.stream(messages=messages, **self.ASK) as stream:
                    text = "".join([piece async for piece in stream.text_stream])
                self.assertEqual(text, plain.content[0].text)
            async with self.client("ovth_live_wrong", anthropic.AsyncAnthropic) as client:
                with self.assertRaises(anthropic.AuthenticationError):
                    await client.messages.create(messages=messages, **self.ASK)

        asyncio.run(turn())


if __name__ == "__main__":
    unittest.main()
