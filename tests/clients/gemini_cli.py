"""Gemini CLI: how it is told where the gateway is, and what it is asked to do in its two turns."""

import json
import os
import shutil

from clients import INSTALLED, Turn, order, program


class GeminiCli:
    """Gemini CLI, which speaks generate_content."""

    name = "gemini_cli"
    shape = "generate_content"
    upstreams = ("generate_content", "messages", "chat")
    # Each turn: a call, and an answer to its result.
    exchanges = 4

    def prepare(self, folder, gateway, key):
        """Gives back its environment. It runs on Node, its own or the one that installed it."""
        settings = os.path.join(folder, "home", ".gemini")
        os.makedirs(settings)
        with open(os.path.join(settings, "settings.json"), "w", encoding="utf-8") as file:
            json.dump({
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "general": {"enableAutoUpdate": False},
                "privacy": {"usageStatisticsEnabled": False},
            }, file)
        return {
            "GOOGLE_GEMINI_BASE_URL": f"{gateway}/gemini",
            "GEMINI_API_KEY": key,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            # Else it starts itself once more, with more memory.
            "GEMINI_CLI_NO_RELAUNCH": "true",
        }

    def turns(self, folder, model):
        node = shutil.which("node", path=os.pathsep.join([os.environ["PATH"], os.path.join(INSTALLED, "venv", "bin")]))
        command = [node, program("@google/gemini-cli/bundle/gemini.js"), "--model", model, "--approval-mode", "yolo"]
        write = order("write_file", file_path=os.path.join(folder, "first.txt"), content="written by a tool\n")
        double = order("run_shell_command", command="cat first.txt first.txt > second.txt", description="Doubles the file")
        return [
            Turn([*command, "--prompt", write], "", "The tool said: ", "first.txt", "written by a tool\n"),
            Turn([*command, "--resume", "latest", "--prompt", double], "", "The tool said: ", "second.txt",
                 "written by a tool\n" * 2),
        ]
