module github.com/seed-116355fd/signet/interop

go 1.26.0

require (
	github.com/seed-116355fd/signet v0.1.0
	github.com/stretchr/testify v1.12.1
	go.mozilla.org/pkcs7 v0.10.0
)

require (
	filippo.io/bigmod v0.1.0 // indirect
	filippo.io/mldsa v1.0.0 // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	github.com/ebitengine/purego v0.11.3 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
