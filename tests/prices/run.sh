#!/usr/bin/env bash
# Has an independent calculator reckon what the recorded answers cost, in a throw-away environment.
set -euo pipefail
cd "$(dirname "$0")"
if [ -z "${OVTH_RECORDINGS:-}" ]; then
    echo "left out: the comparison of prices, because OVTH_RECORDINGS names no folder with recordings" >&2
    exit 0
fi
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
OVTH_PRICES="$environment/figures.jsonl" "${CARGO:-cargo}" test --locked --quiet --test prices
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt
PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" compare.py "$environment/figures.jsonl" "$OVTH_RECORDINGS"
