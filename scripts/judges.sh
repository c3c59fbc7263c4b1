#!/usr/bin/env bash
# Signatures that are made in lanes, many of them (a million if there is no argument), judged by OpenSSL's library and by the standard library;
# of RSA fewer with longer keys. Without AVX-512 IFMA the kernels are run in plain Go, some thousand times slower.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -qw avx512ifma /proc/cpuinfo 2>/dev/null || echo "This processor has no lanes: a million signatures would take hours here."
SIGNET_JUDGED=${1:-1000000} go test -count=1 -timeout 0 -v -run TestJudges ./internal/lanes/p256lanes ./internal/lanes/rsalanes
