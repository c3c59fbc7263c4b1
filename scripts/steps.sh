#!/usr/bin/env bash
# Makes signatures in lanes instruction by instruction, with different keys and nonces, and compares the addresses of all instructions and of
# all that they read and write. A first round has an address that depends on a secret on purpose, and must be found. Without AVX-512 IFMA only
# that part is looked at that is no assembly.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -qw avx512ifma /proc/cpuinfo 2>/dev/null || echo "SKIPPED: this processor has no lanes; only what is in Go is compared"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd bench && go build -o "$work/step" ./lanes/step)
for package in ${*:-p256lanes rsalanes gostlanes}; do
  go test -c -o "$work/$package.test" "./internal/lanes/$package"
  cd "internal/lanes/$package"
  echo "$package, calibration"
  ! SIGNET_STEPS=calibration "$work/step" "$work/$package.test" || { echo "FAILED: what depends on a secret was not found"; exit 1; }
  echo "found, as it must be"
  echo "$package"
  SIGNET_STEPS=all "$work/step" "$work/$package.test"
  cd - >/dev/null
done
