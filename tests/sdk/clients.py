"""Asks through either SDK, in each way it has, and gives back what it accumulated."""

import json

import anthropic
import openai

from readings import of_completion, of_message, plain

# What the OpenAI helper raises at the end of an answer that was cut short; until then it can be read.
CUT_SHORT = {"length": openai.LengthFinishReasonError, "content_filter": openai.ContentFilterFinishReasonError}
CLOSE = {"max_retries": 0, "timeout": 30}


class Chat:
    """The OpenAI SDK."""

    def __init__(self, base_url, key):
        self.client = openai.OpenAI(base_url=base_url, api_key=key, **CLOSE)

    def whole(self, **ask):
        return of_completion(self.client.chat.completions.create(**ask))

    def streamed(self, **ask):
        with self.client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **ask) as chunks:
            return of_completion(gathered(map(plain, chunks)))

    def helped(self, **ask):
        with self.client.chat.completions.stream(stream_options={"include_usage": True}, **ask) as stream:
            stream.until_done()
            snapshot = of_completion(stream.current_completion_snapshot)
            cut_short = CUT_SHORT.get(snapshot.finish)
            try:
                stream.get_final_completion()
                assert cut_short is None, f"{snapshot.finish} is no fault to the helper"
            except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError) as fault:
                assert type(fault) is cut_short, f"{type(fault)} for {snapshot.finish}"
            return snapshot


class Messages:
    """The Anthropic SDK."""

    def __init__(self, base_url, key):
        self.client = anthropic.Anthropic(base_url=base_url, api_key=key, **CLOSE)

    def whole(self, **ask):
        return of_message(self.client.messages.create(**ask))

    def streamed(self, **ask):
        with self.client.messages.create(stream=True, **ask) as events:
            return of_message(told(map(plain, events)))

    def helped(self, **ask):
        with self.client.messages.stream(**ask) as stream:
            return of_message(stream.get_final_message())


def gathered(chunks):
    """The completion that the first choice of these chunks makes, put together by hand."""
    message = {"content": [], "reasoning": "", "reasoning_content": "", "refusal": "", "annotations": []}
    calls, details, finish, usage = {}, {}, None, None
    for chunk in chunks:
        # Groq's own place for it, where nobody asked for the usage.
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or usage
        for choice in chunk.get("choices") or []:
            if choice["index"] != 0:
                continue
            finish = choice.get("finish_reason") or finish
            delta = choice.get("delta") or {}
            content = delta.get("content") or ""
            message["content"] += [{"type": "text", "text": content}] if isinstance(content, str) else content
            for name in ("reasoning", "reasoning_content", "refusal"):
                message[name] += delta.get(name) or ""
            message["annotations"] += delta.get("annotations") or []
            for piece in delta.get("tool_calls") or []:
                kind, fields = ("function", ("name", "arguments")) if "function" in piece else ("custom", ("name", "input"))
                call = calls.setdefault(piece["index"], {"id": None, kind: dict.fromkeys(fields, "")})
                call["id"] = piece.get("id") or call["id"]
                for name in fields:
                    call[kind][name] += piece[kind].get(name) or ""
            for piece in delta.get("reasoning_details") or []:
                detail = details.setdefault((piece.get("index"), piece["type"]), {"text": "", "summary": ""})
                for name in ("text", "summary"):
                    detail[name] += piece.get(name) or ""
                for name in ("signature", "data"):
                    detail[name] = piece.get(name) or detail.get(name)
    message["tool_calls"] = list(calls.values())
    message["reasoning_details"] = list(details.values())
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


def told(events):
    """The message that these events tell, put together by hand; they must come in the order that the shape demands."""
    message, opened, ended = None, None, False
    for event in events:
        kind = event["type"]
        assert not ended, f"{kind} after message_stop"
        if kind == "message_start":
            assert message is None, "two messages in a stream"
            message = {**event["message"], "content": []}
        elif kind == "content_block_start":
            assert opened is None, "two blocks are open"
            assert event["index"] == len(message["content"]), "blocks are numbered as they come"
            opened = {**event["content_block"], "json": ""}
            message["content"].append(opened)
        elif kind == "content_block_delta":
            assert event["index"] == len(message["content"]) - 1, "a delta belongs to the open block"
            add(opened, event["delta"])
        elif kind == "content_block_stop":
            pieces = opened.pop("json")
            if pieces:
                opened["input"] = json.loads(pieces)
            opened = None
        elif kind == "message_delta":
            assert opened is None, "a block is open at the end"
            usage = {name: count for name, count in event["usage"].items() if count is not None}
            message.update(event["delta"])
            message["usage"] = {**message["usage"], **usage}
        elif kind == "message_stop":
            ended = True
    assert ended, "no message_stop"
    return message


def add(block, delta):
    fields = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
    if delta["type"] in fields:
        name = fields[delta["type"]]
        block[name] = (block.get(name) or "") + delta[name]
    elif delta["type"] == "input_json_delta":
        block["json"] += delta["partial_json"]
    elif delta["type"] == "citations_delta":
        block["citations"] = (block.get("citations") or []) + [delta["citation"]]
