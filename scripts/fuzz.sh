#!/usr/bin/env bash
# Runs every fuzz target of every module, FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FUZZTIME:=30s}" "${PARALLEL:=2}"

git grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' -- '*_test.go' | sed -E 's/^([^:]+):[0-9]+:func (Fuzz[A-Za-z0-9_]+).*/\1 \2/' |
while read -r file target; do
  echo "$target in $(dirname "$file"), $FUZZTIME"
  # Minimising large inputs would take all the time there is.
  log=$(cd "$(dirname "$file")" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 5x -parallel "$PARALLEL" . </dev/null 2>&1) || {
    # A worker that is at work when the time is over is sometimes reported as a failure (go.dev/issue/48591). A real one
    # names the input that failed.
    if ! grep -q 'Failing input written' <<<"$log" && grep -q 'context deadline exceeded' <<<"$log"; then
      echo "the time was over while an input was tried"
    else
      printf '%s\n' "$log" | tail -n 40
      exit 1
    fi
  }
  tail -n 2 <<<"$log"
done
