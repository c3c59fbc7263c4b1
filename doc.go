// Package signet signs documents: many of them, with keys that stay where they are, into containers of the CAdES family.
// This package has no code; it is the map of the module.
//
//	keys, err := soft.Open(ctx, "seal.p12", soft.Config{Password: soft.PasswordFile("seal.pass")})
//	defer keys.Close()
//	signer, err := sign.Open(ctx, keys, sign.Ref{Thumbprint: "9F A1 …"})
//	results, err := batch.Sign(ctx, signer, &cades.Options{}, contents, nil) // zero options: detached CAdES-BES
//	for _, r := range results {
//		if r.Err != nil { log.Print(r.Name, ": ", r.Err); continue }
//		os.WriteFile(r.Name+".p7s", r.Signature, 0o644)
//	}
//
// # Map
//
//   - [github.com/seed-116355fd/signet/sign] is where keys and containers meet: Provider, Key, Scheme, Signer.
//   - [github.com/seed-116355fd/signet/provider/soft] holds keys in files, and any crypto.Signer.
//   - [github.com/seed-116355fd/signet/provider/pkcs11] holds keys in tokens and HSMs; it alone calls C, with cgo or without.
//   - [github.com/seed-116355fd/signet/provider/providertest] checks a provider, ours or yours.
//   - [github.com/seed-116355fd/signet/cades] builds, raises, reads and verifies CAdES, and plain PKCS #7 as its lowest form.
//   - [github.com/seed-116355fd/signet/asic] puts files and their signatures into containers (ASiC-S, ASiC-E).
//   - [github.com/seed-116355fd/signet/pades] makes the CMS that a signed PDF holds, and checks it.
//   - [github.com/seed-116355fd/signet/tsp] gets time-stamps from authorities, checks them, and issues them.
//   - [github.com/seed-116355fd/signet/revocation] finds out whether certificates are revoked, by OCSP and CRLs.
//   - [github.com/seed-116355fd/signet/trust] says whom a verifier trusts, and which algorithms count.
//   - [github.com/seed-116355fd/signet/connect] says how authorities are reached: proxy, certificates, passwords.
//   - [github.com/seed-116355fd/signet/batch] signs many contents in parallel, in order, with one result each.
//   - [github.com/seed-116355fd/signet/testsign] gives the tests of your code keys, certificates, authorities and a clock.
//   - service, a module of its own, is all that over HTTP: handlers to mount, and a server.
//   - cmd/signet is a command line and the server as a program, in a module of its own.
package signet
