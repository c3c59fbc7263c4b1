package validate

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/pki"
)

// chain looks for a path to a given root, of certificates that were good when the signature is known to have existed.
func (v *verifier) chain(ctx context.Context, j *judgement) {
	r, cert := &j.r, j.cert
	switch {
	case v.o.Roots == nil:
		r.add(CheckChain, Unchecked, "no roots were given, so nothing says who the signer is")
		r.SubIndication = NoChain
		r.blame(CheckChain, CauseNoRoots)
		return
	case cert == nil:
		r.add(CheckChain, Failed, "the certificate of the signer was not found")
		r.SubIndication = NoSigner
		return
	}
	at := r.BestTime.UTC().Format(time.RFC3339)
	if r.Proof != "" {
		at += ", the time of the " + r.Proof[:strings.LastIndex(r.Proof, " of ")]
	}
	path, found, err := v.judge(ctx, v.o.Roots, cert, r.BestTime, pki.Signer, j.work)
	if err != nil {
		r.SubIndication = subOf(err)
		if finer, ok := causeOfPath(err); ok {
			r.blame(CheckChain, finer)
		}
		name := CheckChain
		if r.SubIndication == Revoked || r.SubIndication == TryLater {
			name = CheckRevocation
			r.add(CheckChain, Passed, "to a given root, at %s", at)
			if e, ok := errors.AsType[*revoked](err); ok {
				err = e // without the search for another path around it
			}
		}
		if r.Proof == "" { // at the time of the whole report
			r.add(name, Failed, "%s", err)
		} else {
			r.add(name, Failed, "at %s: %s", at, err)
		}
		return
	}
	chain := path.Chain()
	status, note := Passed, ""
	for _, t := range path.Tolerated {
		status, note = Tolerated, note+"; "+t
	}
	r.add(CheckChain, status, "%d certificates to %s, at %s%s", len(chain), chain[len(chain)-1].Subject, at, note)
	switch {
	case found.open != "":
		r.SubIndication = TryLater
		r.add(CheckRevocation, Unchecked, "%s", found.open)
	case v.o.NoRevocation:
		r.add(CheckRevocation, Unchecked, "%s", found.text())
	case len(found.lines) != 0:
		r.add(CheckRevocation, Passed, "%s", found.text())
	}
}

// late says of time-stamps that they come too late to prove anything about the signer's certificate.
func (v *verifier) late(j *judgement) {
	if j.cert == nil {
		return
	}
	for i, c := range v.stamps(j.s) {
		if c.status == Passed && c.proves() && c.Token.GenTime.After(j.cert.NotAfter) {
			j.r.add(CheckTimestamp, Unchecked, "%d, %s: it was made after the certificate of the signer expired on %s, and does not prove that the signature is older",
				i+1, c.Kind, j.cert.NotAfter.UTC().Format(time.RFC3339))
		}
	}
}
