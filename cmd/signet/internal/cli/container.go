package cli

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// containerFlags say what a container is to be.
type containerFlags struct {
	anyCertificate                                                         bool
	level, scheme, policyOID, policyHash, policyURI, mimeType, signingTime string
	attached, signerOnly, unprotected                                      bool
	commitments, roles                                                     []string
}

func (f *containerFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.level, "level", "bes", "how much a signature carries, `LEVEL`: pkcs7, bes, t, lt, lta, c, xlong1 or a")
	flags.StringVar(&f.scheme, "scheme", "", "signature scheme `NAME` instead of the best one of the key (see signet keys)")
	flags.BoolVar(&f.attached, "attached", false, "put the content into the container (.p7m)")
	flags.StringVar(&f.policyOID, "policy-oid", "", "sign under the signature policy `OID`; needs --policy-hash")
	flags.StringVar(&f.policyHash, "policy-hash", "", "digest of the policy document, `ALGORITHM:DIGEST`: sha256, sha384 or sha512, and hexadecimal or base64")
	flags.StringVar(&f.policyURI, "policy-uri", "", "where the policy document is, `URI`")
	flags.StringArrayVar(&f.commitments, "commitment", nil, "what the signature means, `TYPE`: origin, receipt, delivery, sender, approval, creation, or an OID; may be repeated")
	flags.StringArrayVar(&f.roles, "role", nil, "in what `ROLE` the signer claims to sign; may be repeated")
	flags.StringVar(&f.mimeType, "mime-type", "", "what the content is, `TYPE`, such as application/pdf")
	flags.BoolVar(&f.anyCertificate, "any-certificate", false, "sign also with a certificate that has expired, is not valid yet, or is not for signing documents")
	flags.BoolVar(&f.signerOnly, "signer-only", false, "leave the issuers of the signer's certificate out of the container")
	flags.BoolVar(&f.unprotected, "no-algorithm-protection", false, "leave out the attribute CMSAlgorithmProtection, which programs of others seldom write")
	flags.StringVar(&f.signingTime, "signing-time", "", "claimed `TIME` of signing, such as 2026-03-01T12:00:00Z, instead of now")
}

// options checks the flags; a nil scheme is the best one of the key.
func (f *containerFlags) options() (*cades.Options, *sign.Scheme, error) {
	o := &cades.Options{Attached: f.attached, AnyCertificate: f.anyCertificate, ClaimedRoles: f.roles, MimeType: f.mimeType, NoAlgorithmProtection: f.unprotected}
	if f.signerOnly {
		o.Certificates = cades.SignerOnly
	}
	var err error
	if o.Level, err = cades.ParseLevel(f.level); err != nil {
		return nil, nil, usage("--level %s: choose one of pkcs7, bes, t, lt, lta, c, xlong1, a", f.level)
	}
	if o.Policy, err = f.policy(); err != nil {
		return nil, nil, err
	}
	for _, name := range f.commitments {
		c, err := cades.ParseCommitment(name)
		if err != nil {
			return nil, nil, usage("--commitment %s: choose one of origin, receipt, delivery, sender, approval, creation, or give a dotted OID", name)
		}
		o.Commitments = append(o.Commitments, c)
	}
	if f.signingTime != "" {
		if o.SigningTime, err = parseTime(f.signingTime); err != nil {
			return nil, nil, usage("--signing-time %s: %w", f.signingTime, err)
		}
	}
	if f.scheme == "" {
		return o, nil, nil
	}
	scheme, err := schemeByName(f.scheme)
	if err != nil {
		return nil, nil, err
	}
	return o, &scheme, nil
}

func (f *containerFlags) policy() (*cades.Policy, error) {
	switch {
	case f.policyOID == "" && (f.policyHash != "" || f.policyURI != ""):
		return nil, usage("--policy-hash and --policy-uri need --policy-oid")
	case f.policyOID == "":
		return nil, nil
	case f.policyHash == "":
		return nil, usage("--policy-oid needs --policy-hash, the digest of the policy document: --policy-hash sha256:DIGEST")
	}
	if _, err := cms.ParseOID(f.policyOID); err != nil {
		return nil, usage("--policy-oid %s is not an object identifier; write it as 1.2.643.2", f.policyOID)
	}
	p := &cades.Policy{OID: f.policyOID, URI: f.policyURI}
	name, text, _ := strings.Cut(f.policyHash, ":")
	switch strings.ReplaceAll(strings.ToLower(name), "-", "") {
	case "sha256":
		p.Hash = crypto.SHA256
	case "sha384":
		p.Hash = crypto.SHA384
	case "sha512":
		p.Hash = crypto.SHA512
	default:
		return nil, usage("--policy-hash %s: begin it with sha256:, sha384: or sha512:", f.policyHash)
	}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if sum, err := decode(text); err == nil && len(sum) == p.Hash.Size() {
			p.Digest = sum
			return p, nil
		}
	}
	return nil, usage("--policy-hash %s: a %s digest has %d octets, in hexadecimal or base64", f.policyHash, p.Hash, p.Hash.Size())
}

// parseTime reads a moment, or a day at its beginning in UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errTime
}

var errTime = errors.New("write it as 2026-03-01T12:00:00Z, or 2026-03-01")
