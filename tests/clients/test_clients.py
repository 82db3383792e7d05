"""Real clients do a task of two turns through the real binary, each on upstreams of its own shape and of others.

What is judged: the client ends well, the files it was asked for are there, the ledger has every exchange with the provider's own
token counts and no error, and the last request that reached the provider has the whole conversation in it, word for word as before.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from clients import Aider, ClaudeCode, Codex, OpenCode
from gemini_cli import GeminiCli
from servers import Servers, call

TURN_SECONDS = 180
# Nobody listens there: whatever asks for the world outside fails at once.
NOWHERE = "http://127.0.0.1:9"
# For each shape of an upstream: the provider that speaks it, and a model of its.
UPSTREAMS = {
    "chat": ("openai", "gpt-5"),
    "messages": ("anthropic", "claude-sonnet-5-5"),
    "responses": ("openai", "gpt-5.5"),
    "generate_content": ("google", "gemini-3.8-flash"),
}
CLIENTS = [ClaudeCode(), Codex(), GeminiCli(), Aider(), OpenCode("chat"), OpenCode("messages")]
# What most clients are tried with.
USUAL = ("chat", "messages")


def run(command, stdin, folder, environment):
    """Runs a client in a process group of its own, which is ended with it; gives back its status and what it printed."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(stdin.encode(), timeout=TURN_SECONDS)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return None, "it took too long"
    finally:
        # Also what the client left running, which is of its group.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def tool_results(request):
    """How many results of tools a request brings, in its shape."""
    if "input" in request:
        return sum(item.get("type") == "function_call_output" for item in request["input"])
    if "contents" in request:
        results = [part["functionResponse"] for content in request["contents"] for part in content["parts"]
                   if "functionResponse" in part]
        # Gemini CLI says those of a session that it resumes twice.
        return len({result["id"] for result in results})
    messages = request["messages"]
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    return (sum(message["role"] == "tool" for message in messages)
            + sum(block.get("type") == "tool_result" for block in blocks))


def without_marks(value):
    """A value without the marks of what is to be cached, which move on from turn to turn."""
    if isinstance(value, list):
        return [without_marks(item) for item in value]
    if isinstance(value, dict):
        return {name: without_marks(item) for name, item in value.items() if name != "cache_control"}
    return value


class Clients(unittest.TestCase):
    maxDiff = None

    def does_its_task(self, client, upstream):
        provider, model = UPSTREAMS[upstream]
        shape = "responses" if upstream == "responses" else "chat"
        with Servers() as servers:
            simulator = servers.start_simulator()
            gateway = servers.start_gateway(
                "providers:\n"
                f"  anthropic: {{base_url: '{simulator}/anthropic', api_key: simulated-anthropic-key-0123456789}}\n"
                f"  google: {{base_url: '{simulator}/google', api_key: simulated-google-key-0123456789}}\n"
                f"  openai: {{base_url: '{simulator}/openai/v1', api_key: simulated-openai-key-0123456789, shapes: [{shape}]}}\n")
            key_id, key = gateway.mint(client.name)
            folder = os.path.join(servers.folder, "work")
            os.makedirs(os.path.join(folder, "home", "tmp"))
            environment = {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": os.path.join(folder, "home"),
                "TMPDIR": os.path.join(folder, "home", "tmp"),
                "LANG": "C.UTF-8",
                "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1",
                **client.prepare(folder, gateway.url, key),
            }
            for turn in client.turns(folder, model):
                began = time.monotonic()
                status, output = run(turn.command, turn.stdin, folder, environment)
                print(f"{client.name}: {turn.file} after {time.monotonic() - began:.1f} s", file=sys.stderr)
                self.assertEqual(status, 0, output)
                self.assertIn(turn.shown, output)
                with open(os.path.join(folder, turn.file), encoding="utf-8") as file:
                    self.assertEqual(file.read(), turn.content, output)

            requests = call(f"{simulator}/_sim/{provider}/requests")
            exchanges = gateway.exchanges(key_id, len(requests))
            self.assertEqual(len(requests), client.exchanges)
            self.assertEqual(len(exchanges), client.exchanges)
            for exchange in exchanges:
                self.judge(exchange, client.shape, upstream)
            bodies = [request["body"] for request in requests]
            self.has_the_conversation(client, bodies[-1])
            if client.shape != upstream and not isinstance(client, Aider):
                asked = [body for body in bodies if body.get("tools")]
                each = client.exchanges // 2 if isinstance(client, GeminiCli) else len(asked)
                # Gemini CLI begins a session that it resumes with the files that there are by then.
                for at in range(0, len(asked), each):
                    self.only_grows(asked[at:at + each])

    def judge(self, exchange, shape, upstream):
        seen = json.dumps(exchange, indent=1)
        facts = ("outcome", "status", "shape", "upstream_shape", "usage_source")
        self.assertEqual([exchange[fact] for fact in facts], ["ok", 200, shape, upstream, "provider"], seen)
        tokens = exchange["tokens"]
        self.assertGreater(tokens["input"] + tokens["cache_read"] + tokens["cache_write"] + tokens["cache_write_1h"], 0, seen)
        self.assertGreater(tokens["output"], 0, seen)
        self.assertGreater(exchange["cost_usd"], 0, seen)

    def has_the_conversation(self, client, request):
        if isinstance(client, Aider):
            self.assertIn("written by an edit", json.dumps(request["messages"]))
        else:
            self.assertEqual(tool_results(request), 2)

    def only_grows(self, bodies):
        """What was translated once stays as it was, so that a provider's prompt cache is of use. (Aider reorders its history itself.)"""
        for before, after in zip(bodies, bodies[1:]):
            grown = without_marks(after["messages"])
            self.assertEqual(grown[:len(before["messages"])], without_marks(before["messages"]))
            self.assertEqual([after.get(name) for name in ("tools", "system")], [before.get(name) for name in ("tools", "system")])


def add_test(client, upstream):
    def test(self):
        self.does_its_task(client, upstream)
    setattr(Clients, f"test_{client.name}_does_its_task_on_a_{upstream}_upstream", test)


for _client in CLIENTS:
    for _upstream in getattr(_client, "upstreams", USUAL):
        add_test(_client, _upstream)

if __name__ == "__main__":
    unittest.main()
