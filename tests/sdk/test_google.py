"""Google's official SDK through the gateway, on upstreams of every shape: whole, streamed, tools over two turns, counts, lists, errors; embeddings."""

import asyncio
import unittest

import openai
from google import genai
from google.genai import errors, types

import upstream
from stage import Stage

# A model for each shape that a provider speaks.
MODELS = {
    "generate_content": "gemini-3.8-flash",
    "chat": "gpt-4o",
    "messages": "claude-sonnet-4.5",
    "responses": "gpt-5.5-pro",
}
PROMPT = "Repeat after me: a river in Bohemia."
ECHO = f"You said: {PROMPT}"
WEATHER = types.Tool(function_declarations=[types.FunctionDeclaration(
    name="weather",
    description="Tells the weather.",
    parameters={"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
)])


def setUpModule():
    global STAGE, KEY
    STAGE = Stage()
    STAGE.__enter__()
    unittest.addModuleCleanup(STAGE.__exit__)
    KEY = STAGE.mint("google sdk")


def client(key=None):
    """A client that lives as long as the test: one that nobody holds closes its connections."""
    options = types.HttpOptions(base_url=f"{STAGE.base_url}/gemini", timeout=30_000)
    made = genai.Client(api_key=key or KEY, http_options=options)
    unittest.addModuleCleanup(made.close)
    return made


def visible(response):
    """The text of an answer, or of a piece of one, without thoughts."""
    parts = response.candidates[0].content.parts if response.candidates and response.candidates[0].content else None
    return "".join(part.text for part in parts or [] if part.text and not part.thought)


class Answers(unittest.TestCase):
    def test_whole(self):
        for shape, model in MODELS.items():
            with self.subTest(upstream=shape):
                answer = client().models.generate_content(model=model, contents=PROMPT)
                self.assertEqual(answer.text, ECHO)
                self.assertEqual(answer.candidates[0].finish_reason, types.FinishReason.STOP)
                self.assertGreater(answer.usage_metadata.prompt_token_count, 0)
                self.assertGreater(answer.usage_metadata.candidates_token_count, 0)
                self.assertTrue(answer.model_version)
                self.assertTrue(answer.sdk_http_response.headers["x-request-id"])

    def test_streamed(self):
        for shape, model in MODELS.items():
            with self.subTest(upstream=shape):
                chunks = list(client().models.generate_content_stream(model=model, contents=PROMPT))
                self.assertGreater(len(chunks), 1)
                self.assertEqual("".join(map(visible, chunks)), ECHO)
                self.assertEqual(chunks[-1].candidates[0].finish_reason, types.FinishReason.STOP)
                self.assertGreater(chunks[-1].usage_metadata.total_token_count, 0)

    def test_streamed_asynchronously(self):
        async def text(model):
            google = client()
            stream = await google.aio.models.generate_content_stream(model=model, contents=PROMPT)
            return "".join([visible(chunk) async for chunk in stream])

        for shape, model in MODELS.items():
            with self.subTest(upstream=shape):
                self.assertEqual(asyncio.run(text(model)), ECHO)

    def test_settings(self):
        config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=3, seed=7)
        for shape, model in MODELS.items():
            with self.subTest(upstream=shape):
                answer = client().models.generate_content(model=model, contents=f"[words=50] {PROMPT}", config=config)
                self.assertEqual(answer.candidates[0].finish_reason, types.FinishReason.MAX_TOKENS)

    def test_structured(self):
        schema = {"type": "OBJECT", "properties": {"river": {"type": "STRING"}}, "required": ["river"]}
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
        for shape, model in MODELS.items():
            with self.subTest(upstream=shape):
                answer = client().models.generate_content(model=model, contents=PROMPT, config=config)
                # The model of responses takes no schema, which the gateway then tells.
                warnings = answer.sdk_http_response.headers.get("x-ovth-warnings", "")
                self.assertTrue("river" in answer.parsed or shape == "responses" and warnings, (answer.parsed, warnings))

    def test_thoughts(self):
        config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
        for model in ("gemini-3.8-flash", "claude-sonnet-4.5"):
            answer = client().models.generate_content(model=model, contents=f"[think] {PROMPT}", config=config)
            parts = answer.candidates[0].content.parts
            self.assertTrue(any(part.thought and part.text for part in parts), parts)
            self.assertGreater(answer.usage_metadata.thoughts_token_count or 0, 0)
            self.assertEqual(visible(answer), f"You said: [think] {PROMPT}")


class Tools(unittest.TestCase):
    def turns(self, model, stream):
        """A call, its result, and the answer to that: the model's turn goes back as it came."""
        google = client()
        config = types.GenerateContentConfig(
            tools=[WEATHER], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024))
        contents = [types.Content(role="user", parts=[types.Part(text="[tool] What is the weather in Brno?")])]
        if stream:
            parts = []
            for chunk in google.models.generate_content_stream(model=model, contents=contents, config=config):
                parts += (chunk.candidates[0].content.parts or []) if chunk.candidates[0].content else []
            turn = types.Content(role="model", parts=parts)
        else:
            turn = google.models.generate_content(model=model, contents=contents, config=config).candidates[0].content
        calls = [part for part in turn.parts if part.function_call]
        self.assertEqual([part.function_call.name for part in calls], ["weather"])
        self.assertTrue(calls[0].thought_signature, "the first call is signed")
        call = calls[0].function_call
        result = types.FunctionResponse(id=call.id, name=call.name, response={"output": "sunny"})
        contents += [turn, types.Content(role="user", parts=[types.Part(function_response=result)])]
        return google.models.generate_content(model=model, contents=contents, config=config)

    def test_loops(self):
        for shape, model in MODELS.items():
            for stream in (False, True):
                with self.subTest(upstream=shape, stream=stream):
                    upstream.forget(STAGE.simulator)
                    self.assertEqual(visible(self.turns(model, stream)), "The tool said: sunny")
                    upstream.assert_signed(self, shape, upstream.second_turn(self, STAGE.simulator))

    def test_functions_that_the_sdk_calls_by_itself(self):
        asked = []

        def weather(city: str) -> str:
            """Tells the weather."""
            asked.append(city)
            return "rainy"

        for shape, model in MODELS.items():
            with self.subTest(upstream=shape):
                asked.clear()
                chat = client().chats.create(model=model, config=types.GenerateContentConfig(tools=[weather]))
                # A result that is no `output` is told as it is.
                self.assertIn("rainy", chat.send_message("[tool] What is the weather in Brno?").text)
                self.assertEqual(len(asked), 1)


class Others(unittest.TestCase):
    def test_counts(self):
        for model in MODELS.values():
            self.assertGreater(client().models.count_tokens(model=model, contents=PROMPT).total_tokens, 5)

    def test_lists(self):
        names = [model.name for model in client().models.list(config={"page_size": 10})]
        self.assertGreater(len(names), 20)
        self.assertEqual(len(names), len(set(names)))
        for name in ("models/auto", "models/gemini-3.8-flash", "models/gemini-embedding-001"):
            self.assertIn(name, names)
        one = client().models.get(model="gemini-3.8-flash")
        self.assertEqual(one.name, "models/gemini-3.8-flash")
        self.assertGreater(one.input_token_limit, 100_000)

    def test_embeddings(self):
        config = types.EmbedContentConfig(output_dimensionality=6)
        several = client().models.embed_content(model="gemini-embedding-001", contents=["one", "two"], config=config)
        self.assertEqual([len(embedding.values) for embedding in several.embeddings], [6, 6])
        alone = client().models.embed_content(model="gemini-embedding-001", contents="one", config=config)
        self.assertEqual(alone.embeddings[0].values, several.embeddings[0].values)
        other = client().models.embed_content(model="text-embedding-3-small", contents=["one", "two"], config=config)
        self.assertEqual([len(embedding.values) for embedding in other.embeddings], [6, 6])

    def test_routes(self):
        self.assertEqual(client().models.generate_content(model="smart", contents=PROMPT).text, ECHO)


class OpenAIsEmbeddings(unittest.TestCase):
    """OpenAI's SDK asks for base64 by itself, whoever embeds."""

    def test_embeddings(self):
        embeddings = openai.OpenAI(base_url=f"{STAGE.base_url}/v1", api_key=KEY, max_retries=0).embeddings
        for model in ("text-embedding-3-small", "gemini-embedding-001"):
            with self.subTest(model=model):
                texts = [f"text {number}" for number in range(130)]
                answer = embeddings.create(model=model, input=texts, dimensions=6)
                self.assertEqual([embedding.index for embedding in answer.data], list(range(130)))
                self.assertEqual({len(embedding.embedding) for embedding in answer.data}, {6})
                self.assertGreater(answer.usage.prompt_tokens, 100)
                numbers = embeddings.create(model=model, input=texts[129], dimensions=6, encoding_format="float")
                self.assertEqual(numbers.data[0].embedding, answer.data[129].embedding)
        with self.assertRaises(openai.BadRequestError) as chat:
            embeddings.create(model="gpt-4o", input="hi")
        self.assertEqual(chat.exception.param, "model")


class Errors(unittest.TestCase):
    def test_before_an_answer(self):
        for stream in (False, True):
            def ask(google, model):
                models = google.models
                if stream:
                    return list(models.generate_content_stream(model=model, contents=PROMPT))
                return models.generate_content(model=model, contents=PROMPT)

            with self.subTest(stream=stream):
                with self.assertRaises(errors.ClientError) as stranger:
                    ask(client("AIzaSyWrong"), "gemini-3.8-flash")
                self.assertIn(stranger.exception.code, (400, 401))
                with self.assertRaises(errors.ClientError) as unknown:
                    ask(client(), "no-such-model-at-all")
                self.assertEqual((unknown.exception.code, unknown.exception.status), (404, "NOT_FOUND"))
                for provider in ("google", "openai", "anthropic"):
                    with self.assertRaises(errors.ServerError) as failed:
                        ask(client(), f"{provider}/sim-fault-unavailable")
                    self.assertEqual((failed.exception.code, failed.exception.status), (503, "UNAVAILABLE"))

    def test_in_the_stream(self):
        for provider in ("google", "openai", "anthropic"):
            for fault in ("error-mid-stream", "cut"):
                with self.subTest(provider=provider, fault=fault):
                    text = ""
                    with self.assertRaises(errors.APIError) as broken:
                        for chunk in client().models.generate_content_stream(
                                model=f"{provider}/sim-fault-{fault}", contents=f"[words=60] {PROMPT}"):
                            text += visible(chunk)
                    self.assertTrue(text, "a part came before")
                    self.assertGreaterEqual(broken.exception.code, 500)


if __name__ == "__main__":
    unittest.main()
