#!/usr/bin/env bash
# Finds out what this machine lacks for building and testing, and installs it with apt-get where it may;
# where it may not, it says exactly what to install and ends with status 1.
#   scripts/setup.sh build   what `cargo build` needs
#   scripts/setup.sh test    that, and what the tests need; without the programs that some tests run with (caddy, nginx, prometheus, node), these say what they leave out
#   scripts/setup.sh check   what `make check` needs: also cargo-deny, which takes minutes to build once
set -euo pipefail

purpose=${1:-build}
packages=()
optional=()
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
    # Proxies that event streams are sent through.
    have caddy || optional+=(caddy)
    have nginx || [ -x /usr/sbin/nginx ] || optional+=(nginx-light)
    # What scrapes the gateway, and promtool, which checks rules.
    have prometheus && have promtool || optional+=(prometheus)
    # A hosted router's own SDKs are for Node.
    have node && have npm || optional+=(nodejs npm)
    # The README makes a master key with openssl; curl and pip trust the system's certificates, and so do we.
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || packages+=(ca-certificates)
fi

root=()
install=()
if have apt-get; then
    if [ "$(id -u)" = 0 ]; then
        root=(env)
    elif have sudo && sudo -n true 2>/dev/null; then
        root=(sudo -n)
    fi
    [ ${#root[@]} -eq 0 ] || install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get)
fi

if [ ${#packages[@]} -gt 0 ]; then
    if [ ${#install[@]} -eq 0 ]; then
        echo "These packages are missing (names as in Debian): ${packages[*]}" >&2
        echo "Install them, for example:  sudo apt-get install --no-install-recommends ${packages[*]}" >&2
        exit 1
    fi
    echo "Installing what is missing: ${packages[*]}" >&2
    "${install[@]}" update -q >&2
    "${install[@]}" install -q -y --no-install-recommends "${packages[@]}" >&2
fi

# Debian starts the services of what it installs, now and at each start of the machine; the tests want the programs alone.
install_without_service() {
    local package=$1 service=$2 policy=/usr/sbin/policy-rc.d mine=''
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null && "${root[@]}" chmod 755 "$policy" && mine=yes
    fi
    "${install[@]}" install -q -y --no-install-recommends "$package" >&2 || echo "$package cannot be installed: tests that need it say so" >&2
    [ -z "$mine" ] || "${root[@]}" rm -f "$policy"
    if have systemctl && [ -d /run/systemd/system ]; then
        "${root[@]}" systemctl disable --now "$service" >&2 || true
    fi
}

if [ ${#optional[@]} -gt 0 ]; then
    if [ ${#install[@]} -eq 0 ]; then
        echo "Not installed, so some tests are left out (names as in Debian): ${optional[*]}" >&2
    else
        echo "Installing for tests: ${optional[*]}" >&2
        "${install[@]}" update -q >&2 || true
        for package in "${optional[@]}"; do
            install_without_service "$package" "${package%-light}"
        done
    fi
fi

if ! have cargo; then
    echo "cargo is missing. Install Rust from https://rustup.rs and run this again." >&2
    exit 1
fi

if [ "$purpose" = check ] && ! cargo deny --version >/dev/null 2>&1; then
    echo "Installing cargo-deny, which takes some minutes." >&2
    # Without a network the checks that need it are left out, and say so.
    cargo install --locked --quiet cargo-deny >&2 || echo "cargo-deny cannot be installed." >&2
fi
