module github.com/seed-116355fd/signet

go 1.26.0

require (
	filippo.io/bigmod v0.1.0
	golang.org/x/crypto v0.58.0
)

require golang.org/x/sys v0.49.0 // indirect
