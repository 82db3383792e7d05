#!/usr/bin/env bash
# Runs the official Python SDKs against a gateway in front of the simulator and of recorded traffic, in a throw-away environment.
set -euo pipefail
cd "$(dirname "$0")"
repository=$(cd ../.. && pwd)
export OVTH_BIN=${OVTH_BIN:-${CARGO_TARGET_DIR:-$repository/target}/debug/ovth}
[ -x "$OVTH_BIN" ] || { echo "$OVTH_BIN is missing: run 'cargo build' first" >&2; exit 1; }

environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt
export PYTHONPATH="$repository/tests/support"
PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" -m unittest -v test_sdks test_rules test_translation test_translated_requests test_translated_history \
    test_translated_models test_translated_errors test_translated_responses test_responses test_google test_translated_google
