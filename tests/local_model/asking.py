"""The same questions in each shape, asked by the official SDKs, and what their answers come to."""

import json
from dataclasses import dataclass, field

import anthropic
import openai

ANSWER_SECONDS = 120
# Enough for a call.
MAX_TOKENS = 40


@dataclass
class Question:
    """A prompt without a shape. `turns` alternate between user and assistant; with a `result`, the tool was called after them."""
    turns: list
    system: str | None = None
    tool: bool = False
    forced: bool = False
    result: str | None = None


@dataclass
class Answer:
    """What every shape tells of an answer."""
    text: str = ""
    calls: list = field(default_factory=list)
    end: str = ""
    tokens: tuple = ()


NAME, DESCRIPTION = "get_weather", "Get the current weather in a city"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
}
CALL_ID, ARGUMENTS = "call_1", {"city": "Paris"}


class Chat:
    """By way of Chat Completions."""

    def __init__(self, url, key):
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=ANSWER_SECONDS)

    def close(self):
        self.client.close()

    def ask(self, question, model, stream):
        messages = [{"role": "system", "content": question.system}] if question.system else []
        messages += turns(question)
        if question.result:
            call = {"id": CALL_ID, "type": "function", "function": {"name": NAME, "arguments": '{"city": "Paris"}'}}
            messages += [{"role": "assistant", "content": None, "tool_calls": [call]},
                         {"role": "tool", "tool_call_id": CALL_ID, "content": question.result}]
        body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS}
        if question.tool:
            function = {"name": NAME, "description": DESCRIPTION, "parameters": SCHEMA}
            body |= {"tools": [{"type": "function", "function": function}],
                     "tool_choice": "required" if question.forced else "auto"}
        if stream:
            return self.streamed(body)
        completion = self.client.chat.completions.create(**body)
        choice, usage = completion.choices[0], completion.usage
        calls = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or []]
        return Answer(choice.message.content or "", calls, choice.finish_reason,
                      (usage.prompt_tokens, usage.completion_tokens))

    def streamed(self, body):
        answer, calls = Answer(), {}
        for chunk in self.client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}):
            if chunk.usage:
                answer.tokens = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            for choice in chunk.choices:
                answer.text += choice.delta.content or ""
                answer.end = choice.finish_reason or answer.end
                for part in choice.delta.tool_calls or []:
                    call = calls.setdefault(part.index, ["", ""])
                    call[0] += part.function.name or ""
                    call[1] += part.function.arguments or ""
        answer.calls = [(name, json.loads(arguments)) for _, (name, arguments) in sorted(calls.items())]
        return answer


class Messages:
    """By way of Messages."""

    def __init__(self, url, key):
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=ANSWER_SECONDS)

    def close(self):
        self.client.close()

    def ask(self, question, model, stream):
        messages = turns(question)
        if question.result:
            use = {"type": "tool_use", "id": CALL_ID, "name": NAME, "input": ARGUMENTS}
            result = {"type": "tool_result", "tool_use_id": CALL_ID, "content": question.result}
            messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        # The SDK knows no temperature any more, as the API's newest version has none.
        body = {"model": model, "messages": messages, "max_tokens": MAX_TOKENS, "extra_body": {"temperature": 0},
                "extra_headers": {"anthropic-version": "2023-06-01"}}
        if question.system:
            body["system"] = question.system
        if question.tool:
            body |= {"tools": [{"name": NAME, "description": DESCRIPTION, "input_schema": SCHEMA}],
                     "tool_choice": {"type": "any" if question.forced else "auto"}}
        if stream:
            with self.client.messages.stream(**body) as events:
                message = events.get_final_message()
        else:
            message = self.client.messages.create(**body)
        text = "".join(block.text for block in message.content if block.type == "text")
        calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
        usage = message.usage
        read = (usage.input_tokens or 0) + (usage.cache_read_input_tokens or 0)
        return Answer(text, calls, message.stop_reason, (read, usage.output_tokens))


class Responses:
    """By way of Responses."""

    def __init__(self, url, key):
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=ANSWER_SECONDS)

    def close(self):
        self.client.close()

    def ask(self, question, model, stream):
        items = [self.message(turn) for turn in turns(question)]
        if question.result:
            items += [{"type": "function_call", "call_id": CALL_ID, "name": NAME, "arguments": '{"city": "Paris"}'},
                      {"type": "function_call_output", "call_id": CALL_ID, "output": question.result}]
        body = {"model": model, "input": items, "temperature": 0, "max_output_tokens": MAX_TOKENS, "store": False}
        if question.system:
            body["instructions"] = question.system
        if question.tool:
            function = {"type": "function", "name": NAME, "description": DESCRIPTION, "parameters": SCHEMA,
                        "strict": False}
            body |= {"tools": [function], "tool_choice": "required" if question.forced else "auto"}
        if stream:
            # The last event repeats the whole answer; what came before it must come to the same.
            text, response = "", None
            for event in self.client.responses.create(**body, stream=True):
                if event.type == "response.output_text.delta":
                    text += event.delta
                elif event.type in ("response.completed", "response.incomplete"):
                    response = event.response
            assert text == response.output_text, (text, response.output_text)
        else:
            response = self.client.responses.create(**body)
        calls = [(item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call"]
        usage = response.usage
        return Answer(response.output_text, calls, response.status, (usage.input_tokens, usage.output_tokens))

    @staticmethod
    def message(turn):
        kind = "output_text" if turn["role"] == "assistant" else "input_text"
        return {"type": "message", "role": turn["role"], "content": [{"type": kind, "text": turn["content"]}]}


def turns(question):
    return [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(question.turns)]
