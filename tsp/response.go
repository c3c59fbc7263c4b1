package tsp

import (
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// The values of PKIStatus that carry a token (RFC 3161 section 2.4.2), and the one that refuses.
const (
	statusGranted         = 0
	statusGrantedWithMods = 1
	statusRejection       = 2
)

// The bits of PKIFailureInfo (RFC 3161 section 2.4.2).
const (
	failBadAlg              = 0
	failBadRequest          = 2
	failBadDataFormat       = 5
	failTimeNotAvailable    = 14
	failUnacceptedPolicy    = 15
	failUnacceptedExtension = 16
	failAddInfoNotAvailable = 17
	failSystemFailure       = 25
)

// Limits of what of a refusal is repeated in an error.
const (
	maxStatusStrings = 4
	maxStatusText    = 200
)

// ParseResponse reads a TimeStampResp (RFC 3161 section 2.4.2), the answer of an authority as it stands in a file .tsr, and takes the
// token out of it, which [Token.Verify] checks. What was asked is not compared with it; see [Request.Token]. The error is a [*sign.Error]:
// of CheckStatus when the authority gave none, with what it said, else of CheckEncoding or CheckContentType. Answers of strangers are
// read as [ParseToken] reads tokens.
func ParseResponse(der []byte) (*Token, error) {
	malformed := func(err error) (*Token, error) {
		return nil, because(CheckEncoding, "this is not a time-stamp response", err)
	}
	v, err := cms.ReadValue(der)
	if err != nil {
		return malformed(err)
	}
	if v.Tag() != cms.TagSequence {
		return malformed(failed(CheckEncoding, "it is not a SEQUENCE"))
	}
	r := v.Reader()
	info, err := r.Want(cms.TagSequence, "PKIStatusInfo")
	if err != nil {
		return malformed(err)
	}
	if err := readStatus(info); err != nil {
		if refused, ok := err.(*sign.Error); ok {
			return nil, refused
		}
		return malformed(err)
	}
	if r.Empty() {
		return nil, failed(CheckEncoding, "the response is granted and holds no token")
	}
	token, err := r.Want(cms.TagSequence, "timeStampToken")
	if err != nil {
		return malformed(err)
	}
	return ParseToken(token.Raw())
}

// readStatus returns nil when a token was granted, and a [*sign.Error] of CheckStatus that says what the authority said when
// not.
func readStatus(info cms.Value) error {
	r := info.Reader()
	v, err := r.Want(cms.TagInteger, "status")
	if err != nil {
		return err
	}
	status, err := v.Int()
	if err != nil {
		return err
	}
	if status == statusGranted || status == statusGrantedWithMods {
		return nil
	}
	names := map[int]string{statusRejection: "rejection", 3: "waiting", 4: "revocation warning", 5: "revocation notification"}
	name, ok := names[status]
	if !ok {
		name = "an unknown status"
	}
	what, temporary := fmt.Sprintf("the authority answered %d (%s)", status, name), false
	// What follows explains the refusal, and a malformed explanation is none.
	if v, ok, _ := r.Optional(cms.TagSequence); ok {
		for strings := v.Reader(); !strings.Empty(); {
			text, err := strings.Next()
			if err != nil {
				break
			}
			what += fmt.Sprintf(", %q", clip(text.Body()))
			if len(what) > maxStatusStrings*maxStatusText {
				break
			}
		}
	}
	if v, ok, _ := r.Optional(cms.TagBitString); ok {
		for _, bit := range bits(v.Body()) {
			what += ", " + failureName(bit)
			temporary = temporary || bit == failTimeNotAvailable || bit == failSystemFailure
		}
	}
	refused := failed(CheckStatus, "%s", what)
	refused.Temporary = temporary
	return refused
}

func clip(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), maxStatusText)]), "\ufffd")
}

// bits lists the bits that are set in the contents of a BIT STRING, of the first 64.
func bits(body []byte) (set []int) {
	if len(body) == 0 {
		return nil
	}
	body = body[1:]
	for i := range 8 * min(len(body), 8) {
		if body[i/8]>>(7-i%8)&1 == 1 {
			set = append(set, i)
		}
	}
	return set
}

func failureName(bit int) string {
	names := map[int]string{
		failBadAlg: "badAlg", failBadRequest: "badRequest", failBadDataFormat: "badDataFormat",
		failTimeNotAvailable: "timeNotAvailable", failUnacceptedPolicy: "unacceptedPolicy",
		failUnacceptedExtension: "unacceptedExtension", failAddInfoNotAvailable: "addInfoNotAvailable",
		failSystemFailure: "systemFailure",
	}
	if n, ok := names[bit]; ok {
		return n
	}
	return fmt.Sprintf("failure bit %d", bit)
}
