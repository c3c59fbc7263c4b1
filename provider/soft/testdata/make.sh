#!/bin/sh
# Makes the files of this folder with the openssl program (3.0 or newer, with its legacy provider). They are throw-away
# keys for tests; every password is "sesame". Two files are not made here: pbmac1.p12 comes from go-pkcs12 v0.7.4
# (Modern2026.Encode), since openssl writes PBMAC1 from 3.4 on only, and java.p12 from keytool -genkeypair.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
P="-passout pass:sesame"

# A root, an authority, and leaves of P-256, RSA and Ed25519.
openssl ecparam -name prime256v1 -genkey -noout -out "$work/root.key"
openssl req -x509 -new -key "$work/root.key" -subj "/CN=Vector root" -days 9000 -out root.crt \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign
openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' > "$work/ca.ext"
openssl req -new -key "$work/ca.key" -subj "/CN=Vector authority" |
  openssl x509 -req -CA root.crt -CAkey "$work/root.key" -set_serial 2 -days 9000 -extfile "$work/ca.ext" -out ca.crt
printf 'keyUsage=digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' > "$work/leaf.ext"
leaf() { # name serial
  openssl req -new -key "$work/$1.key" -subj "/CN=Vector $1" |
    openssl x509 -req -CA ca.crt -CAkey "$work/ca.key" -set_serial "$2" -days 9000 -extfile "$work/leaf.ext" -out "$work/$1.crt"
}
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/p256.key"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/rsa.key"
openssl genpkey -algorithm Ed25519 -out "$work/ed25519.key"
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out "$work/pss.key"
leaf p256 10; leaf rsa 11; leaf ed25519 12; leaf pss 13
cat ca.crt root.crt > "$work/chain.crt"

# PEM and DER.
openssl ec -in "$work/p256.key" -out "$work/p256.sec1" -param_enc named_curve
openssl rsa -in "$work/rsa.key" -traditional -out "$work/rsa.pkcs1"
cat root.crt "$work/p256.crt" ca.crt "$work/p256.sec1" > bundle-sec1.pem
cat "$work/rsa.pkcs1" ca.crt "$work/rsa.crt" > bundle-pkcs1.pem
{ openssl ecparam -name prime256v1; cat "$work/p256.sec1" "$work/ed25519.key" "$work/ed25519.crt" "$work/p256.crt" ca.crt; } > bundle-two.pem
cat "$work/pss.key" "$work/pss.crt" > pss.pem
cat "$work/p256.key" > key-only.pem
openssl pkey -in "$work/p256.key" -outform DER -out pkcs8.der
openssl rsa -in "$work/rsa.key" -traditional -outform DER -out pkcs1.der
openssl ec -in "$work/p256.key" -outform DER -out sec1.der
openssl x509 -in "$work/p256.crt" -outform DER -out p256.cer
openssl x509 -in "$work/rsa.crt" -outform DER -out rsa.cer

# Encrypted PKCS#8.
for c in aes-128-cbc aes-192-cbc aes-256-cbc des3; do
  openssl pkcs8 -topk8 -in "$work/p256.key" -v2 $c $P -out pbes2-$c.pem
done
for h in SHA1 SHA224 SHA256 SHA384 SHA512; do
  openssl pkcs8 -topk8 -in "$work/p256.key" -v2 aes-256-cbc -v2prf hmacWith$h $P -out pbes2-hmac$h.pem
done
openssl pkcs8 -topk8 -in "$work/p256.key" -v2 aes-256-cbc -outform DER $P -out pbes2.der
openssl pkcs8 -topk8 -in "$work/p256.key" -v1 PBE-SHA1-3DES $P -out pbe-sha1-3des.pem
openssl pkcs8 -topk8 -in "$work/p256.key" -v1 PBE-MD5-DES -provider default -provider legacy $P -out refuse-pbes1.pem
openssl pkcs8 -topk8 -in "$work/p256.key" -scrypt $P -out refuse-scrypt.pem
openssl rsa -in "$work/rsa.key" -traditional -aes128 $P -out refuse-rfc1423.pem
openssl pkcs8 -topk8 -in "$work/p256.key" -v2 aes-256-cbc -iter 10000001 $P -out refuse-iterations.pem
openssl genpkey -algorithm X25519 -out refuse-x25519.pem

# PKCS#12.
p12() { # file options...
  out=$1; shift
  openssl pkcs12 -export -inkey "$work/p256.key" -in "$work/p256.crt" -certfile "$work/chain.crt" -name "the seal" -out "$out" "$@"
}
L="-provider default -provider legacy"
p12 modern.p12 $P
p12 legacy.p12 $P -legacy
p12 descert.p12 $P -descert
p12 nomac.p12 $P -nomac
p12 nocertpbe.p12 $P -certpbe NONE
p12 plain.p12 -passout pass: -certpbe NONE -keypbe NONE -nomac
p12 empty.p12 -passout pass:
p12 empty-legacy.p12 -passout pass: -legacy
for h in sha1 sha224 sha256 sha384 sha512; do p12 mac-$h.p12 $P -macalg $h; done
for k in PBE-SHA1-RC4-128 PBE-SHA1-RC4-40 PBE-SHA1-3DES PBE-SHA1-2DES PBE-SHA1-RC2-128 PBE-SHA1-RC2-40; do
  p12 $k.p12 $P $L -keypbe $k -certpbe $k
done
for c in AES-128-CBC AES-192-CBC; do p12 $c.p12 $P -keypbe $c -certpbe $c; done
p12 utf8.p12 -passout "pass:пароль€𝄞" -legacy
p12 utf8-modern.p12 -passout "pass:пароль€𝄞"
p12 refuse-iterations.p12 $P -iter 10000001
openssl pkcs12 -export -inkey "$work/ed25519.key" -in "$work/ed25519.crt" -certfile ca.crt -out ed25519.p12 $P
openssl pkcs12 -export -inkey "$work/rsa.key" -in "$work/rsa.crt" -certfile ca.crt -out rsa.p12 $P
openssl pkcs12 -export -nokeys -in ca.crt -out refuse-nokeys.p12 $P
