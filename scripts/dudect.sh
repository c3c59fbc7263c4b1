#!/usr/bin/env bash
# Measures whether signing by GOST R 34.10-2012, and signing in lanes, takes another time with a fixed secret than with random ones. Arguments:
# -n COUNT. It wants a machine that does nothing else. The line of calibration has a difference that is there on purpose; every other line
# must have none.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '{"Replace": {"%s": "%s"}}' "$PWD/gost/gost3410/secrets_ctgrind.go" "$PWD/bench/gost/ctgrind/export.go.txt" >"$work/overlay.json"
(cd bench && go build -tags ctgrind -overlay "$work/overlay.json" -o "$work/dudect" ./gost/dudect)
"$work/dudect" "$@"
[ "${1:-}" = -n ] || set -- -n 20000
SIGNET_DUDECT=$2 go test -count=1 -timeout 0 -v -run TestTimes ./internal/lanes/p256lanes ./internal/lanes/rsalanes ./internal/lanes/gostlanes
