#!/usr/bin/env bash
# Runs every test of every module with the race detector, and lists what was skipped and why.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log" "$log.failed"' EXIT
status=0
for module in $(go list -m -f '{{.Dir}}'); do
  # Not by PIPESTATUS, which "|| true" overwrites: a filter that prints nothing is no failure, a test that fails is.
  { (cd "$module" && go test -race -count=1 -v ./... 2>&1) || touch "$log.failed"; } | tee -a "$log" |
    grep -vE '^\s*(=== |--- (PASS|SKIP)|PASS$)|^\s+\S+\.go:[0-9]+:' || true
  [ ! -e "$log.failed" ] || status=1
done
if [ "$status" -ne 0 ]; then
  echo; echo "Failures:"
  grep -E -B 40 '^\s*--- FAIL|^FAIL|^panic:|DATA RACE' "$log" | grep -vE '^\s*(=== |--- (PASS|SKIP))' | tail -n 200
fi
if grep -qE '^\s*--- SKIP' "$log"; then
  echo; echo "Skipped:"
  grep -E -B 3 '^\s*--- SKIP' "$log" | grep -E '^\s*--- SKIP|^\s+\S+\.go:[0-9]+:' | sort | uniq -c
fi
passed=$(grep -cE '^\s*--- PASS' "$log") failed=$(grep -cE '^\s*--- FAIL' "$log") skipped=$(grep -cE '^\s*--- SKIP' "$log")
[ "$failed" -eq 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
