#!/usr/bin/env bash
# Installs llama.cpp's server, a small model and the official SDKs from PyPI into a cache folder outside of the repository
# (OVTH_TEST_CACHE names another one), and compares what the model says through the gateway with what it says when asked directly.
set -euo pipefail
cd "$(dirname "$0")"
repository=$(cd ../.. && pwd)
export OVTH_BIN=${OVTH_BIN:-${CARGO_TARGET_DIR:-$repository/target}/debug/ovth}
[ -x "$OVTH_BIN" ] || { echo "$OVTH_BIN is missing: run 'cargo build' first" >&2; exit 1; }

pins=$(cat ./*requirements.txt run.sh | sha256sum | cut -c1-12)
export OVTH_LOCAL_MODEL=${OVTH_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ovth-tests}/local-model-$pins
mkdir -p "$OVTH_LOCAL_MODEL"
exec 9>"$OVTH_LOCAL_MODEL/lock"
flock 9
if [ ! -e "$OVTH_LOCAL_MODEL/complete" ]; then
    echo "Installing the model and its server into $OVTH_LOCAL_MODEL (250 MB)" >&2
    rm -rf "$OVTH_LOCAL_MODEL/venv"
    "${PYTHON:-python3}" -m venv "$OVTH_LOCAL_MODEL/venv"
    pip=("$OVTH_LOCAL_MODEL/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
    "${pip[@]}" --no-deps -r server-requirements.txt
    "${pip[@]}" -r requirements.txt
    touch "$OVTH_LOCAL_MODEL/complete"
fi
flock -u 9

export PYTHONPATH="$repository/tests/support" PYTHONDONTWRITEBYTECODE=1
"$OVTH_LOCAL_MODEL/venv/bin/python" -m unittest -v ${TESTS:-test_local_model} 9>&-
