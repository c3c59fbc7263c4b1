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
    (cd "$module" && CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go vet ./...)
  done
done

echo "imports of cades, batch and provider/soft"
# An importer gets the standard library, this module, and golang.org/x/crypto; nothing for command lines, databases,
# metrics or tests.
notstd='{{if not .Standard}}{{.ImportPath}}{{end}}'
others=$(CGO_ENABLED=0 go list -deps -f "$notstd" ./cades ./batch ./provider/soft | grep -vE '^(github.com/seed-116355fd/signet/|golang.org/x/crypto/)' || true)
[ -z "$others" ] || { echo "an importer would also get: $others"; exit 1; }
for forbidden in testing flag os/exec database/sql; do
  ! CGO_ENABLED=0 go list -deps ./cades ./batch ./provider/soft | grep -qx "$forbidden" || { echo "an importer would also get $forbidden"; exit 1; }
done
# What signs does not compile the service, wherever the key is.
heavy=$(go list -deps ./cades ./batch ./provider/... ./tsp ./revocation | grep -E '^github.com/seed-116355fd/signet/service|prometheus|opentelemetry|oidc|yaml' || true)
[ -z "$heavy" ] || { echo "an importer of cades, batch and the providers would also get: $heavy"; exit 1; }
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

echo "cgo in provider/pkcs11 only, and in benchmarks"
cgo=$(git grep -l '^import "C"' -- '*.go' | grep -vE '^(provider/pkcs11|bench)/' || true)
[ -z "$cgo" ] || { echo "cgo in $cgo"; exit 1; }

echo "the library builds without what its tests need, and go.mod lists nothing else"
GOWORK=off go build ./...
unneeded=$(comm -13 <(for target in linux/amd64 darwin/arm64 windows/amd64; do
  GOWORK=off GOOS=${target%/*} GOARCH=${target#*/} go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' ./...
done | sort -u) <(GOWORK=off go mod edit -json | sed -n 's/.*"Path": "\(.*\)",$/\1/p' | grep -v seed-116355fd | sort -u))
[ -z "$unneeded" ] || { echo "an importer would also get $unneeded: go run ./scripts/release tidy"; exit 1; }
