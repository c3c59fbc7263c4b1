#!/usr/bin/env bash
# Runs every test of every module with the race detector, and lists what was skipped and why.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log" "$log.failed"' EXIT
status=0
nocgo='^Test(Conformance|Faults|TokenInit|HungC|OpenAndClose|WrongPIN|TwoProviders|Interfaces|SessionCancel|Lengths|ListThat|ListWith|Handles|SignatureOf|Generate|AlwaysAuth|KeyWithAPIN|RefusedUserPIN|LoginsWith|LockedPIN|FilesThat)'
# Nothing is built yet on a fresh machine, where the test of releases alone builds for three systems: Go gives a package 10 minutes.
# The SQLite of the service is C that was translated: to check each of its pointers is a third of the time of what uses it.
for module in $(go list -m -f '{{.Dir}}'); do
  # Not by PIPESTATUS, which "|| true" overwrites: a filter that prints nothing is no failure, a test that fails is.
  { (cd "$module" && go test -race -count=1 -timeout 25m -gcflags='modernc.org/...=-d=checkptr=0' -v ./... 2>&1) || touch "$log.failed"; } | tee -a "$log" |
    grep -vE '^\s*(=== |--- (PASS|SKIP)|PASS$)|^\s+\S+\.go:[0-9]+:' || true
  [ ! -e "$log.failed" ] || status=1
done
# Tokens as a program has them that was built without cgo: the main part of the tests, over SoftHSM2 and over a module that makes
# faults; then the calls with the race detector, which needs cgo beside them; then a build that loads nothing; then Windows.
without() { labelled 'without cgo' "$@"; }
labelled() {
  local label=$1
  shift
  { ("$@" 2>&1) || touch "$log.failed"; } | sed -E "s/^(\s*--- (PASS|FAIL|SKIP): )/\1$label: /" | tee -a "$log" |
    grep -vE '^\s*(=== |--- (PASS|SKIP)|PASS$)|^\s+\S+\.go:[0-9]+:' || true
  [ ! -e "$log.failed" ] || status=1
}
without env CGO_ENABLED=0 go test -count=1 -v -run "$nocgo" ./provider/pkcs11
without go test -race -count=1 -v -tags signet_nocgo ./provider/pkcs11/internal/p11
without go test -count=1 -v -tags signet_static ./provider/pkcs11
without bash scripts/windows.sh
# From Go 1.27 on the standard library has ML-DSA, and crypto/x509 reads keys and certificates that it leaves alone before. Nothing may
# take another way by that.
newer=go1.27.3
if GOTOOLCHAIN=$newer go version >/dev/null 2>&1; then
  labelled "$newer" env GOTOOLCHAIN=$newer go test -count=1 -v ./mldsa ./sign ./provider/soft ./internal/algorithm ./testsign
  labelled "$newer" env GOTOOLCHAIN=$newer go test -count=1 -v -run Quantum ./cades
else
  printf -- '--- SKIP: %s\n    scripts/test.sh:0: SKIPPED: the toolchain %s cannot be had, so that nothing was tried with it\n' $newer $newer | tee -a "$log"
fi
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
