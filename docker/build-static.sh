#!/usr/bin/env bash
# Builds the gateway as one static binary and lays out the files of the image in a folder:
#   docker/build-static.sh FOLDER
# Static with glibc: no library has to come along, and names are looked up by `files` and `dns`, which glibc has built in.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:?the folder to write to}

target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
export CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=symbols
# Named, so that what runs at build time is not static too.
cargo build --release --locked --target "$target" --bin ovth
binary=${CARGO_TARGET_DIR:-target}/$target/release/ovth

if readelf -l "$binary" 2>/dev/null | grep -q INTERP; then
    echo "$binary is not static" >&2
    exit 1
fi
docker/layout.sh "$binary" "$out"
