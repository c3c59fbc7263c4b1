#!/usr/bin/env bash
# Builds OpenSSL 4.0 from the source that the crate openssl-src carries, for tests of ML-DSA and SLH-DSA in interop. It takes two minutes on
# two cores and is not part of `make test`: what it builds stays in the cache, and the tests use it when it is there.
set -eu
folder=${XDG_CACHE_HOME:-$HOME/.cache}/signet-tests/openssl-4
[ -x "$folder/openssl" ] && exit 0
for program in cargo perl make cc; do
  command -v "$program" >/dev/null || { echo "There is no $program; OpenSSL 4.0 cannot be built." >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src" "$work/home"
: >"$work/src/lib.rs"
cat >"$work/Cargo.toml" <<'END'
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[dependencies]
openssl-src = "=400.0.2"
END
(cd "$work" && cargo vendor -q >/dev/null)
cd "$work/vendor/openssl-src/openssl"
# What no test asks for is left out, which halves the time.
perl ./Configure no-shared no-docs no-tests no-module no-ssl3 no-legacy no-dtls no-quic no-engine no-idea no-camellia no-seed no-rc5 no-md4 \
  no-sm2 no-sm3 no-sm4 no-aria no-blake2 no-cast no-bf no-whirlpool no-rmd160 no-srp no-psk no-ct no-uplink no-cmp >"$work/log" 2>&1 ||
  { tail -5 "$work/log" >&2; exit 1; }
make -j"$(nproc)" build_programs >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; exit 1; }
mkdir -p "$folder"
printf '[req]\ndistinguished_name=name\n[name]\n' >"$folder/openssl.cnf" # the crate brings none
cp apps/openssl "$folder/openssl.bin"
cat >"$folder/openssl" <<'END'
#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")
export OPENSSL_CONF="${OPENSSL_CONF:-$folder/openssl.cnf}"
exec "$folder/openssl.bin" "$@"
END
chmod +x "$folder/openssl"
"$folder/openssl" version
