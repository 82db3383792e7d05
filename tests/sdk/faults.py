"""How providers fail: what each shape's hosts answer, and what a client of the other shape must be told of it."""

import json


def answer(status, body, **headers):
    return {"status": status, "headers": {"content-type": "application/json", **headers}, "body": body}


def messages_error(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def chat_error(kind, code, message):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


GARBAGE = {"status": 502, "headers": {"content-type": "text/html"}, "body_text": "<html><h1>Bad Gateway</h1></html>"}

# Name, what a messages host answers, and what the OpenAI SDK must raise: its class, status and code.
OF_MESSAGES = [
    ("wrong request", answer(400, messages_error("invalid_request_error", "tools.0.name: too long")),
     ("BadRequestError", 400, None)),
    ("context overflow", answer(400, messages_error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")),
     ("BadRequestError", 400, "context_length_exceeded")),
    ("operator's key", answer(401, messages_error("authentication_error", "invalid x-api-key")),
     ("InternalServerError", 502, "upstream_auth_error")),
    ("operator's credit", answer(402, messages_error("billing_error", "Your credit balance is too low")),
     ("InternalServerError", 502, "upstream_billing_error")),
    ("too large", answer(413, messages_error("request_too_large", "Request exceeds the maximum size")),
     ("APIStatusError", 413, "request_too_large")),
    ("rate limit", answer(429, messages_error("rate_limit_error", "slow down"), **{"retry-after": "7"}),
     ("RateLimitError", 429, "rate_limit_exceeded")),
    ("fault", answer(500, messages_error("api_error", "Internal server error")),
     ("InternalServerError", 502, "upstream_error")),
    ("timeout", answer(504, messages_error("timeout_error", "Timed out")), ("InternalServerError", 504, "timeout")),
    ("overload", answer(529, messages_error("overloaded_error", "Overloaded")),
     ("InternalServerError", 503, "server_is_overloaded")),
    ("garbage", GARBAGE, ("InternalServerError", 502, "upstream_error")),
]

# Name, what a chat host answers, and what the Anthropic SDK must raise: its class, status and type.
OF_CHAT = [
    ("wrong request", answer(400, chat_error("invalid_request_error", None, "Unknown parameter")),
     ("BadRequestError", 400, "invalid_request_error")),
    ("context overflow", answer(400, chat_error("invalid_request_error", "context_length_exceeded",
                                                "This model's maximum context length is 8 tokens.")),
     ("BadRequestError", 400, "invalid_request_error")),
    ("operator's key", answer(401, chat_error("invalid_request_error", "invalid_api_key", "Incorrect API key")),
     ("InternalServerError", 502, "api_error")),
    ("operator's credit", answer(429, chat_error("insufficient_quota", "insufficient_quota", "You exceeded your quota")),
     ("OverloadedError", 529, "overloaded_error")),
    ("too large", answer(413, chat_error("invalid_request_error", None, "Too large")),
     ("ContentTooLargeError", 413, "request_too_large")),
    ("rate limit", answer(429, chat_error("requests", "rate_limit_exceeded", "slow down"), **{"retry-after": "7"}),
     ("RateLimitError", 429, "rate_limit_error")),
    ("fault", answer(500, chat_error("server_error", None, "The server had an error")),
     ("InternalServerError", 502, "api_error")),
    ("timeout", answer(504, chat_error("server_error", "timeout", "Timed out")),
     ("GatewayTimeoutError", 504, "timeout_error")),
    ("overload", answer(503, chat_error("service_unavailable_error", "server_is_overloaded", "Overloaded")),
     ("OverloadedError", 529, "overloaded_error")),
    ("refused content", answer(400, chat_error("invalid_request_error", "content_policy_violation", "Not this")),
     ("BadRequestError", 400, "invalid_request_error")),
    ("garbage", GARBAGE, ("InternalServerError", 502, "api_error")),
]

# What an answer with a status of the provider's must come to, by that status.
RECORDED_OF_MESSAGES = {
    400: ("BadRequestError", 400, None),
    401: ("InternalServerError", 502, "upstream_auth_error"),
}
RECORDED_OF_CHAT = {
    400: ("BadRequestError", 400, "invalid_request_error"),
    401: ("InternalServerError", 502, "api_error"),
    429: ("RateLimitError", 429, "rate_limit_error"),
}

def google_error(status, word, message, *details):
    return answer(status, {"error": {"code": status, "message": message, "status": word, "details": list(details)}})


# What the SDK of each shape must raise for a fault: its class, the status, and the code, type or word.
OPENAI = {
    "wrong request": ("BadRequestError", 400, None),
    "context overflow": ("BadRequestError", 400, "context_length_exceeded"),
    "operator's key": ("InternalServerError", 502, "upstream_auth_error"),
    "rate limit": ("RateLimitError", 429, "rate_limit_exceeded"),
    "overload": ("InternalServerError", 503, "server_is_overloaded"),
    "fault": ("InternalServerError", 502, "upstream_error"),
}
RAISED = {
    "chat": OPENAI,
    "responses": OPENAI,
    "messages": {
        "wrong request": ("BadRequestError", 400, "invalid_request_error"),
        "context overflow": ("BadRequestError", 400, "invalid_request_error"),
        "operator's key": ("InternalServerError", 502, "api_error"),
        "rate limit": ("RateLimitError", 429, "rate_limit_error"),
        "overload": ("OverloadedError", 529, "overloaded_error"),
        "fault": ("InternalServerError", 502, "api_error"),
    },
    "generate_content": {
        "wrong request": ("ClientError", 400, "INVALID_ARGUMENT"),
        "context overflow": ("ClientError", 400, "INVALID_ARGUMENT"),
        "operator's key": ("ServerError", 500, "INTERNAL"),
        "rate limit": ("ClientError", 429, "RESOURCE_EXHAUSTED"),
        "overload": ("ServerError", 503, "UNAVAILABLE"),
        "fault": ("ServerError", 500, "INTERNAL"),
    },
}

# Name, which fault it is, and what hosts of the newer shapes answer.
OF_NEWER = {
    "responses": [
        ("wrong request", "wrong request", answer(400, chat_error("invalid_request_error", "invalid_value", "Unknown parameter"))),
        ("context overflow", "context overflow", answer(400, chat_error(
            "invalid_request_error", "context_length_exceeded", "Your input exceeds the context window of this model."))),
        ("operator's key", "operator's key", answer(401, chat_error("invalid_request_error", "invalid_api_key", "Incorrect API key"))),
        ("overload", "overload", answer(503, chat_error("service_unavailable_error", "server_is_overloaded", "Overloaded"))),
        ("fault", "fault", answer(500, chat_error("server_error", None, "The server had an error"))),
    ],
    "generate_content": [
        ("wrong request", "wrong request", google_error(400, "INVALID_ARGUMENT", "Invalid value at 'contents[0]'")),
        ("context overflow", "context overflow", google_error(
            400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8).")),
        ("operator's key", "operator's key", google_error(403, "PERMISSION_DENIED", "Permission denied on resource.")),
        ("overload", "overload", google_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")),
        ("fault", "fault", google_error(500, "INTERNAL", "An internal error has occurred.")),
    ],
}


def fault_of(recording):
    """Which fault a recorded error is, by its status and its words."""
    words = json.dumps(recording.response.get("body") or recording.response.get("body_text")).lower()
    if recording.status in (401, 403) or "api key not valid" in words or "incorrect api key" in words:
        return "operator's key"
    if recording.status == 429:
        return "rate limit"
    long = ("prompt is too long", "context length", "context window", "maximum context", "too many tokens", "input token count")
    return "context overflow" if any(mark in words for mark in long) else "wrong request"


STARTED = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "stop_reason": None,
           "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}


def events(*payloads, named):
    return "".join((f"event: {payload['type']}\n" if named else "") + f"data: {json.dumps(payload)}\n\n" for payload in payloads)


def chunk(delta):
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def broken(begun, rests):
    """Streams that begin so, and have another end each once that has reached the client."""
    head = {"status": 200, "headers": {"content-type": "text/event-stream"}, "body_text": begun}
    return [(name, {**head, "rest": rest}, *expected) for name, rest, *expected in rests]


# Streams of a host that break after the text "Hi": name, response, what the client's SDK must raise in a stream and for a whole answer.
BROKEN_MESSAGES = broken(
    events({"type": "message_start", "message": STARTED},
           {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
           {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}, named=True),
    [("overload", events(messages_error("overloaded_error", "Overloaded"), named=True),
      ("APIError", None, "server_is_overloaded"), ("InternalServerError", 503, "server_is_overloaded")),
     ("cut off", ": \n\n",
      ("APIError", None, "upstream_unreachable"), ("InternalServerError", 502, "upstream_error")),
     ("two answers", events({"type": "message_start", "message": {**STARTED, "id": "msg_2"}}, named=True),
      ("APIError", None, "upstream_error"), ("InternalServerError", 502, "upstream_error"))],
)
BROKEN_CHAT = broken(
    events(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), named=False),
    [("overload", events(chat_error("service_unavailable_error", "server_is_overloaded", "Overloaded"), named=False),
      ("APIStatusError", 200, "overloaded_error"), ("OverloadedError", 529, "overloaded_error")),
     ("cut off", ": \n\n", ("APIStatusError", 200, "api_error"), ("InternalServerError", 502, "api_error")),
     ("done without a reason", "data: [DONE]\n\n",
      ("APIStatusError", 200, "api_error"), ("InternalServerError", 502, "api_error"))],
)
