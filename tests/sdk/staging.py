"""A gateway in front of a provider that replays: set up once for the tests of a module."""

import unittest

from replay import Replay
from servers import Servers

SECRET = "upstream-secret-0123456789"


def start(providers, environment=None):
    """Starts both for the module that is being set up: the gateway's URL, a key for it, and the provider.

    `providers` has for each provider, which is also its model, the shape that it speaks. `environment`: more of the gateway's, where
    `{url}` stands for the provider's address.
    """
    replay = Replay()
    replay.__enter__()
    unittest.addModuleCleanup(replay.__exit__)
    servers = Servers()
    servers.__enter__()
    unittest.addModuleCleanup(servers.__exit__)
    lines = ["providers:"]
    for name, shape in providers.items():
        base_url = f"{replay.url}/v1" if shape in ("chat", "responses") else replay.url
        lines.append(f'  {name}: {{base_url: "{base_url}", api_key: {SECRET}, shapes: [{shape}], models: [{name}]}}')
    more = {name: value.format(url=replay.url) for name, value in (environment or {}).items()}
    gateway = servers.start_gateway("\n".join(lines) + "\n", more)
    return gateway.url, gateway.mint("sdk")[1], replay
