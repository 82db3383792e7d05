#!/usr/bin/env bash
# Runs a command in a root folder as a container engine does, where there is none: namespaces of its own, a read-only root, three capabilities,
# no new privileges. For docker/test-image.sh, as root:
#   docker/run-in-container.sh ROOT CONFIG_MOUNT DATA_FOLDER COMMAND...
# CONFIG_MOUNT is SOURCE:TARGET. The variables of the caller go in; stop it by signalling its process 1.
set -euo pipefail
if [ "${1:-}" != --inside ]; then
    exec unshare --mount --pid --net --ipc --uts --fork --kill-child -- "$0" --inside "$@"
fi
shift
root=$1 config=$2 data=$3
shift 3

mount --make-rprivate /
ip link set lo up
mount --bind "$root" "$root"
mount --bind "${config%%:*}" "$root${config##*:}"
mount -o remount,bind,ro "$root${config##*:}"
mount --bind "$data" "$root/data"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o size=64k,mode=755 dev "$root/dev"
for device in null zero random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,bind,ro "$root"
# SYS_CHROOT is for the step into the root itself. Process 1 becomes the command: nothing else is in between.
exec setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all --bounding-set="-all${KEEP-,+chown,+setuid,+setgid},+sys_chroot" \
    chroot ${AS:+"--userspec=$AS" --groups=} "$root" "$@"
