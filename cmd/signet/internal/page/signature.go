package page

import (
	"fmt"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

// maxListed bounds time-stamps and counter-signatures on one card: anybody can append a thousand.
const maxListed = 50

func signatureCard(s *validate.SignatureReport, w *words) *card {
	said := w.said(s.Indication, s.Cause)
	c := &card{Class: classOf(s.Indication, s.Cause), Headline: said.Headline}
	if c.Class == "good" {
		c.Meaning = said.Advice
	} else {
		c.Advice = said.Advice
	}
	c.Facts = facts(s, w)
	c.Checks = checks(s, w)
	for i := range s.Timestamps[:min(len(s.Timestamps), maxListed)] {
		c.Stamps = append(c.Stamps, stampLine(&s.Timestamps[i], w))
	}
	for i := range s.CounterSignatures[:min(len(s.CounterSignatures), maxListed)] {
		one := &s.CounterSignatures[i]
		l := w.mark(classOf(one.Indication, one.Cause))
		l.Text = nameOf(one, w) + ": " + w.said(one.Indication, one.Cause).Headline
		c.Counters = append(c.Counters, l)
	}
	c.Experts = experts(s, w)
	return c
}

func nameOf(s *validate.SignatureReport, w *words) string {
	if s.Signer == nil {
		return w.Unknown
	}
	return plain.Text(s.Signer.Name)
}

func facts(s *validate.SignatureReport, w *words) []fact {
	all := []fact{{w.Signer, nameOf(s, w), s.Signer != nil}}
	when := w.NoTime
	switch {
	case s.Proof != "":
		when = fmt.Sprintf(w.Proved, w.moment(s.BestTime.UTC()))
	case !s.SigningTime.IsZero():
		when = fmt.Sprintf(w.Claimed, w.moment(s.SigningTime.UTC()))
	}
	all = append(all, fact{w.When, when, false})
	if c := s.Signer; c != nil {
		all = append(all, fact{w.SubjectRow, plain.Text(c.Subject), true}, fact{w.Issuer, plain.Text(c.Issuer), true},
			fact{w.Validity, fmt.Sprintf(w.Span, w.day(c.NotBefore.UTC()), w.day(c.NotAfter.UTC())), false})
	}
	return all
}

func (w *words) mark(class string) line {
	switch class {
	case "good":
		return line{class, "✓", w.Good, ""}
	case "bad":
		return line{class, "✗", w.Bad, ""}
	}
	return line{"open", "?", w.Perhaps, ""}
}

// checks are the questions that a person has, answered by the checks that were made.
func checks(s *validate.SignatureReport, w *words) (all []line) {
	for _, q := range []struct {
		name string
		answer
	}{
		{validate.CheckMessageDigest, w.Content}, {validate.CheckSignature, w.Key}, {validate.CheckChain, w.Chain}, {validate.CheckRevocation, w.Revocation},
		{validate.CheckAlgorithms, w.Strength},
	} {
		status := s.Status(q.name)
		switch {
		case status == validate.Failed:
			l := w.mark("bad")
			l.Text = q.No
			all = append(all, l)
		case status == validate.Passed || status == validate.Tolerated:
			l := w.mark("good")
			l.Text = q.Yes
			if status == validate.Tolerated && q.name == validate.CheckAlgorithms {
				l.Text = w.Old
			}
			all = append(all, l)
		default:
			if q.name == validate.CheckRevocation && !asked(s, q.name) && s.Status(validate.CheckChain) != validate.Passed {
				continue // without a path nobody asks
			}
			l := w.mark("open")
			l.Text = q.Open
			all = append(all, l)
		}
	}
	l := w.mark("open")
	l.Text = w.Time.Open
	if s.Proof != "" {
		l = w.mark("good")
		l.Text = w.Time.Yes
	}
	all = append(all, l)
	if asked(s, validate.CheckConstraints) {
		l := w.mark("bad")
		l.Text = w.Rules.No
		if s.Status(validate.CheckConstraints) == validate.Passed {
			l = w.mark("good")
			l.Text = w.Rules.Yes
		}
		all = append(all, l)
	}
	return all
}

func asked(s *validate.SignatureReport, name string) bool {
	for _, c := range s.Checks {
		if c.Name == name {
			return true
		}
	}
	return false
}

func stampLine(t *validate.TimestampReport, w *words) line {
	l := w.mark(classOf(t.Indication, t.Cause))
	outcome := w.StampProvesNothing
	if l.Class == "good" {
		outcome = w.StampCounts
	}
	authority := w.Unknown
	if t.Signer != nil {
		authority = plain.Text(t.Signer.Name)
	}
	when := w.NoTime
	if !t.Time.IsZero() {
		when = w.moment(t.Time.UTC())
	}
	l.Text = fmt.Sprintf(w.StampBy, when, authority) + ": " + outcome
	return l
}

// result is a conclusion in the words of EN 319 102-1.
func result(i validate.Indication, sub validate.SubIndication) string {
	if sub == "" {
		return i.String()
	}
	return i.String() + ", " + string(sub)
}

// experts has names and identifiers, which are the same in every language, and the sentence of the judge on the English page: it is in English.
func experts(s *validate.SignatureReport, w *words) []fact {
	level := s.Level
	if level == "none" || level == "" {
		level = w.NoLevel
	}
	all := []fact{{w.Result, result(s.Indication, s.SubIndication), false}}
	if s.Reason != "" && w.Reason != "" {
		all = append(all, fact{w.Reason, plain.Text(s.Reason), true})
	}
	all = append(all, fact{w.Form, s.Form, false}, fact{w.Level, level, false},
		fact{w.Algorithms, plain.Text(s.SignatureAlgorithm) + ", " + plain.Text(s.DigestAlgorithm), true})
	if c := s.Signer; c != nil {
		all = append(all, fact{w.Number, c.Serial, true}, fact{w.Digest, c.SHA256, true})
	}
	return all
}
