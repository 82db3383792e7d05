"""A simulator and a gateway in front of it, as processes of their own, on a temporary folder and free loopback ports."""

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

MASTER_KEY = "master-0123456789abcdef0123456789abcdef"
PATIENCE_SECONDS = 30

# The guide's file, unchanged: where the providers are is the environment's business.
with open(os.path.join(os.path.dirname(__file__), "..", "..", "conf", "config.minimal.yaml"), encoding="utf-8") as _file:
    CONFIG = _file.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stage:
    """Use as a context manager; both processes are ended when it closes, and their logs shown if a start failed."""

    def __enter__(self):
        self.processes = []
        self.folder = tempfile.TemporaryDirectory()
        try:
            simulator = f"127.0.0.1:{free_port()}"
            self.start("simulator", ["simulate", "--listen", simulator], {})
            self.wait_for_port(simulator)
            self.simulator = f"http://{simulator}"

            listen = f"127.0.0.1:{free_port()}"
            with open(os.path.join(self.folder.name, "config.yaml"), "w", encoding="utf-8") as config:
                config.write(CONFIG)
            self.base_url = f"http://{listen}"
            self.start("gateway", ["serve", "--config", "config.yaml"], {
                "OVTH_LISTEN": listen,
                "OVTH_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
                "OVTH_ACCOUNT_CHECK": "never",
                "OVTH_DATA_DIR": os.path.join(self.folder.name, "data"),
                "OVTH_MASTER_KEY": MASTER_KEY,
                "OPENAI_API_KEY": "simulated-openai-key-0123456789",
                "OPENAI_BASE_URL": f"http://{simulator}/v1",
                "ANTHROPIC_API_KEY": "simulated-anthropic-key-0123456789",
                "ANTHROPIC_BASE_URL": f"http://{simulator}",
                "GOOGLE_API_KEY": "simulated-google-key-0123456789",
                "GOOGLE_BASE_URL": f"http://{simulator}",
            })
            self.wait_for(f"{self.base_url}/readyz")
        except BaseException:
            self.show_logs()
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.folder.cleanup()

    def start(self, name, arguments, environment):
        with open(os.path.join(self.folder.name, f"{name}.log"), "wb") as log:
            self.processes.append(subprocess.Popen(
                [os.environ["OVTH_BIN"], *arguments],
                cwd=self.folder.name,
                env={"PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            ))

    def wait_for_port(self, address):
        host, port = address.split(":")

        def reachable():
            with socket.create_connection((host, int(port)), 1):
                return True

        self.poll(address, reachable)

    def wait_for(self, url):
        def ready():
            with urllib.request.urlopen(url, timeout=1) as response:
                return response.status == 200

        self.poll(url, ready)

    def poll(self, what, ready):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self.processes):
                raise RuntimeError("a process ended at its start")
            try:
                if ready():
                    return
            except (OSError, urllib.error.URLError):
                pass
            time.sleep(0.02)
        raise RuntimeError(f"{what} did not become ready")

    def show_logs(self):
        for name in ("simulator", "gateway"):
            path = os.path.join(self.folder.name, f"{name}.log")
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as log:
                    print(f"--- {name} ---\n{log.read()}")

    def mint(self, label, daily_tokens=None):
        body = {"label": label}
        if daily_tokens is not None:
            body["quota"] = {"daily_tokens": daily_tokens}
        request = urllib.request.Request(
            f"{self.base_url}/admin/keys",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {MASTER_KEY}"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return json.load(response)["key"]
