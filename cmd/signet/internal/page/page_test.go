package page

import (
	"bytes"
	"encoding/xml"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
)

var day = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// signature is one with everything that a page shows.
func signature(i validate.Indication, c validate.Cause, sub validate.SubIndication, name string) validate.SignatureReport {
	cert := &validate.CertificateReport{Name: name, Subject: "CN=" + name, Issuer: "CN=Root", Serial: "1f", SHA256: strings.Repeat("ab", 32), NotBefore: day, NotAfter: day.AddDate(1, 0, 0)}
	reason := ""
	if c != validate.CausePassed {
		reason = "an English sentence of the judge"
	}
	s := validate.SignatureReport{
		Signer: cert, SigningTime: day, DigestAlgorithm: "SHA-256", SignatureAlgorithm: "ecdsa-with-SHA256", Indication: i, SubIndication: sub, Cause: c, Reason: reason,
		Form: "CAdES-T", Level: "none", BestTime: day, Proof: "signature-time-stamp of 2026-03-01T12:00:00Z",
		Checks: []validate.Check{
			{Name: validate.CheckMessageDigest, Status: validate.Passed}, {Name: validate.CheckSignature, Status: validate.Failed, Detail: "an English detail"},
			{Name: validate.CheckAlgorithms, Status: validate.Tolerated}, {Name: validate.CheckChain, Status: validate.Unchecked}, {Name: validate.CheckRevocation, Status: validate.Unchecked},
			{Name: validate.CheckConstraints, Status: validate.Failed},
		},
		Timestamps: []validate.TimestampReport{
			{Kind: "signature-time-stamp", Time: day, Signer: cert, Indication: validate.TotalPassed, Cause: validate.CausePassed},
			{Kind: "signature-time-stamp", Indication: validate.TotalFailed, Cause: validate.CauseMalformed, Reason: "an English reason"},
		},
	}
	s.CounterSignatures = []validate.SignatureReport{{Signer: cert, Indication: validate.TotalFailed, Cause: validate.CauseForged}, {Cause: validate.CauseNotChecked}}
	return s
}

// full has a signature of every cause, files that cannot be read, and time-stamps.
func full(name string) *Report {
	r := &Report{Checked: day, Policy: "strict"}
	all := &validate.Report{}
	for c := range english().Causes {
		i := validate.Indeterminate
		switch c {
		case validate.CausePassed:
			i = validate.TotalPassed
		case validate.CauseForged, validate.CauseContentChanged, validate.CauseMalformed:
			i = validate.TotalFailed
		}
		all.Signatures = append(all.Signatures, signature(i, c, validate.SubIndication("SUB_INDICATION"), name))
	}
	r.Files = []File{
		{Name: name, Content: name, Report: all}, {Name: name, Inside: true, Report: &validate.Report{Signatures: []validate.SignatureReport{{}}}}, {Name: name}, {Name: name, Report: &validate.Report{}},
		{Name: name, Stamp: &Stamp{Time: day, Authority: name, Indication: validate.TotalPassed, Cause: validate.CausePassed}},
		{Name: name, Stamp: &Stamp{Time: day, Indication: validate.TotalFailed, Cause: validate.CauseContentChanged}},
		{Name: name, Stamp: &Stamp{Time: day, Indication: validate.Indeterminate, Cause: validate.CauseContentMissing, Reason: "an English word about a stamp"}},
		{Name: name, Unread: true, Reason: "an English word about a file"},
	}
	return r
}

func write(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, r))
	return b.String()
}

// texts are what a person reads, without what the program wrote as names.
func texts(t *testing.T, html string) string {
	t.Helper()
	_, body, ok := strings.Cut(html, "<body>")
	require.True(t, ok)
	var out strings.Builder
	for part := range strings.SplitSeq(body, "<") {
		_, text, _ := strings.Cut(part, ">")
		out.WriteString(text + "\n")
	}
	return out.String()
}

// TestEveryString: both languages say everything, and neither says it in the letters of the other.
func TestEveryString(t *testing.T) {
	var walk func(path string, en, ru reflect.Value)
	empty := map[string]bool{"StampBad.Advice": true, "StampOpen.Advice": true, "Time.No": true, "Rules.Open": true, "Reason": true}
	walk = func(path string, en, ru reflect.Value) {
		switch en.Kind() {
		case reflect.String:
			if empty[path] {
				return
			}
			require.NotEmpty(t, en.String(), path)
			require.NotEmpty(t, ru.String(), path)
			require.NotContains(t, en.String(), "\u2014", path)
			for _, r := range en.String() {
				require.False(t, unicode.Is(unicode.Cyrillic, r), "%s: %s", path, en.String())
			}
			require.Regexp(t, `\p{Cyrillic}|^%`, ru.String(), path)
			require.Equal(t, regexp.MustCompile(`%[a-z]`).FindAllString(en.String(), -1), regexp.MustCompile(`%[a-z]`).FindAllString(ru.String(), -1), path)
		case reflect.Struct:
			for i := range en.NumField() {
				name := strings.TrimPrefix(path+"."+en.Type().Field(i).Name, ".")
				walk(name, en.Field(i), ru.Field(i))
			}
		case reflect.Map:
			require.Equal(t, en.Len(), ru.Len(), path)
			for _, key := range en.MapKeys() {
				other := ru.MapIndex(key)
				require.True(t, other.IsValid(), "%s of %s", path, key)
				walk(path+"."+key.String(), en.MapIndex(key), other)
			}
		}
	}
	walk("", reflect.ValueOf(*english()), reflect.ValueOf(*russian()))
}

// TestEveryCause: each has words, so that none is said to be another.
func TestEveryCause(t *testing.T) {
	for _, c := range []validate.Cause{
		validate.CausePassed, validate.CauseContentChanged, validate.CauseForged, validate.CauseMalformed, validate.CauseContentMissing, validate.CauseCertificateMissing, validate.CauseNoRoots,
		validate.CauseUnknownAuthority, validate.CauseRevocationUnknown, validate.CauseNotChecked, validate.CauseExpired, validate.CauseNotYetValid, validate.CauseRevoked,
		validate.CauseMisusedCertificate, validate.CauseWeakAlgorithm, validate.CausePolicy, validate.CauseFuture,
	} {
		require.Contains(t, english().Causes, c)
	}
	// Nothing but a signature that has passed looks good, whatever stands in a report.
	for c := range english().Causes {
		for i := validate.Indeterminate; i <= validate.TotalFailed; i++ {
			good := c == validate.CausePassed && i == validate.TotalPassed
			require.Equal(t, good, classOf(i, c) == "good", "%s %s", i, c)
			require.Equal(t, good, english().said(i, c) == english().Causes[validate.CausePassed])
		}
	}
	require.Equal(t, "open", classOf(validate.Indeterminate, "something-new"))
	require.Equal(t, english().Causes[validate.CauseNotChecked], english().said(validate.Indeterminate, "something-new"))
}

// TestRussianPage: no English but names and identifiers, and no sentence of the judge, which are English.
func TestRussianPage(t *testing.T) {
	r := full("договор")
	r.Languages = []string{Russian}
	html := write(t, r)
	require.Contains(t, html, `<html lang="ru">`)
	require.NotContains(t, html, `class="in-en"`)
	known := regexp.MustCompile(`CN=|Root|UTC|SHA-256|TOTAL-(PASSED|FAILED)|INDETERMINATE|SUB_INDICATION|CAdES-T|ecdsa-with-SHA|SHA256|\b[0-9a-f]{2,}\b|--[a-z]+|PKCS7|signet verify`)
	text := known.ReplaceAllString(texts(t, html), "")
	for _, one := range regexp.MustCompile(`[A-Za-z]{2,}`).FindAllString(text, -1) {
		t.Errorf("English on the Russian page: %q", one)
	}
	require.NotContains(t, html, "English")

	r.Languages = []string{English}
	html = write(t, r)
	require.Contains(t, html, "<dt>Reason</dt><dd><bdi translate=\"no\">an English sentence of the judge</bdi></dd>")
	require.Contains(t, html, "<dt>Reason</dt><dd><bdi translate=\"no\">an English word about a stamp</bdi></dd>")
	require.Contains(t, html, "<dt>Reason</dt><dd><bdi translate=\"no\">an English word about a file</bdi></dd>")
	require.Contains(t, html, "This file could not be read.")
	require.Contains(t, html, "<dt>Time-stamp by</dt>")
	require.NotRegexp(t, `\p{Cyrillic}`, strings.ReplaceAll(texts(t, html), "договор", ""))
}

// TestHostileNames: what strangers write is text, and stays in its place.
func TestHostileNames(t *testing.T) {
	hostile := `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}</style></title>&lt;` + "\u202egnp.exe\u2066\u0000\u200f" + strings.Repeat("long", 300)
	html := write(t, full(hostile))
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", "\u202e", "\u2066", "\u200f", "\u0000"} {
		require.NotContains(t, html, bad)
	}
	require.Equal(t, 1, strings.Count(html, "</style>"))
	require.Equal(t, 1, strings.Count(html, "</title>"))
	require.Contains(t, html, "&lt;script&gt;")
	require.Contains(t, html, `\u202e`)
	require.NotRegexp(t, `(src|href)="[^#]`, html, "nothing is fetched")
	require.NotContains(t, html, "http:")
	require.NotContains(t, html, "https:")
	require.NotContains(t, html, "url(")
	// Every tag that is opened is closed: a browser has nothing to guess.
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta", "input"}, xml.HTMLEntity
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	require.Zero(t, depth)
}

// TestManyAppended: what anybody appends does not bury the page.
func TestManyAppended(t *testing.T) {
	s := signature(validate.TotalPassed, validate.CausePassed, "", "Anna")
	for range 10 {
		s.Timestamps, s.CounterSignatures = append(s.Timestamps, s.Timestamps...), append(s.CounterSignatures, s.CounterSignatures...)
	}
	html := write(t, &Report{Checked: day, Files: []File{{Name: "a", Report: &validate.Report{Signatures: []validate.SignatureReport{s}}}}, Languages: []string{English}})
	require.Less(t, strings.Count(html, "<li"), 2*maxListed+10)
}

func TestUnknownLanguage(t *testing.T) {
	require.ErrorContains(t, Write(io.Discard, &Report{Languages: []string{"xx"}}), `"xx"`)
}

// FuzzNames: whatever a name is, the page has its shape, and nothing in it that moves what stands beside it.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"Anna", `<script>`, `" onload="x`, "\u202e", "\xff\xfe", "{{.}}", "&#x202e;", "</bdi></main>", "\x00\x1b[31m"} {
		f.Add(name)
	}
	small := func(name string) *Report {
		r := full(name)
		r.Languages = []string{English}
		all := r.Files[0].Report
		all.Signatures = slices.DeleteFunc(all.Signatures, func(s validate.SignatureReport) bool { return s.Cause != validate.CauseForged })
		return r
	}
	tags := []string{"<article", "</article>", "<bdi", "</bdi>", "<script", "</main>", "<a "}
	count := func(r *Report) (n []int, html string) {
		var b strings.Builder
		if err := Write(&b, r); err != nil {
			f.Error(err)
		}
		for _, tag := range tags {
			n = append(n, strings.Count(b.String(), tag))
		}
		return n, b.String()
	}
	want, _ := count(small("Anna"))
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			t.Skip("then it is not shown")
		}
		have, html := count(small(name))
		require.Equal(t, want, have)
		require.Negative(t, strings.IndexFunc(html, func(c rune) bool { return unicode.Is(unicode.Bidi_Control, c) || c < ' ' && c != '\n' }))
	})
}
