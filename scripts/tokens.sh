#!/usr/bin/env bash
# The longer matrix: runs the tests of provider/pkcs11 that are about one module each, over the modules of this machine and over
# those of other releases of Debian, and prints a table with versions for docs/hsm.md.
#
#   scripts/tokens.sh [RELEASE ...]     # trixie, if none is given; - for this machine only
#
# Kryoptic is built from its crate, where cargo and libclang are; a release of Debian is unpacked into a folder of the cache by
# mmdebstrap and entered with unshare and chroot, which needs root. What cannot be had is said and left out.
set -uo pipefail
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/signet-tests
releases=("${@:-trixie}")
tests='TestConformance(SoftHSM|NSS|TPM|Remote|Kryoptic)|TestKryopticMLDSA|TestURIByTheProxy|TestOpenCryptoki|TestGivenCard|TestCard(Keys|PINAlways|WrongPIN|Pulled|Swapped|HeldByAnotherProgram)|TestPCSCDKilled'
packages=pcscd,vsmartcard-vpcd,opensc,opensc-pkcs11,ykcs11,softhsm2,p11-kit,p11-kit-modules,libnss3-tools,swtpm,libtpm2-pkcs11-1,libtss2-tcti-swtpm0t64,opencryptoki,gcc,libc6-dev

# kryoptic adds a copy of OpenSSL to the published crate: with its feature pqc, for ML-DSA, it wants 3.5 or later.
kryoptic() {
  local module=$cache/kryoptic-pqc/libkryoptic_pkcs11.so folder
  [ ! -e "$module" ] || return 0
  command -v cargo >/dev/null || { echo "No cargo, so no kryoptic." >&2; return; }
  ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || { echo "No libclang, so no kryoptic (apt-get install libclang1)." >&2; return; }
  echo "Building kryoptic, some minutes" >&2
  folder=$(mktemp -d)
  (cd "$folder" && cargo init -q --lib --name fetch && cargo add -q kryoptic@1.5.4 --no-default-features && cargo fetch -q &&
    cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/kryoptic-1.5.4 kryoptic && cd kryoptic && rm -f Cargo.lock &&
    printf '\n[dependencies.openssl-sys]\nversion = "0.9"\nfeatures = ["vendored"]\n' >>Cargo.toml &&
    BINDGEN_EXTRA_CLANG_ARGS="-I$(gcc -print-file-name=include)" cargo build -q --release --no-default-features --features standard,pqc,kryoptic-lib/openssl-sys &&
    mkdir -p "$cache/kryoptic-pqc" && cp target/release/libkryoptic_pkcs11.so "$module") >"$folder.log" 2>&1 ||
    { echo "Could not build kryoptic; see $folder.log" >&2; return; }
  rm -rf "$folder" "$folder.log"
}

# table reads the output of the tests.
table() {
  echo "== $1"
  grep -E '^\s*--- (PASS|FAIL|SKIP): Test[A-Za-z]+(/(opensc|ykcs11))? ' "$2" | grep -vE '^--- \w+: (TestGivenCard|TestCard\w+|TestPCSCDKilled) ' |
    sed -E 's/^ *--- (PASS|FAIL|SKIP): (\S+) \((.*)\)/\1  \2  \3/' | sort -u
  grep -ohE '(OpenSC smartcard framework|PKCS#11 PIV Library \(SP-800-73\)|Kryoptic PKCS11 Module|SKIPPED:).*' "$2" | sort -u | sed 's/^/      /'
}

# versions lists the packages that the modules are of, in a root.
versions() { dpkg-query --root="$1" -W -f '      ${Package} ${Version}\n' pcscd opensc-pkcs11 ykcs11 softhsm2 p11-kit libnss3 swtpm libtpm2-pkcs11-1 opencryptoki 2>/dev/null; }

kryoptic
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/pkcs11.test" ./provider/pkcs11 || exit 1
[ ! -e "$cache/kryoptic-pqc/libkryoptic_pkcs11.so" ] || cp "$cache/kryoptic-pqc/libkryoptic_pkcs11.so" "$work/"
cd provider/pkcs11
timeout 900 "$work/pkcs11.test" -test.v -test.run "^($tests)\$" >"$work/here.log" 2>&1
table "this machine" "$work/here.log"
versions /
status=0
grep -q '^--- FAIL' "$work/here.log" && { status=1; cp "$work/here.log" "${TMPDIR:-/tmp}/tokens-here.log"; }
for release in "${releases[@]}"; do
  [ "$release" != - ] || continue
  root=$cache/$release
  if [ ! -d "$root/usr" ]; then
    command -v mmdebstrap >/dev/null && mmdebstrap --quiet --variant=essential --include="$packages" "$release" "$root" >"$work/$release.log" 2>&1 ||
      { echo "== $release cannot be unpacked here (apt-get install mmdebstrap, as root)"; tail -3 "$work/$release.log" 2>/dev/null; continue; }
  fi
  mkdir -p "$root/work" "$root/tests"
  unshare -m bash -c 'root=$1 work=$2; shift 2
    for d in proc dev sys; do mount --rbind /$d "$root/$d"; done
    mount --bind "$PWD" "$root/work" && mount --bind "$work" "$root/tests" &&
    exec chroot "$root" sh -c "export SIGNET_TEST_KRYOPTIC=/tests/libkryoptic_pkcs11.so; cd /work && exec timeout 900 /tests/pkcs11.test -test.v -test.run \"\$1\"" sh "$1"' bash "$root" "$work" "^($tests)\$" >"$work/$release.log" 2>&1
  table "Debian $release" "$work/$release.log"
  versions "$root"
  grep -q '^--- FAIL' "$work/$release.log" && { status=1; cp "$work/$release.log" "${TMPDIR:-/tmp}/tokens-$release.log"; }
done
exit $status
