#!/usr/bin/env python3
"""Runs every ```sh block of README.md as printed, in order, in one shell, in a copy of the repository.

The providers are played by the simulator, by way of the environment; everything else is what a newcomer types.
A block whose fence says ```sh server keeps running: it is started in the background, and the next block begins when the
gateway is ready. Blocks with other fences (```console, ```yaml, ```python ...) are not run.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(REPOSITORY, "target"))
GATEWAY = ("127.0.0.1", 8080)
PATIENCE_SECONDS = 60
WHOLE_RUN_SECONDS = 1800

# Ends the servers with the shell, however that ends.
PRELUDE = """\
set -euo pipefail
set -m
servers=()
finish() { for server in "${servers[@]}"; do kill -TERM -- "-$server" 2>/dev/null || true; done; wait || true; }
trap finish EXIT
curl() { command curl --fail-with-body "$@"; }
ready() {
    for _ in $(seq 600); do
        command curl --silent --fail --output /dev/null http://127.0.0.1:8080/readyz && return
        kill -0 "$1" 2>/dev/null || { echo "the server ended" >&2; return 1; }
        sleep 0.1
    done
    echo "the server does not become ready" >&2
    return 1
}
"""


def blocks(text):
    """Yields (line, whether it keeps running, commands)."""
    pattern = re.compile(r"^```sh(?P<server> server)?\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL)
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, bool(match["server"]), match["commands"]


def script(text):
    parts = [PRELUDE]
    for line, server, commands in blocks(text):
        parts.append(f"echo '== README.md:{line}'\n")
        if server:
            parts.append(f"(\n{commands}) &\nservers+=($!)\nready $!\n")
        else:
            parts.append(commands)
    return "".join(parts)


def copy_repository(folder):
    """Copies what git knows or would add, so that nothing of this run is left in the repository."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             cwd=REPOSITORY, capture_output=True, check=False)
    if listing.returncode != 0:
        shutil.copytree(REPOSITORY, folder, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("target", "data", ".env", ".git"))
        return
    for name in filter(None, listing.stdout.decode().split("\0")):
        source, copy = os.path.join(REPOSITORY, name), os.path.join(folder, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(source, copy)


def is_reachable(address):
    try:
        with socket.create_connection(address, 1):
            return True
    except OSError:
        return False


def start_simulator():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    listen = f"{address[0]}:{address[1]}"
    binary = os.environ.get("OVTH_BIN", os.path.join(TARGET, "debug", "ovth"))
    simulator = subprocess.Popen([binary, "simulate", "--listen", listen], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_reachable(address):
        if simulator.poll() is not None or time.monotonic() > deadline:
            simulator.kill()
            sys.exit("the simulator does not start")
        time.sleep(0.02)
    return simulator, listen


def main():
    with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as readme:
        text = readme.read()
    count = len(list(blocks(text)))
    if count == 0:
        sys.exit("README.md has no ```sh block: nothing was checked")
    if is_reachable(GATEWAY):
        sys.exit("127.0.0.1:8080 is taken: the README's commands need it")
    simulator, listen = start_simulator()
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy_repository(folder)
            environment = {
                **os.environ,
                "CARGO_TARGET_DIR": TARGET,
                "PATH": os.path.join(TARGET, "debug") + os.pathsep + os.environ["PATH"],
                "OPENAI_API_KEY": "readme-key-of-the-simulator",
                "ANTHROPIC_API_KEY": "readme-key-of-the-simulator",
                "GOOGLE_API_KEY": "readme-key-of-the-simulator",
                "OPENAI_BASE_URL": f"http://{listen}/v1",
                "ANTHROPIC_BASE_URL": f"http://{listen}",
                "GOOGLE_BASE_URL": f"http://{listen}",
            }
            result = subprocess.run(["bash", "-c", script(text)], cwd=folder, env=environment,
                                    stdin=subprocess.DEVNULL, timeout=WHOLE_RUN_SECONDS, check=False)
    finally:
        simulator.terminate()
        simulator.wait()
    print(f"README.md: {count} blocks run, status {result.returncode}")
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
