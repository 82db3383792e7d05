#!/usr/bin/env python3
"""Makes seeds out of recorded exchanges: the project's own fixtures, and what OVTH_RECORDINGS names. They are never committed."""

import json
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
# Larger ones make a fuzzer slow.
MAX_BYTES = 48 * 1024
FOLDERS = [
    ("chat-completions", "chat"),
    ("messages", "messages"),
    ("responses", "responses"),
    ("generate-content", "generate_content"),
]


def inputs(shape: str, exchange: dict) -> list[tuple[str, bytes]]:
    """The targets that an exchange says something to, with what it says."""
    found = []
    request, response = (exchange.get("request") or {}).get("body"), exchange.get("response") or {}
    if isinstance(request, dict):
        body = json.dumps(request, ensure_ascii=False).encode()
        found += [(f"request_{shape}", body), ("passing", body), ("json", body)]
    if exchange.get("stream") and isinstance(response.get("body_text"), str):
        stream = response["body_text"].encode()
        found += [(f"stream_{shape}", stream), ("sse", stream)]
    elif isinstance(response.get("body"), dict):
        found.append((f"answer_{shape}", json.dumps(response["body"], ensure_ascii=False).encode()))
    return found


def main() -> None:
    roots = [HERE.parent / "tests/fixtures/recordings"]
    if os.environ.get("OVTH_RECORDINGS"):
        roots.append(pathlib.Path(os.environ["OVTH_RECORDINGS"]))
    seeds = 0
    for root in roots:
        for folder, shape in FOLDERS:
            for path in sorted((root / folder).glob("*.json")):
                for target, body in inputs(shape, json.loads(path.read_bytes())):
                    if len(body) > MAX_BYTES:
                        continue
                    # Each seed begins with other choices, so that all of them are tried.
                    header = b"" if target == "json" else (seeds * 0x9E3779B9 % 2**32).to_bytes(4, "big")
                    corpus = HERE / "corpus" / target
                    corpus.mkdir(parents=True, exist_ok=True)
                    (corpus / f"{shape}-{path.stem}").write_bytes(header + body)
                    seeds += 1
    envelopes = HERE / "corpus" / "envelope"
    envelopes.mkdir(parents=True, exist_ok=True)
    payloads = [b'{"f":"as","d":"EqQB"}', b'{"f":"gs","d":"sig","i":"toolu_1"}', b"YQ.Yg.Yw.e30", b"EqQB"]
    for number, payload in enumerate(payloads):
        for where in range(0, 64, 5):
            (envelopes / f"{number}-{where}").write_bytes(bytes([number, 3 * where, 0, where]) + payload)
            seeds += 1
    print(f"{seeds} seeds in {HERE / 'corpus'}")


if __name__ == "__main__":
    main()
