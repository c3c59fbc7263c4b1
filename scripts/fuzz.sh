#!/usr/bin/env bash
# Runs every fuzz target of every module, FUZZTIME each. A package is built once for all its targets.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FUZZTIME:=30s}" "${PARALLEL:=2}"
binary=$(mktemp) cache=$(go env GOCACHE)/fuzz
trap 'rm -f "$binary"' EXIT

built=
git grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' -- '*_test.go' | sed -E 's/^([^:]+):[0-9]+:func (Fuzz[A-Za-z0-9_]+).*/\1 \2/' | sort |
while read -r file target; do
  folder=$(dirname "$file")
  echo "$target in $folder, $FUZZTIME"
  if [ "$folder" != "$built" ]; then
    (cd "$folder" && go test -c -fuzz=. -o "$binary" . </dev/null)
    built=$folder package=$(cd "$folder" && go list .)
  fi
  # Minimising large inputs would take all the time there is.
  log=$(cd "$folder" && "$binary" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 5x -test.parallel "$PARALLEL" \
    -test.fuzzcachedir "$cache/$package" </dev/null 2>&1) || {
    # A worker that is at work when the time is over is sometimes reported as a failure (go.dev/issue/48591). A real one
    # names the input that failed.
    if ! grep -q 'Failing input written' <<<"$log" && grep -q 'context deadline exceeded' <<<"$log"; then
      echo "the time was over while an input was tried"
    else
      printf '%s\n' "$log" | tail -n 40
      exit 1
    fi
  }
  grep -E '^fuzz: elapsed' <<<"$log" | tail -n 1 || true
done
