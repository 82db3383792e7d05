"""Asks through Google's SDK, in each way it has, and gives back what it accumulated."""

import asyncio

from google import genai
from google.genai import types

from readings import NoAnswer, Reading, number

PROMPT = "Go on."
# How answers of the other shapes must end for a client of Google's; calls end like texts.
FINISHES = {
    "length": "MAX_TOKENS", "max_tokens": "MAX_TOKENS", "model_context_window_exceeded": "MAX_TOKENS",
    "max_output_tokens": "MAX_TOKENS", "content_filter": "SAFETY", "refusal": "SAFETY",
}


class Google:
    """Google's SDK."""

    def __init__(self, base_url, key):
        options = types.HttpOptions(base_url=base_url, timeout=30_000)
        self.client = genai.Client(api_key=key, http_options=options)

    def whole(self, model, tools=(), **settings):
        return of_answers([self.client.models.generate_content(**self.ask(model, tools, settings))])

    def streamed(self, model, tools=(), **settings):
        return of_answers(list(self.client.models.generate_content_stream(**self.ask(model, tools, settings))))

    def helped(self, model, tools=(), **settings):
        async def chunks():
            # A client of its own: one belongs to the loop that it was first used in.
            client = genai.Client(api_key=self.client._api_client.api_key, http_options=self.client._api_client._http_options)
            stream = await client.aio.models.generate_content_stream(**self.ask(model, tools, settings))
            told = [chunk async for chunk in stream]
            await client.aio.aclose()
            return told
        return of_answers(asyncio.run(chunks()))

    def ask(self, model, tools, settings):
        config = types.GenerateContentConfig(
            max_output_tokens=settings.get("max_tokens"),
            # Thoughts are told to who asks for them.
            thinking_config=types.ThinkingConfig(include_thoughts=True),
            tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name=name) for name in tools])] if tools else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        return {"model": model, "contents": PROMPT, "config": config}


def of_answers(answers):
    """The answer of Google's SDK that these pieces make."""
    text, reasoning, signatures, tools, finish, usage = "", "", [], [], "", None
    for answer in answers:
        answer = answer.model_dump(mode="json", exclude_none=True)
        usage = {**(usage or {}), **answer["usage_metadata"]} if answer.get("usage_metadata") else usage
        finish = (answer.get("prompt_feedback") or {}).get("block_reason") or finish
        candidate = (answer.get("candidates") or [{}])[0]
        finish = candidate.get("finish_reason") or finish
        for part in (candidate.get("content") or {}).get("parts") or []:
            if part.get("thought_signature"):
                signatures.append(part["thought_signature"])
            if part.get("thought"):
                reasoning += part.get("text") or ""
            elif part.get("function_call"):
                call = part["function_call"]
                tools.append((call.get("id"), call["name"], call.get("args") or {}))
            else:
                text += part.get("text") or ""
    if not finish:
        raise NoAnswer(answers[-1:])
    return Reading(text=text, refusal="", reasoning=reasoning, signatures=signatures, tools=tools, pages=[], finish=finish,
                   usage=usage_of(usage))


def usage_of(usage):
    if not usage:
        return None
    read, thoughts = number(usage, "cached_content_token_count"), number(usage, "thoughts_token_count")
    return {
        "input": number(usage, "prompt_token_count") - read + number(usage, "tool_use_prompt_token_count"),
        "cache_read": read,
        "cache_write": 0,
        "output": number(usage, "candidates_token_count") + thoughts,
        "reasoning": thoughts,
    }
