package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/page"
)

// checkPage refuses a place for the page where something else would be lost, before anything is verified.
func (f *verifyFlags) checkPage() error {
	switch {
	case f.html == "":
		return nil
	case f.html == stdinName:
		return usage("--html writes a file; give its name")
	}
	info, err := os.Stat(f.html)
	if err != nil {
		if parent, err := os.Stat(filepath.Dir(f.html)); err != nil || !parent.IsDir() {
			return usage("--html %s: there is no folder %s", f.html, filepath.Dir(f.html))
		}
		return nil
	}
	switch ext := strings.ToLower(filepath.Ext(f.html)); {
	case info.IsDir():
		return usage("--html %s: it is a folder", f.html)
	case ext != ".html" && ext != ".htm":
		return usage("--html %s: there is such a file already, and it is not named like a page (.html)", f.html)
	}
	return nil
}

// writePage writes the report for people. It is there whole, or not at all.
func (a *app) writePage(f *verifyFlags, all []*verified, o *cades.VerifyOptions) error {
	r := &page.Report{Checked: o.Time, Policy: o.Policy.Name}
	if r.Checked.IsZero() {
		r.Checked = a.Now()
	}
	if f.lang != "" {
		r.Languages = []string{f.lang}
	}
	for _, one := range all {
		r.Files = append(r.Files, one.forPage())
	}
	if err := writeFile(f.html, true, func(w io.Writer) error { return page.Write(w, r) }); err != nil {
		return &failure{ExitFailed, fmt.Errorf("--html %s: %w", f.html, plainCause(err))}
	}
	a.note("the report is in %s", f.html)
	return nil
}

// forPage is what the page says of a file.
func (r *verified) forPage() page.File {
	file := page.File{Name: inputName(r.Signature), Content: r.Content, Inside: r.Attached || r.Mail}
	switch {
	case r.Timestamp != nil:
		file.Inside = false
		file.Stamp = &page.Stamp{Time: r.Timestamp.Time, Authority: r.Timestamp.Authority, Indication: r.Timestamp.Indication, Cause: r.Timestamp.Cause,
			SubIndication: r.Timestamp.SubIndication, Reason: r.Timestamp.Reason}
	case r.unread:
		file.Unread, file.Reason = true, r.Error
	case r.Error == "" || r.noContent || r.Report != nil && len(r.Report.Signatures) == 0:
		file.Report = r.Report
	default:
		file.Reason = r.Error
	}
	if r.noContent && file.Stamp != nil && file.Stamp.Indication != validate.TotalFailed {
		file.Stamp.Indication, file.Stamp.Cause = validate.Indeterminate, validate.CauseContentMissing
		file.Stamp.SubIndication, file.Stamp.Reason = validate.NoContent, r.Error
	}
	return file
}

// release lets go of what reports have of the octets of messages: those of all files would otherwise be held until the page is written.
func release(all []validate.SignatureReport) {
	for i := range all {
		s := &all[i]
		s.Signer = withoutOctets(s.Signer)
		for j := range s.Timestamps {
			s.Timestamps[j].Signer = withoutOctets(s.Timestamps[j].Signer)
		}
		release(s.CounterSignatures)
	}
}

func withoutOctets(c *validate.CertificateReport) *validate.CertificateReport {
	if c == nil {
		return nil
	}
	return &validate.CertificateReport{Name: c.Name, Subject: c.Subject, Issuer: c.Issuer, Serial: c.Serial, SHA256: c.SHA256, NotBefore: c.NotBefore, NotAfter: c.NotAfter}
}
