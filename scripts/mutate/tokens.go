package main

const (
	pkcs11Tests = "./provider/pkcs11"
	pinTests    = pkcs11Tests + " -run=PIN|AnotherCard|Wrong|Refuse|Login|AlwaysAuthenticate"
)

const hashTests = pkcs11Tests + " -run=Hash|Allowed|Late|Trial"

// tokenChanges are those of provider/pkcs11. What a module does wrong is made by a shim in front of SoftHSM2.
var tokenChanges = []change{
	{"any token is ours", "provider/pkcs11/slots.go", "return !p.known || identity(t) == identity(p.token)", "return true", pinTests},
	{"a token is known by its label", "provider/pkcs11/slots.go", "{ return t.Identity }", "{ return [4]string{\"\", t.Label} }", pinTests},
	{"a token that came while the PIN was typed", "provider/pkcs11/login.go", "which may be another slot than that of the newest session.\n	if _, err := p.checkToken(op, s.Slot); err != nil {", "\n	if _, err := p.checkToken(op, s.Slot); err != nil && false {", pinTests},
	{"a PIN for a module that did not look again", "provider/pkcs11/login.go", "	if !fresh {", "	if false {", pkcs11Tests + " -run=DoesNotLookAgain"},
	{"a curve with another base point", "provider/pkcs11/curve.go", "bytes.Equal(e.Base, basePoint(c)) && ", "(bytes.Equal(e.Base, basePoint(c)) || true) && ", pkcs11Tests + " -run=CurveInFull"},
	{"refused PINs are forgotten", "provider/pkcs11/internal/p11/logins.go", "f.refused = true", "f.refused = false", pinTests},
	{"PINs without an answer are not counted", "provider/pkcs11/internal/p11/logins.go", "f.unsure++", "f.unsure = 0", pinTests + "|Unsure|Answer|NoClear|Code"},
	{"a refused PIN of a key is one of the token", "provider/pkcs11/login.go", "name += \"\\x00key\"", "name += \"\"", pkcs11Tests + " -run=PIN"},
	{"the PIN of the token for keys, too", "provider/pkcs11/pin.go", "if asked.Key != nil && c.KeyPIN != nil {", "if false {", pkcs11Tests + " -run=PIN"},
	{"the PIN of a key for the token, too", "provider/pkcs11/pin.go", "if asked.Key != nil && c.KeyPIN != nil {", "if c.KeyPIN != nil {", pkcs11Tests + " -run=PIN"},
	{"what C_Sign says refuses the PIN", "provider/pkcs11/login.go", "bad && !accepted && a.came == given", "bad && !accepted", pkcs11Tests + " -run=ErrorAfterTheLogin"},
	{"a locked PIN is tried", "provider/pkcs11/login.go", "case flags&p11.TokenPINLocked != 0:", "case false:", pkcs11Tests},
	{"the final try is made", "provider/pkcs11/login.go", "case flags&p11.TokenPINFinalTry != 0 && !p.config.AllowFinalTry:", "case false:", pkcs11Tests},
	{"others come between the PIN and the signature", "provider/pkcs11/internal/p11/lane.go", "	if !l.closed.Load() {\n		return true", "	if true {\n		return true", pkcs11Tests + " -run=AlwaysAuthenticate|NothingReaches"},
	{"signatures are not checked", "provider/pkcs11/key.go", "if k.p.config.SkipCheck {", "if true {", pkcs11Tests + " -run=SignatureOfAnotherKey"},
	{"a handle of before a recovery", "provider/pkcs11/key.go", "if at.epoch != w.epoch {", "if false {", pkcs11Tests + " -run=Handle|Recover|Fault|Lost"},
	{"a key that is found again may be another one", "provider/pkcs11/location.go", "if err == nil && bytes.Equal(spkiOf(public), k.spki) {", "if err == nil && (bytes.Equal(spkiOf(public), k.spki) || true) {", pkcs11Tests},
	{"attestation certificates sign", "provider/pkcs11/certificates.go", "		if isAttestation(leaf.Cert) {", "		if false {", pkcs11Tests + " -run=Certificate|Attest"},
	{"certificates of the past come first", "provider/pkcs11/certificates.go", "return !now.Before(c.NotBefore) && !now.After(c.NotAfter)", "return true", pkcs11Tests + " -run=Certificate"},
	{"a token that makes digests is given one", "provider/pkcs11/hashing.go", "k.signed(ctx, own, message, digest, opts, impatient)", "k.signed(ctx, own, digest, digest, opts, impatient)", hashTests},
	{"signatures are checked with what the token was given", "provider/pkcs11/hashing.go", "k.signed(ctx, own, message, digest, opts, impatient)", "k.signed(ctx, own, message, message, opts, impatient)", hashTests},
	{"a mechanism that the key may not use is tried", "provider/pkcs11/hashing.go", "case own == 0, k.object.allowed != nil && !slices.Contains(k.object.allowed, own):", "case own == 0:", hashTests},
	{"PINs are asked for on suspicion", "provider/pkcs11/hashing.go", "return k.lacks(own) == \"\" || !k.object.alwaysAuthorised", "return true", hashTests},
	{"any failure turns digests into messages", "provider/pkcs11/hashing.go", "listed && !refusesMechanism(err) ||", "listed && false ||", hashTests},
	{"what was refused as well is remembered", "provider/pkcs11/hashing.go", "	case refusal != nil && err == nil:\n		k.hashed.Or(bitOf(own))\n	case refusal != nil && refusesMechanism(err):", "	case refusal != nil && (err == nil || refusesMechanism(err)):\n		k.hashed.Or(bitOf(own))\n	case false:", hashTests},
	{"RSASSA-PSS of messages has no parameters", "provider/pkcs11/key.go", "case p11.MechPSS, p11.MechSHA256PSS, p11.MechSHA384PSS, p11.MechSHA512PSS:", "case p11.MechPSS:", hashTests},
	{"parameters of the call before stay", "provider/pkcs11/key.go", "	c.Hash, c.MGF, c.Salt = 0, 0, 0\n", "", pkcs11Tests + " -run=Parameters"},
	{"messages of a scheme whose hash is another", "sign/signer.go", "!s.Whole && s.hashIsThatOfOpts()", "true", "./sign -run=Message"},
	{"messages are not verified", "sign/signer.go", "			if err := s.Verify(message, signature); err != nil {", "			if err := s.Verify(message, signature); err != nil && false {", "./sign -run=Message"},
	{"logins with odd codes are not counted", "provider/pkcs11/login.go", "case bad, loss == maybe, a.came == given && !notAsked(code):", "case bad, loss == maybe:", pkcs11Tests + " -run=OddCodes"},
	{"zeros are a PIN", "provider/pkcs11/login.go", "	case isWiped(a.pin):", "	case false:", pkcs11Tests + " -run=SecretGivenTwice"},
	{"the token in the slot of the newest session counts", "provider/pkcs11/key.go", "p.checkToken(\"pkcs11: sign\", s.Slot)", "p.checkToken(\"pkcs11: sign\", p.slotNow())", pkcs11Tests + " -run=ExchangedSlots"},
	{"the only token that can be read is the one", "provider/pkcs11/slots.go", "case len(found) == 1 && failed != nil && p.unsure(failed):", "case false:", pkcs11Tests + " -run=OnlyOneThat"},
	{"each module has its own refused PINs", "provider/pkcs11/internal/p11/logins.go", "if token == \"\" || token[0] == 0 {", "if true {", pkcs11Tests + " -run=RefusedByOneModule"},
	{"lengths of modules are believed", "provider/pkcs11/internal/p11/session.go", "if r.length > uint(len(out)) {", "if false {", pkcs11Tests + " -run=Lengths"},
	{"a list of C_GetFunctionList may be one of 3.0", "provider/pkcs11/internal/p11/glue.c", "*of3 = f != NULL;", "*of3 = 1;", pkcs11Tests + " -run=ListThatSays30"},
	{"a refused mechanism is so for ever", "provider/pkcs11/hashing.go", "k.hashed.And(^bitOf(own))", "_ = own", pkcs11Tests + " -run=RefusedOnce"},
	{"interfaces of any version", "provider/pkcs11/internal/p11/glue.c", "f->version.major == 3 && whole(f)", "whole(f)", pkcs11Tests + " -run=Interfaces"},
	{"interfaces with holes", "provider/pkcs11/internal/p11/glue.c", "f->version.major == 3 && whole(f)", "f->version.major == 3", pkcs11Tests + " -run=Interfaces"},
	{"interfaces of any name", "provider/pkcs11/internal/p11/glue.c", "if (!found->name || strcmp(found->name, \"PKCS 11\")) continue;", "", pkcs11Tests + " -run=Interfaces"},
	{"what a key is allowed is not asked", "provider/pkcs11/mechanisms.go", "case k.object.allowed != nil && !slices.Contains(k.object.allowed, m):", "case false:", pkcs11Tests + " -run=Allowed"},
}
