#!/usr/bin/env bash
# What CI asks of the code beside its tests.
set -euo pipefail
cd "$(dirname "$0")/.."
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

echo "gofmt"
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted"; exit 1; }

# Every module of go.work.
for module in $(go list -m -f '{{.Dir}}'); do
  echo "vet and staticcheck in $module"
  (cd "$module" && go vet ./... && go run "$staticcheck" ./...)
done

echo "builds without cgo"
for target in linux/arm64 windows/amd64 darwin/arm64; do
  for module in . service cmd/signet; do
    (cd "$module" && CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} GOFLAGS=-trimpath go vet ./...) # as the release is built, which finds the packages compiled
  done
done
# Targets of 32 bits, one where no library can be loaded without cgo, and the two builds that a tag asks for.
for target in linux/arm windows/386 windows/arm64 freebsd/amd64; do
  CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go vet ./provider/pkcs11/...
done
for tag in signet_nocgo signet_static; do go vet -tags "$tag" ./provider/pkcs11/...; done

echo "imports of cades, batch and provider/soft"
# An importer gets the standard library, this module, golang.org/x/crypto, and filippo.io/bigmod (with golang.org/x/sys/cpu), which checks
# signatures of RSA keys that come again; nothing for command lines, databases, metrics or tests.
notstd='{{if not .Standard}}{{.ImportPath}}{{end}}'
others=$(CGO_ENABLED=0 go list -deps -f "$notstd" ./cades ./batch ./provider/soft | grep -vE '^(github.com/seed-116355fd/signet/|golang.org/x/crypto/|golang.org/x/sys/cpu$|filippo.io/bigmod$)' || true)
[ -z "$others" ] || { echo "an importer would also get: $others"; exit 1; }
# A program that is to be static gets nothing that loads libraries.
! CGO_ENABLED=0 go list -deps -tags signet_static ./provider/pkcs11 | grep -q purego || { echo "a static program would load libraries"; exit 1; }
for forbidden in testing flag os/exec database/sql; do
  ! CGO_ENABLED=0 go list -deps ./cades ./batch ./provider/soft | grep -qx "$forbidden" || { echo "an importer would also get $forbidden"; exit 1; }
done
# What signs does not compile the service, wherever the key is.
heavy=$(go list -deps ./cades ./batch ./provider/... ./tsp ./revocation | grep -E '^github.com/seed-116355fd/signet/service|prometheus|opentelemetry|oidc|yaml' || true)
[ -z "$heavy" ] || { echo "an importer of cades, batch and the providers would also get: $heavy"; exit 1; }
# Who does not name package mldsa gets none of its mathematics.
quantum=$(go list -deps ./sign ./cades ./batch ./tsp ./revocation ./asic ./pades ./trust ./testsign ./provider/... | grep -E 'filippo.io/mldsa|cloudflare/circl' || true)
[ -z "$quantum" ] || { echo "an importer without mldsa would also get: $quantum"; exit 1; }
# Nor of GOST.
russian=$(go list -deps ./sign ./cades ./batch ./tsp ./revocation ./asic ./pades ./trust ./testsign ./provider/... | grep -E '/signet/gost' || true)
[ -z "$russian" ] || { echo "an importer without gost would also get: $russian"; exit 1; }
# Who mounts one handler gets no server: no metrics, traces, YAML or OpenID Connect.
mounted=$(cd service && go list -deps -f "$notstd" ./cryptoapi ./api ./keys ./gate ./audit | grep -E 'prometheus|opentelemetry|oidc|jose|yaml|/service/server' || true)
[ -z "$mounted" ] || { echo "who mounts a handler would also get: $mounted"; exit 1; }
# Who imports the engine of two-stage signing gets no SDK of a cloud, and who mounts a handler of batches no database.
sdk=$(cd service && go list -deps -f "$notstd" ./confirm ./cloudsign ./pages ./shelf | grep -E 'aws|azure|prometheus|yaml' || true)
[ -z "$sdk" ] || { echo "who imports the engine would also get: $sdk"; exit 1; }
databases=$(cd service && go list -deps -f "$notstd" ./cryptoapi ./api | grep -E 'river|pgx|sqlite|gocloud' || true)
[ -z "$databases" ] || { echo "who mounts a handler would also get: $databases"; exit 1; }
std=$(go list -deps -f "$notstd" ./sign | grep -vE '^github.com/seed-116355fd/signet/sign$' || true)
[ -z "$std" ] || { echo "package sign imports more than the standard library: $std"; exit 1; }

echo "cgo in provider/pkcs11 only, and in benchmarks; libraries are loaded there alone"
cgo=$(git grep -l '^import "C"' -- '*.go' | grep -vE '^(provider/pkcs11|bench)/' || true)
[ -z "$cgo" ] || { echo "cgo in $cgo"; exit 1; }
loads=$(git grep -lE '"github.com/ebitengine/purego|LoadLibrary' -- '*.go' | grep -v '^provider/pkcs11/internal/p11/' || true)
[ -z "$loads" ] || { echo "libraries are loaded in $loads"; exit 1; }

echo "assembly is what its generator makes"
(cd internal/lanes/gen && GOWORK=off go vet . && test -z "$(gofmt -l .)")
for kernels in $(git ls-files 'internal/lanes/*/kernels_amd64.s'); do
  kind=$(basename "$(dirname "$kernels")" | sed 's/lanes$//')
  GOWORK=off go run -C internal/lanes/gen . "$kind" | cmp - "$kernels" || { echo "$kernels is not what \"go generate\" makes"; exit 1; }
done

echo "the library builds by itself; of its tests go.mod lists testify and what that needs"
GOWORK=off go build ./...
unneeded=$(comm -13 <({ echo github.com/stretchr/testify; echo go.yaml.in/yaml/v3; for target in linux/amd64 darwin/arm64 windows/amd64; do
  GOWORK=off GOOS=${target%/*} GOARCH=${target#*/} go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' ./...
done; } | sort -u) <(GOWORK=off go mod edit -json | sed -n 's/.*"Path": "\(.*\)",$/\1/p' | grep -v seed-116355fd | sort -u))
[ -z "$unneeded" ] || { echo "an importer would also get $unneeded"; exit 1; }
tests=$(go list -deps -f "$notstd" ./... | grep testify || true)
[ -z "$tests" ] || { echo "what is no test imports $tests"; exit 1; }
