package cms_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
)

// otherWords are names of the same thing where those of OpenSSL are in other words; each was looked at.
func otherWords() map[string]string {
	return map[string]string{
		"1.2.840.113549.1.7.5":       "digestedData",                                 // pkcs7-digestData = 1.2.840.113549.1.7.5
		"1.3.14.3.2.29":              "sha1WithRSASignature",                         // RSA-SHA1-2 = sha1WithRSA, 1.3.14.3.2.29
		"1.3.36.3.3.1.2":             "rsaSignatureWithripemd160",                    // RSA-RIPEMD160 = ripemd160WithRSA, 1.3.36.3.3.1.2
		"2.5.29.37":                  "extKeyUsage",                                  // extendedKeyUsage = X509v3 Extended Key Usage, 2.5.29.37
		"1.3.6.1.5.5.7.2.1":          "cps",                                          // id-qt-cps = Policy Qualifier CPS, 1.3.6.1.5.5.7.2.1
		"1.3.6.1.5.5.7.2.2":          "unotice",                                      // id-qt-unotice = Policy Qualifier User Notice, 1.3.6.1.5.5.7.2.2
		"1.2.840.113549.1.9.16.2.3":  "mlExpansionHistory",                           // id-smime-aa-mlExpandHistory = 1.2.840.113549.1.9.16.2.3
		"1.2.840.113549.1.9.16.2.4":  "content-hints",                                // id-smime-aa-contentHint = 1.2.840.113549.1.9.16.2.4
		"1.2.840.113549.1.9.16.2.14": "signature-time-stamp",                         // id-smime-aa-timeStampToken = 1.2.840.113549.1.9.16.2.14
		"1.2.840.113549.1.9.16.2.15": "signature-policy-identifier",                  // id-smime-aa-ets-sigPolicyId = 1.2.840.113549.1.9.16.2.15
		"1.2.840.113549.1.9.16.2.16": "commitment-type-indication",                   // id-smime-aa-ets-commitmentType = 1.2.840.113549.1.9.16.2.16
		"1.2.840.113549.1.9.16.2.18": "signer-attributes",                            // id-smime-aa-ets-signerAttr = 1.2.840.113549.1.9.16.2.18
		"1.2.840.113549.1.9.16.2.21": "complete-certificate-references",              // id-smime-aa-ets-CertificateRefs = 1.2.840.113549.1.9.16.2.21
		"1.2.840.113549.1.9.16.2.22": "complete-revocation-references",               // id-smime-aa-ets-RevocationRefs = 1.2.840.113549.1.9.16.2.22
		"1.2.840.113549.1.9.16.2.23": "certificate-values",                           // id-smime-aa-ets-certValues = 1.2.840.113549.1.9.16.2.23
		"1.2.840.113549.1.9.16.2.25": "CAdES-C-time-stamp",                           // id-smime-aa-ets-escTimeStamp = 1.2.840.113549.1.9.16.2.25
		"1.2.840.113549.1.9.16.2.26": "time-stamped-certs-crls-references",           // id-smime-aa-ets-certCRLTimestamp = 1.2.840.113549.1.9.16.2.26
		"1.2.840.113549.1.9.16.2.27": "archive-time-stamp (v1)",                      // id-smime-aa-ets-archiveTimeStamp = 1.2.840.113549.1.9.16.2.27
		"1.2.840.113549.1.9.16.5.1":  "SP-URI",                                       // id-smime-spq-ets-sqt-uri = 1.2.840.113549.1.9.16.5.1
		"1.2.840.113549.1.9.16.5.2":  "SP-user-notice",                               // id-smime-spq-ets-sqt-unotice = 1.2.840.113549.1.9.16.5.2
		"1.2.840.113549.1.9.16.6.1":  "proof-of-origin",                              // id-smime-cti-ets-proofOfOrigin = 1.2.840.113549.1.9.16.6.1
		"1.2.840.113549.1.9.16.6.2":  "proof-of-receipt",                             // id-smime-cti-ets-proofOfReceipt = 1.2.840.113549.1.9.16.6.2
		"1.2.840.113549.1.9.16.6.3":  "proof-of-delivery",                            // id-smime-cti-ets-proofOfDelivery = 1.2.840.113549.1.9.16.6.3
		"1.2.840.113549.1.9.16.6.4":  "proof-of-sender",                              // id-smime-cti-ets-proofOfSender = 1.2.840.113549.1.9.16.6.4
		"1.2.840.113549.1.9.16.6.5":  "proof-of-approval",                            // id-smime-cti-ets-proofOfApproval = 1.2.840.113549.1.9.16.6.5
		"1.2.840.113549.1.9.16.6.6":  "proof-of-creation",                            // id-smime-cti-ets-proofOfCreation = 1.2.840.113549.1.9.16.6.6
		"1.3.6.1.5.5.7.1.7":          "ipAddrBlocks",                                 // sbgp-ipAddrBlock = 1.3.6.1.5.5.7.1.7
		"1.3.6.1.5.5.7.1.8":          "autonomousSysIds",                             // sbgp-autonomousSysNum = 1.3.6.1.5.5.7.1.8
		"1.3.6.1.5.5.7.11.1":         "qcs-pkixQCSyntax-v1",                          // id-qcs-pkixQCSyntax-v1 = 1.3.6.1.5.5.7.11.1
		"1.3.6.1.5.5.7.48.3":         "timeStamping",                                 // ad_timestamping = AD Time Stamping, 1.3.6.1.5.5.7.48.3
		"1.3.6.1.5.5.7.48.1.1":       "ocsp-basic",                                   // basicOCSPResponse = Basic OCSP Response, 1.3.6.1.5.5.7.48.1.1
		"1.3.6.1.5.5.7.48.1.3":       "ocsp-crl",                                     // CrlID = OCSP CRL ID, 1.3.6.1.5.5.7.48.1.3
		"1.3.6.1.5.5.7.48.1.4":       "ocsp-response",                                // acceptableResponses = Acceptable OCSP Responses, 1.3.6.1.5.5.7.48.1.4
		"1.3.6.1.5.5.7.48.1.9":       "ocsp-extended-revoke",                         // valid = 1.3.6.1.5.5.7.48.1.9
		"1.2.840.10045.3.1.1":        "P-192",                                        // prime192v1 = 1.2.840.10045.3.1.1
		"1.2.840.10045.3.1.7":        "P-256",                                        // prime256v1 = 1.2.840.10045.3.1.7
		"1.3.132.0.33":               "P-224",                                        // secp224r1 = 1.3.132.0.33
		"1.3.132.0.34":               "P-384",                                        // secp384r1 = 1.3.132.0.34
		"1.3.132.0.35":               "P-521",                                        // secp521r1 = 1.3.132.0.35
		"1.2.643.2.2.3":              "GOST R 34.10-2001 with GOST R 34.11-94",       // id-GostR3411-94-with-GostR3410-2001 = GOST R 34.11-94 with GOST R 34.10-2001, 1.2.643.2.2.3
		"1.2.643.7.1.1.1.1":          "GOST R 34.10-2012 256",                        // gost2012_256 = GOST R 34.10-2012 with 256 bit modulus, 1.2.643.7.1.1.1.1
		"1.2.643.7.1.1.1.2":          "GOST R 34.10-2012 512",                        // gost2012_512 = GOST R 34.10-2012 with 512 bit modulus, 1.2.643.7.1.1.1.2
		"1.2.643.7.1.1.2.2":          "GOST R 34.11-2012 256",                        // md_gost12_256 = GOST R 34.11-2012 with 256 bit hash, 1.2.643.7.1.1.2.2
		"1.2.643.7.1.1.2.3":          "GOST R 34.11-2012 512",                        // md_gost12_512 = GOST R 34.11-2012 with 512 bit hash, 1.2.643.7.1.1.2.3
		"1.2.643.7.1.1.3.2":          "GOST R 34.10-2012 with GOST R 34.11-2012 256", // id-tc26-signwithdigest-gost3410-2012-256 = GOST R 34.10-2012 with GOST R 34.11-2012 (256 bit), 1.2.643.7.1.1.3.2
		"1.2.643.7.1.1.3.3":          "GOST R 34.10-2012 with GOST R 34.11-2012 512", // id-tc26-signwithdigest-gost3410-2012-512 = GOST R 34.10-2012 with GOST R 34.11-2012 (512 bit), 1.2.643.7.1.1.3.3
		"1.2.643.2.2.35.0":           "test-256",                                     // id-GostR3410-2001-TestParamSet = 1.2.643.2.2.35.0
		"1.2.643.2.2.35.1":           "CryptoPro-A",                                  // id-GostR3410-2001-CryptoPro-A-ParamSet = 1.2.643.2.2.35.1
		"1.2.643.2.2.35.2":           "CryptoPro-B",                                  // id-GostR3410-2001-CryptoPro-B-ParamSet = 1.2.643.2.2.35.2
		"1.2.643.2.2.35.3":           "CryptoPro-C",                                  // id-GostR3410-2001-CryptoPro-C-ParamSet = 1.2.643.2.2.35.3
		"1.2.643.2.2.36.0":           "CryptoPro-XchA",                               // id-GostR3410-2001-CryptoPro-XchA-ParamSet = 1.2.643.2.2.36.0
		"1.2.643.2.2.36.1":           "CryptoPro-XchB",                               // id-GostR3410-2001-CryptoPro-XchB-ParamSet = 1.2.643.2.2.36.1
		"1.2.643.7.1.2.1.1.1":        "tc26-256-A",                                   // id-tc26-gost-3410-2012-256-paramSetA
		"1.2.643.7.1.2.1.1.2":        "tc26-256-B",                                   // id-tc26-gost-3410-2012-256-paramSetB
		"1.2.643.7.1.2.1.1.3":        "tc26-256-C",                                   // id-tc26-gost-3410-2012-256-paramSetC
		"1.2.643.7.1.2.1.1.4":        "tc26-256-D",                                   // id-tc26-gost-3410-2012-256-paramSetD
		"1.2.643.7.1.2.1.2.1":        "tc26-512-A",                                   // id-tc26-gost-3410-2012-512-paramSetA
		"1.2.643.7.1.2.1.2.2":        "tc26-512-B",                                   // id-tc26-gost-3410-2012-512-paramSetB
		"1.2.643.7.1.2.1.2.3":        "tc26-512-C",                                   // id-tc26-gost-3410-2012-512-paramSetC
		"1.2.643.7.1.2.1.2.0":        "test-512",                                     // id-tc26-gost-3410-2012-512-paramSetTest
		"1.3.6.1.5.5.7.1.28":         "ipAddrBlocks-v2",                              // sbgp-ipAddrBlockv2 = 1.3.6.1.5.5.7.1.28
		"1.3.6.1.5.5.7.1.29":         "autonomousSysIds-v2",                          // sbgp-autonomousSysNumv2 = 1.3.6.1.5.5.7.1.29
	}
}

// TestNamesOfOpenSSL: no name contradicts the one that OpenSSL has for the same object identifier.
func TestNamesOfOpenSSL(t *testing.T) {
	out, err := exec.Command("openssl", "list", "-objects").Output()
	if err != nil {
		t.Skip("SKIPPED: openssl is not there: ", err)
	}
	plain := func(s string) string {
		s = strings.NewReplacer("X509v3 ", "", "-", "", " ", "", "_", "", "/", "").Replace(s)
		s = strings.ToLower(s)
		for _, front := range []string{"idsmimect", "idsmimeaaets", "idsmimeaa", "idsmimecti", "idsmimespq", "idct", "idkp", "idpda", "idqcs", "id", "pkcs7"} {
			if after, ok := strings.CutPrefix(s, front); ok && after != "" {
				return after
			}
		}
		return s
	}
	dotted := regexp.MustCompile(`^[0-9]+(\.[0-9]+)+$`)
	same, compared := otherWords(), 0
	for line := range strings.Lines(string(out)) {
		words := strings.FieldsFunc(strings.TrimSpace(line), func(r rune) bool { return r == '=' || r == ',' })
		last := strings.TrimSpace(words[len(words)-1])
		if !dotted.MatchString(last) {
			continue
		}
		id, err := cms.ParseOID(last)
		if err != nil {
			continue
		}
		name := id.Name()
		if name == last {
			continue
		}
		compared++
		fits := same[last] == name
		for _, other := range words[:len(words)-1] {
			fits = fits || plain(other) == plain(name)
		}
		if !fits {
			t.Errorf("%q: %q, // %s", last, name, strings.TrimSpace(line))
		}
	}
	require.Greater(t, compared, 200, "little was compared")
}

// TestShown: what means nothing here has a name all the same.
func TestShown(t *testing.T) {
	for dotted, name := range map[string]string{
		"1.3.6.1.4.1.311.2.1.4": "SPC_INDIRECT_DATA (Authenticode)", "1.2.840.113635.100.9.1": "Apple CDHashes (plist)", "1.2.643.100.1": "OGRN",
		"1.3.6.1.5.5.7.3.36": "documentSigning", "1.2.840.113549.1.9.16.1.24": "routeOriginAuthz", "0.4.0.1862.1.6.2": "qct-eseal", "1.2.3.4": "1.2.3.4",
	} {
		id, err := cms.ParseOID(dotted)
		require.NoError(t, err)
		require.Equal(t, name, id.Name())
	}
}
