package validate

import (
	"bytes"
	"context"
	"io"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
)

// digestOf is the hash of the content for a signature. Some write a signature algorithm in its place, such as
// sha256WithRSAEncryption: its hash is meant.
func (v *verifier) digestOf(s *message.Signature) cms.OID {
	id := s.SI.Digest.ID
	if _, known := v.hashOf(id); known {
		return id
	}
	if _, own := v.registry().Scheme(id); own {
		return id
	}
	if alg, err := algorithm.ResolveSignature(s.SI.Digest); err == nil && alg.Kind != algorithm.UnknownKind && alg.Kind != algorithm.Ed25519 && alg.Hash != "" {
		return alg.Hash
	}
	return id
}

// maxLines bounds a content that is read once more to find out about its line ends: larger ones are no texts.
const maxLines = 16 << 20

// lineEnds says whether a content that is not the signed one would be it with other line ends. Mail programs, and openssl cms
// without -binary, sign a text with every line end made CRLF (RFC 8551 section 3.1.1), and version control and FTP change them
// afterwards. It stays another content: this is a hint, and no verdict. It is looked for in a content that is in the message, or
// whose reader can go back, and once for each hash.
func (v *verifier) lineEnds(id cms.OID, signed []byte) string {
	sums, done := v.lines[id]
	if !done {
		sums = v.lineSums(id)
		if v.lines == nil {
			v.lines = map[cms.OID][2][]byte{}
		}
		v.lines[id] = sums
	}
	for i, name := range []string{"CR LF", "LF"} {
		if sums[i] != nil && bytes.Equal(sums[i], signed) {
			return "; the content fits when every line of it ends with " + name + ": it was signed as a text, or its line ends were changed on the way"
		}
	}
	return ""
}

// lineSums digests the content with every line end made CRLF, and made LF.
func (v *verifier) lineSums(id cms.OID) (sums [2][]byte) {
	newHash, ok := v.hashOf(id)
	if !ok {
		return sums
	}
	for i, end := range []string{"\r\n", "\n"} {
		r := v.contentAgain()
		if r == nil {
			return sums
		}
		h := newHash()
		if _, err := message.Copy(context.Background(), h, message.Lines(r, end)); err != nil {
			return sums
		}
		sums[i] = h.Sum(nil)
	}
	return sums
}

// contentAgain reads the content once more, or is nil.
func (v *verifier) contentAgain() io.Reader {
	if !v.m.Detached() {
		if v.m.SD.Content.Len() > maxLines {
			return nil
		}
		var text bytes.Buffer
		if v.m.WriteContent(&text) != nil {
			return nil
		}
		return &text
	}
	if v.reread == nil {
		return nil
	}
	r, err := v.reread()
	if err != nil {
		return nil
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, maxLines+1))
	if err != nil || len(text) > maxLines {
		return nil
	}
	return bytes.NewReader(text)
}
