package cloudsign

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// want is the certificate that has to have signed: one of them, or none when the service chose.
type want struct {
	der        []byte
	thumbprint string // upper-case hexadecimal
}

// check checks a container: a detached SignedData of one signer, whose message-digest is that of the content, and whose signature
// is of the certificate that was asked for. It stops a service, or who stands between, from having a signature over something
// else, by somebody else, or of another file taken for this one. Whether the certificate is trusted is not looked at:
// that is up to who gave it, and to a verifier.
//
// Other providers know no container. This one gets nothing else from the service, so it reads them, with the reader that there
// is (internal/cms): a second one would be a second set of faults.
func check(item Item, container []byte, w want) (certificate []byte, err error) {
	if len(container) == 0 {
		return nil, errors.New("there is no signature for this content")
	}
	sd, err := cms.ParseSignedData(container)
	if err != nil {
		return nil, fmt.Errorf("this is no CMS container: %w", err)
	}
	switch {
	case len(bytes.Trim(sd.Trailing, "\x00")) != 0:
		return nil, errors.New("octets follow the CMS container")
	case len(sd.Signers) != 1:
		return nil, fmt.Errorf("the container has %d signers, not one", len(sd.Signers))
	case !sd.Content.IsZero():
		return nil, errors.New("the container has a content of its own, and is to be detached")
	}
	si := &sd.Signers[0]
	cert, err := signerCertificate(sd, si, w)
	if err != nil {
		return nil, err
	}
	digest, err := contentDigest(item, si)
	if err != nil {
		return nil, err
	}
	var registry *algorithm.Registry
	sig := algorithm.SignatureCheck{Algorithm: si.Algorithm, Digest: si.Digest.ID, Signature: si.SignatureRaw, SPKI: cert.SPKI}
	if si.SignedAttrs.IsZero() {
		if _, err := registry.Verify(&sig, nil, digest); err != nil {
			return nil, err
		}
		return cert.Raw, nil
	}
	if err := checkAttributes(sd, si, cert, digest); err != nil {
		return nil, err
	}
	if _, _, err := si.VerifyAttributes(func(set []byte) (string, error) { return registry.Verify(&sig, set, nil) }); err != nil {
		return nil, err
	}
	return cert.Raw, nil
}

// signerCertificate finds the certificate of the signer, which is the one that was asked for when one was.
func signerCertificate(sd *cms.SignedData, si *cms.SignerInfo, w want) (*pki.Certificate, error) {
	if w.der != nil {
		cert, err := pki.ParseCertificate(w.der)
		if err != nil {
			return nil, err
		}
		if !pki.Identifies(si.SID, cert) {
			return nil, errOtherCertificate
		}
		return cert, nil
	}
	for _, v := range sd.Certificates {
		cert, err := pki.ParseCertificate(v.Raw())
		if err != nil || !pki.Identifies(si.SID, cert) {
			continue
		}
		sum := algorithm.SHA1(cert.Raw)
		if w.thumbprint != "" && !strings.EqualFold(w.thumbprint, hex.EncodeToString(sum[:])) {
			continue
		}
		return cert, nil
	}
	if w.thumbprint != "" {
		return nil, errOtherCertificate
	}
	return nil, errors.New("the certificate of the signer is not in the container")
}

var errOtherCertificate = errors.New("it was signed with another certificate than the one that was asked for")

// contentDigest is the digest of the content by the algorithm of the signer. Weak ones are not taken of contents, and so are
// not found.
func contentDigest(item Item, si *cms.SignerInfo) ([]byte, error) {
	registry := algorithm.Registry{Policy: algorithm.Lenient()}
	if h, ok := registry.Hash(si.Digest.ID); ok && registry.JudgeHash(algorithm.UseMessage, h.ID, time.Time{}).Decision == algorithm.Allowed {
		if digest := item.Digests[h.Crypto.String()]; len(digest) != 0 {
			return digest, nil
		}
	}
	return nil, fmt.Errorf("the digest algorithm %s is not one that is checked here; see Config.Check", si.Digest.ID.Name())
}

// checkAttributes compares the signed attributes with what they have to say.
func checkAttributes(sd *cms.SignedData, si *cms.SignerInfo, cert *pki.Certificate, digest []byte) error {
	value, problem := cms.Single(si.Signed, cms.OIDMessageDigest)
	if problem != "" || value.IsZero() {
		return errors.New("the message-digest attribute is missing or malformed")
	}
	if got, err := value.Octets(); err != nil || !bytes.Equal(got, digest) {
		return errors.New("it is the signature of another content")
	}
	value, problem = cms.Single(si.Signed, cms.OIDContentType)
	if problem != "" || value.IsZero() {
		return errors.New("the content-type attribute is missing or malformed")
	}
	if oid, err := value.OID(); err != nil || oid != sd.ContentType {
		return errors.New("the content-type attribute is not the type of the content")
	}
	ids, problems := si.ESSCertIDs()
	if len(problems) != 0 {
		return errors.New(problems[0])
	}
	for _, id := range ids {
		h, known := (*algorithm.Registry)(nil).NameHash(id.Hash)
		if !known {
			return fmt.Errorf("the hash %s of the certificate is not known here", id.Hash.Name())
		}
		if !bytes.Equal(h.Sum(cert.Raw), id.Value) {
			return errOtherCertificate
		}
	}
	return nil
}

// checked checks a container of an operation. Its error is of class sign.ErrKeyMismatch.
func (c *Client) checked(item Item, container []byte, w want) (certificate []byte, err error) {
	if c.config.Check != nil && len(container) != 0 {
		err = c.config.Check(item, container)
	} else {
		certificate, err = check(item, container, w)
	}
	if err != nil {
		return nil, &sign.Error{Op: "cloudsign: check signature", Place: item.Name, Class: sign.ErrKeyMismatch, Err: err, Hint: "the container is not used; ask the operator of " + c.base.Host}
	}
	return certificate, nil
}

// want is the certificate of the configuration.
func (c *Client) want() want {
	w := want{thumbprint: c.thumbprint}
	if len(c.config.Chain) != 0 {
		w.der = c.config.Chain[0].Raw
	}
	return w
}
