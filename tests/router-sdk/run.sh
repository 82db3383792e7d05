#!/usr/bin/env bash
# Runs OpenRouter's own SDKs for Node, and OpenAI's with its fields, against a gateway in front of the simulator; the packages go into a
# throw-away folder. Without Node 20 or npm it says so and leaves the tests out.
set -euo pipefail
cd "$(dirname "$0")"
repository=$(cd ../.. && pwd)
export OVTH_BIN=${OVTH_BIN:-${CARGO_TARGET_DIR:-$repository/target}/debug/ovth}
[ -x "$OVTH_BIN" ] || { echo "$OVTH_BIN is missing: run 'cargo build' first" >&2; exit 1; }
if ! command -v node >/dev/null || ! command -v npm >/dev/null || [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
    echo "Node 20 with npm is not here: the tests of the router's SDKs are left out (scripts/setup.sh test installs it where it may)"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp package.json package-lock.json ./*.mjs "$folder"
export OVTH_CONFIG="$repository/conf/config.minimal.yaml"
cd "$folder"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    { echo "npm could not get the packages: the tests of the router's SDKs are left out"; exit 0; }
node --test --test-concurrency=1 --test-reporter=spec
echo "OK, the router's SDKs"
