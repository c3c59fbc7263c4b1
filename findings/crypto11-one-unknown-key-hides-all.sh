#!/usr/bin/env bash
# github.com/ThalesGroup/crypto11 v1.5.0 lists the key pairs of a PKCS #11 token: Context.FindAllKeyPairs, and
# FindAllPairedCertificates for those that have a certificate.
#
# Expected: the keys that it can use, RSA and ECDSA, are listed whatever else is on the token.
# Seen: one key pair of a kind that it does not know, such as Ed25519, makes both fail ("unsupported key type: 40") and list none.
# A key that another program puts onto a shared token so stops a program that has run for years. FindKeyPair by label goes on,
# and so does a list by kind: FindKeyPairsWithAttributes with CKA_KEY_TYPE.
#
# Seen over SoftHSM2 2.6.1 of Debian 12, whose packages are unpacked into the folder, with Go 1.26. Fails when the keys are listed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1 >/dev/null # their libraries, of OpenSSL and SQLite, are on every Debian
for p in ./*.deb; do dpkg-deb -x "$p" root; done
module=$(find "$dir/root" -name libsofthsm2.so | head -n 1)
mkdir tokens
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir" >conf
export SOFTHSM2_CONF=$dir/conf
"$dir/root/usr/bin/softhsm2-util" --module "$module" --init-token --free --label shared --so-pin 87654321 --pin 1234 >/dev/null
cat >go.mod <<'END'
module example.org/hides
go 1.26.0
require (
	github.com/ThalesGroup/crypto11 v1.5.0
	github.com/miekg/pkcs11 v1.1.2
)
END
cat >main.go <<'END'
package main

import (
	"crypto/elliptic"
	"fmt"
	"os"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
)

func check(err error) {
	if err != nil {
		fmt.Println("neither expected nor seen:", err)
		os.Exit(1)
	}
}

// edwards makes an Ed25519 key pair on the token, as another program of its owner would.
func edwards(module string) {
	p := pkcs11.New(module)
	check(p.Initialize())
	slots, err := p.GetSlotList(true)
	check(err)
	s, err := p.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(err)
	check(p.Login(s, pkcs11.CKU_USER, "1234"))
	name := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{2}), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "edwards")}
	curve := pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, append([]byte{0x13, 12}, "edwards25519"...))
	const keyPairGen = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
	_, _, err = p.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(keyPairGen, nil)}, append(name, curve), append(name, pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)))
	check(err)
	check(p.Finalize())
}

func main() {
	module := os.Args[1]
	configure := func() *crypto11.Context {
		c, err := crypto11.Configure(&crypto11.Config{Path: module, TokenLabel: "shared", Pin: "1234"})
		check(err)
		return c
	}
	c := configure()
	_, err := c.GenerateECDSAKeyPairWithLabel([]byte{1}, []byte("mine"), elliptic.P256())
	check(err)
	before, err := c.FindAllKeyPairs()
	check(err)
	check(c.Close())
	edwards(module)
	c = configure()
	after, err := c.FindAllKeyPairs()
	fmt.Printf("with a P-256 key: %d listed; with an Ed25519 key beside it: %d listed, %v\n", len(before), len(after), err)
	mine, findErr := c.FindKeyPair(nil, []byte("mine"))
	fmt.Printf("the same key by its label: found %v, %v\n", mine != nil, findErr)
	if len(before) != 1 || findErr != nil || mine == nil || err == nil {
		fmt.Println("no longer so")
		os.Exit(1)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$module"
