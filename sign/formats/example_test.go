package formats_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/sign/formats"
	"github.com/seed-116355fd/signet/testsign"
)

// line is a container of one line: the digest of the content, and the signature over the text of it.
type line struct{}

// Prepare reads the content, or takes the digest that stands for it.
func (line) Prepare(_ context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	from := c.Source()
	sum, given := from.Digest(s.Scheme().DigestAlg)
	if !given {
		r, err := from.Open() // an error for what cannot be read, such as digests by other hashes
		if err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }()
		h := s.Scheme().NewHash()
		if _, err := io.Copy(h, r); err != nil {
			return nil, err
		}
		sum = h.Sum(nil)
	}
	return &lineDraft{s, "line " + base64.StdEncoding.EncodeToString(sum)}, nil
}

type lineDraft struct {
	signer *sign.Signer
	text   string
}

var _ formats.TrustingDraft = (*lineDraft)(nil) // a batch that has checked the signature needs no second check

func (d *lineDraft) ToBeSigned() []byte { return []byte(d.text) }

func (d *lineDraft) Finish(ctx context.Context, signature []byte) ([]byte, error) {
	if err := d.signer.Verify(d.ToBeSigned(), signature); err != nil {
		return nil, err
	}
	return d.FinishTrusted(ctx, signature)
}

func (d *lineDraft) FinishTrusted(_ context.Context, signature []byte) ([]byte, error) {
	return []byte(d.text + " " + base64.StdEncoding.EncodeToString(signature)), nil
}

// A container format of one's own, signed by a batch as those of this module are.
//
// The mistakes to avoid: a Finish that puts in whatever it is given; and a Prepare that leaves anything open which the clock or the content
// can change until then.
func Example() {
	ctx := context.Background()
	signer := testsign.New(nil).Signer() // sign.Open in a program
	sum := sha256.Sum256([]byte("an invoice"))
	digest, err := sign.NewDigest(crypto.SHA256, sum[:])
	if err != nil {
		log.Fatal(err)
	}
	contents := []batch.Content{sign.Bytes("contract", []byte("a contract")), sign.Digested("invoice", digest), sign.File("none.txt")}
	results, err := batch.Sign(ctx, signer, line{}, contents, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Name, strings.HasPrefix(string(r.Signature), "line "), r.Err)
	}
	// Output:
	// contract true <nil>
	// invoice true <nil>
	// none.txt false open none.txt: no such file or directory
}
