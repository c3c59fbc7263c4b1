package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/tsp"
)

// verifiedTimestamp is the outcome for a time-stamp that is a file of its own.
type verifiedTimestamp struct {
	Time       time.Time     `json:"time"`
	Accuracy   string        `json:"accuracy,omitempty"`
	Authority  string        `json:"authority,omitempty"`
	Thumbprint string        `json:"thumbprint,omitempty"`
	Policy     string        `json:"policy"`
	Serial     string        `json:"serial"`
	Digest     string        `json:"digestAlgorithm"`
	Imprint    string        `json:"imprint"`
	Checks     []cades.Check `json:"checks"`

	Indication    validate.Indication    `json:"indication"`
	SubIndication validate.SubIndication `json:"subIndication,omitempty"`
	Cause         validate.Cause         `json:"cause"`
	Reason        string                 `json:"reason,omitempty"`

	conclusion conclusion
	missing    bool // the document is not at hand
}

// tokenOf returns the token that a file is, or that the answer of an authority holds.
func tokenOf(f *intake.File) (*tsp.Token, error) {
	read := tsp.ParseToken
	if f.Kind == intake.Response {
		read = tsp.ParseResponse
	}
	token, err := read(f.DER)
	e, ok := errors.AsType[*sign.Error](err)
	switch {
	case !ok:
		return token, err
	case e.Class == tsp.CheckStatus:
		return nil, fmt.Errorf("this is the answer of a time-stamp authority, which refused: %w", e.Err)
	case f.Kind == intake.Response:
		return nil, fmt.Errorf("this is the answer of a time-stamp authority that cannot be read: %w", e.Err)
	}
	return nil, fmt.Errorf("this is a time-stamp that cannot be read: %w", e.Err)
}

// verifyTimestamp checks a time-stamp over its document.
func (a *app) verifyTimestamp(ctx context.Context, r *verified, in *intake.File, file signatureFile, t *trusted) error {
	token, err := tokenOf(in)
	if err != nil {
		return err
	}
	r.Kind = "time-stamp"
	r.asked = t.timestamps != nil
	imprint, unchecked := token.Imprint, ""
	switch h := token.NewHash(); {
	case h == nil:
		unchecked = "made with " + token.HashName() + ", which is not known here"
	case file.content == "":
		unchecked, r.noContent = "the document is not at hand", true
		r.Error = "the time-stamp is over a document that is not in it; give the document with --content FILE"
	default:
		f, err := a.openContent(file)
		if err != nil {
			r.noContent = true
			unchecked, r.Error = "the document is not at hand", strings.Replace(sentence(err), "the signature is detached and its content", "the time-stamp is over a document, and", 1)
			break
		}
		defer func() { _ = f.Close() }()
		if _, err := io.Copy(h, &interruptible{ctx, f}); err != nil {
			return fmt.Errorf("the content %s: %w", file.content, cause(err))
		}
		r.Content, imprint.Sum = file.content, h.Sum(nil)
	}
	v := &verifiedTimestamp{
		missing: r.noContent,
		Time:    token.GenTime.UTC(), Policy: token.Policy, Serial: token.SerialNumber.Text(16), Digest: token.HashName(), Imprint: hex.EncodeToString(token.Imprint.Sum),
	}
	if token.Accuracy != 0 {
		v.Accuracy = token.Accuracy.String()
	}
	if c := token.Certificate(t.known...); c != nil {
		v.Authority, v.Thumbprint = inspect.Name(c.RawSubject), sign.Thumbprint(c)
	}
	problems := token.Problems(imprint, &tsp.VerifyOptions{Certificates: t.known, Roots: t.timestamps, Clock: a.Now, Algorithms: t.algorithms})
	v.Checks = timestampChecks(problems, unchecked, r.asked)
	if weak := token.Weakness(); weak != "" {
		v.Checks = append(v.Checks, cades.Check{Name: cades.CheckAlgorithms, Status: cades.Tolerated, Detail: weak})
	}
	v.conclude()
	r.Timestamp, r.Valid = v, r.Error == "" && v.conclusion.valid
	r.OK = r.Valid && v.Indication == validate.TotalPassed
	if r.asked {
		r.Trusted = &r.OK
	}
	return nil
}

// timestampChecks are the checks of a token, in their order: those that failed, those that were not made, and those that
// passed.
func timestampChecks(problems []*sign.Error, unchecked string, asked bool) (all []cades.Check) {
	failed := map[tsp.Check][]string{}
	wrong := map[tsp.Check]bool{} // and not only unknown
	for _, p := range problems {
		e, ok := errors.AsType[*algorithm.Error](p)
		check, _ := errors.AsType[tsp.Check](p)
		wrong[check] = wrong[check] || !ok || e.Reason != algorithm.Unsupported
		failed[check] = append(failed[check], p.Err.Error())
	}
	withoutCertificate := failed[tsp.CheckCertificate] != nil
	for _, name := range []tsp.Check{
		tsp.CheckVersion, tsp.CheckImprint, tsp.CheckExtensions, tsp.CheckSigners, tsp.CheckAttributes, tsp.CheckCertificate, tsp.CheckSigningCertificate,
		tsp.CheckSignature, tsp.CheckKeyUsage, tsp.CheckValidity, tsp.CheckChain,
	} {
		c := cades.Check{Name: string(name), Status: cades.Passed, Detail: strings.Join(failed[name], "; ")}
		ofCertificate := name == tsp.CheckSignature || name == tsp.CheckKeyUsage || name == tsp.CheckValidity || name == tsp.CheckChain
		switch {
		case failed[name] != nil:
			c.Status = cades.Failed
			if !wrong[name] { // an algorithm that is not known here says nothing against the time-stamp
				c.Status = cades.Unchecked
			}
			delete(failed, name)
		case name == tsp.CheckImprint && unchecked != "":
			c.Status, c.Detail = cades.Unchecked, unchecked
		case ofCertificate && withoutCertificate:
			c.Status, c.Detail = cades.Unchecked, "without the certificate of the authority"
		case name == tsp.CheckChain && !asked:
			c.Status, c.Detail = cades.Unchecked, "no trusted certificates were given"
		}
		all = append(all, c)
	}
	for _, name := range slices.Sorted(maps.Keys(failed)) { // what is not in the list fails, too
		all = append(all, cades.Check{Name: string(name), Status: cades.Failed, Detail: strings.Join(failed[name], "; ")})
	}
	return all
}

// conclude draws the conclusion from the checks, in the terms that are used of signatures. What was shown to be wrong comes
// before what is missing, and a check that is not known here fails.
func (v *verifiedTimestamp) conclude() {
	worst := conclusion{Indication: validate.TotalPassed, cause: validate.CausePassed, valid: true}
	for _, check := range v.Checks {
		c := conclusion{validate.TotalFailed, validate.FormatFailure, validate.CauseMalformed, check.Name + ": " + check.Detail, false}
		switch {
		case check.Status == cades.Passed, check.Status == cades.Tolerated:
			continue
		case check.Name == string(tsp.CheckChain):
			c.Indication, c.sub, c.cause, c.valid = validate.Indeterminate, validate.NoChain, validate.CauseUnknownAuthority, true
			if check.Status == cades.Unchecked {
				c.cause = validate.CauseNoRoots
			}
		case check.Status == cades.Unchecked:
			c.Indication, c.sub, c.cause = validate.Indeterminate, validate.NotSupported, validate.CauseNotChecked
			if v.missing && check.Name == string(tsp.CheckImprint) {
				c.sub, c.cause = validate.NoContent, validate.CauseContentMissing
			}
		default:
			switch tsp.Check(check.Name) {
			case tsp.CheckImprint, tsp.CheckAttributes:
				c.sub, c.cause = validate.HashFailure, validate.CauseContentChanged
			case tsp.CheckSignature:
				c.sub, c.cause = validate.CryptoFailure, validate.CauseForged
			case tsp.CheckCertificate, tsp.CheckSigningCertificate:
				c.Indication, c.sub, c.cause = validate.Indeterminate, validate.NoSigner, validate.CauseCertificateMissing
			case tsp.CheckKeyUsage:
				c.Indication, c.sub, c.cause = validate.Indeterminate, validate.ChainConstraints, validate.CauseMisusedCertificate
			case tsp.CheckValidity:
				c.Indication, c.sub, c.cause = validate.Indeterminate, validate.OutOfBounds, validate.CauseExpired
			}
		}
		if worst.Indication == validate.TotalPassed || worst.Indication == validate.Indeterminate && c.Indication == validate.TotalFailed {
			worst = c
		}
	}
	v.conclusion, v.Indication, v.SubIndication, v.Cause, v.Reason = worst, worst.Indication, worst.sub, worst.cause, worst.reason
}

func (v *verifiedTimestamp) text(b *strings.Builder) {
	authority := "an unknown authority"
	if v.Authority != "" {
		authority = v.Authority
	}
	const indent = "  "
	fmt.Fprintf(b, "%sauthority    %s\n", indent, authority)
	if v.Thumbprint != "" {
		fmt.Fprintf(b, "%scertificate  %s\n", indent, v.Thumbprint)
	}
	if v.Accuracy != "" {
		fmt.Fprintf(b, "%saccuracy     %s\n", indent, v.Accuracy)
	}
	fmt.Fprintf(b, "%snumber       %s, under policy %s\n", indent, v.Serial, plain.Text(v.Policy))
	fmt.Fprintf(b, "%simprint      %s %s\n", indent, plain.Text(v.Digest), v.Imprint)
	writeChecks(b, indent, v.Checks)
}

// interruptible stops reading when a context ends.
type interruptible struct {
	ctx context.Context //nolint:containedctx // io.Reader has none to pass on
	r   io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
