"""Requests as agents make them to models of the catalogue: what comes to the provider is what its API and that model take."""

import unittest

import anthropic
import openai

import agent_requests as requests
import chat_rules
import messages_rules
from staging import start

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Yes."}],
           "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
COMPLETION = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}

RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [
    {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
        {"type": "output_text", "text": "Yes.", "annotations": []}]}], "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}}

# What models take of thinking; those after 4.6 take no sampling, and the last ones of the list cannot be forced to call.
THINKING = {
    "claude-haiku-4-5": {"enabled", "disabled"},
    "claude-sonnet-4-6": {"enabled", "adaptive", "disabled"},
    "claude-opus-4-8": {"adaptive", "disabled"},
    "claude-sonnet-5-5": {"adaptive", "between_tools"},
    "claude-opus-5-5": {"adaptive"},
}
SAMPLING = {"claude-haiku-4-5", "claude-sonnet-4-6"}
NEVER_FORCED = {"claude-sonnet-5-5", "claude-opus-5-5"}
PREFILL = {"claude-haiku-4-5"}
REASONING = {"gpt-4o": False, "gpt-5": True, "gpt-5.4": True, "gpt-5.6": True}
# Do not reason unless they are told to. The others take no tools on Chat Completions while they reason, and do on Responses.
RESTS = {"gpt-5.4"}
NO_TOOLS_WHILE_REASONING = {"gpt-5.4", "gpt-5.6"}


def setUpModule():
    global URL, KEY, REPLAY
    URL, KEY, REPLAY = start({}, {
        "OPENAI_API_KEY": "openai-key-0123456789", "OPENAI_BASE_URL": "{url}/v1",
        "ANTHROPIC_API_KEY": "anthropic-key-0123456789", "ANTHROPIC_BASE_URL": "{url}",
    })


class Models(unittest.TestCase):
    maxDiff = None

    def test_chat_requests_to_models_of_anthropic(self):
        client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
        for model in THINKING:
            for name, request in requests.CHAT.items():
                with self.subTest(model=model, request=name):
                    REPLAY.set({"status": 200, "body": MESSAGE})
                    rest = {field: value for field, value in request.items() if field != "messages"}
                    forced = name in ("forced", "required", "required while thinking") and model in NEVER_FORCED
                    if forced or name == "prefill" and model not in PREFILL:
                        with self.assertRaisesRegex(openai.BadRequestError, "tool_choice" if forced else "prefill"):
                            client.chat.completions.create(model=model, messages=request["messages"], extra_body=rest)
                        continue
                    client.chat.completions.create(model=model, messages=request["messages"], extra_body=rest)
                    got = REPLAY.asked[-1]["body"]
                    self.assertEqual(messages_rules.problems(got) + list(anthropic_gates(model, got)), [])

    def test_messages_requests_to_models_of_openai(self):
        client = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0, timeout=30)
        for model in REASONING:
            for name, request in requests.MESSAGES.items():
                with self.subTest(model=model, request=name):
                    goes_to_responses = model in NO_TOOLS_WHILE_REASONING and "tools" in request
                    REPLAY.set({"status": 200, "body": RESPONSE if goes_to_responses else COMPLETION})
                    rest = {field: value for field, value in request.items() if field not in ("messages", "max_tokens")}
                    client.messages.create(model=model, messages=request["messages"], extra_body=rest,
                                           max_tokens=request.get("max_tokens", 1000))
                    path, got = REPLAY.asked[-1]["path"], REPLAY.asked[-1]["body"]
                    if goes_to_responses:
                        self.assertEqual((path, list(responses_gates(got))), ("/v1/responses", []))
                    else:
                        self.assertEqual(path, "/v1/chat/completions")
                        self.assertEqual(chat_rules.problems(got) + list(openai_gates(model, got)), [])

    def test_names_that_a_provider_does_not_take_come_back_as_the_client_wrote_them(self):
        chat = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
        messages = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key=KEY, max_retries=0, timeout=30)
        ask, name = requests.CHAT["long name"], "a.b c"
        REPLAY.set({"status": 200, "body": MESSAGE})
        chat.chat.completions.create(model="claude-haiku-4-5", **ask)
        sent = REPLAY.asked[-1]["body"]["tools"][0]["name"]
        self.assertNotEqual(sent, name)
        use = {"type": "tool_use", "id": "toolu_1", "name": sent, "input": {}}
        REPLAY.set({"status": 200, "body": {**MESSAGE, "content": [use], "stop_reason": "tool_use"}})
        with chat.chat.completions.stream(model="claude-haiku-4-5", **ask) as stream:
            stream.until_done()
            told = stream.current_completion_snapshot.choices[0].message.tool_calls[0].function.name
        self.assertEqual(told, name)

        ask = {"max_tokens": 100, **requests.MESSAGES["long name"]}
        REPLAY.set({"status": 200, "body": COMPLETION})
        messages.messages.create(model="gpt-4o", **ask)
        sent = REPLAY.asked[-1]["body"]["tools"][0]["function"]["name"]
        call = {"id": "call_1", "type": "function", "function": {"name": sent, "arguments": "{}"}}
        REPLAY.set({"status": 200, "body": {**COMPLETION, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}})
        with messages.messages.stream(model="gpt-4o", **ask) as stream:
            self.assertEqual(stream.get_final_message().content[0].name, requests.LONG_NAME)


def anthropic_gates(model, body):
    """What the API takes and this model does not."""
    thinking = body.get("thinking", {}).get("type")
    if thinking and thinking not in THINKING[model]:
        yield f"thinking {thinking}"
    if model not in SAMPLING and {"temperature", "top_p", "top_k"} & body.keys():
        yield "sampling"
    if {"temperature", "top_p"} <= body.keys():
        yield "both temperature and top_p"
    if model in NEVER_FORCED and body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "a forced tool"
    if model not in PREFILL and body["messages"][-1]["role"] == "assistant":
        yield "a prefill"
    if model == "claude-haiku-4-5" and "effort" in body.get("output_config", {}):
        yield "an effort"


def openai_gates(model, body):
    if REASONING[model]:
        if "max_tokens" in body:
            yield "max_tokens"
        rests = body.get("reasoning_effort", "none" if model in RESTS else None) == "none"
        if not rests and {"temperature", "top_p"} & body.keys():
            yield "sampling while reasoning"
        if "stop" in body:
            yield "stop"
        if any(message["role"] == "system" for message in body["messages"]):
            yield "a system role"
        if model in NO_TOOLS_WHILE_REASONING and "tools" in body and body.get("reasoning_effort") != "none":
            yield "tools while reasoning"
    elif "reasoning_effort" in body:
        yield "an effort"


def responses_gates(body):
    """What Responses takes, and what must not be said there to a model that reasons."""
    if not body.get("input") or "messages" in body:
        yield "no input"
    if body.get("store") is not False:
        yield "it is stored"
    for field in ("max_tokens", "max_completion_tokens", "reasoning_effort", "stop", "temperature", "top_p", "n"):
        if field in body:
            yield field
    for tool in body["tools"]:
        if tool["type"] == "function" and not ("function" not in tool and tool["name"] and isinstance(tool["parameters"], dict)):
            yield f"a tool: {tool}"
    calls = {item["call_id"] for item in body["input"] if item.get("type") == "function_call"}
    results = {item["call_id"] for item in body["input"] if item.get("type") == "function_call_output"}
    if calls != results:
        yield f"calls {calls} and results {results}"


if __name__ == "__main__":
    unittest.main()
