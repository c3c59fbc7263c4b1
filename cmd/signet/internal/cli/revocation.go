package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/received"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/revocation"
)

// revocationFlags say from where it is known whether certificates were revoked, beside what is inside the signature.
type revocationFlags struct {
	values         []string
	fetch, private bool
	cache, mode    string
	proxy          string
}

func (f *revocationFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.values, "crl", nil, "what says which certificates were revoked: a `FILE` with a CRL or an OCSP response, in DER or PEM; may be repeated")
	flags.BoolVar(&f.fetch, "fetch", false, "ask the places that certificates name whether they were revoked, and for issuers that are not inside")
	flags.StringVar(&f.cache, "cache", "", "with --fetch, keep the answers in `DIR` until the next ones are due")
	flags.BoolVar(&f.private, "allow-private", false, "with --fetch, ask at private addresses, too: for authorities in one's own network")
	registerProxy(flags, &f.proxy)
	flags.StringVar(&f.mode, "revocation", "on", "`MODE`: off leaves out whether certificates were revoked, and the report says so")
}

// into puts the flags into the options of a verification.
func (f *revocationFlags) into(a *app, o *cades.VerifyOptions) error {
	switch {
	case f.mode == "off" && (f.fetch || len(f.values) != 0):
		return usage("--revocation off leaves out what --fetch and --crl are for; give one of them")
	case f.mode == "off":
		o.NoRevocation = true
	case f.mode != "on":
		return usage("--revocation %s: choose on or off", f.mode)
	case !f.fetch && f.cache != "":
		return usage("--cache is for --fetch")
	case !f.fetch && f.private:
		return usage("--allow-private is for --fetch")
	case !f.fetch && f.proxy != "":
		return usage("--proxy is for --fetch")
	}
	for _, path := range f.values {
		if err := readValues(path, o); err != nil {
			return usage("--crl %s: %w", path, cause(err))
		}
	}
	if f.fetch {
		proxy, err := proxyURL(f.proxy)
		if err != nil {
			return err
		}
		client, err := revocation.NewClient(revocation.Config{Algorithms: schemes.Algorithms(), Known: o.Values, Roots: o.Roots, CacheDir: f.cache, AllowPrivate: f.private, Clock: a.Now, Connect: connect.Options{Proxy: proxy}})
		if err != nil {
			return usage("--cache %s: %w", f.cache, err)
		}
		o.Revocation = client
	}
	return nil
}

// maxValueFile bounds a file with a CRL; those of large authorities have tens of megabytes.
const maxValueFile = 256 << 20

// readValues reads what --crl names.
func readValues(path string, o *cades.VerifyOptions) error {
	data, err := readSmall(path, maxValueFile)
	if err != nil {
		return err
	}
	if o.Values == nil {
		o.Values = &revocation.Values{}
	}
	var found int
	take := func(der []byte) error {
		switch intake.KindOf(der) {
		case intake.RevocationList:
			if _, err := revocation.ParseCRL(der); err != nil {
				return fmt.Errorf("the CRL cannot be read: %w", err)
			}
			o.Values.CRLs = append(o.Values.CRLs, der)
		case intake.OCSPResponse:
			o.Values.OCSP = append(o.Values.OCSP, der)
		default:
			return nil
		}
		found++
		return nil
	}
	if blocks := received.Blocks(data); len(blocks) != 0 && data[0] != 0x30 {
		for _, b := range blocks {
			if err := take(b.DER); err != nil {
				return err
			}
		}
	}
	if found != 0 {
		return nil
	}
	f, err := intake.Read(data)
	if err != nil { // what it says is about signatures
		return errors.New("there is neither a CRL nor an OCSP response in it")
	}
	if err = take(f.DER); err == nil && found == 0 {
		err = fmt.Errorf("it is %s, and neither a CRL nor an OCSP response", f.Kind.Name())
	}
	return err
}

// revocationHint says how to go on when it is not known whether a certificate was revoked.
func (r *verified) revocationHint(o *cades.VerifyOptions) {
	if r.Hint != "" || !r.has(validate.CauseRevocationUnknown) {
		return
	}
	ways := []string{"give its list with --crl FILE", "or leave the question out with --revocation off"}
	if o.Revocation == nil && !strings.Contains(r.conclusion().reason, "names no place to ask") {
		ways = append([]string{"let it be asked with --fetch"}, ways...)
	}
	r.hint(validate.CauseRevocationUnknown, strings.Join(ways, ", "))
}
