"""The strict readers of both APIs find what is wrong: each change of a right request makes it a wrong one."""

import copy
import unittest

import agent_requests as requests
import chat_rules
import messages_rules

TURN = {"role": "user", "content": "Hi"}
USE = {"type": "tool_use", "id": "t", "name": "weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "x"}
CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def said(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def answered(*blocks):
    return {"role": "user", "content": list(blocks)}


MESSAGES = {"model": "m", "max_tokens": 2000, "messages": [TURN, said(USE), answered(RESULT)], "tools": [requests.tool("weather")]}
WRONG_MESSAGES = [
    {"max_tokens": None}, {"max_tokens": 0}, {"n": 1}, {"messages": []}, {"temperature": 1.1}, {"stop_sequences": [" "]},
    {"messages": [TURN, TURN]}, {"messages": [TURN, said(USE)]}, {"messages": [TURN, said(USE), TURN]},
    {"messages": [TURN, said(USE, USE), answered(RESULT, RESULT)]}, {"messages": [TURN, answered(RESULT)]},
    {"messages": [TURN, said(USE), answered({"type": "text", "text": "a"}, RESULT)]},
    {"messages": [answered({"type": "text", "text": " "})]}, {"messages": [{"role": "user", "content": []}]},
    {"messages": [TURN, said({**USE, "id": "a b"}), answered({**RESULT, "tool_use_id": "a b"})]},
    {"messages": [TURN, said({**USE, "input": "{}"}), answered(RESULT)]},
    {"messages": [TURN, said({"type": "thinking", "thinking": "Hm."})]}, {"messages": [TURN, said({"type": "text", "text": "It is "})]},
    {"messages": [TURN, {"role": "tool", "content": "x"}]}, {"tools": []}, {"tools": [{"name": "weather"}]},
    {"tools": [requests.tool("a.b")]}, {"tools": [requests.tool("weather", strict=True)]}, {"tool_choice": {"type": "tool", "name": "x"}},
    {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"}},
    {"system": [{"type": "text", "text": str(n), "cache_control": {"type": "ephemeral"}} for n in range(5)]},
]
CHAT = {"model": "m", "messages": [TURN, {"role": "assistant", "content": None, "tool_calls": [CALL]},
                                   {"role": "tool", "tool_call_id": "c", "content": "x"}], "tools": [requests.function("weather")]}
WRONG_CHAT = [
    {"system": "x"}, {"max_tokens": 1, "max_completion_tokens": 1}, {"stop": ["a"] * 5}, {"stream_options": {"include_usage": True}},
    {"messages": CHAT["messages"][:2]}, {"messages": CHAT["messages"][1:2] + [TURN]}, {"messages": [TURN, CHAT["messages"][2]]},
    {"messages": [TURN, {"role": "assistant", "content": None}]}, {"messages": [{**TURN, "cache_control": {"type": "ephemeral"}}]},
    {"messages": [TURN, {**CHAT["messages"][1], "content": ""}, CHAT["messages"][2]]},
    {"messages": [TURN, {**CHAT["messages"][1], "reasoning_content": "Hm."}, CHAT["messages"][2]]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AAAA"}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}]}]},
    {"tools": []}, {"tools": [requests.function("a" * 65)]}, {"tool_choice": {"type": "any"}},
    {"tools": None, "parallel_tool_calls": True}, {"response_format": {"type": "json_schema", "json_schema": {}}},
    {"tools": [requests.function("weather", strict=True, parameters={"type": "object", "properties": {"a": {}}})]},
]


class Rules(unittest.TestCase):
    def check(self, problems, right, wrong):
        self.assertEqual(problems(right), [])
        for change in wrong:
            with self.subTest(change=change):
                body = {name: value for name, value in {**copy.deepcopy(right), **change}.items() if value is not None}
                self.assertNotEqual(problems(body), [])

    def test_messages(self):
        self.check(messages_rules.problems, MESSAGES, WRONG_MESSAGES)

    def test_chat(self):
        self.check(chat_rules.problems, CHAT, WRONG_CHAT)


if __name__ == "__main__":
    unittest.main()
