"""What a request says, in one form for both shapes, so that what a client sent can be compared with what its provider got."""

import json
import re

from readings import arguments

DATA_URL = re.compile(r"data:([^;]+);base64,(.+)", re.S)
# How an instruction in the middle of a conversation reads where the shape has no place for it.
REMINDER = "<system-reminder>\n{}\n</system-reminder>"


class Said:
    """Instructions, the turns with what is in each, and the tools: name, description and schema."""

    def __init__(self, instructions, turns, tools):
        self.instructions = "\n\n".join(text for text in instructions if text.strip())
        self.turns = turns
        self.tools = tools


def merged(turns):
    """Turns of one role in a row as one, without blank text, and what is then empty left out."""
    out = []
    for role, items in turns:
        items = [item for item in items if item[0] != "text" or item[1].strip()]
        if not items:
            continue
        if out and out[-1][0] == role:
            out[-1][1].extend(items)
        else:
            out.append((role, items))
    return [(role, joined(role, sorted(items, key=lambda item: item[0] != "result"))) for role, items in out]


def joined(role, items):
    """Texts in a row as one: those of a model were one text, those of a user are paragraphs."""
    out = []
    for item in items:
        if item[0] == "text" and out and out[-1][0] == "text":
            out[-1] = ("text", ("" if role == "assistant" else "\n\n").join((out[-1][1], item[1])))
        else:
            out.append(item)
    return out


def of_chat(body):
    instructions, turns = [], []
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        items = [item for part in parts for item in chat_part(part)]
        if role in ("system", "developer"):
            texts = [text for _, text in items]
            if turns:
                turns.append(("user", [("text", REMINDER.format(text)) for text in texts]))
            else:
                instructions += texts
        elif role == "tool":
            turns.append(("user", [("result", message["tool_call_id"], "".join(text for _, text in items))]))
        else:
            for call in message.get("tool_calls") or [] if role == "assistant" else []:
                items.append(("call", call["id"], call["function"]["name"], arguments(call["function"]["arguments"])))
            turns.append((role, items))
    functions = [tool["function"] for tool in body.get("tools", []) if tool["type"] == "function"]
    functions += body.get("functions", [])
    tools = [(function["name"], function.get("description") or None, function.get("parameters")) for function in functions]
    return Said(instructions, merged(turns), tools)


def chat_part(part):
    kind = part["type"]
    if kind == "text":
        yield "text", part["text"]
    elif kind == "refusal":
        yield "text", part["refusal"]
    elif kind == "image_url":
        yield from media("image", part["image_url"]["url"])
    elif kind == "file":
        yield from media("document", part["file"]["file_data"])


def media(kind, url):
    found = DATA_URL.fullmatch(url)
    yield (kind, found[1], found[2]) if found else (kind, url)


def of_messages(body):
    system = body.get("system", [])
    instructions = [system] if isinstance(system, str) else [block["text"] for block in system]
    turns = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        items = [item for block in blocks for item in block_items(block)]
        if message["role"] == "system":
            turns.append(("user", [("text", REMINDER.format(text)) for _, text in items]))
        else:
            turns.append((message["role"], items))
    tools = [(tool["name"], tool.get("description") or None, tool["input_schema"])
             for tool in body.get("tools", []) if "input_schema" in tool]
    return Said(instructions, merged(turns), tools)


def block_items(block):
    kind = block["type"]
    if kind == "text":
        yield "text", block["text"]
    elif kind in ("image", "document"):
        source = block["source"]
        if source["type"] == "text":
            title = f"Title: {block['title']}\n\n" if block.get("title") else ""
            yield "text", title + source["data"]
            return
        yield (kind, source["url"]) if source["type"] == "url" else (kind, source["media_type"], source["data"])
    elif kind == "tool_use":
        yield "call", block["id"], block["name"], block["input"]
    elif kind == "tool_result":
        content = block.get("content") or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        # A result is text where only users have images: a note says where they are.
        call = block["tool_use_id"]
        text = "\n".join(part["text"] if part["type"] == "text" else f"[image result of call {call} follows]" for part in parts)
        if block.get("is_error") and not text.startswith("Error: "):
            text = f"Error: {text}"
        yield "result", call, text
        for part in parts:
            if part["type"] != "text":
                yield "text", f"[image result of call {call}]"
                yield from block_items(part)
