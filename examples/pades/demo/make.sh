#!/usr/bin/env bash
# Makes the keys of the demonstration anew: a seal and an authority of time-stamps below one root. Everybody has them, so they prove nothing.
set -euo pipefail
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${curve[@]}" -keyout "$dir/root.key" -out root.pem -days 9000 -subj "/C=XX/O=Demonstration/CN=Demonstration Root" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
issue() { # name, subject, extensions
  openssl req "${curve[@]}" -keyout "$dir/$1.key" -out "$dir/$1.csr" -subj "$2"
  openssl x509 -req -in "$dir/$1.csr" -CA root.pem -CAkey "$dir/root.key" -days 8900 -out "$dir/$1.crt" \
    -extfile <(printf '%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nbasicConstraints=critical,CA:FALSE\n' "$3")
  openssl pkcs12 -export -inkey "$dir/$1.key" -in "$dir/$1.crt" -certfile root.pem -name "$1" -passout pass:demo -out "$1.p12"
}
issue seal "/C=XX/O=Demonstration/CN=Demonstration Seal" "keyUsage=critical,digitalSignature,nonRepudiation"
issue tsa "/C=XX/O=Demonstration/CN=Demonstration Time-Stamps" $'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping'
