module github.com/seed-116355fd/signet

go 1.26.0

require (
	filippo.io/bigmod v0.1.0
	github.com/ebitengine/purego v0.11.3
	github.com/stretchr/testify v1.12.1 // of tests
	golang.org/x/crypto v0.58.0
	golang.org/x/sys v0.49.0
)

require (
	filippo.io/mldsa v1.0.0
	github.com/cloudflare/circl v1.6.5
)

require go.yaml.in/yaml/v3 v3.0.6 // indirect
