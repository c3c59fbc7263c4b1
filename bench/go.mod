module github.com/seed-116355fd/signet/bench

go 1.26.0

require (
	github.com/ThalesGroup/crypto11 v1.5.0
	github.com/github/smimesign v0.2.0
	github.com/miekg/pkcs11 v1.1.2
	github.com/seed-116355fd/signet v0.1.0
	github.com/smallstep/pkcs7 v0.2.3
	github.com/stretchr/testify v1.12.1
	go.mozilla.org/pkcs7 v0.10.0
	golang.org/x/arch v0.33.0
)

require (
	filippo.io/bigmod v0.1.0 // indirect
	filippo.io/mldsa v1.0.0 // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	github.com/ebitengine/purego v0.11.3 // indirect
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/segmentio/asm v1.2.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

require (
	github.com/pkg/errors v0.9.1 // indirect
	github.com/seed-116355fd/signet/service v0.1.0
	github.com/thales-e-security/pool v0.0.2 // indirect
	golang.org/x/crypto v0.58.0 // indirect
)
