"""The OpenAI SDK's Responses on upstreams of every shape: created, streamed, parsed, with tools over two turns, counted, and refused."""

import asyncio
import json
import unittest

import openai
import pydantic

import upstream
from responses_client import gathered, of_response, plain
from servers import Servers

# A model of each provider, by the shape that it is asked in.
MODELS = {
    "responses": "gpt-5.5",
    "messages": "claude-sonnet-5-5",
    "generate_content": "gemini-3.5-flash",
    "chat": "little",
}
# Where the simulator has each provider.
PROVIDERS = {"responses": "openai", "messages": "anthropic", "generate_content": "google", "chat": "chatty"}
PROMPT = "Repeat after me: a river in Bohemia."
WEATHER = {
    "type": "function", "name": "get_weather", "description": "Tells the weather.", "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ORDER = '[tool=get_weather] [think] [arguments={"city": "Prague"}] How is it there?'
THINKING = {"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"], "store": False}


class Place(pydantic.BaseModel):
    city: str
    country: str


def setUpModule():
    global GATEWAY, KEY, KEY_ID, SIMULATOR
    servers = Servers()
    servers.__enter__()
    unittest.addModuleCleanup(servers.__exit__)
    SIMULATOR = servers.start_simulator()
    GATEWAY = servers.start_gateway(
        "providers:\n"
        f"  openai: {{base_url: '{SIMULATOR}/openai/v1', api_key: simulated-openai-key-0123456789}}\n"
        f"  anthropic: {{base_url: '{SIMULATOR}/anthropic', api_key: simulated-anthropic-key-0123456789}}\n"
        f"  google: {{base_url: '{SIMULATOR}/google', api_key: simulated-google-key-0123456789}}\n"
        f"  chatty: {{base_url: '{SIMULATOR}/chatty/v1', api_key: simulated-chat-key-0123456789, shapes: [chat], models: [little]}}\n"
        "routes:\n  any: {providers: [openai], models: [gpt-5.5]}\n")
    KEY_ID, KEY = GATEWAY.mint("sdk")


def client(kind=openai.OpenAI):
    return kind(base_url=f"{GATEWAY.url}/v1", api_key=KEY, max_retries=0, timeout=30)


class Responses(unittest.TestCase):
    maxDiff = None

    def each(self):
        for shape, model in MODELS.items():
            with self.subTest(shape=shape):
                yield shape, model

    def test_created(self):
        for shape, model in self.each():
            answer = client().responses.create(model=model, input=PROMPT, instructions="Be brief.")
            self.assertEqual(answer.output_text, f"You said: {PROMPT}")
            self.assertEqual((answer.object, answer.status, answer.error), ("response", "completed", None))
            usage = answer.usage
            self.assertEqual(usage.total_tokens, usage.input_tokens + usage.output_tokens)
            self.assertTrue(answer._request_id)

    def test_streamed(self):
        for shape, model in self.each():
            whole = of_response(client().responses.create(model=model, input=f"[think] {PROMPT}", **THINKING))
            with client().responses.create(model=model, input=f"[think] {PROMPT}", stream=True, **THINKING) as events:
                self.assertEqual(of_response(gathered(map(plain, events))), whole)
            with client().responses.stream(model=model, input=f"[think] {PROMPT}", **THINKING) as stream:
                deltas = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
                final = of_response(stream.get_final_response())
            self.assertEqual((final, deltas), (whole, whole.text))

    def test_parsed(self):
        for shape, model in self.each():
            parsed = client().responses.parse(model=model, input="Where is Prague?", text_format=Place)
            self.assertIsInstance(parsed.output_parsed, Place)
            with client().responses.stream(model=model, input="Where is Prague?", text_format=Place) as stream:
                self.assertEqual(stream.get_final_response().output_parsed, parsed.output_parsed)

    def test_tools_over_two_turns(self):
        for shape, model in self.each():
            for streamed in (False, True):
                def ask(history):
                    asked = {"model": model, "input": history, "tools": [WEATHER], **THINKING}
                    if not streamed:
                        return client().responses.create(**asked)
                    with client().responses.stream(**asked) as stream:
                        return stream.get_final_response()

                upstream.forget(SIMULATOR, PROVIDERS[shape])
                history = [{"role": "user", "content": ORDER}]
                first = ask(history)
                [call] = [item for item in first.output if item.type == "function_call"]
                self.assertEqual((call.name, json.loads(call.arguments)), ("get_weather", {"city": "Prague"}))
                # As the SDK's own guide has it: the items go back as they came.
                history += [item.model_dump(exclude_unset=True, exclude={"parsed_arguments"}) for item in first.output]
                history.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
                self.assertEqual(ask(history).output_text, "The tool said: sunny")
                upstream.assert_signed(self, shape, upstream.second_turn(self, SIMULATOR, PROVIDERS[shape]))

    def test_forced_and_parallel_tools(self):
        other = {**WEATHER, "name": "get_time"}
        for shape, model in self.each():
            asked = {"model": model, "input": "get_weather and get_time, please", "tools": [WEATHER, other]}
            both = client().responses.create(**asked)
            names = [item.name for item in both.output if item.type == "function_call"]
            self.assertEqual(sorted(names), ["get_time", "get_weather"])
            self.assertEqual(len({item.call_id for item in both.output if item.type == "function_call"}), 2)

    def test_async(self):
        async def ask(model):
            async with client(openai.AsyncOpenAI) as asking, asking.responses.stream(model=model, input=PROMPT) as stream:
                return (await stream.get_final_response()).output_text

        async def all_of_them():
            return await asyncio.gather(*(ask(model) for model in MODELS.values()))

        self.assertEqual(asyncio.run(all_of_them()), [f"You said: {PROMPT}"] * len(MODELS))

    def test_cut_short(self):
        for shape, model in self.each():
            cut = client().responses.create(model=model, input="[words=200] Go on.", max_output_tokens=20)
            self.assertEqual((cut.status, cut.incomplete_details.reason), ("incomplete", "max_output_tokens"))

    def test_counted(self):
        for shape, model in self.each():
            counted = client().responses.input_tokens.count(model=model, input=PROMPT)
            self.assertEqual(counted.object, "response.input_tokens")
            self.assertGreater(counted.input_tokens, 5)

    def test_on_the_path_of_chat(self):
        answer = client().post("/chat/completions", body={"model": MODELS["messages"], "input": PROMPT}, cast_to=object)
        self.assertEqual((answer["object"], answer["status"]), ("response", "completed"))

    def test_refusals(self):
        for shape, model in self.each():
            provider = {"responses": "openai", "messages": "anthropic", "generate_content": "google", "chat": "chatty"}[shape]
            for fault, kind, code in (("rate-limit", openai.RateLimitError, "rate_limit_exceeded"),
                                      ("bad-key", openai.InternalServerError, "upstream_auth_error"),
                                      ("error", openai.InternalServerError, None)):
                for stream in (False, True):
                    with self.assertRaises(kind) as raised:
                        client().responses.create(model=f"{provider}/sim-fault-{fault}", input=PROMPT, stream=stream)
                    if code:
                        self.assertEqual(raised.exception.code, code)
        with self.assertRaises(openai.NotFoundError) as raised:
            client().responses.create(model="no-such-model-anywhere", input=PROMPT)
        self.assertEqual(raised.exception.code, "model_not_found")

    def test_a_stream_that_breaks(self):
        for provider in ("anthropic", "google", "chatty"):
            with self.subTest(provider=provider):
                with client().responses.create(model=f"{provider}/sim-fault-cut", input="[words=60] Go.", stream=True) as stream:
                    events = list(stream)
                self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
                self.assertEqual((events[-1].type, events[-1].response.status), ("response.failed", "failed"))
                self.assertTrue(events[-1].response.error.message)

    def test_what_is_not_kept(self):
        for shape, model in self.each():
            if shape == "responses":
                continue
            with self.assertRaises(openai.BadRequestError) as raised:
                client().responses.create(model=model, input=PROMPT, previous_response_id="resp_1")
            self.assertEqual(raised.exception.param, "previous_response_id")
        with self.assertRaises(openai.NotFoundError):
            client().responses.retrieve("resp_1")
        with self.assertRaises(openai.NotFoundError):
            client().responses.delete("resp_1")


class Chat(unittest.TestCase):
    """Chat clients at a model that calls no tools on chat while it reasons."""

    def test_tools_over_two_turns(self):
        tool = {"type": "function", "function": {name: WEATHER[name] for name in ("name", "description", "parameters")}}
        for streamed in (False, True):
            def ask(messages):
                asked = {"model": MODELS["responses"], "messages": messages, "tools": [tool], "reasoning_effort": "high"}
                if not streamed:
                    return client().chat.completions.create(**asked)
                with client().chat.completions.stream(**asked) as stream:
                    return stream.get_final_completion()

            messages = [{"role": "user", "content": ORDER}]
            first = ask(messages).choices[0]
            self.assertEqual(first.finish_reason, "tool_calls")
            [call] = first.message.tool_calls
            self.assertEqual(json.loads(call.function.arguments), {"city": "Prague"})
            messages += [
                {"role": "assistant", "content": first.message.content, "tool_calls": [
                    {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}]},
                {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
            ]
            self.assertEqual(ask(messages).choices[0].message.content, "The tool said: sunny")


if __name__ == "__main__":
    unittest.main()
