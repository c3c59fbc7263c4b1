package cli

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// container is a file with signatures (ASiC) that is open.
type container struct {
	*asic.Container
	file io.Closer
}

func (c *container) Close() error { return c.file.Close() }

// openContainer opens a ZIP file, whatever its name is; nil without an error when the file is something else, or cannot be read, which
// whoever reads it next says. A ZIP file that holds no signature that is read here is an error that says what it is.
func (a *app) openContainer(name string) (*container, error) {
	var file intake.Source
	var size int64
	if name == stdinName {
		r := bufio.NewReaderSize(a.Stdin, 4<<10)
		a.Stdin = r // what was looked at is still there
		if head, _ := r.Peek(4); !isZIP(head) {
			return nil, nil
		}
		temp, n, err := intake.Spool(r)
		if err != nil {
			return nil, err
		}
		file, size = temp, n
	} else {
		if !isContainer(name) {
			return nil, nil
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, cause(err)
		}
		info, err := f.Stat()
		if err != nil {
			_ = f.Close()
			return nil, cause(err)
		}
		file, size = f, info.Size()
	}
	c, err := asic.Open(file, size, nil)
	if err != nil {
		_ = file.Close()
		if e, ok := errors.AsType[*sign.Error](err); ok && e.Err != nil {
			err = e.Err
		}
		return nil, fmt.Errorf("this is a ZIP archive that cannot be read as a container with signatures (ASiC): %w", err)
	}
	if len(c.Signatures()) == 0 {
		_ = file.Close()
		return nil, errors.New(unsignedContainer(c))
	}
	return &container{c, file}, nil
}

// isZIP knows the first entry of a ZIP file, and the end of an empty one.
func isZIP(head []byte) bool {
	return string(head) == "PK\x03\x04" || string(head) == "PK\x05\x06"
}

// unsignedContainer says what a ZIP file is that holds no CAdES signature.
func unsignedContainer(c *asic.Container) string {
	has := func(match func(name string) bool) bool { return slices.ContainsFunc(c.Others(), match) }
	is := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, strings.TrimPrefix(name, "META-INF/")) }
	}
	switch {
	case slices.Contains(c.Files(), "[Content_Types].xml"):
		return "this is an office document (OOXML); signatures inside of such are not read here"
	case has(is("documentsignatures.xml", "macrosignatures.xml")):
		return "this is an office document (OpenDocument) with a signature in XML, which is not read here"
	case has(is("MANIFEST.MF")):
		return "this is a Java archive (JAR, APK); jarsigner -verify or apksigner verify reads its signatures"
	case has(func(name string) bool {
		name = strings.ToLower(path.Base(name))
		return strings.Contains(name, "signatures") && strings.HasSuffix(name, ".xml")
	}):
		return "this is an " + c.Kind().String() + " container with XAdES signatures (in XML), which are not read here"
	case has(func(name string) bool {
		return strings.HasSuffix(name, ".tst")
	}):
		return "this is an " + c.Kind().String() + " container with a time-stamp and no signature; take the .tst out of META-INF and verify it over its file"
	case has(func(name string) bool { return strings.Contains(strings.ToLower(name), "evidencerecord") }):
		return "this is an " + c.Kind().String() + " container with an evidence record and no signature, which is not read here"
	}
	return "this is a ZIP archive without signatures; an ASiC container has them in META-INF"
}

// verifiedContainer is what --json prints of a container beside the reports on its signatures.
type verifiedContainer struct {
	Kind       string            `json:"kind"` // "ASiC-S", "ASiC-E"
	Files      []string          `json:"files"`
	Signatures []verifiedInside  `json:"signatures"`
	Unsigned   []string          `json:"unsigned,omitempty"` // files that no good signature covers
	Others     []string          `json:"others,omitempty"`   // of META-INF that were not looked at
	by         []*verifiedInside // of each signature of the report, where it was
}

// verifiedInside is one message of a container.
type verifiedInside struct {
	Name     string         `json:"name"`
	Manifest string         `json:"manifest,omitempty"`
	Files    []verifiedPart `json:"files"`
	Error    string         `json:"error,omitempty"`
}

// verifiedPart is a file that a signature covers.
type verifiedPart struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty"` // why it is not what was signed, or was not compared
}

// verifyContainer checks all signatures of a container, and every file that they cover.
func (a *app) verifyContainer(ctx context.Context, c *container, r *verified, options *cades.VerifyOptions) error {
	report, err := c.Verify(ctx, options)
	if err != nil {
		return err
	}
	var more []*x509.Certificate
	for i, s := range c.Signatures() {
		if report.Signatures[i].Message != nil {
			more = append(more, issuers(ctx, s.Message, report.Signatures[i].Message, options)...)
		}
	}
	if len(more) != 0 {
		again := *options
		again.Certificates = append(slices.Clone(options.Certificates), more...)
		if report, err = c.Verify(ctx, &again); err != nil {
			return err
		}
	}
	r.takeContainer(c, report)
	return nil
}

// takeContainer makes one report of those on the messages. What is not as it was signed counts against the signature that covers it.
func (r *verified) takeContainer(c *container, report *asic.Report) {
	r.Kind, r.Attached = "signature", true
	v := &verifiedContainer{Kind: report.Kind.String(), Files: c.Files(), Others: c.Others()}
	r.Container = v
	all := &validate.Report{Version: validate.ReportVersion, ContentType: cms.OIDData.String(), Detached: true}
	valid, trusted := true, true
	var problems []string
	v.Signatures = make([]verifiedInside, len(report.Signatures))
	for i := range report.Signatures {
		one, inside := &report.Signatures[i], &v.Signatures[i]
		*inside = verifiedInside{Name: one.Name, Manifest: one.Manifest, Files: []verifiedPart{}}
		valid, trusted = valid && one.Valid(), trusted && one.Trusted()
		for _, f := range one.Files {
			part := verifiedPart{Name: f.Name}
			if f.Err != nil {
				part.Error = f.Err.Error()
			}
			inside.Files = append(inside.Files, part)
		}
		if one.Unread != nil || one.Message == nil {
			inside.Error = "it cannot be read"
			if one.Unread != nil {
				inside.Error = sentence(syntaxCause(one.Unread))
			}
			problems = append(problems, one.Name+": "+inside.Error)
			continue
		}
		outcome := one.Message.Outcome()
		all.Time, all.Policy = outcome.Time, outcome.Policy
		for _, s := range outcome.Signatures {
			s.Index = len(all.Signatures)
			compared(&s, one.Files)
			all.Signatures = append(all.Signatures, s)
			v.by = append(v.by, inside)
		}
		if len(outcome.Signatures) == 0 {
			problems = append(problems, one.Name+": there is no signature in it")
		}
	}
	for i, s := range all.Signatures {
		if i == 0 || s.Indication == validate.TotalFailed || s.Indication == validate.Indeterminate && all.Indication == validate.TotalPassed {
			all.Indication = s.Indication
		}
	}
	// A file whose signature does not hold is unsigned for that, which is said there.
	claimed := map[string]bool{}
	for _, s := range v.Signatures {
		for _, f := range s.Files {
			claimed[f.Name] = true
		}
	}
	v.Unsigned = report.Unsigned
	for _, name := range report.Unsigned {
		if !claimed[name] {
			problems = append(problems, "the file "+name+" is in the container and no signature covers it")
		}
	}
	r.Error = strings.Join(problems, "; ")
	r.Report = all
	r.Valid = valid && report.Valid()
	if r.asked {
		is := trusted && report.Trusted()
		r.Trusted = &is
	}
	r.OK = r.Valid && report.Trusted()
}

// compared puts what became of the files into the report of a signature.
func compared(s *validate.SignatureReport, files []asic.FileReport) {
	check := func(status cades.Status, format string, args ...any) {
		s.Checks = append(slices.Clip(s.Checks), cades.Check{Name: "files", Status: status, Detail: fmt.Sprintf(format, args...)})
	}
	good := 0
	for _, f := range files {
		conclude := func(i validate.Indication, sub validate.SubIndication, cause validate.Cause) {
			if s.Indication != validate.TotalFailed && (s.Indication == validate.TotalPassed || i == validate.TotalFailed) {
				s.Indication, s.SubIndication, s.Cause, s.Reason = i, sub, cause, "the file "+f.Name+": "+f.Err.Error()
			}
		}
		switch {
		case f.Err == nil:
			good++
		case errors.Is(f.Err, asic.ErrChanged):
			check(cades.Failed, "%s: %s", f.Name, f.Err)
			conclude(validate.TotalFailed, validate.HashFailure, validate.CauseContentChanged)
		case errors.Is(f.Err, asic.ErrMissing):
			check(cades.Failed, "%s: %s", f.Name, f.Err)
			conclude(validate.Indeterminate, validate.NoContent, validate.CauseContentMissing)
		default:
			check(cades.Failed, "%s: %s", f.Name, f.Err) // nobody may take it for compared
			conclude(validate.Indeterminate, validate.NotSupported, validate.CauseNotChecked)
		}
	}
	if good != 0 && good == len(files) {
		check(cades.Passed, "%s as they were signed", plain.Plural(good, "file"))
	}
}

// containerText prints a line for each signature, and one for what keeps the container from being valid beside them.
func (r *verified) containerText(a *app, o *shown) error {
	var b strings.Builder
	name := plain.Text(inputName(r.Signature))
	if o.tree {
		fmt.Fprintf(&b, "%s: %s with %s\n", name, r.Container.Kind, plain.Plural(len(r.Container.Files), "file"))
		for _, other := range r.Container.Others {
			fmt.Fprintf(&b, "  not looked at  %s\n", plain.Text(other))
		}
	}
	r.signatures(&b, name, o, func(i int) {
		inside := r.Container.by[i]
		fmt.Fprintf(&b, "  in %s\n", plain.Text(inside.Name))
		for _, f := range inside.Files {
			fmt.Fprintf(&b, "  over %s\n", plain.Text(f.Name))
		}
	})
	if r.Error != "" {
		fmt.Fprintf(&b, "%s: NOT VALID: %s\n", name, plain.Text(r.Error))
	}
	return a.printf("%s", b.String())
}

// containerTree shows a container for inspect.
func containerTree(c *container) (*inspect.Node, error) {
	root := &inspect.Node{Name: c.Kind().String(), Value: plain.Plural(len(c.Files()), "file")}
	list := func(to *inspect.Node, what string, names []string) {
		if len(names) == 0 {
			return
		}
		n := &inspect.Node{Name: what, Value: plain.Count(len(names))}
		for i, name := range names {
			if i == maxListed {
				n.Children = append(n.Children, &inspect.Node{Name: "…", Value: plain.Count(len(names)-i) + " more"})
				break
			}
			n.Children = append(n.Children, &inspect.Node{Name: plain.Text(name)})
		}
		to.Children = append(to.Children, n)
	}
	list(root, "files", c.Files())
	list(root, "not read here", c.Others())
	for i, s := range c.Signatures() {
		if i == maxShown {
			root.Children = append(root.Children, &inspect.Node{Name: "…", Value: plain.Count(len(c.Signatures())-i) + " more signatures"})
			break
		}
		n := &inspect.Node{Name: "signature " + plain.Text(s.Name)}
		if s.Manifest != "" && s.Manifest != s.Name {
			n.Children = append(n.Children, &inspect.Node{Name: "manifest", Value: plain.Text(s.Manifest)})
		}
		list(n, "over", s.Files())
		if s.Err != nil {
			n.Value = plain.Text(sentence(syntaxCause(s.Err)))
		} else {
			tree, err := inspect.Message(cms.InMemory(s.Message.Bytes()))
			if err != nil {
				return nil, err
			}
			n.Children = append(n.Children, tree)
		}
		root.Children = append(root.Children, n)
	}
	return root, nil
}

// Bounds of what inspect shows of a container.
const (
	maxListed = 1000 // names in one list
	maxShown  = 32   // signatures
)
