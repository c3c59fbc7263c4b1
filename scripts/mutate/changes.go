package main

const (
	validate = "./cades ./cades/validate"
	paths    = "./internal/pki"
)

var changes = []change{
	// The mathematics and the binding of the certificate.
	{"the ESS hash is not compared", "cades/validate/verify.go", "case !id.Matches(cert):", "case false:", validate},
	{"problems of ESS attributes are left out", "cades/validate/verify.go", "for _, p := range problems {\n\t\tr.add(CheckSigningCertificate, Failed", "for _, p := range problems[:0] {\n\t\tr.add(CheckSigningCertificate, Failed", validate},
	{"a content-type in a counter-signature is tolerated", "cades/validate/verify.go", "r.add(CheckContentType, Failed, \"it has a content-type", "r.add(CheckContentType, Tolerated, \"it has a content-type", validate},
	{"content-type may be absent", "cades/validate/verify.go", "r.add(CheckContentType, Failed, \"absent", "r.add(CheckContentType, Passed, \"absent", validate},
	{"content-type is not compared", "cades/validate/verify.go", "case oid != v.m.SD.ContentType:", "case false:", validate},
	{"message-digest is not compared", "cades/validate/verify.go", "case !bytes.Equal(signed, sum):", "case false:", validate},
	{"message-digest may be absent", "cades/validate/verify.go", "r.add(CheckMessageDigest, Failed, \"absent", "r.add(CheckMessageDigest, Passed, \"absent", validate},
	{"the content given need not be the one inside", "cades/validate/verify.go", "inside != nil && given != nil && !bytes.Equal(inside, given)", "false", validate},
	{"the parent of a counter-signature is not digested", "cades/validate/verify.go", "h.Write(s.Parent.SI.SignatureRaw)", "h.Write(s.SI.SignatureRaw)", validate},
	{"a wrong value is unchecked only", "cades/validate/verifyvalue.go", "r.add(CheckSignature, Failed, \"%s\", err)", "r.add(CheckSignature, Tolerated, \"%s\", err)", validate},
	{"the digest of algorithm-protection is not compared", "cades/validate/verifyvalue.go", "case !algorithm.SameAlgorithm(digest, s.SI.Digest):", "case false:", validate},
	{"the signature of algorithm-protection is not compared", "cades/validate/verifyvalue.go", "case !algorithm.SameAlgorithm(signature, s.SI.Algorithm):", "case false:", validate},
	{"forbidden algorithms of messages are allowed", "cades/validate/verifyvalue.go", "r.add(CheckAlgorithms, Failed, \"%s\", j.Sentence)", "r.add(CheckAlgorithms, Tolerated, \"%s\", j.Sentence)", validate},
	// Confusion of contents and attributes.
	{"content that looks like attributes is taken", "cades/validate/confusion.go", "v.insideForm != nil && v.insideForm.is(), v.givenForm != nil && v.givenForm.is()", "v.insideForm != nil && v.insideForm.is() && false, false", validate},
	{"only the content inside is looked at", "cades/validate/confusion.go", ", v.givenForm != nil && v.givenForm.is()", "", validate},
	{"any content type without attributes", "cades/validate/confusion.go", "id != cms.OIDData", "false", validate},
	{"a digest without attributes will do", "cades/validate/confusion.go", "v.insideForm == nil && v.givenForm == nil && v.given != nil", "false", validate},
	{"malformed attributes vanish", "cades/validate/confusion.go", "case a.Type == \"\":", "case false:", validate},
	{"attributes without a value vanish", "cades/validate/confusion.go", "case len(a.Values) == 0:", "case false:", validate},
	{"something may follow an attribute", "internal/cms/signeddata.go", "if err != nil || !r.Empty() { // what follows", "if err != nil { // what follows", "./cades"},
	{"an attribute without a value makes a level", "cades/message.go", "if len(a.Values) != 0 { // an attribute", "if len(a.Values) >= 0 { // an attribute", validate},
	// Proofs of existence.
	{"time-stamps from the future count", "cades/validate/evidence.go", "case t.Time.After(now.Add(v.skew())):", "case false:", validate},
	{"time-stamps over references prove the signature", "cades/validate/evidence.go", "c.Kind != message.ContentTimestamp && c.Kind != message.ReferencesTimestamp", "c.Kind != message.ContentTimestamp", validate},
	{"authorities of time-stamps need no root", "cades/validate/evidence.go", "if err != nil {\n\t\tt.Sub = subOf(err)", "if false {\n\t\tt.Sub = subOf(err)", validate},
	{"tokens are judged at their own time", "cades/validate/evidence.go", "v.authority(ctx, t, c, known[i])", "v.authority(ctx, t, c, t.Time)", validate},
	{"an archive time-stamp covers what it does not list", "cades/validate/evidence.go", "return c.idx != nil && c.idx.Lists(other.digest(c.idx))", "return true", validate},
	{"archive time-stamps cover nothing", "cades/validate/evidence.go", "return c.idx != nil && c.idx.Lists(other.digest(c.idx))", "return false", validate},
	{"a hash index may list what is not there", "cades/validate/verifytime.go", "what != \"\"", "what != \"\" && false", validate},
	{"tokens need not be well made", "cades/validate/verifytime.go", "if len(others) != 0 {", "if false {", validate},
	{"chains are judged now", "cades/validate/verify.go", "r.BestTime, pki.Signer)", "v.now(), pki.Signer)", validate},
	{"signers may be certificates for anything", "cades/validate/verify.go", "r.BestTime, pki.Signer)", "r.BestTime, pki.AnyUse)", validate + " ./interop"},
	{"TimestampRoots count for signers", "cades/validate/verify.go", "v.judge(ctx, v.o.Roots, cert.Raw", "v.judge(ctx, v.o.TimestampRoots, cert.Raw", validate},
	// Revocation.
	{"revoked certificates are good", "cades/validate/judge.go", "!status.RevokedAt.After(at):", "false:", validate},
	{"revocation at the very second is late", "cades/validate/judge.go", "!status.RevokedAt.After(at):", "status.RevokedAt.Before(at):", validate},
	{"the state of nobody is asked", "cades/validate/judge.go", "for i, c := range chain[:len(chain)-1] {", "for i, c := range chain[:0] {", validate},
	{"what had to be asked and was not is left out", "cades/validate/verify.go", "case found.open != \"\":", "case false:", validate},
	{"OCSP: anybody may answer", "revocation/ocspcheck.go", "case !hasUsage(c, x509.ExtKeyUsageOCSPSigning):", "case false:", "./revocation"},
	{"OCSP: responders of others", "revocation/ocspcheck.go", "case !pki.SameName(c.RawIssuer, issuer.RawSubject):", "case false:", "./revocation"},
	{"OCSP: another certificate", "revocation/ocsp.go", "!bytes.Equal(id.Serial, s.serial)", "false", "./revocation"},
	{"OCSP: another issuer's key", "revocation/ocsp.go", "bytes.Equal(id.KeyHash, h.Sum(s.key))", "true", "./revocation"},
	{"redirects from https to http: revocation", "revocation/guard.go", "from.Scheme == \"https\" && r.URL.Scheme != \"https\"", "from.Scheme == \"none\"", "./revocation"},
	{"redirects to private addresses", "revocation/guard.go", "return c.checkURL(r.URL)", "return nil", "./revocation"},
	// Time-stamps.
	{"the nonce is not compared", "tsp/verify.go", "case t.Nonce.Cmp(c.o.Nonce) != 0:", "case false:", "./tsp"},
	{"the nonce may be absent", "tsp/verify.go", "case t.Nonce == nil:", "case false:", "./tsp"},
	{"the imprint is not compared", "tsp/verify.go", "case !bytes.Equal(imprint.Sum, t.Imprint.Sum):", "case false:", "./tsp"},
	{"the policy is not compared", "tsp/verify.go", "c.o.Policy != \"\" && c.o.Policy != t.Policy", "false", "./tsp"},
	{"critical extensions of tokens are ignored", "tsp/verify.go", "if t.critical != \"\" {", "if false {", "./tsp"},
	{"the validity of the authority is ignored", "tsp/verify.go", "at.Before(cert.X509.NotBefore) || at.After(cert.X509.NotAfter)", "false", "./tsp"},
	{"the message-digest of a token is not compared", "tsp/verify.go", "|| !bytes.Equal(sum, h.Sum(c.t.Info))", "|| len(sum) == 0", "./tsp"},
	{"redirects carry credentials", "tsp/http.go", "!sameServer(from, r.URL)", "from == nil", "./tsp"},
	{"redirects from https to http: time-stamps", "tsp/http.go", "case r.URL.Scheme != \"https\" && via[len(via)-1].URL.Scheme == \"https\":", "case false:", "./tsp"},
	// Paths.
	{"key usage of signers is ignored", "internal/pki/purpose.go", "if err := checkKeyUsage(c, p, DigitalSignature|NonRepudiation, \"digitalSignature or nonRepudiation\"); err != nil {\n\t\t\treturn err\n\t\t}\n\t\treturn checkNotOnlyEvidence", "if false {\n\t\t\treturn nil\n\t\t}\n\t\treturn checkNotOnlyEvidence", paths},
	{"time-stamping need not be critical", "internal/pki/purpose.go", "case !e.Critical:", "case !e.Critical && false:", paths},
	{"issuer names do not count", "internal/pki/identify.go", "serialKey(serial) == serialKey(c.Serial) && SameName(issuer, c.Issuer)", "serialKey(serial) == serialKey(c.Serial)", "./cades ./tsp ./internal/pki"},
	{"serial numbers do not count", "internal/pki/identify.go", "serialKey(serial) == serialKey(c.Serial) && SameName", "SameName", "./cades ./tsp ./internal/pki"},
	// Raising and signing.
	{"what has expired is raised", "cades/extend.go", "if at.After(cert.NotAfter) {", "if false {", validate},
	{"what was revoked is raised", "cades/levels.go", "(!ok || !proof.Before(status.RevokedAt))", "(!ok && proof.After(proof))", validate},
	{"any archive time-stamp takes the signer out", "cades/levels.go", "last != nil && e.archiveHolds(p)", "last != nil", validate},
	{"keys of expired certificates are touched", "cades/draft.go", "case at.After(c.NotAfter):", "case false:", validate},
	{"keys for encryption are touched", "cades/draft.go", "case c.KeyUsage != 0 &&", "case false &&", validate},
	// Keys in files, drafts, logs.
	{"the MAC of a PKCS #12 is not compared", "provider/soft/pkcs12.go", "if hmac.Equal(h.Sum(nil), sum) {", "if true {", "./provider/soft"},
	{"PSS: a shorter salt than the key demands", "internal/algorithm/rsa.go", "case got.Salt < want.Salt:", "case false:", "./internal/algorithm"},
}
