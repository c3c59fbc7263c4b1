package main

const (
	pkcs11Tests = "./provider/pkcs11"
	pinTests    = pkcs11Tests + " -run=PIN|AnotherCard|Wrong|Refuse|Login|AlwaysAuthenticate"
)

// tokenChanges are those of provider/pkcs11. What a module does wrong is made by a shim in front of SoftHSM2.
var tokenChanges = []change{
	{"any token is ours", "provider/pkcs11/slots.go", "return !p.known || identity(t) == identity(p.token)", "return true", pinTests},
	{"a token is known by its label", "provider/pkcs11/slots.go", "return [4]string{t.Serial, t.Label, t.Manufacturer, t.Model}", "return [4]string{\"\", t.Label}", pinTests},
	{"a token that came while the PIN was typed", "provider/pkcs11/login.go", "	// The token may have been changed for another one since it was looked at: a person takes a while.\n	if _, err := p.checkToken(op, p.slotNow()); err != nil {", "	if _, err := p.checkToken(op, p.slotNow()); err != nil && false {", pinTests},
	{"refused PINs are forgotten", "provider/pkcs11/internal/p11/logins.go", "f.refused = true", "f.refused = false", pinTests},
	{"PINs without an answer are not counted", "provider/pkcs11/internal/p11/logins.go", "f.unsure++", "f.unsure = 0", pinTests + "|Unsure|Answer|NoClear|Code"},
	{"a refused PIN of a key is one of the token", "provider/pkcs11/login.go", "name += \"\\x00key\"", "name += \"\"", pkcs11Tests + " -run=PIN"},
	{"the PIN of the token for keys, too", "provider/pkcs11/pin.go", "if asked.Key != nil && c.KeyPIN != nil {", "if false {", pkcs11Tests + " -run=PIN"},
	{"the PIN of a key for the token, too", "provider/pkcs11/pin.go", "if asked.Key != nil && c.KeyPIN != nil {", "if c.KeyPIN != nil {", pkcs11Tests + " -run=PIN"},
	{"what C_Sign says refuses the PIN", "provider/pkcs11/login.go", "bad && !accepted && a.came == given", "bad && !accepted", pkcs11Tests + " -run=ErrorAfterTheLogin"},
	{"a locked PIN is tried", "provider/pkcs11/login.go", "case flags&p11.TokenPINLocked != 0:", "case false:", pkcs11Tests},
	{"the final try is made", "provider/pkcs11/login.go", "case flags&p11.TokenPINFinalTry != 0 && !p.config.AllowFinalTry:", "case false:", pkcs11Tests},
	{"others come between the PIN and the signature", "provider/pkcs11/internal/p11/lane.go", "		if !l.closed.Load() {\n			return", "		if true {\n			return", pkcs11Tests + " -run=AlwaysAuthenticate|NothingReaches"},
	{"signatures are not checked", "provider/pkcs11/key.go", "if k.p.config.SkipCheck {", "if true {", pkcs11Tests + " -run=SignatureOfAnotherKey"},
	{"a handle of before a recovery", "provider/pkcs11/key.go", "if at.epoch != w.epoch {", "if false {", pkcs11Tests + " -run=Handle|Recover|Fault|Lost"},
	{"a key that is found again may be another one", "provider/pkcs11/location.go", "if err == nil && bytes.Equal(spkiOf(public), k.spki) {", "if err == nil && (bytes.Equal(spkiOf(public), k.spki) || true) {", pkcs11Tests},
	{"attestation certificates sign", "provider/pkcs11/certificates.go", "		if isAttestation(leaf.Cert) {", "		if false {", pkcs11Tests + " -run=Certificate|Attest"},
	{"certificates of the past come first", "provider/pkcs11/certificates.go", "return !now.Before(c.NotBefore) && !now.After(c.NotAfter)", "return true", pkcs11Tests + " -run=Certificate"},
	{"what a key is allowed is not asked", "provider/pkcs11/mechanisms.go", "case k.object.allowed != nil && !slices.Contains(k.object.allowed, m):", "case false:", pkcs11Tests + " -run=Allowed"},
}
