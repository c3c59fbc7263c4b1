package main

const (
	mldsaTests   = "./mldsa"
	quantumTests = "./cades -run=Quantum"
)

// quantumChanges are those of ML-DSA: keys, what is refused by name, and what is over the content itself.
var quantumChanges = []change{
	{"expanded keys with large coefficients", "mldsa/expanded.go", "	if !set.inRange(octets) {", "	if false {", mldsaTests + " -run=WycheproofSign"},
	{"an expanded key beside another seed", "mldsa/pkcs8.go", "if subtle.ConstantTimeCompare(own, expanded) != 1 {", "if subtle.ConstantTimeCompare(own, expanded) == 2 {", mldsaTests + " -run=Inconsistent"},
	{"another public key beside the private one", "mldsa/pkcs8.go", "if hasPublic && (", "if hasPublic && false && (", mldsaTests + " -run=Container"},
	{"parameters of a key", "mldsa/mldsa.go", "			if !s.Empty() {", "			if false {", mldsaTests + " -run=Container"},
	{"expanded keys are trusted", "mldsa/key.go", "!k.empty() && k.seed != nil", "!k.empty()", mldsaTests + " -run=Examples"},
	{"signatures of a key of another set", "mldsa/mldsa.go", "	case set != s:", "	case false:", mldsaTests + " -run=Examples"},
	{"contexts are left out in silence", "mldsa/key.go", "if o != nil && o.Context != \"\" {", "if o != nil && false {", mldsaTests + " -run=Options"},
	{"parameters of the signature", "internal/algorithm/registry.go", "case withoutParameters(check.Algorithm.ID) && !check.Algorithm.Parameters.IsZero(),", "case false && check.Algorithm.NoParameters(),", quantumTests + "Confusion"},
	{"a key of another kind is left open", "internal/algorithm/key.go", "	case cms.OIDMLDSA44, cms.OIDMLDSA65, cms.OIDMLDSA87:\n		err = k.parseMLDSA(octets)\n", "", quantumTests + "Confusion"},
	{"weaker digests are not named", "internal/algorithm/policy.go", "j = j.worse(r.judgeDigest(q))", "_ = q", quantumTests + "Digests"},
	{"the digest algorithm counts where nothing is digested", "cades/validate/verifyvalue.go", "	if v.overContent(s) {\n		// Nothing", "	if false {\n		// Nothing", quantumTests + "Bare"},
	{"what is raised is not verified by the schemes", "cades/extend.go", "Schemes: e.o.Schemes, NoRevocation", "NoRevocation", quantumTests + "Raised"},
	{"time-stamps are not verified by the schemes", "tsp/client.go", "Algorithms: c.o.Algorithms, Clock", "Clock", "./testsign -run=MLDSA"},
	{"schemes of the caller are remembered", "internal/pki/signature.go", "s.v.Remember(c.SignatureAlgorithm) && s", "s", "./internal/pki -run=Remember"},
	{"hashes of the caller are remembered", "cades/validate/verifyvalue.go", "_, standard := algorithm.StandardHash(s.Hash)", "standard := true", "./cades/validate -run=Everybodys"},
	{"parsers are asked of everything", "provider/soft/read.go", "if _, ok := algorithmOf(der); !ok || len(der) > maxKeySize {", "if len(der) > maxKeySize {", "./provider/soft -run=ParsersAndOthers"},
	{"keys of parsers are not closed", "provider/soft/parsed.go", "	if k.closed.Load() {\n		return nil, errClosed", "	if false {\n		return nil, errClosed", "./provider/soft -run=Parsers"},
	{"keys without schemes", "provider/soft/parsed.go", "len(schemer.Schemes()) == 0 || ", "len(schemer.Schemes()) < 0 || ", "./provider/soft -run=ParsersThatFail"},
}
