"""Servers under test as processes of their own, on free loopback ports and in one temporary folder."""

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

MASTER_KEY = "master-0123456789abcdef0123456789abcdef"
PATIENCE_SECONDS = 60
# The most of a log that is shown.
LOG_BYTES = 20_000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def binary():
    """The gateway, as `make` built it."""
    return os.environ["OVTH_BIN"]


def call(url, body=None, headers=None, method=None):
    """Asks with JSON and gives back what was answered as JSON; a status from 400 on is an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json", **(headers or {})},
                                     method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        return json.load(response)


def poll(what, ready, alive=lambda: True):
    """Waits until `ready` gives something true, and gives it back."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    hindrance = None
    while time.monotonic() < deadline:
        if not alive():
            raise RuntimeError(f"a process ended before {what}")
        try:
            if found := ready():
                return found
        except (OSError, urllib.error.URLError) as error:
            hindrance = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()
        time.sleep(0.02)
    raise RuntimeError(f"it did not come to this: {what} ({hindrance})")


class Servers:
    """Use as a context manager: on leaving it every process is ended by its pid and the folder is removed."""

    def __enter__(self):
        self.processes = {}
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in reversed(self.processes.values()):
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    def start(self, name, command, environment):
        with open(self.log(name), "wb") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env={"PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def show_logs(self):
        for name in self.processes:
            with open(self.log(name), "rb") as log:
                print(f"--- {name} ---\n{log.read()[-LOG_BYTES:].decode(errors='replace')}")

    def wait_for(self, url):
        """Waits until an URL answers 200."""
        def ready():
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.status == 200
        try:
            poll(f"{url} answers", ready, lambda: all(process.poll() is None for process in self.processes.values()))
        except RuntimeError:
            self.show_logs()
            raise

    def start_simulator(self):
        """Starts `ovth simulate` and gives back its URL."""
        listen = f"127.0.0.1:{free_port()}"
        self.start("simulator", [binary(), "simulate", "--listen", listen], {})
        self.wait_for(f"http://{listen}/_sim/default/requests")
        return f"http://{listen}"

    def start_gateway(self, config, environment=None):
        """Starts the gateway with that configuration."""
        listen = f"127.0.0.1:{free_port()}"
        with open(os.path.join(self.folder, "config.yaml"), "w", encoding="utf-8") as file:
            file.write(config)
        self.start("gateway", [binary(), "serve", "--config", "config.yaml"], {
            "OVTH_LISTEN": listen,
            "OVTH_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
            "OVTH_DATA_DIR": os.path.join(self.folder, "data"),
            "OVTH_MASTER_KEY": MASTER_KEY,
            "OVTH_ACCOUNT_CHECK": "never",
            **(environment or {}),
        })
        self.wait_for(f"http://{listen}/readyz")
        return Gateway(f"http://{listen}")


class Gateway:
    """A running gateway, by way of its admin API."""

    def __init__(self, url):
        self.url = url

    def admin(self, path, body=None):
        return call(f"{self.url}{path}", body, {"authorization": f"Bearer {MASTER_KEY}"})

    def mint(self, label):
        """Makes a key: its id, and the secret that a client presents."""
        made = self.admin("/admin/keys", {"label": label})
        return made["id"], made["key"]

    def exchanges(self, key_id, count):
        """The exchanges of a key, oldest first, as soon as there are so many; settling takes a moment."""
        def listed():
            found = self.admin(f"/admin/exchanges?key={key_id}&limit=500")["data"]
            return found if len(found) >= count else None
        return sorted(poll(f"the ledger has {count} exchanges", listed), key=lambda exchange: exchange["id"])
