#!/usr/bin/env bash
# Runs every fuzz target of every module, FUZZTIME each. A package is built once for all its targets, while those before it run.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FUZZTIME:=30s}" "${PARALLEL:=2}"
work=$(mktemp -d) cache=$(go env GOCACHE)/fuzz
builder=
trap '[ -z "$builder" ] || kill "$builder" 2>/dev/null || true; rm -rf "$work"' EXIT

git grep -nE '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F\)' -- '*_test.go' | sed -E 's/^([^:]+)\/[^/:]+:[0-9]+:func (Fuzz[A-Za-z0-9_]+).*/\1 \2/' | sort >"$work/targets"
[ -s "$work/targets" ] || { echo "there is no fuzz target"; exit 1; }

# Only the code of this repository tells which inputs are new, so that all the rest is what other builds have compiled already: with
# "go test -fuzz" a database that was translated from C, and the SDKs of clouds, would be built once more, and would guide nothing.
(
  cut -d' ' -f1 "$work/targets" | uniq | while read -r folder; do
    name=${folder//\//_}
    if (cd "$folder" && go list . && go test -c -gcflags='github.com/seed-116355fd/signet/...=-d=libfuzzer' -o "$work/$name.test" .) </dev/null >"$work/$name.log" 2>&1; then
      touch "$work/$name.built"
    else
      touch "$work/$name.failed"
    fi
  done
) &
builder=$!

while read -r folder target; do
  echo "$target in $folder, $FUZZTIME"
  name=${folder//\//_}
  until [ -e "$work/$name.built" ]; do
    if [ -e "$work/$name.failed" ] || ! kill -0 "$builder" 2>/dev/null && [ ! -e "$work/$name.built" ]; then
      echo "$folder does not build:"
      cat "$work/$name.log"
      exit 1
    fi
    sleep 0.1
  done
  # Minimising large inputs would take all the time there is.
  log=$(cd "$folder" && "$work/$name.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 5x -test.parallel "$PARALLEL" \
    -test.fuzzcachedir "$cache/$(head -n 1 "$work/$name.log")" </dev/null 2>&1) || {
    # A worker that is at work when the time is over is sometimes reported as a failure (go.dev/issue/48591). A real one
    # names the input that failed.
    if ! grep -q 'Failing input written' <<<"$log" && grep -q 'context deadline exceeded' <<<"$log"; then
      echo "the time was over while an input was tried"
    else
      printf '%s\n' "$log" | tail -n 40
      exit 1
    fi
  }
  # Without it, fuzzing would know nothing of what is new.
  ! grep -q 'without coverage guidance' <<<"$log" || { echo "$folder was built without instruments"; exit 1; }
  grep -E '^fuzz: elapsed' <<<"$log" | tail -n 1 || true
done <"$work/targets"
