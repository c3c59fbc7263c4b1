package interop_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
)

// validate asks DSS about a message. Without revocation values the verdict on the path is open; everything else is not.
func validate(t *testing.T, w *world, message []byte, detached bool) map[string]string {
	t.Helper()
	content := ""
	if detached {
		content = w.path("content")
	}
	answer := dss.must(t, "validate", w.message(message), content, w.path("root.pem"))
	require.Equal(t, "true", answer["0.intact"], answer)
	require.Equal(t, "true", answer["0.structure"], answer)
	require.Equal(t, "true", answer["0.chain"], answer)
	require.Equal(t, "true", answer["0.identified"], answer)
	require.Equal(t, "INDETERMINATE", answer["0.indication"], answer)
	require.Contains(t, answer["0.errors"], "No revocation data found", answer)
	return answer
}

func TestDSSValidates(t *testing.T) {
	dss.need(t)
	w := newWorld(t)
	for _, s := range schemes() {
		signer := w.identity(s.kind).signer(t, s.Scheme)
		for _, f := range forms() {
			t.Run(s.Name+" "+f.name, func(t *testing.T) {
				message, err := f.make(t.Context(), w, signer, cades.Options{})
				require.NoError(t, err)
				answer := validate(t, w, message, f.detached)
				require.Equal(t, "CAdES-BASELINE-B", answer["0.format"])
			})
		}
	}
}

func TestDSSReadsAttributes(t *testing.T) {
	dss.need(t)
	w := newWorld(t)
	s := schemes()[6]
	message, err := forms()[0].make(t.Context(), w, w.identity(s.kind).signer(t, s.Scheme), decorated())
	require.NoError(t, err)
	answer := validate(t, w, message, true)
	for name, want := range map[string]string{
		"0.format": "CAdES-BASELINE-B", "0.policy": "1.3.6.1.4.1.99999.2", "0.commitments": "1.2.840.113549.1.9.16.6.5",
		"0.country": "NO", "0.locality": "Tromsø", "0.roles": "registrar|keeper of seals", "0.mime": "application/pdf", "0.identifier": "content 17",
	} {
		require.Equal(t, want, answer[name], name)
	}
}
