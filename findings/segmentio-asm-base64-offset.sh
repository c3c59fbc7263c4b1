#!/usr/bin/env bash
# github.com/segmentio/asm/base64 v1.2.1 has the interface of encoding/base64, also its CorruptInputError, whose value is
# "illegal base64 data at input byte N".
#
# Expected: N is where the bad octet stands in the input, as with encoding/base64.
# Seen: with vector instructions (AVX2 on amd64, NEON on arm64), N counts from where the vector part stopped. Beyond the
# first few dozen octets it points into good data: a message made of it sends people to the wrong place, and a program that
# goes on behind N reads the same octets again. How many octets were decoded before is right in both.
#
# Seen with Go 1.26 on linux/amd64. Fails when the offsets agree.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'END'
module example.org/offset
go 1.26.0
require github.com/segmentio/asm v1.2.1
END
cat > main.go <<'END'
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	vector "github.com/segmentio/asm/base64"
)

func main() {
	wrong := 0
	for _, at := range []int{0, 10, 100, 500, 996} {
		text := []byte(strings.Repeat("QUJD", 250))
		text[at] = '?'
		dst := make([]byte, 750)
		n1, err1 := base64.StdEncoding.Decode(dst, text)
		n2, err2 := vector.StdEncoding.Decode(dst, text)
		var at1, at2 base64.CorruptInputError
		if !errors.As(err1, &at1) || !errors.As(err2, &at2) || n1 != n2 {
			fmt.Println("neither expected nor seen:", n1, err1, n2, err2)
			os.Exit(1)
		}
		fmt.Printf("bad octet at %3d: encoding/base64 says %3d, asm/base64 says %3d\n", at, int(at1), int(at2))
		if at1 != at2 {
			wrong++
		}
	}
	if wrong == 0 {
		fmt.Println("the offsets agree: no longer so, or a processor without these instructions")
		os.Exit(1)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run .
