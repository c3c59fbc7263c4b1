package main

const gostTests = "./cades -run=GOST"

// gostContainerChanges are those of containers with GOST: identifiers, hashes that only a scheme knows, and evidence in time-stamps.
var gostContainerChanges = []change{
	{"the algorithm of certificates", "internal/algorithm/registry.go", " || names(s.CertificateAlg, id))", ")", gostTests},
	{"parameters of a GOST signature", "internal/algorithm/registry.go", "gostKind(check.Algorithm.ID) == GOST2012 && !check.Algorithm.NoParameters()", "false", gostTests + "Algorithms"},
	{"the hash that is a part of the algorithm", "internal/algorithm/registry.go", "if _, standard := standardHash(id); s.Whole || standard {", "if true {", "./internal/algorithm -run=GOSTHash"},
	{"a curve under another name", "internal/algorithm/gost.go", "case cryptoPro + \"\\x01\", cryptoProX + \"\\x00\", tc26of256", "case cryptoPro + \"\\x01\", tc26of256", gostTests + "Policy"},
	{"the policy does not reach keys of GOST", "internal/algorithm/policy.go", "			j = j.worse(r.judgeKey(q, kind))\n", "			_ = kind\n", gostTests + "Policy"},
	{"the certificate is named by SHA-256", "cades/hash.go", "	return id != \"\" && !standard", "	return false && !standard", gostTests + "Levels"},
	{"certificates stay beside the evidence of a token", "cades/evidence.go", "		if all {\n", "		if false {\n", gostTests + "AsCryptoPro"},
	{"a token changes under another one", "cades/evidence.go", " || covered(s.in.Timestamps(), t)", "", gostTests + "AsCryptoPro"},
	{"an authority that was revoked", "cades/evidence.go", "len(revoked) != 0 && !e.o.Force", "false", gostTests + "AsCryptoPro"},
	{"values in tokens do not count", "cades/validate/judge.go", "			for i := range t.Token.SD.Signers {", "			for i := range t.Token.SD.Signers[:0] {", gostTests + "AsCryptoPro"},
	{"one of two names is not known: signer", "cades/validate/checks.go", "		case !known && bound:", "		case !known && false:", gostTests + "TwoNames"},
	{"one of two names is not known: authority", "internal/tst/verify.go", "		case !known && bound:\n", "		case !known && false:\n", gostTests + "TwoNames"},
	{"a key of the other size", "gost/scheme.go", "	case key.Curve().Size() != h.Size():", "	case false:", gostTests + "Algorithms"},
}
