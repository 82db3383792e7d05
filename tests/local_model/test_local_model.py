"""A real model behind the gateway says what it says when it is asked directly: at temperature 0 its words are the same.

llama.cpp's server speaks chat, messages and responses itself, so that an answer in a shape can be compared whichever shape the gateway speaks to
it. The server says the same whether it streams or not, so each question is asked directly only once in each shape.
"""

import functools
import os
import sys
import unittest
from contextlib import closing
from dataclasses import replace

from asking import MAX_TOKENS, Chat, Messages, Question, Responses
from servers import Servers, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
LOCAL_KEY = "sk-local"
CLIENTS = {"chat": Chat, "messages": Messages, "responses": Responses}

QUESTIONS = {
    "plain": Question(["Name three colours of the rainbow."]),
    "system_and_history": Question(["My name is Ann.", "Hello Ann!", "What is my name? Say it in a sentence."],
                                   system="You are a friendly assistant. Answer briefly."),
    "beyond_ascii": Question(["Schreibe einen Satz über Käse, 日本 und 🙂."]),
    "tool": Question(["What is the weather in Paris?"], tool=True),
    "forced_tool": Question(["What is the weather in Paris?"], tool=True, forced=True),
    "tool_result": Question(["What is the weather in Paris?"], tool=True, result="18 degrees and sunny"),
}
CALLING = ("tool", "forced_tool")
# llama.cpp says of a response that it is complete also where it reached its bound, so that nobody can know.
COMPLETE = {"chat": "stop", "messages": "end_turn", "responses": "completed"}


def expected(direct, shape, upstream):
    """What a client must be told whose answer said `direct` when it was asked for in the client's own shape."""
    if direct.tokens[1] < MAX_TOKENS or shape == upstream:
        return direct
    if upstream == "responses":
        return replace(direct, end=COMPLETE[shape])
    return replace(direct, end="incomplete") if shape == "responses" else direct


def setUpModule():
    global servers, gateway, key, local
    servers = Servers().__enter__()
    unittest.addModuleCleanup(servers.__exit__)
    port = free_port()
    local = f"http://127.0.0.1:{port}"
    servers.start("llama.cpp", [sys.executable, os.path.join(HERE, "server.py"), str(port), LOCAL_KEY], {})
    servers.wait_for(f"{local}/health")
    gateway = servers.start_gateway(
        "providers:\n"
        f"  local-chat: {{base_url: '{local}/v1', api_key: {LOCAL_KEY}, shapes: [chat], models: [by-chat]}}\n"
        f"  local-messages: {{base_url: '{local}', api_key: {LOCAL_KEY}, shapes: [messages], models: [by-messages]}}\n"
        f"  local-responses: {{base_url: '{local}/v1', api_key: {LOCAL_KEY}, shapes: [responses], models: [by-responses]}}\n")
    _, key = gateway.mint("local-model")


@functools.cache
def asked_directly(name, shape):
    with closing(CLIENTS[shape](local, LOCAL_KEY)) as client:
        return client.ask(QUESTIONS[name], "smollm2-135m-instruct", False)


class LocalModel(unittest.TestCase):
    maxDiff = None

    def says_the_same(self, name, shape, upstream, stream):
        direct = asked_directly(name, shape)
        self.assertTrue(direct.text or direct.calls)
        self.assertEqual(bool(direct.calls), name in CALLING)
        path = "/anthropic" if shape == "messages" else ""
        with closing(CLIENTS[shape](gateway.url + path, key)) as client:
            self.assertEqual(client.ask(QUESTIONS[name], f"by-{upstream}", stream), expected(direct, shape, upstream))


def add_test(name, shape, upstream, stream):
    def test(self):
        self.says_the_same(name, shape, upstream, stream)
    how = "streamed" if stream else "whole"
    setattr(LocalModel, f"test_{name}_from_{shape}_to_{upstream}_{how}", test)


for _name in QUESTIONS:
    for _shape in CLIENTS:
        for _upstream in CLIENTS:
            for _stream in (False, True):
                add_test(_name, _shape, _upstream, _stream)

if __name__ == "__main__":
    unittest.main()
