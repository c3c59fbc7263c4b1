#!/usr/bin/env bash
# Looks for jumps and addresses that depend on private keys and nonces of GOST R 34.10-2012: valgrind holds them for undefined. Needs
# valgrind, its headers and a C compiler. The lines of calibration have errors that are there on purpose; every other line must have none.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null && [ -f /usr/include/valgrind/memcheck.h ] || { echo "SKIPPED: there is no valgrind"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '{"Replace": {"%s": "%s"}}' "$PWD/gost/gost3410/secrets_ctgrind.go" "$PWD/bench/gost/ctgrind/export.go.txt" >"$work/overlay.json"
(cd bench && CGO_ENABLED=1 go build -tags ctgrind,valgrind -overlay "$work/overlay.json" -o "$work/ctgrind" ./gost/ctgrind)
GOGC=off GOMAXPROCS=1 GODEBUG=asyncpreemptoff=1 valgrind --quiet --error-limit=no --log-file="$work/log" "$work/ctgrind" || { status=$?; grep -A6 -E 'Conditional|uninitialised' "$work/log" | head -60; exit $status; }
