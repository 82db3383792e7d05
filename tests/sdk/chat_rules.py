"""What the Chat Completions API takes, as strictly as its documents say it; a second opinion on what the gateway sends there."""

import base64
import json
import re

TOP = {"model", "messages", "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata",
       "modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options",
       "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
       "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
FIELDS = {
    "system": {"content", "name"},
    "developer": {"content", "name"},
    "user": {"content", "name"},
    "assistant": {"content", "refusal", "tool_calls", "name", "audio"},
    "tool": {"content", "tool_call_id"},
}
PARTS = {
    "system": {"text"},
    "developer": {"text"},
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
}
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
DATA_URL = re.compile(r"data:([a-z0-9.+/-]+);base64,(.+)", re.S)


def problems(body):
    """Everything in a request that the API would refuse."""
    found = [f"unknown field {name}" for name in body.keys() - TOP]
    found += top(body)
    found += turns(body)
    found += tools(body)
    return found


def top(body):
    if not (isinstance(body.get("model"), str) and body["model"]):
        yield "no model"
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "two bounds of the output"
    for name in ("max_tokens", "max_completion_tokens"):
        if not (type(body.get(name, 1)) is int and body.get(name, 1) >= 1):
            yield f"{name} {body[name]}"
    if not 0 <= body.get("temperature", 0) <= 2:
        yield f"temperature {body['temperature']}"
    stop = body.get("stop", [])
    if not (isinstance(stop, str) or 0 <= len(stop) <= 4) or stop == [] and "stop" in body:
        yield f"stop {stop}"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options without a stream"
    if body.get("reasoning_effort", "low") not in EFFORTS:
        yield f"reasoning_effort {body['reasoning_effort']}"
    if body.get("service_tier", "auto") not in ("auto", "default", "flex", "scale", "priority"):
        yield f"service_tier {body['service_tier']}"
    if len(body.get("safety_identifier", "")) > 64:
        yield "a long safety_identifier"
    form = body.get("response_format", {"type": "text"})
    if form["type"] == "json_schema":
        schema = form["json_schema"]
        if not TOOL_NAME.fullmatch(schema.get("name", "")) or not isinstance(schema.get("schema"), dict):
            yield f"response_format {form}"
    elif form["type"] not in ("text", "json_object"):
        yield f"response_format {form}"


def turns(body):
    messages = body.get("messages")
    if not messages:
        yield "no messages"
        return
    awaited = []
    for number, message in enumerate(messages):
        at = f"messages.{number}"
        role = message.get("role")
        if role not in FIELDS or message.keys() - {"role"} - FIELDS[role]:
            yield f"{at}: {sorted(message)} of {role}"
            continue
        if role == "tool":
            if not awaited or message["tool_call_id"] != awaited.pop(0):
                yield f"{at}: a result of {message['tool_call_id']} out of its place"
        elif awaited:
            yield f"{at}: calls {awaited} have no result"
            awaited = []
        for problem in content_of(role, message):
            yield f"{at}: {problem}"
        if role == "assistant":
            awaited = [call.get("id") for call in message.get("tool_calls", [])]
            for problem in calls_of(message):
                yield f"{at}: {problem}"
    if awaited:
        yield f"the last turn's calls {awaited} have no result"


def content_of(role, message):
    content = message.get("content")
    if content is None:
        if role != "assistant" or not (message.get("tool_calls") or message.get("refusal")):
            yield f"no content of {role}"
        return
    if isinstance(content, str):
        if content == "" and message.get("tool_calls"):
            yield "content that is empty beside calls, and not null"
        return
    if not content:
        yield "no parts"
    for part in content:
        kind = part.get("type")
        if kind not in PARTS[role] or part.keys() != {"type", kind}:
            yield f"part {kind} with {sorted(part)} of {role}"
        elif kind == "text" and not part["text"]:
            yield "an empty text"
        elif kind == "image_url":
            yield from image(part["image_url"])
        elif kind == "file":
            yield from file(part["file"])


def image(value):
    if value.keys() - {"url", "detail"}:
        yield f"image with {sorted(value)}"
    found = DATA_URL.fullmatch(value["url"])
    if found and found[1] in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        base64.b64decode(found[2], validate=True)
    elif not value["url"].startswith("https://"):
        yield f"image at {value['url'][:40]}"


def file(value):
    found = DATA_URL.fullmatch(value.get("file_data", ""))
    if not found or not value.get("filename") or value.keys() - {"file_data", "filename"}:
        yield f"file with {sorted(value)}"
    else:
        base64.b64decode(found[2], validate=True)


def calls_of(message):
    calls = message.get("tool_calls")
    if calls is None:
        return
    ids = [call.get("id") for call in calls]
    if not calls or len(set(ids)) != len(ids) or not all(isinstance(call, str) and call for call in ids):
        yield f"calls {ids}"
    for call in calls:
        if call.keys() != {"id", "type", "function"} or call["type"] != "function":
            yield f"call {call}"
        elif call["function"].keys() != {"name", "arguments"} or not TOOL_NAME.fullmatch(call["function"]["name"]):
            yield f"call of {call['function']}"
        else:
            try:
                json.loads(call["function"]["arguments"])
            except ValueError:
                yield f"arguments {call['function']['arguments']}"


def tools(body):
    declared = body.get("tools")
    names = [tool.get("function", {}).get("name") for tool in declared or []]
    if declared == [] or len(set(names)) != len(names):
        yield f"tools {names}"
    for tool in declared or []:
        function = tool.get("function", {})
        if tool.keys() != {"type", "function"} or tool["type"] != "function":
            yield f"tool {sorted(tool)}"
        if function.keys() - {"name", "description", "parameters", "strict"}:
            yield f"function with {sorted(function)}"
        if not TOOL_NAME.fullmatch(function.get("name", "")):
            yield f"tool name {function.get('name')}"
        if not isinstance(function.get("parameters", {}), dict):
            yield f"parameters of {function.get('name')}"
        elif function.get("strict"):
            yield from strict_schema(function.get("parameters", {}))
    choice = body.get("tool_choice")
    if choice is not None:
        if not declared:
            yield "a choice of no tools"
        if isinstance(choice, str):
            if choice not in ("auto", "none", "required"):
                yield f"tool_choice {choice}"
        elif choice.keys() != {"type", "function"} or choice["function"].get("name") not in names:
            yield f"tool_choice {choice}"
    if "parallel_tool_calls" in body and not declared:
        yield "parallel_tool_calls without tools"


def strict_schema(schema):
    """What OpenAI asks of strict schemas: objects are closed, and all their properties are required."""
    if "properties" in schema:
        if schema.get("additionalProperties") is not False or set(schema.get("required", [])) != schema["properties"].keys():
            yield f"a strict object with {sorted(schema['properties'])}, of which {schema.get('required')} are required"
    below = list(schema.get("properties", {}).values()) + list(schema.get("$defs", {}).values()) + schema.get("anyOf", [])
    for inner in below + ([schema["items"]] if "items" in schema else []):
        yield from strict_schema(inner)
