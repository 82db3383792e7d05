#!/usr/bin/env bash
# Runs each fuzz target for FUZZ_SECONDS (300), or those in FUZZ_TARGETS, one after the other, and tells executions and findings.
set -euo pipefail
cd "$(dirname "$0")"

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
    exit 1
fi
python3 seeds.py
# No sanitizer: the filters forbid unsafe code, and without one everything runs twice as fast.
cargo +nightly fuzz build --sanitizer none

failed=0
for target in ${FUZZ_TARGETS:-$(cargo +nightly fuzz list)}; do
    log="$(mktemp)"
    if nice -n 10 cargo +nightly fuzz run --sanitizer none "$target" -- -max_total_time="${FUZZ_SECONDS:-300}" -timeout=10 -rss_limit_mb=2048 \
        -max_len=65536 -print_final_stats=1 >"$log" 2>&1; then
        finding="no finding"
    else
        finding="FAILED: $(grep -m1 -E 'Test unit written to|timeout after|panicked at' "$log" || tail -n 1 "$log")"
        failed=1
        grep -A4 'panicked at' "$log" | cut -c1-2000 || true
    fi
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    coverage="$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1)"
    printf '%-18s %10s runs, %s, %s\n' "$target" "${runs:-?}" "${coverage:-cov: ?}" "$finding"
    rm -f "$log"
done
exit "$failed"
