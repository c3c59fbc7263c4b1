module github.com/seed-116355fd/signet/bench

go 1.26.0

require (
	github.com/github/smimesign v0.2.0
	github.com/seed-116355fd/signet v0.0.0
	github.com/smallstep/pkcs7 v0.2.3
	go.mozilla.org/pkcs7 v0.10.0
)

require golang.org/x/crypto v0.58.0 // indirect

replace github.com/seed-116355fd/signet => ../
