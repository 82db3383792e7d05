#!/usr/bin/env bash
# Builds the image's last stage and runs it, without a registry and without Docker: as root, with buildah, unshare and iproute2.
#   docker/test-image.sh [BINARY]      BINARY: a static ovth; without it docker/build-static.sh builds one
# What docker/Dockerfile does before its last stage is docker/build-static.sh, which runs here on this machine's own toolchain; the base image of that
# stage cannot be had without a registry. The container engine is played by docker/run-in-container.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD

for tool in buildah unshare setpriv chroot ip nsenter curl python3; do
    command -v "$tool" >/dev/null || { echo "left out: the image, as $tool is not installed"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "left out: the image, as this is not root"; exit 0; }

work=$(mktemp -d)
container='' image_mounted='' beside=()
buildah() { command buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }
finish() {
    local status=$? process
    [ -z "$container" ] || kill -KILL "$container" 2>/dev/null || true
    for process in "${beside[@]}"; do
        kill -KILL -- "-$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    [ -z "$image_mounted" ] || buildah umount "$image_mounted" >/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
fail() { echo "FAILED: $*" >&2; [ -f "$work/log" ] && tail -5 "$work/log" >&2; exit 1; }
milliseconds() { echo $((($(date +%s%N) - $1) / 1000000)); }

# --- build

if [ -n "${1:-}" ]; then docker/layout.sh "$1" "$work/image"; else docker/build-static.sh "$work/image"; fi
# The last stage is the Dockerfile's own; `build` is the folder that the first one would have made.
mkdir "$work/context"
mv "$work/image" "$work/context/image"
sed -n '/^FROM scratch/,$p' docker/Dockerfile > "$work/Dockerfile"
buildah build --quiet --isolation chroot --format docker --build-context "build=$work/context" --build-arg REVISION=test \
    -f "$work/Dockerfile" -t ovth-gateway "$work/context" > /dev/null
image_mounted=$(buildah from --pull-never ovth-gateway)
root=$(buildah mount "$image_mounted")
inspect() { buildah inspect --type image --format "$1" ovth-gateway; }
echo "image: $(buildah images --format '{{.Size}}' ovth-gateway), files: $(cd "$root" && find . -type f | sort | tr '\n' ' ')"
[ "$(inspect '{{.Docker.Config.Entrypoint}}')" = '[/ovth]' ] || fail "the entry point"
inspect '{{.Docker.Config.Healthcheck.Test}}' | grep -q '/ovth health' || fail "no health check"
inspect '{{.Docker.Config.Labels}}' | grep -q 'org.opencontainers.image.title' || fail "no labels"
inspect '{{.Docker.Config.Env}}' | grep -qiE '(KEY|SECRET|TOKEN)=' && fail "a secret among the variables"
[ "$(stat -c %u "$root/data")" = 10001 ] || fail "/data is not the gateway's"
mapfile -t settings < <(inspect '{{range .Docker.Config.Env}}{{println .}}{{end}}' | grep -E '^(OVTH_|container=)')

# What an engine adds to a root.
mkdir -p "$root/proc" "$root/dev"
touch "$root/.dockerenv"
printf 'nameserver 127.0.0.1\n' > "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n127.0.0.1 by-file.test\n' > "$root/etc/hosts"

# --- a folder that ovth init made, in the container, for a user of the machine

mkdir "$work/app"
chown 1000:1000 "$work/app"
(cd "$work/app" && "$root/ovth" init > /dev/null)
[ "$(stat -c %u:%a "$work/app/.env")" = 1000:600 ] || fail "init leaves .env to another user"
sed -i 's/^OPENAI_API_KEY=.*/OPENAI_API_KEY=sk-of-nobody-0123456789/' "$work/app/.env"
cat >> "$work/app/config.yaml" <<'YAML'
providers:
  by-file: {base_url: "http://by-file.test:9090/v1", api_key: key-of-the-simulator, models: [by-file]}
  by-dns: {base_url: "http://by-dns.test:9090/v1", api_key: key-of-the-simulator, models: [by-dns]}
YAML

# docker's `env_file`
mapfile -t variables < <(grep -E '^[A-Z_]+=.' "$work/app/.env")
master=$(sed -n 's/^OVTH_MASTER_KEY=//p' "$work/app/.env")

start() { # CONFIG_MOUNT DATA, more by the variables AS and KEEP
    : > "$work/log"
    env -i PATH="$PATH" ${AS:+AS="$AS"} ${KEEP+KEEP="$KEEP"} "${settings[@]}" "${variables[@]}" \
        "$repository/docker/run-in-container.sh" "$root" "$1" "$2" /ovth serve 2> "$work/log" &
    engine=$!
    container=''
    for _ in $(seq 200); do
        # The child of unshare is process 1 of the container, once it is the gateway.
        container=$(cat "/proc/$engine/task/$engine/children" 2>/dev/null | tr -d ' ') || true
        [ -n "$container" ] && [ "$(cat "/proc/$container/comm" 2>/dev/null)" = ovth ] && return 0
        kill -0 "$engine" 2>/dev/null || return 0
        sleep 0.02
    done
    fail "no process 1"
}
inside() { nsenter --target "$container" --mount --net --root --wd -- "$@"; }
outside() { nsenter --target "$container" --net -- "$@"; }
healthy() {
    for _ in $(seq 500); do
        inside /ovth health > "$work/health" 2>&1 && return 0
        kill -0 "$container" 2>/dev/null || fail "it ended"
        sleep 0.02
    done
    fail "not healthy: $(cat "$work/health")"
}
field() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$container/status" | tr '\t' ' '; }

# --- as docker-compose.yml starts it: the folder mounted at /app, ./data made by the engine as root's

mkdir "$work/data"
began=$(date +%s%N)
start "$work/app:/app" "$work/data"
healthy
echo "starts and is healthy within $(milliseconds "$began") ms: $(cat "$work/health")"
[ "$(field NSpid | awk '{print $NF}')" = 1 ] || fail "it is not process 1"
[ "$(field Uid)" = "10001 10001 10001 10001" ] || fail "it runs as $(field Uid)"
[ "$(field Gid)" = "10001 10001 10001 10001" ] || fail "its group is $(field Gid)"
[ -z "$(field Groups | tr -d ' ')" ] || fail "its groups are $(field Groups)"
[ "$(field CapEff)$(field CapPrm)" = 00000000000000000000000000000000 ] || fail "it has capabilities"
echo "/proc/$container/status: Uid $(field Uid), Gid $(field Gid), CapEff $(field CapEff), NoNewPrivs $(field NoNewPrivs), VmRSS $(field VmRSS)"
grep -qE "^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / ro[, ]" "/proc/$container/mountinfo" || fail "its root can be written to"
[ "$(stat -c %u "$work/data" "$work/data/ovth.redb" | sort -u)" = 10001 ] || fail "the data is not its own"
grep -q 'no certificate authorities' "$work/log" && fail "it finds no certificate authorities"

# A provider, by a name of /etc/hosts and by one that only DNS knows: glibc is static and must look up both.
setsid nsenter --target "$container" --net -- "$root/ovth" simulate --listen 127.0.0.1:9090 > /dev/null 2>&1 &
beside+=($!)
setsid nsenter --target "$container" --net -- python3 - "$work/dns" <<'PY' &
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
open(sys.argv[1], "w").close()
while True:
    query, client = server.recvfrom(512)
    end = query.index(0, 12) + 1
    asked, kind = query[12:end + 4], query[end:end + 2]
    answers = [b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"] if kind == b"\0\1" and b"by-dns" in asked else []
    server.sendto(query[:2] + b"\x81\x80\0\1" + bytes([0, len(answers)]) + b"\0\0\0\0" + asked + b"".join(answers), client)
PY
beside+=($!)
for _ in $(seq 200); do [ -e "$work/dns" ] && break; sleep 0.02; done
ask() { outside curl --silent --fail-with-body "$@"; }
outside curl --silent --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null http://127.0.0.1:9090/v1/models || fail "no provider"
key=$(ask http://127.0.0.1:8080/admin/keys -H "Authorization: Bearer $master" -d '{"label":"image"}' | sed 's/.*"key":"\([^"]*\)".*/\1/')
for model in by-file by-dns; do
    ask -o "$work/answer" http://127.0.0.1:8080/v1/chat/completions -H "Authorization: Bearer $key" \
        -d "{\"model\":\"$model/$model\",\"messages\":[{\"role\":\"user\",\"content\":\"Say hello.\"}]}" || fail "$model: $(cat "$work/answer")"
done
ask -o "$work/metrics" http://127.0.0.1:9464/metrics && grep -q '^ovth_' "$work/metrics" || fail "no metrics on port 9464"
echo "answers over providers found by /etc/hosts and by DNS; metrics inside on port 9464"

stop() { # says how long it took
    local began
    began=$(date +%s%N)
    kill -TERM "$container"
    wait "$engine" && status=0 || status=$?
    echo "$1: SIGTERM, status $status, $(milliseconds "$began") ms"
    [ "$status" = 0 ] || fail "it ended with $status"
    container=''
}
stop "idle"

# --- as the guide's own compose file starts it: the file mounted, the data of the run before

mkdir "$work/single"
cp "$work/app/config.yaml" "$work/single.yaml"
touch "$root/app/config.yaml"
start "$work/single.yaml:/app/config.yaml" "$work/data"
healthy
outside curl --silent --fail http://127.0.0.1:8080/v1/models -H "Authorization: Bearer $key" > /dev/null || fail "the key is gone"
echo "the guide's mount of the file: healthy, and the key of the run before is known"
stop "idle"
rm "$root/app/config.yaml"

# --- what cannot work is told

refused() { # WHAT TEXT, then as start
    local what=$1 text=$2
    shift 2
    start "$@"
    wait "$engine" && fail "$what: it started"
    container=''
    grep -q -- "$text" "$work/log" || fail "$what: $(cat "$work/log")"
    echo "$what: $(head -1 "$work/log")"
}
mkdir "$work/roots" "$work/made-by-docker"
AS=1000:1000 refused "user 1000, data of root's" "sudo chown -R 1000:1000 ./data" "$work/app:/app" "$work/roots"
KEEP='' refused "root without capabilities" "cannot become user 10001:10001" "$work/app:/app" "$work/roots"
mkdir "$root/app/config.yaml"
refused "a folder in the place of config.yaml" "is a folder" "$work/made-by-docker:/app/config.yaml" "$work/roots"
rmdir "$root/app/config.yaml"

chown 1000:1000 "$work/roots"
AS=1000:1000 start "$work/app:/app" "$work/roots"
healthy
[ "$(field Uid)" = "1000 1000 1000 1000" ] || fail "it runs as $(field Uid)"
echo "user 1000 from the start, with a data folder of its own: healthy"
stop "idle"
echo "OK"
