#!/usr/bin/env bash
# Lays out the files of the image, from a static binary:
#   docker/layout.sh BINARY FOLDER          makes FOLDER/root and FOLDER/data
set -euo pipefail
binary=${1:?the static binary} out=${2:?the folder to write to}

root=$out/root
mkdir -p "$root/app" "$root/etc/ssl/certs"
install -d -m 700 "$out/data"
install -m 755 "$binary" "$root/ovth"
# What rustls trusts; without it the list that is built into the binary would be used, with a warning.
install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
# Without this file glibc would ask DNS before /etc/hosts.
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
echo 'root:x:0:0:root:/:/ovth
ovth:x:10001:10001:OVTH Gateway:/data:/ovth' > "$root/etc/passwd"
echo 'root:x:0:
ovth:x:10001:' > "$root/etc/group"
