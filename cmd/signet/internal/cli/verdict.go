package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// verified is the outcome for one file, and what --json prints of it.
type verified struct {
	Signature string             `json:"signature"`
	Kind      string             `json:"kind,omitempty"` // "signature", or "time-stamp" for a file that is one; absent when it is neither
	OK        bool               `json:"ok"`
	Valid     bool               `json:"valid"`
	Trusted   *bool              `json:"trusted,omitempty"` // absent without --trust
	Attached  bool               `json:"attached"`
	Mail      bool               `json:"mail,omitempty"` // the content is the first part of the mail
	Content   string             `json:"content,omitempty"`
	Error     string             `json:"error,omitempty"`
	Hint      string             `json:"hint,omitempty"`
	Report    *validate.Report   `json:"report,omitempty"`
	Timestamp *verifiedTimestamp `json:"timestamp,omitempty"`
	Container *verifiedContainer `json:"container,omitempty"`

	asked     bool           // whether the signer is to be trusted
	noContent bool           // Error says only that the content is not there, and the rest was checked
	unread    bool           // Error says that a file could not be read, which says nothing of a signature
	hintFor   validate.Cause // of which signatures Hint is; empty when it is of the file
}

// hint says what would help signatures that have not passed for that cause.
func (r *verified) hint(of validate.Cause, text string) { r.hintFor, r.Hint = of, text }

// has reports whether a signature has not passed for that cause.
func (r *verified) has(cause validate.Cause) bool {
	if r.Timestamp != nil {
		return r.Timestamp.Cause == cause
	}
	found := false
	for i := range r.Report.Signatures {
		found = found || r.Report.Signatures[i].Cause == cause
	}
	return found
}

func (r *verified) take(report *cades.Report) {
	r.Kind = "signature"
	r.Valid = report.Valid() && r.Error == ""
	trusted := report.Trusted()
	if r.asked {
		r.Trusted = &trusted
	}
	r.OK = r.Valid && trusted
	r.Report = report.Outcome()
	if len(r.Report.Signatures) == 0 {
		r.Error, r.noContent = "there is no signature in it, only certificates or the like", false
	}
}

func (r *verified) json(a *app) error { return a.printJSON(r) }

// conclusion is what is to be said of a signature, a time-stamp or a file in one line.
type conclusion struct {
	validate.Indication
	sub    validate.SubIndication
	cause  validate.Cause
	reason string
	valid  bool // apart from whom it is of
}

func conclusionOf(s *validate.SignatureReport) conclusion {
	return conclusion{s.Indication, s.SubIndication, s.Cause, s.Reason, s.Valid()}
}

// conclusion is that of the signature that is worst: TOTAL-FAILED, then INDETERMINATE.
func (r *verified) conclusion() (worst conclusion) {
	switch {
	case r.Error != "" && !r.noContent:
		return conclusion{Indication: validate.TotalFailed}
	case r.Timestamp != nil:
		return r.Timestamp.conclusion
	case r.Report == nil || len(r.Report.Signatures) == 0:
		return conclusion{Indication: validate.TotalFailed}
	}
	worst.Indication = validate.TotalPassed
	for i := range r.Report.Signatures {
		s := &r.Report.Signatures[i]
		if s.Indication == validate.TotalFailed || s.Indication == validate.Indeterminate && worst.Indication == validate.TotalPassed {
			worst = conclusionOf(s)
		}
		if s.Indication == validate.TotalFailed {
			break
		}
	}
	return worst
}

// text prints one line for each signature: who, when, the verdict, and why not. With tree, what was checked follows.
func (r *verified) text(a *app, o *shown) error {
	var b strings.Builder
	name := plain.Text(inputName(r.Signature))
	switch {
	case r.Container != nil:
		return r.containerText(a, o)
	case r.Timestamp != nil:
		authority := "an unknown authority"
		if r.Timestamp.Authority != "" {
			authority = r.Timestamp.Authority
		}
		fmt.Fprintf(&b, "%s: time-stamp by %s, %s: %s\n", name, authority, moment(r.Timestamp.Time), r.verdict(r.conclusion()))
		if o.tree {
			r.source(&b)
			r.Timestamp.text(&b)
		}
	case r.Error != "" && !r.noContent:
		word, hint := "NOT VALID", ""
		if r.unread {
			word = "NOT READ"
		}
		if r.Hint != "" {
			hint = "; " + r.Hint
		}
		fmt.Fprintf(&b, "%s: %s: %s\n", name, word, plain.Text(r.Error+hint))
	default:
		r.signatures(&b, name, o, func(i int) {
			if i == 0 {
				r.source(&b)
			}
		})
	}
	return a.printf("%s", b.String())
}

// signatures writes a line for each signature. With tree, what was checked follows, behind what head writes.
func (r *verified) signatures(b *strings.Builder, name string, o *shown, head func(i int)) {
	all := r.Report.Signatures
	for i := range all {
		s := &all[i]
		which := ""
		if len(all) > 1 {
			which = fmt.Sprintf(" %d of %d", i+1, len(all))
		}
		fmt.Fprintf(b, "%s:%s %s: %s\n", name, which, whoAndWhen(s), r.verdict(conclusionOf(s)))
		if o.tree {
			head(i)
			writeSignature(b, "  ", s)
		}
		if o.level != "" {
			writeLevels(b, s, o.level)
		}
	}
}

// source says where the content was.
func (r *verified) source(b *strings.Builder) {
	switch {
	case r.noContent:
	case r.Content == stdinName:
		b.WriteString("  content from standard input\n")
	case r.Content != "":
		b.WriteString("  content " + plain.Text(r.Content) + "\n")
	case r.Mail:
		b.WriteString("  content in the mail\n")
	case r.Attached:
		b.WriteString("  content inside\n")
	}
}

func whoAndWhen(s *validate.SignatureReport) string {
	who := "an unknown signer"
	if s.Signer != nil {
		who = plain.Text(s.Signer.Name)
	}
	switch {
	case s.Proof != "":
		return who + ", " + moment(s.BestTime) + " (time-stamp)"
	case !s.SigningTime.IsZero():
		return who + ", " + moment(s.SigningTime) + " (as claimed)"
	}
	return who + ", at a time that is not stated"
}

// verdict is a word in capitals, and why.
func (r *verified) verdict(c conclusion) string {
	hint := ""
	if r.Hint != "" && (r.hintFor == "" || r.hintFor == c.cause) {
		hint = "; " + plain.Text(r.Hint)
	}
	who := "signer"
	if r.Timestamp != nil {
		who = "authority"
	}
	why := c.reason
	if c.cause == validate.CauseContentChanged { // the two digests are for -v
		why, _, _ = strings.Cut(why, ": its ")
	}
	if hint != "" { // which says how, by flags
		why = forCallers.Replace(why)
	}
	why = forUsers.Replace(why)
	reason := fmt.Sprintf("%s (%s, %s)%s", plain.Text(why), c.Indication, c.sub, hint)
	switch {
	case r.noContent && (c.cause == validate.CauseContentMissing || r.Timestamp != nil && c.Indication == validate.Indeterminate):
		return fmt.Sprintf("NOT KNOWN: %s (%s, %s)", plain.Text(r.Error), c.Indication, c.sub)
	case c.Indication == validate.TotalPassed:
		return "VALID"
	case c.cause == validate.CauseNotChecked:
		return "NOT CHECKED: " + reason
	case !r.asked && c.valid && c.sub == validate.NoChain:
		return "VALID, but the " + who + " was not checked against any root; give trusted certificates with --trust FILE"
	case c.Indication == validate.TotalFailed || definite(c.sub):
		return "NOT VALID: " + reason
	}
	return "NOT KNOWN: " + reason
}

// forCallers leaves out what the library tells programmers to do.
var forCallers = strings.NewReplacer("; give the certificate when it is not in the message", "", "; allow it to be fetched, or give its CRL", "", "; give its CRL", "")

// definite reports whether nothing that is missing would make such a signature valid.
func definite(sub validate.SubIndication) bool {
	switch sub {
	case validate.ChainConstraints, validate.OutOfBounds, validate.Revoked, validate.WeakAlgorithm, validate.Constraints:
		return true
	}
	return false
}

// writeSignature is the tree of one signature.
func writeSignature(b *strings.Builder, indent string, s *validate.SignatureReport) {
	level := s.Form
	if s.Level != "none" {
		level += ", level " + s.Level
	}
	fmt.Fprintf(b, "%s%s\n", indent, level)
	if c := s.Signer; c != nil {
		fmt.Fprintf(b, "%ssigner       %s\n", indent, plain.Text(c.Subject))
		fmt.Fprintf(b, "%scertificate  %X\n", indent, algorithm.SHA1(c.DER))
		fmt.Fprintf(b, "%s             number %s by %s, from %s to %s\n", indent, plain.Text(c.Serial), plain.Text(c.Issuer), day(c.NotBefore), day(c.NotAfter))
	}
	if !s.SigningTime.IsZero() {
		fmt.Fprintf(b, "%ssigned at    %s, as the signer claims\n", indent, moment(s.SigningTime))
	}
	if s.Proof != "" {
		fmt.Fprintf(b, "%sknown since  %s, by the %s\n", indent, moment(s.BestTime), s.Proof[:strings.LastIndex(s.Proof, " of ")])
	}
	fmt.Fprintf(b, "%salgorithms   %s, content digest %s\n", indent, plain.Text(s.SignatureAlgorithm), plain.Text(s.DigestAlgorithm))
	writeChecks(b, indent, s.Checks)
	for i := range s.Timestamps {
		t := &s.Timestamps[i]
		fmt.Fprintf(b, "%stime-stamp %d, %s, %s by %s: %s", indent, i+1, t.Kind, moment(t.Time), plain.Text(t.Authority), t.Indication)
		if t.Reason != "" {
			fmt.Fprintf(b, ", %s: %s", t.Cause, plain.Text(t.Reason))
		}
		b.WriteByte('\n')
	}
	for i := range s.CounterSignatures {
		c := &s.CounterSignatures[i]
		fmt.Fprintf(b, "%scounter-signature %d: %s: %s", indent, i+1, whoAndWhen(c), c.Indication)
		if c.Reason != "" {
			fmt.Fprintf(b, ", %s: %s", c.Cause, plain.Text(c.Reason))
		}
		b.WriteByte('\n')
		writeSignature(b, indent+"  ", c)
	}
}

// writeLevels says what keeps a level away, from the lowest on.
func writeLevels(b *strings.Builder, s *validate.SignatureReport, upTo string) {
	for _, l := range s.Levels {
		if l.Reached {
			fmt.Fprintf(b, "  %s is reached\n", l.Level)
		} else if len(l.Missing) == 0 {
			fmt.Fprintf(b, "  %s is not reached: it asks for nothing more, but what is below it is missing\n", l.Level)
		} else {
			fmt.Fprintf(b, "  %s is not reached:\n", l.Level)
		}
		for _, f := range l.Missing {
			fmt.Fprintf(b, "    %-9s  %s: %s\n", f.Problem, plain.Text(f.Part), plain.Text(f.Detail))
		}
		if l.Level == upTo {
			return
		}
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

// shown is how much is printed of each file.
type shown struct {
	tree  bool
	level string // up to which levels are explained; empty is none
}

// syntaxCause says why a file is not a signature, without the names of packages.
func syntaxCause(err error) error {
	if e, ok := errors.AsType[*cms.SyntaxError](err); ok {
		return fmt.Errorf("this is not a readable CMS or PKCS #7 signature: at offset %d: %s", e.Offset, e.What)
	}
	return err
}
