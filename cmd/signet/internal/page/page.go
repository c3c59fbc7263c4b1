// Package page writes a report on signatures for people who are no engineers: one page of HTML that needs nothing else, no script
// and no other file, to be read on a phone and printed.
package page

import (
	"crypto/sha256"
	_ "embed" // the template
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

// Languages of a page.
const (
	English = "en"
	Russian = "ru"
)

// Report is what goes into a page.
type Report struct {
	Checked   time.Time // the time of validation
	Policy    string    // the name of the rules
	Files     []File
	Languages []string // nil is both, with a switch
}

// File is the outcome for one file: a report on its signatures, a time-stamp, or neither when it could not be read.
type File struct {
	Name    string
	Content string // the name of the document; empty when it is inside or was not given
	Inside  bool
	Report  *validate.Report
	Stamp   *Stamp
	Unread  bool   // it is not there, or may not be read
	Reason  string // why there is no report, in English
}

// Stamp is a time-stamp that is a file of its own.
type Stamp struct {
	Time       time.Time
	Authority  string
	Indication validate.Indication
	Cause      validate.Cause

	SubIndication validate.SubIndication
	Reason        string
}

//go:embed page.html
var source string

//go:embed page.css
var style string

// document is what the template is given.
type document struct {
	Style  template.CSS
	Policy string // of the security of the content
	Views  []*view
	Switch bool
}

// view is the page in one language.
type view struct {
	Lang  string
	Own   string // the name of the language in itself
	W     *words
	Lines []string // below the title
	Cards []*card
	Index bool // a list of the files stands in front
}

// card is one signature, or one file without any.
type card struct {
	ID              string
	File            string
	Which           string
	Class           string // "good", "bad" or "open"
	Headline        string
	Advice, Meaning string
	Facts           []fact
	Checks          []line
	Stamps          []line
	Counters        []line
	Experts         []fact
}

type fact struct {
	Name, Value string
	Foreign     bool // as strangers wrote it
}

// line is one answer, with its mark.
type line struct {
	Class, Mark, Said, Text string
}

// Write writes the page.
func Write(w io.Writer, r *Report) error {
	t, err := template.New("page").Parse(source)
	if err != nil {
		return err
	}
	languages := r.Languages
	if len(languages) == 0 {
		languages = []string{English, Russian}
	}
	sum := sha256.Sum256([]byte(style))
	d := &document{
		Style: template.CSS(style), Switch: len(languages) > 1, //nolint:gosec // it is a file of this package
		Policy: fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:])),
	}
	for _, lang := range languages {
		switch lang {
		case English:
			d.Views = append(d.Views, r.view(lang, "English", english()))
		case Russian:
			d.Views = append(d.Views, r.view(lang, "Русский", russian()))
		default:
			return fmt.Errorf("page: there is no language %q", lang)
		}
	}
	return t.Execute(w, d)
}

// view says everything in one language.
func (r *Report) view(lang, own string, w *words) *view {
	v := &view{Lang: lang, Own: own, W: w}
	count := map[string]int{}
	n := 0
	for i := range r.Files {
		for _, c := range cardsOf(&r.Files[i], w) {
			c.ID = fmt.Sprintf("%s-%d", lang, len(v.Cards))
			v.Cards = append(v.Cards, c)
			count[c.Class]++
			n++
		}
	}
	policy := plain.Text(r.Policy)
	if preset := w.Presets[r.Policy]; preset != "" {
		policy = preset
	}
	v.Lines = []string{
		fmt.Sprintf(w.CheckedAt, w.moment(r.Checked.UTC())), fmt.Sprintf(w.Policy, policy),
		fmt.Sprintf(w.Count, len(r.Files), n, count["good"], count["bad"], count["open"]),
	}
	v.Index = len(v.Cards) > 1
	return v
}

func cardsOf(f *File, w *words) (all []*card) {
	name := plain.Text(f.Name)
	switch {
	case f.Stamp != nil:
		return []*card{stampCard(f, w)}
	case f.Unread:
		return []*card{f.without(w, "open", w.Unread)}
	case f.Report == nil:
		return []*card{f.without(w, "bad", w.Unreadable)}
	case len(f.Report.Signatures) == 0:
		return []*card{f.without(w, "bad", w.NoSignature)}
	}
	for i := range f.Report.Signatures {
		c := signatureCard(&f.Report.Signatures[i], w)
		c.File = name
		if n := len(f.Report.Signatures); n > 1 {
			c.Which = fmt.Sprintf(w.Which, i+1, n)
		}
		c.Facts = append([]fact{f.document(w)}, c.Facts...)
		all = append(all, c)
	}
	return all
}

// without is the card of a file of which nothing was verified.
func (f *File) without(w *words, class string, v verdict) *card {
	c := &card{File: plain.Text(f.Name), Class: class, Headline: v.Headline, Advice: v.Advice}
	if f.Reason != "" && w.Reason != "" {
		c.Experts = []fact{{w.Reason, plain.Text(f.Reason), true}}
	}
	return c
}

func (f *File) document(w *words) fact {
	switch {
	case f.Content != "":
		return fact{w.Document, plain.Text(f.Content), true}
	case f.Inside:
		return fact{w.Document, w.Inside, false}
	}
	return fact{w.Document, w.NotGiven, false}
}

// classOf is how a cause looks: what cannot be relied on is told from what is not known.
func classOf(i validate.Indication, c validate.Cause) string {
	switch c {
	case validate.CausePassed:
		if i == validate.TotalPassed {
			return "good"
		}
	case validate.CauseExpired, validate.CauseNotYetValid, validate.CauseRevoked, validate.CauseMisusedCertificate, validate.CauseWeakAlgorithm, validate.CausePolicy:
		return "bad"
	}
	if i == validate.TotalFailed {
		return "bad"
	}
	return "open"
}

// said is the verdict of a cause. One that this page does not know is said to be not checked, and never to be good.
func (w *words) said(i validate.Indication, c validate.Cause) verdict {
	if v, ok := w.Causes[c]; ok && (c == validate.CausePassed) == (i == validate.TotalPassed) {
		return v
	}
	return w.Causes[validate.CauseNotChecked]
}

func stampCard(f *File, w *words) *card {
	s := f.Stamp
	c := &card{File: plain.Text(f.Name), Which: w.Stamp, Class: classOf(s.Indication, s.Cause)}
	switch c.Class {
	case "good":
		c.Headline, c.Meaning = w.StampPassed.Headline, w.StampPassed.Advice
	case "bad":
		c.Headline, c.Advice = w.StampBad.Headline, w.said(s.Indication, s.Cause).Advice
	default:
		c.Headline, c.Advice = w.StampOpen.Headline, w.said(s.Indication, s.Cause).Advice
	}
	authority := fact{w.StampSigner, plain.Text(s.Authority), true}
	if s.Authority == "" {
		authority = fact{w.StampSigner, w.Unknown, false}
	}
	c.Experts = []fact{{w.Result, result(s.Indication, s.SubIndication), false}}
	if s.Reason != "" && w.Reason != "" {
		c.Experts = append(c.Experts, fact{w.Reason, plain.Text(s.Reason), true})
	}
	c.Facts = []fact{f.document(w), {w.StampTime, w.moment(s.Time.UTC()), false}, authority}
	return c
}
