package verdict

import (
	"bytes"
	"encoding/pem"

	"github.com/seed-116355fd/signet/cades"
)

// Parse reads a message in DER, BER or PEM.
func Parse(data []byte) (*cades.Message, error) { return cades.Parse(Unarmor(data)) }

// Unarmor takes the first block out of PEM; anything else stays as it is.
func Unarmor(data []byte) []byte {
	if text := bytes.TrimLeft(data, " \t\r\n\xEF\xBB\xBF"); bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		if block, _ := pem.Decode(text); block != nil {
			return block.Bytes
		}
	}
	return data
}
