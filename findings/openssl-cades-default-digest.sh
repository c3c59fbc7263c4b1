#!/usr/bin/env bash
# OpenSSL 4.0.3, `openssl cms -sign -cades` with a key of ML-DSA and no -md.
#
# Expected: a CAdES signature with the digest that it takes by default, as for keys of RSA and elliptic curves, and as without -cades.
# Seen: "ESS_CERT_ID_V2_new_init:X509 lib", and no message. The digest that it takes by default with ML-DSA is SHAKE256, of which it has no
# digest of a certificate, so that the signing-certificate-v2 attribute cannot be made. The same with keys of SLH-DSA by SHAKE. With
# -md sha512, which RFC 9882 section 3.3 asks for, it works.
#
# Built from the source that the crate openssl-src 400.0.2 carries, which takes two minutes; OPENSSL=path takes one that is built. Fails when
# a message is made.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if [ -z "${OPENSSL:-}" ]; then
  mkdir src && : >src/lib.rs
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nopenssl-src = "=400.0.2"\n' >Cargo.toml
  cargo vendor -q >/dev/null
  (cd vendor/openssl-src/openssl && perl ./Configure no-shared no-docs no-tests no-module no-legacy no-quic && make -j"$(nproc)" build_programs) >log 2>&1
  OPENSSL=$dir/vendor/openssl-src/openssl/apps/openssl
fi
printf '[req]\ndistinguished_name=name\n[name]\n' >openssl.cnf
export OPENSSL_CONF=$dir/openssl.cnf
"$OPENSSL" version
"$OPENSSL" genpkey -algorithm ML-DSA-65 -out key.pem
"$OPENSSL" req -x509 -new -key key.pem -subj /CN=signer -days 365 -out cert.pem
echo content >content
sign=(cms -sign -binary -in content -signer cert.pem -inkey key.pem -outform DER -out message.p7s)
"$OPENSSL" "${sign[@]}" && echo "without -cades: signed"
"$OPENSSL" "${sign[@]}" -cades -md sha512 && echo "-cades -md sha512: signed"
if "$OPENSSL" "${sign[@]}" -cades 2>said; then
  echo "-cades: signed" && exit 1
fi
echo "-cades:" && cat said
