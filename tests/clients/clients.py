"""The clients: how each is told where the gateway is, and what it is asked to do in its two turns.

The simulator echoes prompts and obeys the orders in them, so a prompt says which of the client's own tools is called, and how.
"""

import glob
import json
import os
from dataclasses import dataclass

INSTALLED = os.environ["OVTH_CLIENTS"]


@dataclass
class Turn:
    """One run of a client: its command, what it reads, a part of what it must show, and what the file it was asked for must hold then."""
    command: list
    stdin: str
    shown: str
    file: str
    content: str


def program(pattern):
    """A program of an npm package; of several for one system any does."""
    found = sorted(glob.glob(os.path.join(INSTALLED, "npm", "node_modules", pattern)))
    if not found:
        raise RuntimeError(f"{pattern} is not installed: there may be none for this machine")
    return found[0]


def order(tool, **arguments):
    """A prompt whose answer calls that tool."""
    return f"[tool={tool}] [arguments={json.dumps(arguments)}] Please do it."


class ClaudeCode:
    """Claude Code, which speaks messages."""

    name = "claude_code"
    shape = "messages"
    # Each turn: a call, and an answer to its result.
    exchanges = 4

    def prepare(self, folder, gateway, key):
        """Gives back its environment."""
        return {
            "ANTHROPIC_BASE_URL": f"{gateway}/anthropic",
            "ANTHROPIC_AUTH_TOKEN": key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
        }

    def turns(self, folder, model):
        command = [program("@anthropic-ai/claude-code-linux-*/claude"), "--print", "--model", model,
                   "--allowed-tools", "Write,Bash"]
        write = order("Write", file_path=os.path.join(folder, "first.txt"), content="written by a tool\n")
        double = order("Bash", command="cat first.txt first.txt > second.txt", description="Doubles the file")
        return [
            Turn(command, write, "The tool said: ", "first.txt", "written by a tool\n"),
            Turn([*command, "--continue"], double, "The tool said: ", "second.txt", "written by a tool\n" * 2),
        ]


class Codex:
    """Codex, which speaks responses."""

    name = "codex"
    shape = "responses"
    upstreams = ("responses", "messages", "chat")
    # Each turn: a call, and an answer to its result.
    exchanges = 4

    def prepare(self, folder, gateway, key):
        settings = os.path.join(folder, "home", ".codex")
        os.makedirs(settings)
        with open(os.path.join(settings, "config.toml"), "w", encoding="utf-8") as file:
            file.write('model_provider = "ovth"\n'
                       "[model_providers.ovth]\n"
                       'name = "OVTH Gateway"\n'
                       f'base_url = "{gateway}/v1"\n'
                       'env_key = "OVTH_API_KEY"\n'
                       'wire_api = "responses"\n')
        return {"OVTH_API_KEY": key}

    def turns(self, folder, model):
        command = [program("@openai/codex-linux-*/vendor/*/bin/codex"), "exec", "--skip-git-repo-check",
                   "--dangerously-bypass-approvals-and-sandbox", "--model", model]
        write = order("exec_command", cmd="printf 'written by a tool\\n' > first.txt")
        double = order("exec_command", cmd="cat first.txt first.txt > second.txt")
        return [
            Turn([*command, write], "", "The tool said: ", "first.txt", "written by a tool\n"),
            Turn([*command, "resume", "--last", double], "", "The tool said: ", "second.txt", "written by a tool\n" * 2),
        ]


class OpenCode:
    """OpenCode, which speaks chat, or messages by another of its provider packages."""

    # Besides the four of the turns, the first one has a title made, without tools.
    exchanges = 5

    def __init__(self, shape):
        self.shape = shape
        self.name = "opencode" if shape == "chat" else f"opencode_as_{shape}"

    def prepare(self, folder, gateway, key):
        package, path = ("openai-compatible", "/v1") if self.shape == "chat" else ("anthropic", "/anthropic/v1")
        models = {"gpt-5": {}, "claude-sonnet-5-5": {}}
        options = {"baseURL": gateway + path, "apiKey": key}
        config = {
            "autoupdate": False,
            "share": "disabled",
            "provider": {"ovth": {"npm": f"@ai-sdk/{package}", "options": options, "models": models}},
        }
        with open(os.path.join(folder, "opencode.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        switches = ["AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS"]
        return {f"OPENCODE_DISABLE_{name}": "1" for name in switches}

    def turns(self, folder, model):
        command = [program("opencode-linux-*/bin/opencode"), "run", "--model", f"ovth/{model}"]
        # It offers OpenAI's models another tool to write files with than all others.
        if model.startswith("gpt-"):
            patch = "*** Begin Patch\n*** Add File: first.txt\n+written by a tool\n*** End Patch"
            write = order("apply_patch", patchText=patch)
        else:
            write = order("write", filePath=os.path.join(folder, "first.txt"), content="written by a tool\n")
        double = order("bash", command="cat first.txt first.txt > second.txt", description="Doubles the file")
        return [
            Turn(command, write, "The tool said: ", "first.txt", "written by a tool\n"),
            Turn([*command, "--continue"], double, "The tool said: ", "second.txt", "written by a tool\n" * 2),
        ]


class Aider:
    """Aider, which speaks chat and calls no tools: an answer that holds a file is written to it."""

    name = "aider"
    shape = "chat"
    exchanges = 2

    def prepare(self, folder, gateway, key):
        # It and its library would fetch a list of prices each.
        caches = os.path.join(folder, "home", ".aider", "caches")
        os.makedirs(caches)
        with open(os.path.join(caches, "model_prices_and_context_window.json"), "w", encoding="utf-8") as file:
            json.dump({"none": {}}, file)
        return {
            "OPENAI_API_BASE": f"{gateway}/v1",
            "OPENAI_API_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "AIDER_ANALYTICS": "false",
        }

    def turns(self, folder, model):
        options = ("edit-format=whole no-git yes-always no-check-update no-show-release-notes no-show-model-warnings no-pretty "
                   "no-fancy-input no-detect-urls no-auto-lint no-suggest-shell-commands map-tokens=0")
        command = [os.path.join(INSTALLED, "venv", "bin", "aider"), "--model", f"openai/{model}",
                   *(f"--{option}" for option in options.split())]

        def prompt(file, content):
            said = f"Please write:\n\n{file}\n```\n{content}```"
            # The echo ends where the file does: before what Aider itself adds to the prompt.
            return f"{said}\n[words={len(f'You said: {said}'.split())}]"

        return [
            Turn([*command, "first.txt", "--message", prompt("first.txt", "written by an edit\n")], "",
                 "You said: ", "first.txt", "written by an edit\n"),
            Turn([*command, "first.txt", "second.txt", "--restore-chat-history", "--no-stream", "--message",
                  prompt("second.txt", "and by another\n")], "", "You said: ", "second.txt", "and by another\n"),
        ]
