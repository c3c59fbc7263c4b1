package cms_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
)

// TestPaddedTagNumber: X.690 section 8.1.2.4.2 (c). A header has a bounded length.
func TestPaddedTagNumber(t *testing.T) {
	_, err := cms.ReadValue([]byte("\x9f\x80\x81\x01\x00"))
	require.Error(t, err)
	_, err = cms.ReadValue([]byte("\x9f\x81\x01\x00"))
	require.NoError(t, err)
}

// TestValuesAroundAGap has a content that is elsewhere: nobody takes its absence for an empty one.
func TestValuesAroundAGap(t *testing.T) {
	for name, ber := range map[string]string{
		"DER": "\x30\x2e\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x21\x30\x1f\x02\x01\x01\x31\x00\x30\x16\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x09\x04\x07content\x31\x00",
		"BER": "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80" +
			"\x24\x80\x04\x03con\x04\x04tent\x00\x00\x00\x00\x00\x00\x31\x00\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			whole, err := cms.ParseSignedData([]byte(ber))
			require.NoError(t, err)
			o, err := cms.Open(bytes.NewReader([]byte(ber)), int64(len(ber)), cms.DefaultHeld)
			require.NoError(t, err)
			require.False(t, o.InMemory())
			require.Equal(t, len(ber), o.Size())
			all, err := o.Bytes()
			require.NoError(t, err)
			require.Equal(t, ber, string(all))
			sd, err := cms.ParseOctets(o)
			require.NoError(t, err)
			for i, v := range []cms.Value{sd.ContentInfo, sd.Value, sd.EncapContentInfo, sd.Content} {
				same := []cms.Value{whole.ContentInfo, whole.Value, whole.EncapContentInfo, whole.Content}[i]
				require.Nil(t, v.Raw())
				require.Nil(t, v.Body())
				require.Equal(t, len(same.Raw()), v.Len())
				require.Equal(t, same.Offset(), v.Offset())
				var raw bytes.Buffer
				require.NoError(t, v.WriteRaw(&raw))
				require.Equal(t, same.Raw(), raw.Bytes())
			}
			_, err = sd.Content.Octets()
			require.Error(t, err)
			if r := sd.Content.Reader(); name == "BER" {
				_, err = r.Next()
				require.Error(t, err)
			}
			require.Equal(t, whole.SignerInfos.Raw(), sd.SignerInfos.Raw())
			require.Equal(t, whole.SignerInfos.Offset(), sd.SignerInfos.Offset())
			// What is put behind it does not move it.
			edit := func(sd *cms.SignedData) cms.Edit {
				return cms.Edit{Parent: sd.SignerInfos, At: sd.SignerInfos.End(), Insert: []byte{5, 0}}
			}
			want, err := cms.Splice(whole.ContentInfo, edit(whole))
			require.NoError(t, err)
			spliced, err := cms.SpliceOctets(sd.ContentInfo, edit(sd))
			require.NoError(t, err)
			require.False(t, spliced.InMemory())
			got, err := spliced.Bytes()
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}
