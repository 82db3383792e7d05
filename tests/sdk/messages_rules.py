"""What the Messages API takes, as strictly as its documents say it; a second opinion on what the gateway sends there."""

import base64
import re

TOP = {"model", "max_tokens", "messages", "system", "cache_control", "stop_sequences", "stream", "thinking", "output_config",
       "tools", "tool_choice", "temperature", "top_p", "top_k", "metadata", "service_tier"}
BLOCKS = {
    "text": {"text", "cache_control", "citations"},
    "image": {"source", "cache_control"},
    "document": {"source", "title", "context", "citations", "cache_control"},
    "tool_use": {"id", "name", "input", "cache_control"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
IN_TURN = {"user": {"text", "image", "document", "tool_result"},
           "assistant": {"text", "tool_use", "thinking", "redacted_thinking"}}
IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
MARKS = 4
# What a schema of structured output must not say.
UNTOLD = {"minimum", "maximum", "multipleOf", "minLength", "maxLength", "pattern", "maxItems", "uniqueItems",
          "minProperties", "maxProperties", "not", "oneOf", "if"}


def problems(body):
    """Everything in a request that the API would refuse."""
    found = [f"unknown field {name}" for name in body.keys() - TOP]
    found += top(body)
    found += turns(body)
    found += tools(body)
    marks = list(of_name(body, "cache_control"))
    if len(marks) > MARKS:
        found.append(f"{len(marks)} cache marks")
    for mark in marks:
        if mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h") or mark.keys() - {"type", "ttl"}:
            found.append(f"cache mark {mark}")
    return found


def top(body):
    if not (isinstance(body.get("model"), str) and body["model"]):
        yield "no model"
    if not (type(body.get("max_tokens")) is int and body["max_tokens"] >= 1):
        yield f"max_tokens {body.get('max_tokens')}"
    if not 0 <= body.get("temperature", 0) <= 1:
        yield f"temperature {body['temperature']}"
    if not 0 <= body.get("top_p", 0) <= 1:
        yield f"top_p {body['top_p']}"
    if any(not text.strip() for text in body.get("stop_sequences", [])):
        yield "a blank stop sequence"
    if body.get("metadata", {}).keys() - {"user_id"}:
        yield f"metadata {body['metadata']}"
    if body.get("service_tier", "auto") not in ("auto", "standard_only"):
        yield f"service_tier {body['service_tier']}"
    for block in [] if isinstance(body.get("system", ""), str) else body["system"]:
        if block.get("type") != "text":
            yield f"system block {block.get('type')}"
        yield from content_of(block)
    thinking = body.get("thinking", {"type": "disabled"})
    kind = thinking["type"]
    if kind not in ("adaptive", "enabled", "between_tools", "disabled"):
        yield f"thinking {kind}"
    if kind == "enabled":
        if not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
            yield f"a budget of {thinking['budget_tokens']} with {body['max_tokens']} tokens at most"
        if body.get("temperature", 1) != 1 or "top_k" in body:
            yield "sampling with thinking"
    if kind in ("enabled", "adaptive") and body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "a forced tool with thinking"
    output = body.get("output_config", {})
    if output.keys() - {"effort", "format"} or output.get("effort", "low") not in ("low", "medium", "high", "xhigh", "max"):
        yield f"output_config {output}"
    if "format" in output:
        if output["format"].keys() != {"type", "schema"} or output["format"]["type"] != "json_schema":
            yield f"format {output['format']}"
        yield from strict_schema(output["format"].get("schema"))


def turns(body):
    messages = body.get("messages")
    if not messages:
        yield "no messages"
        return
    asked, before = [], None
    for number, message in enumerate(messages):
        at = f"messages.{number}"
        role, content = message.get("role"), message.get("content")
        if role == "system" and before == "user":
            # Newer models take instructions right behind a user's turn, as text.
            if not isinstance(content, str) and any(block["type"] != "text" for block in content) or not content:
                yield f"{at}: instructions {content}"
            before = role
            continue
        if message.keys() != {"role", "content"} or role not in IN_TURN:
            yield f"{at}: {sorted(message)} of {role}"
            continue
        if before == role or (before, role) == ("system", "user"):
            yield f"{at}: {role} after {before}"
        before = role
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks:
            yield f"{at}: empty"
        for block in blocks:
            if block.get("type") not in IN_TURN[role]:
                yield f"{at}: {block.get('type')} of {role}"
                continue
            for problem in content_of(block):
                yield f"{at}: {problem}"
        kinds = [block["type"] for block in blocks]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if role == "user":
            if answered != asked:
                yield f"{at}: results of {answered}, calls were {asked}"
            if kinds != sorted(kinds, key=lambda kind: kind != "tool_result"):
                yield f"{at}: a result after other content"
        elif asked:
            yield f"{at}: calls {asked} have no result"
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(asked)) != len(asked):
            yield f"{at}: call ids repeat"
        if role == "assistant" and number == len(messages) - 1 and kinds[-1:] == ["text"]:
            if blocks[-1]["text"] != blocks[-1]["text"].rstrip():
                yield f"{at}: a prefill that ends in white space"
    if asked:
        yield f"the last turn's calls {asked} have no result"


def content_of(block):
    kind = block.get("type")
    fields = block.keys() - {"type"}
    if fields - BLOCKS[kind]:
        yield f"{kind} with {sorted(fields - BLOCKS[kind])}"
    if kind == "text" and not block["text"].strip():
        yield "blank text"
    elif kind in ("image", "document"):
        yield from source_of(kind, block["source"])
    elif kind == "tool_use":
        if not CALL_ID.fullmatch(block["id"]) or not TOOL_NAME.fullmatch(block["name"]):
            yield f"call {block['id']} of {block['name']}"
        if not isinstance(block["input"], dict):
            yield f"input {block['input']}"
    elif kind == "tool_result":
        content = block.get("content", "")
        for part in [] if isinstance(content, str) else content:
            if part["type"] not in ("text", "image", "document"):
                yield f"{part['type']} in a result"
            else:
                yield from content_of(part)
    elif kind == "thinking" and not block.get("signature"):
        yield "thinking without a signature"
    elif kind == "redacted_thinking" and not block.get("data"):
        yield "redacted thinking without data"


def source_of(kind, source):
    if source["type"] == "base64":
        base64.b64decode(source["data"], validate=True)
        if source["media_type"] not in (IMAGES if kind == "image" else {"application/pdf"}):
            yield f"{kind} of type {source['media_type']}"
    elif source["type"] == "url":
        if not source["url"].startswith("https://"):
            yield f"{kind} at {source['url']}"
    elif source["type"] == "text":
        if kind == "image" or source["media_type"] != "text/plain" or not source["data"]:
            yield f"{kind} of text"
    else:
        yield f"{kind} from {source['type']}"


def tools(body):
    declared = body.get("tools", [])
    names = [tool.get("name") for tool in declared]
    if len(set(names)) != len(names):
        yield f"tool names repeat: {names}"
    for tool in declared:
        fields = {"name", "description", "input_schema", "strict", "cache_control", "type"}
        if tool.keys() - fields or tool.get("type", "custom") != "custom":
            yield f"tool {tool.get('name')} with {sorted(tool.keys() - fields)} of type {tool.get('type')}"
        if not TOOL_NAME.fullmatch(tool.get("name", "")):
            yield f"tool name {tool.get('name')}"
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            yield f"schema of {tool.get('name')}: {schema}"
        elif tool.get("strict"):
            yield from strict_schema(schema)
    choice = body.get("tool_choice")
    if choice is not None:
        if not declared:
            yield "a choice of no tools"
        known = {"auto": {"disable_parallel_tool_use"}, "any": {"disable_parallel_tool_use"}, "none": set(),
                 "tool": {"name", "disable_parallel_tool_use"}}
        if choice.get("type") not in known or choice.keys() - {"type"} - known[choice["type"]]:
            yield f"tool_choice {choice}"
        if choice.get("type") == "tool" and choice.get("name") not in names:
            yield f"the choice of {choice.get('name')}, which is not declared"
    if not declared and any(True for message in body.get("messages", []) if isinstance(message["content"], list)
                            for block in message["content"] if block.get("type") in ("tool_use", "tool_result")):
        yield "calls without tools"


def strict_schema(schema):
    if not isinstance(schema, dict):
        yield f"schema {schema}"
        return
    if "properties" in schema or schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield "a strict object that is open"
    for name in schema.keys() & UNTOLD:
        yield f"{name} in a strict schema"
    below = list(schema.get("properties", {}).values()) + list(schema.get("$defs", {}).values())
    below += schema.get("anyOf", []) + schema.get("allOf", []) + ([schema["items"]] if "items" in schema else [])
    for inner in below:
        yield from strict_schema(inner)


def of_name(value, name):
    """The values of all fields of that name, but for what only looks like one in a schema or in a call's arguments."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            elif key not in ("input", "input_schema", "schema"):
                yield from of_name(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from of_name(inner, name)
