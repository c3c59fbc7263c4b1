module github.com/seed-116355fd/signet/cmd/signet

go 1.26.0

require (
	github.com/seed-116355fd/signet v0.0.0
	github.com/spf13/cobra v1.10.2
	github.com/stretchr/testify v1.12.1
	golang.org/x/term v0.47.0
	software.sslmate.com/src/go-pkcs12 v0.7.4
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/seed-116355fd/signet/service v0.0.0
	github.com/spf13/pflag v1.0.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

// The program and the library are released together.
replace github.com/seed-116355fd/signet => ../..

replace github.com/seed-116355fd/signet/service => ../../service
