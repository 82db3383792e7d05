"""What an answer says, read from either SDK's objects, and what the other shape must make of it (the mapping's tables, written a second time)."""

import dataclasses
import json

REFUSED = "The model refused to respond."


class NoAnswer(Exception):
    """A 200 with something else than an answer in it."""


@dataclasses.dataclass
class Reading:
    """An answer by value.

    `tools` has (id, name, arguments), `pages` (address, title, the text that it is given for) of what the web was cited for, and
    `usage` the counts that both shapes have, each token in one of them.
    """

    text: str
    refusal: str
    reasoning: str
    signatures: list
    tools: list
    pages: list
    finish: str
    usage: dict | None


def arguments(text):
    """Arguments as a value: nothing is an empty object, and what is no object is wrapped as messages hosts need it."""
    if not (text or "").strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {"_raw": text}
    return value if isinstance(value, dict) else {"_raw": text}


def plain(value):
    """The SDK's object as JSON values; what the SDK does not know is kept."""
    return value.model_dump(mode="json", exclude_unset=True, warnings=False) if hasattr(value, "model_dump") else value


def number(holder, *names):
    return next((count for name in names if (count := (holder or {}).get(name))), 0)


def of_message(message):
    """A message of the Anthropic SDK."""
    message = plain(message)
    blocks = message["content"]
    thoughts = [block for block in blocks if block["type"] == "thinking"]
    return Reading(
        text="".join(block["text"] for block in blocks if block["type"] == "text"),
        refusal=((message.get("stop_details") or {}).get("explanation") or REFUSED)
        if message["stop_reason"] == "refusal" else "",
        reasoning="".join(block["thinking"] for block in thoughts),
        signatures=[block["signature"] for block in thoughts if block.get("signature")]
        + [block["data"] for block in blocks if block["type"] == "redacted_thinking"],
        tools=[(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        pages=[(page["url"], page["title"], block["text"]) for block in blocks if block["type"] == "text"
               for page in block.get("citations") or [] if page["type"] == "web_search_result_location"],
        finish=message["stop_reason"],
        usage=usage_of_message(message.get("usage")),
    )


def usage_of_message(usage):
    if usage is None:
        return None
    # What a compaction or an advisor took is billed beside the counts of the message.
    steps = [usage] + [step for step in usage.get("iterations") or [] if step["type"] in ("compaction", "advisor_message")]
    read = sum(number(step, "cache_read_input_tokens") for step in steps)
    written = sum(number(step, "cache_creation_input_tokens") for step in steps)
    return {
        "input": sum(number(step, "input_tokens") for step in steps),
        "cache_read": read,
        "cache_write": written,
        "output": sum(number(step, "output_tokens") for step in steps),
        "reasoning": number(usage.get("output_tokens_details"), "thinking_tokens"),
    }


def called(call):
    """Name and arguments of a call; a custom tool is a function of one text. Some hosts send both, one of them empty."""
    if (custom := call.get("custom")) and not call.get("function"):
        return custom["name"], {"input": custom["input"]}
    return call["function"]["name"], arguments(call["function"].get("arguments"))


def of_completion(completion):
    """A completion of the OpenAI SDK, with what hosts add to the shape."""
    completion = plain(completion)
    if not completion.get("choices"):
        raise NoAnswer(completion)
    choice = completion["choices"][0]
    message = choice.get("message") or {}
    text, reasoning = "", ""
    content = message.get("content") or ""
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        if part["type"] == "text":
            text += part["text"]
        elif part["type"] == "thinking":
            reasoning += "".join(piece["text"] for piece in part["thinking"])
    details = message.get("reasoning_details") or []
    reasoning = (reasoning or message.get("reasoning") or message.get("reasoning_content")
                 or "".join(detail.get("text") or detail.get("summary") or "" for detail in details))
    tools = [(call["id"], *called(call)) for call in message.get("tool_calls") or []]
    legacy = message.get("function_call")
    if legacy and legacy.get("name"):
        tools.append((None, legacy["name"], arguments(legacy.get("arguments"))))
    return Reading(
        text=text,
        refusal=message.get("refusal") or "",
        reasoning=reasoning,
        signatures=[state for detail in details if (state := detail.get("signature") or detail.get("data"))],
        tools=tools,
        pages=[(page["url"], page["title"], text[page["start_index"]:page["end_index"]])
               for note in message.get("annotations") or [] if (page := note.get("url_citation"))],
        finish=choice.get("finish_reason") or "",
        usage=usage_of_completion(completion.get("usage")),
    )


def usage_of_completion(usage):
    if not usage:
        return None
    details = usage.get("prompt_tokens_details") or {}
    read = number(details, "cached_tokens") or number(
        usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens")
    written = number(details, "cache_write_tokens") or number(usage, "cache_creation_input_tokens")
    output = number(usage, "completion_tokens")
    reasoning = number(usage.get("completion_tokens_details"), "reasoning_tokens") or number(usage, "reasoning_tokens")
    if reasoning and usage.get("total_tokens") == usage["prompt_tokens"] + output + reasoning:
        output += reasoning
    return {
        "input": max(usage["prompt_tokens"] - read - written, 0),
        "cache_read": read,
        "cache_write": written,
        "output": output,
        "reasoning": min(reasoning, output),
    }


def finish_in_chat(reading):
    """The finish reason that a chat client must see of a message."""
    limits = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}
    return limits.get(reading.finish) or ("tool_calls" if reading.tools else "stop")


def finish_in_messages(reading):
    """The stop reason that a messages client must see of a completion."""
    limits = {"length": "max_tokens", "content_filter": "refusal"}
    if reading.finish in limits:
        return limits[reading.finish]
    if reading.refusal:
        return "refusal"
    return "tool_use" if reading.tools else "end_turn"
