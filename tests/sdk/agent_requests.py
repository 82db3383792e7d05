"""Requests as agents make them, in both shapes: tools, parallel calls, media, thinking, cache marks, structured output."""

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0YK"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 2}, "days": {"type": ["integer", "null"], "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
LONG_NAME = "mcp__" + "a_server_with_a_long_name_" * 3 + "get_weather"


def user(content):
    return {"role": "user", "content": content}


# ---- chat

def function(name, **more):
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": SCHEMA, **more}}


def called(*calls, content=None, **more):
    return {"role": "assistant", "content": content, **more, "tool_calls": [
        {"id": call, "type": "function", "function": {"name": name, "arguments": text}} for call, name, text in calls]}


def result(call, content):
    return {"role": "tool", "tool_call_id": call, "content": content}


_CHAT_LOOP = [
    {"role": "system", "content": "Be short."},
    {"role": "developer", "content": "Use tools."},
    user([{"type": "text", "text": "What is this?"},
          {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
          {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
          {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}]),
    called(("call_1", "weather", '{"city": "Brno", "days": 1}'), ("call_2", "weather", ""), content="Let me see."),
    result("call_2", "no city"),
    result("call_1", [{"type": "text", "text": "sunny"}]),
    user("And then?"),
]

CHAT = {
    "loop": {"messages": _CHAT_LOOP, "tools": [function("weather"), function("other", strict=True)]},
    "forced": {"messages": [user("Hi")], "tools": [function("weather")], "parallel_tool_calls": False,
               "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    "required": {"messages": [user("Hi")], "tools": [function("weather")], "tool_choice": "required"},
    "required while thinking": {"messages": [user("Hi")], "tools": [function("weather")], "tool_choice": "required",
                                "reasoning_effort": "high"},
    "no tools now": {"messages": _CHAT_LOOP, "tools": [function("weather")], "tool_choice": "none"},
    "tools are gone": {"messages": _CHAT_LOOP},
    "result is missing": {"messages": [user("Hi"), called(("call 1/2", "weather", "{}"), ("call_2", "weather", "no json")),
                                       result("call 1/2", ""), user("Go on.")], "tools": [function("weather")]},
    "result of nothing": {"messages": [user("Hi"), result("call_9", "orphan")], "tools": [function("weather")]},
    "two calls in turn": {"messages": [user("Hi"), called(("call_1", "weather", "{}")), result("call_1", "a"),
                                       called(("call_2", "weather", "{}")), result("call_2", "b")],
                          "tools": [function("weather")]},
    "thought": {"messages": [user("Hi"), called(("call_1", "weather", "{}"), reasoning="plain", reasoning_content="plain",
                                                reasoning_details=[{"type": "reasoning.text", "text": "signed", "index": 0,
                                                                    "signature": "c2ln", "format": "anthropic-claude-v1"}]),
                             result("call_1", "a")], "tools": [function("weather")], "reasoning_effort": "high"},
    "unsigned thought": {"messages": [user("Hi"), called(("call_1", "weather", "{}"), reasoning_content="plain"),
                                      result("call_1", "a")], "tools": [function("weather")], "reasoning_effort": "high"},
    "efforts": {"messages": [user("Hi")], "reasoning_effort": "medium", "max_completion_tokens": 4000, "temperature": 0.3},
    "no thinking": {"messages": [user("Hi")], "reasoning_effort": "none", "max_tokens": 900},
    "budget": {"messages": [user("Hi")], "reasoning": {"max_tokens": 9000}, "max_tokens": 8000},
    "structured": {"messages": [user("Hi")], "response_format": {
        "type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}},
    "json": {"messages": [user("Hi")], "response_format": {"type": "json_object"}},
    "sampling": {"messages": [user("Hi")], "temperature": 1.7, "top_p": 0.5, "stop": ["END", "\n"], "seed": 1, "user": "u-1",
                 "logit_bias": {"1": 2}, "presence_penalty": 1, "frequency_penalty": 1, "metadata": {"a": "b"}, "store": True,
                 "service_tier": "flex", "verbosity": "low", "top_logprobs": 2, "logprobs": True},
    "marks": {"messages": [{"role": "system", "content": [
        {"type": "text", "text": f"Rule {number}.", "cache_control": {"type": "ephemeral"}} for number in range(5)]}, user([
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}])]},
    "blanks": {"messages": [{"role": "system", "content": ""}, user([{"type": "text", "text": " "}, {"type": "text", "text": "Hi"}]),
                            {"role": "assistant", "content": ""}, user("\n"), user("Go on.")]},
    "later instructions": {"messages": [user("Hi"), {"role": "system", "content": "Be kind."},
                                        {"role": "assistant", "content": "Hello"}, {"role": "developer", "content": "Be brief."},
                                        user("Go on.")]},
    "prefill": {"messages": [user("Hi"), {"role": "assistant", "content": "It is "}]},
    "long name": {"messages": [user("Hi"), called(("call_1", "a.b c", "{}")), result("call_1", "x")], "tools": [function("a.b c")]},
}

# ---- messages

def tool(name, **more):
    return {"name": name, "description": f"Does {name}.", "input_schema": SCHEMA, **more}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def use(call, name, value):
    return {"type": "tool_use", "id": call, "name": name, "input": value}


def results(*pairs, then=()):
    return user([{"type": "tool_result", "tool_use_id": call, "content": content} for call, content in pairs] + list(then))


_TEXT = {"type": "text", "text": "And then?"}
_IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
_THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
_MARK = {"cache_control": {"type": "ephemeral"}}
_MESSAGES_LOOP = [
    user([{"type": "text", "text": "What is this?"}, _IMAGE, {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
          {"type": "document", "title": "a", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
          {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "A text."}}]),
    assistant(_THOUGHT, {"type": "redacted_thinking", "data": "cmVk"}, {"type": "text", "text": "Let me see."},
              use("toolu_1", "weather", {"city": "Brno", "days": 1}), use("toolu_2", "weather", {})),
    results(("toolu_2", "no city"), ("toolu_1", [{"type": "text", "text": "sunny"}, _IMAGE]), then=[_TEXT]),
]

MESSAGES = {
    "loop": {"messages": _MESSAGES_LOOP, "tools": [tool("weather"), tool("other", strict=True)], "system": "Be short.",
             "thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
    "marks": {"system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=2;"},
                         {"type": "text", "text": "Be short.", **_MARK}, {"type": "text", "text": "Use tools.", **_MARK}],
              "messages": [user([{**_TEXT, **_MARK}])], "tools": [tool("weather", **_MARK)]},
    "forced": {"messages": [user("Hi")], "tools": [tool("weather")],
               "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}},
    "any": {"messages": [user("Hi")], "tools": [tool("weather")], "tool_choice": {"type": "any"}},
    "strict": {"messages": [user("Hi")], "tools": [tool("weather", strict=True, input_schema={
        "type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "string"}}, "required": ["city"],
        "additionalProperties": False})]},
    "no tools now": {"messages": _MESSAGES_LOOP, "tools": [tool("weather")], "tool_choice": {"type": "none"}},
    "error": {"messages": [user("Hi"), assistant(use("toolu_1", "weather", {})), user([
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such city", "is_error": True}])], "tools": [tool("weather")]},
    "empty result": {"messages": [user("Hi"), assistant(use("toolu_1", "weather", {})), user([
        {"type": "tool_result", "tool_use_id": "toolu_1"}])], "tools": [tool("weather")]},
    "only a picture": {"messages": [user("Hi"), assistant(use("toolu_1", "weather", {})), user([
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [_IMAGE]}])], "tools": [tool("weather")]},
    "adaptive": {"messages": [user("Hi")], "thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
    "no thinking": {"messages": [user("Hi")], "thinking": {"type": "disabled"}},
    "structured": {"messages": [user("Hi")], "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "settings": {"messages": [user("Hi")], "temperature": 0.5, "top_k": 4, "stop_sequences": ["a", "b", "c", "d", "e", "f"],
                 "metadata": {"user_id": "u" * 100}, "service_tier": "standard_only"},
    "instructions between turns": {"system": "Be short.", "messages": [
        user("Hi"), {"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "Hello."}, user("Go on.")]},
    "hosted tools": {"messages": [user("Hi")], "tools": [tool("weather"), {"type": "bash_20250124", "name": "bash"},
                                                         {"type": "web_search_20250305", "name": "web_search"}]},
    "long name": {"messages": [user("Hi"), assistant(use("toolu_1", LONG_NAME, {})), results(("toolu_1", "x"))],
                  "tools": [tool(LONG_NAME)]},
    "prefill": {"messages": [user("Hi"), {"role": "assistant", "content": "It is"}]},
}
