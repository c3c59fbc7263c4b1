package main

const (
	validate = "./cades ./cades/validate"
	paths    = "./internal/pki"
)

var changes = []change{
	// The mathematics and the binding of the certificate.
	{"the ESS hash is not compared", "cades/validate/checks.go", "case !bytes.Equal(h.Sum(cert.Raw), id.Value):", "case false:", validate},
	{"problems of ESS attributes are left out", "cades/validate/checks.go", "for _, p := range problems {\n\t\tr.add(CheckSigningCertificate, Failed", "for _, p := range problems[:0] {\n\t\tr.add(CheckSigningCertificate, Failed", validate},
	{"a content-type in a counter-signature is tolerated", "cades/validate/checks.go", "r.add(CheckContentType, Failed, \"it has a content-type", "r.add(CheckContentType, Tolerated, \"it has a content-type", validate},
	{"content-type may be absent", "cades/validate/checks.go", "r.add(CheckContentType, Failed, \"absent", "r.add(CheckContentType, Passed, \"absent", validate},
	{"content-type is not compared", "cades/validate/checks.go", "case oid != v.m.SD.ContentType:", "case false:", validate},
	{"message-digest is not compared", "cades/validate/checks.go", "case !bytes.Equal(signed, sum):", "case false:", validate},
	{"message-digest may be absent", "cades/validate/checks.go", "r.add(CheckMessageDigest, Failed, \"absent", "r.add(CheckMessageDigest, Passed, \"absent", validate},
	{"the content given need not be the one inside", "cades/validate/verify.go", "inside != nil && given != nil && !bytes.Equal(inside, given)", "inside != nil && given != nil && len(inside) == 0 && !bytes.Equal(inside, given)", validate},
	{"the parent of a counter-signature is not digested", "cades/validate/checks.go", "h.Write(s.Parent.SI.SignatureRaw)", "h.Write(s.SI.SignatureRaw)", validate},
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
	{"something may follow an attribute", "internal/cms/attributes.go", "if err != nil || !r.Empty() { // what follows", "if err != nil { // what follows", "./cades"},
	{"an attribute without a value makes a level", "cades/message.go", "if len(a.Values) != 0 { // an attribute", "if len(a.Values) >= 0 { // an attribute", validate},
	// Proofs of existence.
	{"time-stamps from the future count", "cades/validate/evidence.go", "case t.Time.After(now.Add(v.skew())):", "case false:", validate},
	{"time-stamps over references prove the signature", "cades/validate/evidence.go", "c.Kind != message.ContentTimestamp && c.Kind != message.ReferencesTimestamp", "c.Kind != message.ContentTimestamp", validate},
	{"authorities of time-stamps need no root", "cades/validate/evidence.go", "if err != nil {\n\t\tt.Sub = subOf(err)", "if false {\n\t\tt.Sub = subOf(err)", validate},
	{"tokens are judged at their own time", "cades/validate/evidence.go", "v.authority(ctx, t, c, known[i])", "v.authority(ctx, t, c, t.Time)", validate},
	{"an archive time-stamp covers what it does not list", "cades/validate/evidence.go", "return ok && c.idx.Has(", "return ok || c.idx.Has(", validate},
	{"archive time-stamps cover nothing", "cades/validate/evidence.go", "return ok && c.idx.Has(", "return !ok && c.idx.Has(", validate},
	{"a hash index may list what is not there", "cades/validate/verifytime.go", "what != \"\"", "what != \"\" && false", validate},
	{"tokens need not be well made", "cades/validate/verifytime.go", "case len(others) == 0:", "case true:", validate},
	{"chains are judged now", "cades/validate/chain.go", "r.BestTime, pki.Signer,", "v.now(), pki.Signer,", validate},
	{"signers may be certificates for anything", "cades/validate/chain.go", "r.BestTime, pki.Signer,", "r.BestTime, pki.AnyUse,", validate},
	{"TimestampRoots count for signers", "cades/validate/chain.go", "v.judge(ctx, v.o.Roots, cert", "v.judge(ctx, v.o.TimestampRoots, cert", validate},
	// Revocation.
	{"revoked certificates are good", "cades/validate/judge.go", "!status.RevokedAt.After(at):", "false:", validate},
	{"revocation at the very second is late", "cades/validate/judge.go", "!status.RevokedAt.After(at):", "status.RevokedAt.Before(at):", validate},
	{"the state of nobody is asked", "cades/validate/judge.go", "for i := range chain[:len(chain)-1] {", "for i := range chain[:0] {", validate},
	{"what had to be asked and was not is left out", "cades/validate/chain.go", "case found.open != \"\":", "case false:", validate},
	{"CRL: signed by anybody", "revocation/crlissuer.go", "if _, err := find.Path(r.ctx, signer); err != nil {", "if _, err := find.Path(r.ctx, signer); err != nil && signer == nil {", "./revocation"},
	{"CRL: of another distribution point", "revocation/crlscope.go", "if !c.point.hasName(names) {", "if false {", "./revocation"},
	{"CRL: some reasons count for all", "revocation/crlcheck.go", "if covered != allReasons {", "if false {", "./revocation"},
	{"CRL: a delta of another base", "revocation/crlcheck.go", "case compareNumbers(c.number, d.base) < 0:", "case false:", "./revocation"},
	{"CRL: not indirect and of others", "revocation/crlscope.go", "asked = true; !c.point.indirect", "asked = true; false", "./revocation"},
	{"CRL: entries of other issuers", "revocation/crlentries.go", "if !of {", "if !of && err != nil {", "./revocation"},
	{"signatures are not paid", "cades/validate/verifyvalue.go", "!j.work.SpendSignature(j.cert.SPKI) ", "false ", validate},
	{"what time-stamps are over is not paid", "cades/validate/verifytime.go", "!v.appended.SpendOctets(imprint.Octets())", "false", validate},
	{"OCSP: anybody may answer", "revocation/ocspcheck.go", "Purpose: pki.OCSPResponder,", "Purpose: pki.AnyUse,", "./revocation"},
	{"OCSP: responders of others", "revocation/ocspcheck.go", "if refused == nil {", "if true {", "./revocation"},
	{"OCSP: another certificate", "revocation/ocsp.go", "!bytes.Equal(trimmed(id.Serial), s.serial)", "false", "./revocation"},
	{"OCSP: another issuer's key", "revocation/ocsp.go", "bytes.Equal(id.KeyHash, h.Sum(s.key))", "true", "./revocation"},
	{"redirects from https to http: revocation", "revocation/guard.go", "from.Scheme == \"https\" && r.URL.Scheme != \"https\"", "from.Scheme == \"none\"", "./revocation"},
	{"redirects to private addresses", "revocation/guard.go", "return c.checkURL(r.URL)", "return nil", "./revocation"},
	// Time-stamps.
	{"the nonce is not compared", "internal/tst/verify.go", "case t.Nonce.Cmp(c.o.Nonce) != 0:", "case false:", "./tsp"},
	{"the nonce may be absent", "internal/tst/verify.go", "case t.Nonce == nil:", "case false:", "./tsp"},
	{"the imprint is not compared", "internal/tst/verify.go", "case !bytes.Equal(imprint.Sum, t.Imprint.Sum):", "case false:", "./tsp"},
	{"the policy is not compared", "internal/tst/verify.go", "c.o.Policy != \"\" && c.o.Policy != t.Policy", "false", "./tsp"},
	{"critical extensions of tokens are ignored", "internal/tst/verify.go", "if t.Critical != \"\" {", "if false {", "./tsp"},
	{"the validity of the authority is ignored", "internal/tst/verify.go", "!cert.ValidAt(at)", "false", "./tsp"},
	{"the message-digest of a token is not compared", "internal/tst/verify.go", "|| !bytes.Equal(sum, h.Sum(c.t.Info))", "|| len(sum) == 0", "./tsp"},
	{"redirects carry credentials", "tsp/http.go", "!sameServer(from, r.URL)", "from == nil", "./tsp"},
	{"redirects from https to http: time-stamps", "tsp/http.go", "case r.URL.Scheme != \"https\" && via[len(via)-1].URL.Scheme == \"https\":", "case false:", "./tsp"},
	// Paths.
	{"key usage of signers is ignored", "internal/pki/purpose.go", "if err := checkKeyUsage(c, p, DigitalSignature|NonRepudiation, \"digitalSignature or nonRepudiation\"); err != nil {\n\t\t\treturn err\n\t\t}\n\t\treturn checkNotOnlyEvidence", "if false {\n\t\t\treturn nil\n\t\t}\n\t\treturn checkNotOnlyEvidence", paths},
	{"time-stamping need not be critical", "internal/pki/purpose.go", "case !e.Critical:", "case !e.Critical && false:", paths},
	{"issuer names do not count", "internal/pki/identify.go", "serialKey(serial) == serialKey(c.Serial) && NewName(issuer).Equal(c.Issuer)", "serialKey(serial) == serialKey(c.Serial)", "./cades/... ./tsp ./internal/pki"},
	{"serial numbers do not count", "internal/pki/identify.go", "serialKey(serial) == serialKey(c.Serial) && NewName", "NewName", "./cades/... ./tsp ./internal/pki"},
	// Raising and signing.
	{"what has expired is raised", "cades/extend.go", "if at.After(found.NotAfter) {", "if false {", validate},
	{"what was revoked is raised", "cades/levels.go", "(!ok || !proof.Before(status.RevokedAt))", "(!ok && proof.After(proof))", validate},
	{"any archive time-stamp takes the signer out", "cades/levels.go", "last != nil && e.archiveHolds(p)", "last != nil", validate},
	{"keys of expired certificates are touched", "cades/draft.go", "case at.After(c.NotAfter):", "case false:", validate},
	{"keys for encryption are touched", "cades/draft.go", "case c.KeyUsage != 0 &&", "case false &&", validate},
	// Keys in files, drafts, logs.
	{"the MAC of a PKCS #12 is not compared", "provider/soft/pkcs12.go", "if hmac.Equal(h.Sum(nil), sum) {", "if true {", "./provider/soft"},
	{"PSS: a shorter salt than the key demands", "internal/algorithm/rsa.go", "case got.Salt < want.Salt:", "case false:", "./internal/algorithm"},
}
