package cades_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
)

// nothing is a source of chains and values for certificates of others, whose authorities cannot be asked from here.
type nothing struct{}

func (nothing) Chain(_ context.Context, leaf *x509.Certificate, _ []*x509.Certificate) ([]*x509.Certificate, error) {
	return []*x509.Certificate{leaf}, nil
}

func (nothing) Collect(_ context.Context, chains [][]*x509.Certificate, _ *revocation.CollectOptions) (*revocation.Collection, error) {
	all := &revocation.Collection{}
	for _, chain := range chains {
		all.Certificates = append(all.Certificates, chain...)
	}
	return all, nil
}

// TestCorpusRaised raises the files of other makers to the next level: one without a time-stamp to T, others by an archive
// time-stamp. Every octet that was there is in place, and what verified before does so still. What is refused is refused
// for a reason that its own report names.
func TestCorpusRaised(t *testing.T) {
	files := testpki.Corpus(t)
	pki := testpki.New(t)
	raised, refused := 0, 0
	for _, file := range files {
		ber, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := cades.Parse(ber)
		if err != nil || len(m.Signatures()) == 0 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			to := cades.LevelT
			at := time.Now()
			for _, s := range m.Signatures() {
				if len(s.Timestamps()) != 0 && s.Level() >= cades.LevelT {
					to = cades.LevelLTA
				}
				if c := s.SignerCertificate(); c != nil && c.NotAfter.Before(at) {
					at = c.NotAfter.Add(-time.Minute)
				}
			}
			if m.Detached() {
				to = cades.LevelT
			}
			tsa := testlevels.Authority(t, pki, func() time.Time { return at })
			before, err := m.Verify(t.Context(), sign.Content{}, nil)
			require.NoError(t, err)
			out, err := m.Extend(t.Context(), to, &cades.ExtendOptions{Timestamper: tsa, Revocation: nothing{}, Clock: func() time.Time { return at }})
			if err != nil {
				refused++
				t.Logf("%s to %s: %s", m.Signatures()[0].LevelName(), to, err)
				requireReason(t, before, err)
				return
			}
			raised++
			old, sd := parse(t, ber)
			next, after := parse(t, out)
			requireKept(t, sd, after)
			require.Len(t, next.Signatures(), len(old.Signatures()))
			report, err := next.Verify(t.Context(), sign.Content{}, nil)
			require.NoError(t, err)
			for i := range report.Signatures {
				require.Equal(t, before.Signatures[i].Status(cades.CheckSignature), report.Signatures[i].Status(cades.CheckSignature))
				require.Equal(t, before.Signatures[i].Status(cades.CheckTimestamp) == cades.Failed, report.Signatures[i].Status(cades.CheckTimestamp) == cades.Failed, "%+v", report.Signatures[i].Checks)
				if s := next.Signatures()[i]; to == cades.LevelT {
					require.NotEmpty(t, s.Timestamps())
				} else {
					require.Greater(t, len(s.Timestamps()), len(old.Signatures()[i].Timestamps()))
				}
			}
		})
	}
	t.Logf("%d raised, %d refused", raised, refused)
	require.NotZero(t, raised)
}

// requireReason finds the reason of a refusal in the report on the file, or in what the file is.
func requireReason(t *testing.T, r *cades.Report, refusal error) {
	t.Helper()
	for i := range r.Signatures {
		for _, c := range r.Signatures[i].Checks {
			bad := c.Status == cades.Failed || c.Status == cades.Unchecked && c.Name == cades.CheckSignature
			if strings.Contains(c.Detail, "evidence-record") && strings.Contains(refusal.Error(), "evidence record") {
				return
			}
			if bad && strings.Contains(refusal.Error(), c.Name) {
				return
			}
		}
		if r.Signatures[i].Signature.Level() == cades.LevelPKCS7 && strings.Contains(refusal.Error(), "PKCS #7") {
			return
		}
	}
	t.Fatalf("the report on the file does not bear this out: %s", refusal)
}
