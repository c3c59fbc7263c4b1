module github.com/seed-116355fd/signet/provider/crypto11

go 1.26.0

require (
	github.com/ThalesGroup/crypto11 v1.5.0
	github.com/miekg/pkcs11 v1.1.2
	github.com/seed-116355fd/signet v0.1.0
	github.com/stretchr/testify v1.12.1
	go.mozilla.org/pkcs7 v0.10.0
)

require (
	filippo.io/bigmod v0.1.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/thales-e-security/pool v0.0.2 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
