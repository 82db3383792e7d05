#!/usr/bin/env bash
# Finds out what this machine lacks for building and testing, and installs it with apt-get where it may;
# where it may not, it says exactly what to install and ends with status 1.
#   scripts/setup.sh build   what `cargo build` needs
#   scripts/setup.sh test    that, and what the SDK tests need
set -euo pipefail

purpose=${1:-build}
packages=()
have() { command -v "$1" >/dev/null 2>&1; }

have cc || packages+=(gcc libc6-dev)
# zlib-ng, which Pingora brings, is built with cmake, and cmake needs a make.
have cmake || packages+=(cmake)
have make || packages+=(make)
if [ "$purpose" = test ]; then
    # Debian's python3 has no venv of its own: ensurepip tells whether it is there.
    if ! have python3 || ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
        packages+=(python3 python3-venv)
    fi
    have curl || packages+=(curl)
    have openssl || packages+=(openssl)
    # The README makes a master key with openssl; curl and pip trust the system's certificates, and so do we.
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || packages+=(ca-certificates)
fi

if [ ${#packages[@]} -gt 0 ]; then
    install=()
    if have apt-get; then
        if [ "$(id -u)" = 0 ]; then
            install=(env DEBIAN_FRONTEND=noninteractive apt-get)
        elif have sudo && sudo -n true 2>/dev/null; then
            install=(sudo -n env DEBIAN_FRONTEND=noninteractive apt-get)
        fi
    fi
    if [ ${#install[@]} -eq 0 ]; then
        echo "These packages are missing (names as in Debian): ${packages[*]}" >&2
        echo "Install them, for example:  sudo apt-get install --no-install-recommends ${packages[*]}" >&2
        exit 1
    fi
    echo "Installing what is missing: ${packages[*]}" >&2
    "${install[@]}" update -q >&2
    "${install[@]}" install -q -y --no-install-recommends "${packages[@]}" >&2
fi

if ! have cargo; then
    echo "cargo is missing. Install Rust from https://rustup.rs and run this again." >&2
    exit 1
fi
