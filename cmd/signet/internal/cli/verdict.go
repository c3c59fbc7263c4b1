package cli

import (
	"crypto/sha1" //nolint:gosec // a thumbprint is a name, not a protection
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
)

// verified is the outcome for one file, and what --json prints of it.
type verified struct {
	Signature  string              `json:"signature"`
	Kind       string              `json:"kind,omitempty"` // "signature", or "time-stamp" for a file that is one; absent when it is neither
	OK         bool                `json:"ok"`
	Valid      bool                `json:"valid"`
	Trusted    *bool               `json:"trusted,omitempty"` // absent without --trust
	Attached   bool                `json:"attached"`
	Mail       bool                `json:"mail,omitempty"` // the content is the first part of the mail
	Content    string              `json:"content,omitempty"`
	Error      string              `json:"error,omitempty"`
	Hint       string              `json:"hint,omitempty"`
	Signatures []verifiedSignature `json:"signatures,omitempty"`
	Timestamp  *verifiedTimestamp  `json:"timestamp,omitempty"`

	asked bool // whether the signer is to be trusted
}

type verifiedSignature struct {
	Valid             bool                       `json:"valid"`
	Indication        validate.Indication        `json:"indication"`
	SubIndication     string                     `json:"sub_indication,omitempty"`
	Reason            string                     `json:"reason,omitempty"`
	BestTime          *time.Time                 `json:"best_signature_time,omitempty"` // when it is known to have existed
	Proof             string                     `json:"proof,omitempty"`
	Level             string                     `json:"level"`
	Signer            string                     `json:"signer,omitempty"`
	Thumbprint        string                     `json:"thumbprint,omitempty"`
	SigningTime       *time.Time                 `json:"signing_time,omitempty"`
	Digest            string                     `json:"digest_algorithm"`
	Algorithm         string                     `json:"signature_algorithm"`
	Checks            []cades.Check              `json:"checks"`
	Timestamps        []validate.TimestampReport `json:"timestamps,omitempty"`
	CounterSignatures []verifiedSignature        `json:"counter_signatures,omitempty"`
}

func (r *verified) take(report *cades.Report) {
	r.Kind = "signature"
	r.Valid = report.Valid() && r.Error == ""
	trusted := report.Trusted()
	if r.asked {
		r.Trusted = &trusted
	}
	r.OK = r.Valid && trusted
	for i := range report.Signatures {
		r.Signatures = append(r.Signatures, verdictOf(&report.Signatures[i]))
	}
	if len(report.Signatures) == 0 {
		r.Error = "there is no signature in it, only certificates or the like"
	}
}

func verdictOf(s *cades.SignatureReport) verifiedSignature {
	v := verifiedSignature{
		Valid: s.Valid(), Indication: s.Indication, SubIndication: string(s.SubIndication), Reason: s.Reason, Proof: s.Proof, Checks: s.Checks, Timestamps: s.Timestamps,
	}
	if s.Proof != "" {
		best := s.BestTime.UTC()
		v.BestTime = &best
	}
	if v.Checks == nil {
		v.Checks = []cades.Check{}
	}
	if s.Certificate != nil {
		v.Signer, v.Thumbprint = inspect.Name(s.Certificate.RawSubject), sign.Thumbprint(s.Certificate)
	}
	if s.Signature != nil {
		v.Level, v.Digest, v.Algorithm = s.Signature.LevelName(), s.Signature.DigestAlgorithm(), s.Signature.SignatureAlgorithm()
		if t, ok := s.Signature.SigningTime(); ok {
			v.SigningTime = &t
		}
	}
	for i := range s.CounterSignatures {
		v.CounterSignatures = append(v.CounterSignatures, verdictOf(&s.CounterSignatures[i]))
	}
	return v
}

// nameSigners finds the names of signers whose certificates crypto/x509 refuses, which a report has no name of.
func (r *verified) nameSigners(octets cms.Octets, known []*x509.Certificate) {
	nameless := func(v verifiedSignature) bool { return v.Signer == "" }
	if !slices.ContainsFunc(r.Signatures, nameless) {
		return
	}
	m, err := message.Read(octets)
	if err != nil {
		return
	}
	candidates := message.With(m.Candidates, known)
	for i := range min(len(m.Signatures), len(r.Signatures)) {
		if c, _ := m.Signatures[i].FindSigner(candidates); c != nil && nameless(r.Signatures[i]) {
			sum := sha1.Sum(c.Raw) //nolint:gosec // a thumbprint is a name, not a protection
			r.Signatures[i].Signer, r.Signatures[i].Thumbprint = inspect.Name(c.Subject.Raw), strings.ToUpper(hex.EncodeToString(sum[:]))
		}
	}
}

func (r *verified) json(a *app) error { return a.printJSON(r) }

// text prints the report for people; the last line is the verdict.
func (r *verified) text(a *app) error {
	var b strings.Builder
	b.WriteString(plain.Text(inputName(r.Signature)))
	switch {
	case r.Error != "":
	case r.Content == stdinName:
		b.WriteString(": content from standard input")
	case r.Content != "":
		b.WriteString(": content " + plain.Text(r.Content))
	case r.Mail:
		b.WriteString(": content in the mail")
	case r.Attached:
		b.WriteString(": content inside")
	}
	b.WriteByte('\n')
	for i := range r.Signatures {
		r.Signatures[i].text(&b, "  ", fmt.Sprintf("signature %d of %d", i+1, len(r.Signatures)))
	}
	if r.Timestamp != nil {
		r.Timestamp.text(&b)
	}
	b.WriteString(r.verdict() + "\n")
	return a.printf("%s", b.String())
}

// conclusion is what is to be said of a file in one line.
type conclusion struct {
	validate.Indication
	sub    validate.SubIndication
	reason string
	valid  bool // apart from whom it is of
}

// conclusion is that of the signature that is worst: TOTAL-FAILED, then INDETERMINATE.
func (r *verified) conclusion() (worst conclusion) {
	switch {
	case r.Error != "":
		return conclusion{Indication: validate.TotalFailed}
	case r.Timestamp != nil:
		return r.Timestamp.conclusion
	case len(r.Signatures) == 0:
		return conclusion{Indication: validate.TotalFailed}
	}
	worst.Indication = validate.TotalPassed
	for i := range r.Signatures {
		s := &r.Signatures[i]
		if s.Indication == validate.TotalFailed || s.Indication == validate.Indeterminate && worst.Indication == validate.TotalPassed {
			worst = conclusion{s.Indication, validate.SubIndication(s.SubIndication), s.Reason, s.Valid}
		}
		if s.Indication == validate.TotalFailed {
			break
		}
	}
	return worst
}

func (r *verified) verdict() string {
	c := r.conclusion()
	hint := ""
	if r.Hint != "" {
		hint = "; " + r.Hint
	}
	who := "signer"
	if r.Timestamp != nil {
		who = "authority"
	}
	switch {
	case r.Error != "":
		return "NOT VALID: " + plain.Text(r.Error)
	case c.Indication == validate.TotalPassed:
		return "VALID"
	case !r.asked && c.valid && c.sub == validate.NoChain:
		return "VALID, but the " + who + " was not checked against any root; give trusted certificates with --trust FILE"
	case c.Indication == validate.TotalFailed || definite(c.sub):
		return fmt.Sprintf("NOT VALID: %s (%s, %s)%s", plain.Text(c.reason), c.Indication, c.sub, hint)
	default:
		return fmt.Sprintf("NOT KNOWN: %s (%s, %s)%s", plain.Text(c.reason), c.Indication, c.sub, hint)
	}
}

// definite reports whether nothing that is missing would make such a signature valid.
func definite(sub validate.SubIndication) bool {
	switch sub {
	case validate.ChainConstraints, validate.OutOfBounds, validate.Revoked, validate.WeakAlgorithm:
		return true
	}
	return false
}

func (v *verifiedSignature) text(b *strings.Builder, indent, title string) {
	signer := "an unknown signer"
	if v.Signer != "" {
		signer = v.Signer
	}
	fmt.Fprintf(b, "%s%s: %s by %s\n", indent, title, v.Level, signer)
	indent += "  "
	if v.Thumbprint != "" {
		fmt.Fprintf(b, "%scertificate  %s\n", indent, v.Thumbprint)
	}
	if v.SigningTime != nil {
		fmt.Fprintf(b, "%ssigned at    %s, as the signer claims\n", indent, moment(*v.SigningTime))
	}
	fmt.Fprintf(b, "%salgorithms   %s, content digest %s\n", indent, plain.Text(v.Algorithm), plain.Text(v.Digest))
	writeChecks(b, indent, v.Checks)
	for i := range v.CounterSignatures {
		v.CounterSignatures[i].text(b, indent, fmt.Sprintf("counter-signature %d", i+1))
	}
}

func writeChecks(b *strings.Builder, indent string, checks []cades.Check) {
	for _, c := range checks {
		status := c.Status.String()
		if c.Status == cades.Failed {
			status = "FAILED"
		}
		line := fmt.Sprintf("%s%-9s  %-22s %s", indent, status, c.Name, plain.Text(c.Detail))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// syntaxCause says why a file is not a signature, without the names of packages.
func syntaxCause(err error) error {
	if e, ok := errors.AsType[*cms.SyntaxError](err); ok {
		return fmt.Errorf("this is not a readable CMS or PKCS #7 signature: at offset %d: %s", e.Offset, e.What)
	}
	return err
}
