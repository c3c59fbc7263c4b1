package cli

import (
	"context"
	"crypto/x509"
	"slices"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// withIssuers judges a message once more when --fetch finds issuers that are not inside. A content that comes once, from a pipe, is
// not there any more: then the first report stands.
func withIssuers(ctx context.Context, m *cades.Message, content sign.Content, report *cades.Report, o *cades.VerifyOptions) *cades.Report {
	more := issuers(ctx, m, report, o)
	if len(more) == 0 || !again(content) {
		return report
	}
	again := *o
	again.Certificates = append(slices.Clone(o.Certificates), more...)
	if better, err := m.Verify(ctx, content, &again); err == nil {
		return better
	}
	return report
}

// again reports whether a content can be read once more; the zero one is that of an attached message.
func again(content sign.Content) bool { return content.IsZero() || content.Source().Again() }

// maxFetched bounds for how many signatures of a message issuers are asked for: whoever made it names the places.
const maxFetched = 8

// issuers fetches the certificates of issuers that are not inside, from where the certificates of signers say that they are (RFC 5280
// section 4.2.2.1). They are candidates, and not trusted for that.
func issuers(ctx context.Context, m *cades.Message, report *cades.Report, o *cades.VerifyOptions) (more []*x509.Certificate) {
	client, ok := o.Revocation.(*revocation.Client)
	if !ok || o.Roots == nil {
		return nil
	}
	candidates := append([]*x509.Certificate(nil), o.Certificates...)
	for _, c := range m.Certificates() {
		if c.X509 != nil {
			candidates = append(candidates, c.X509)
		}
	}
	asked := 0
	for i := range report.Signatures {
		s := &report.Signatures[i]
		leaf := s.Certificate()
		if s.Cause != validate.CauseUnknownAuthority || leaf == nil {
			continue
		}
		if asked++; asked > maxFetched {
			break
		}
		chain, _ := client.Chain(ctx, leaf, candidates) // as far as it goes
		for _, c := range chain[1:] {
			if !slices.ContainsFunc(candidates, c.Equal) {
				candidates, more = append(candidates, c), append(more, c)
			}
		}
	}
	return more
}
