#!/usr/bin/env bash
# Runs every test of every module, and lists what was skipped and why. What has concurrency runs with the race detector.
set -uo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
behind=() # process groups beside this one
trap 'for group in "${behind[@]}"; do kill -- "-$group" 2>/dev/null || true; done; rm -rf "$work"' EXIT

# The race detector makes ten seconds of computing of one. These packages have no goroutines that share anything: they drive programs of
# others one request at a time, build programs, or only compute. What computes is tried with the detector by the packages that call it
# from several goroutines.
plain=(interop scripts/release scripts/mutate slhdsa gost gost/gost94 gost/internal/... gost/streebog internal/lanes/... cades/validate internal/damage internal/received internal/testmessages pades sign/formats)
# Of some packages, tests that only compute: keys made and used one after the other, which is derivation of keys from passwords, ML-DSA and
# Streebog; files of up to a gigabyte that are read from one end to the other; vectors, and comparisons with other implementations.
alone=('cmd/signet/internal/cli ^Test(GOST|Quantum|Large)$' 'cades ^Test(Vast|LargeText)' 'internal/algorithm ^TestVectors$'
  'gost/gost3410 ^Test(SignReference|Groups|Exceptions|Infinity|Modulus)$' 'internal/p256verify ^Test(Signatures|Chosen|Parse)$'
  'internal/rsaverify ^Test(Signatures|Sizes)$' 'internal/pki ^TestGraphs')
# In the other packages it does not look into code that shares nothing but what it is called with, which is most of what it would spend its
# time on: numbers and hashes of cryptography, and Base64. A hash that two goroutines write to is still seen with SHA-512, and maps, slices
# and big numbers everywhere. Nothing with a sync.Map or an atomic.Pointer may stand here: such a package has copies of their generic code,
# and with one that tells the detector nothing it reports races that are none. So the SQLite of the service, C that was translated, goes
# without the check of its pointers only.
uninstrumented=()
for package in crypto/internal/fips140/{bigmod,edwards25519/...,hmac,nistec/...,pbkdf2,sha256} encoding/base64 filippo.io/{bigmod,mldsa/...} github.com/cloudflare/circl/...; do
  uninstrumented+=("-gcflags=$package=-race=false")
done
uninstrumented+=('-gcflags=modernc.org/...=-d=checkptr=0')
# Packages that wait, for a daemon or a program, come first and beside each other, so that none of them is left alone at the end.
first=(provider/pkcs11 bench/service service/confirm service/api service/cryptoapi service/confirm/faults)
nocgo='^Test(Conformance|Faults|TokenInit|HungC|OpenAndClose|WrongPIN|TwoProviders|Interfaces|SessionCancel|Lengths|ListThat|ListWith|Handles|SignatureOf|Generate|AlwaysAuth|KeyWithAPIN|RefusedUserPIN|LoginsWith|LockedPIN|FilesThat)'

# $lane names a log: three run side by side, and each has its own.
labelled() {
  local label=${1:+$1: } log=$work/$lane
  shift
  # Not by PIPESTATUS, which "|| true" overwrites: a filter that prints nothing is no failure, a test that fails is.
  { ("$@" 2>&1) || { echo "FAIL: $label$*" | cut -c1-300; touch "$work/failed"; }; } | tr -d '\r' |
    sed -E "s/^(\s*--- (PASS|FAIL|SKIP): )/\1$label/; s/^SKIPPED: .*/--- SKIP: $label&/" | tee -a "$log" |
    grep -vE '^\s*(=== |--- (PASS|SKIP)|PASS$)|^\s+\S+\.go:[0-9]+:' || true
}
gotest() { labelled "$1" go test -count=1 -timeout 25m -v "${@:2}"; } # nothing is built yet on a fresh machine: Go gives a package 10 minutes

mapfile -t modules < <(go list -m -f '{{.Dir}}')
mapfile -t all < <(go list "${modules[@]/%//...}")
mapfile -t unraced < <(go list "${plain[@]/#/./}")
mapfile -t ahead < <(go list "${first[@]/#/./}")
mapfile -t divided < <(for one in "${alone[@]}"; do go list "./${one%% *}"; done)
# All the others, each once; go test begins them in this order.
mapfile -t raced < <(printf '%s\n' "${ahead[@]}" "${all[@]}" | awk '!seen[$0]++' | grep -vxFf <(printf '%s\n' "${unraced[@]}" "${divided[@]}"))
if [ ${#ahead[@]} -ne ${#first[@]} ] || [ ${#divided[@]} -ne ${#alone[@]} ] || [ ${#unraced[@]} -lt ${#plain[@]} ] ||
  [ ${#raced[@]} -ne $((${#all[@]} - ${#unraced[@]} - ${#divided[@]})) ]; then
  echo "scripts/test.sh names packages that are not there"
  exit 1
fi

others() {
  gotest '' "${unraced[@]}"
  local one
  for one in "${alone[@]}"; do
    gotest '' -run "${one#* }" "./${one%% *}"
    gotest '' -race "${uninstrumented[@]}" -skip "${one#* }" "./${one%% *}"
  done
  # Tokens as a program has them that was built without cgo: the main part of the tests, over SoftHSM2 and over a module that makes
  # faults; then the calls with the race detector, which needs cgo beside them; then a build that loads nothing; then Windows.
  CGO_ENABLED=0 gotest 'without cgo' -run "$nocgo" ./provider/pkcs11
  gotest 'without cgo' -race "${uninstrumented[@]}" -tags signet_nocgo ./provider/pkcs11/internal/p11
  gotest 'without cgo' -tags signet_static ./provider/pkcs11
  labelled 'without cgo' bash scripts/windows.sh
  # From Go 1.27 on the standard library has ML-DSA, and crypto/x509 reads keys and certificates that it leaves alone before. Nothing may
  # take another way by that.
  local newer=go1.27.3
  if GOTOOLCHAIN=$newer go version >/dev/null 2>&1; then
    GOTOOLCHAIN=$newer gotest "$newer" ./mldsa ./sign ./provider/soft ./internal/algorithm ./testsign
    GOTOOLCHAIN=$newer gotest "$newer" -run Quantum ./cades
  else
    labelled "$newer" echo "SKIPPED: the toolchain cannot be had, so that nothing was tried with it"
  fi
}

# Where the processor has no lanes of a vector unit, tests run their assembly in plain Go, and an emulated processor shows that it does the
# same. It is given the time that is left over.
emulated() {
  grep -qw avx512ifma /proc/cpuinfo 2>/dev/null ||
    AVX512_TIME=1500 labelled 'avx512 emulated' nice -n 19 scripts/avx512.sh ./internal/lanes/*lanes ./internal/p256verify \
      ./gost/gost3410 ./gost/streebog ./provider/soft -test.run 'Plain|Fault|Wiped|InLanes|GroupStarts|VectorUnit|LanesOf' -test.v
}

# These have waits enough that two cores serve them; what the others say comes when the first has ended, unmixed.
set -m
for lane in others emulated; do
  ("$lane"; touch "$work/$lane.ended") >"$work/$lane.said" 2>&1 &
  behind+=($!)
done
set +m
lane=raced
gotest '' -race "${uninstrumented[@]}" "${raced[@]}"
for lane in others emulated; do
  wait "${behind[0]}" || touch "$work/failed"
  behind=("${behind[@]:1}")
  cat "$work/$lane.said"
  [ -e "$work/$lane.ended" ] || { echo "FAIL: $lane was ended before it was through"; touch "$work/failed"; }
done
log=$work/log status=0
cat "$work"/{raced,others,emulated} >"$log" 2>/dev/null
[ ! -e "$work/failed" ] || status=1
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
