#!/usr/bin/env bash
# Runs every fuzz target of every module, FUZZTIME each.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FUZZTIME:=30s}" "${PARALLEL:=2}"

git grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' -- '*_test.go' | sed -E 's/^([^:]+):[0-9]+:func (Fuzz[A-Za-z0-9_]+).*/\1 \2/' |
while read -r file target; do
  echo "$target in $(dirname "$file"), $FUZZTIME"
  # Minimising large inputs would take all the time there is.
  (cd "$(dirname "$file")" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 5x -parallel "$PARALLEL" . </dev/null | tail -n 3)
done
