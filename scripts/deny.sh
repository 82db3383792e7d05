#!/usr/bin/env bash
# Checks dependencies by deny.toml. The advisories need a database from the network: where that cannot be reached the other checks run,
# and the output says what was left out.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

if ! "$cargo" deny --version >/dev/null 2>&1; then
    echo "left out: make deny, as cargo-deny is not installed and could not be (cargo install --locked cargo-deny)"
    exit 0
fi

"$cargo" deny --locked check licenses bans sources
if "$cargo" deny --locked fetch db >/dev/null 2>&1; then
    "$cargo" deny --locked check --disable-fetch advisories
else
    echo "left out: advisories of dependencies, as their database cannot be reached; run make deny where it can"
fi
