package cli

import (
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/tsp"
)

// maxSummed is of how many signatures the summary speaks.
const maxSummed = 16

// summary says in a few lines what a file is: what, who, when, how strong, over what. Nothing in it was verified.
func summary(path string, in *intake.File) []string {
	switch in.Kind {
	case intake.Token:
		return tokenSummary(in.DER, "a time-stamp")
	case intake.Signature:
	default:
		return nil
	}
	m, err := messageOf(in)
	if err != nil {
		return nil
	}
	all := m.Signatures()
	if len(all) == 0 {
		return []string{fmt.Sprintf("what: PKCS #7 / CMS without a signature, with %s", plain.Plural(len(m.Certificates()), "certificate"))}
	}
	lines := []string{"what: " + plain.Plural(len(all), "signature") + " (PKCS #7 / CMS), " + contentSummary(path, in, m)}
	for i, s := range all {
		if i == maxSummed {
			lines = append(lines, fmt.Sprintf("and %s more", plain.Plural(len(all)-i, "signature")))
			break
		}
		lines = append(lines, signatureSummary(s, i, len(all))...)
	}
	return append(lines, "nothing of this is verified; signet verify does that")
}

// contentSummary says what the signatures are over.
func contentSummary(path string, in *intake.File, m *cades.Message) string {
	switch {
	case in.Content != nil:
		return "over the first part of the mail"
	case !m.Detached():
		return "attached: over the content inside, which signet extract takes out"
	}
	if beside := contentOf(path); path != stdinName && beside != "" {
		if isFile(beside) {
			return "detached: over a content that is not inside, by its name " + plain.Text(beside)
		}
		return "detached: over a content that is not inside, by its name " + plain.Text(beside) + ", which is not there"
	}
	return "detached: over a content that is not inside"
}

func signatureSummary(s *cades.Signature, i, n int) []string {
	who := "a signer whose certificate is not inside, or cannot be read"
	if c := s.SignerCertificate(); c != nil {
		who = plain.Text(inspect.Name(c.RawSubject)) + ", by a certificate of " + plain.Text(inspect.Name(c.RawIssuer))
	}
	label := "who: "
	if n > 1 {
		label = fmt.Sprintf("who, %d of %d: ", i+1, n)
	}
	when := "no time of signing"
	if t, ok := s.SigningTime(); ok {
		when = moment(t) + ", as the signer claims"
	}
	stamps := s.Timestamps()
	for _, t := range stamps {
		if t.Token != nil && t.Kind == cades.SignatureTimestamp {
			when += "; time-stamp of " + moment(t.Token.GenTime)
			break
		}
	}
	how := s.LevelName() + ", " + s.SignatureAlgorithm() + ", digest " + s.DigestAlgorithm()
	if len(stamps) != 0 {
		how += ", " + plain.Plural(len(stamps), "time-stamp")
	}
	if counter := len(s.CounterSignatures()); counter != 0 {
		how += ", " + plain.Plural(counter, "counter-signature")
	}
	return []string{label + who, "  when: " + when, "  how: " + how}
}

func tokenSummary(der []byte, what string) []string {
	t, err := tsp.ParseToken(der)
	if err != nil {
		return nil
	}
	by := "an authority whose certificate is not inside"
	if c := t.Certificate(); c != nil {
		by = plain.Text(inspect.Name(c.RawSubject))
	}
	return []string{
		"what: " + what + " of " + moment(t.GenTime) + ", over a digest of " + plain.Plural(len(t.Imprint.Sum), "octet") + " of a document that is not inside",
		"who: " + by, "nothing of this is verified; signet verify does that",
	}
}

// writeSummary puts the lines and an empty one on top.
func writeSummary(w interface{ WriteString(string) (int, error) }, lines []string) {
	if len(lines) != 0 {
		_, _ = w.WriteString(strings.Join(lines, "\n") + "\n\n")
	}
}
