package cms

// Object identifiers as content octets; the dotted form stands beside each, and a test compares the two.
const (
	// Content types (RFC 5652, RFC 3161, RFC 2634).

	OIDData       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"         // 1.2.840.113549.1.7.1
	OIDSignedData OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"         // 1.2.840.113549.1.7.2
	OIDTSTInfo    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04" // 1.2.840.113549.1.9.16.1.4

	// Attributes of CMS and ESS (RFC 2985, RFC 5652 section 11, RFC 5035, RFC 6211).

	OIDContentType          OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"         // 1.2.840.113549.1.9.3
	OIDMessageDigest        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"         // 1.2.840.113549.1.9.4
	OIDSigningTime          OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"         // 1.2.840.113549.1.9.5
	OIDCounterSignature     OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x06"         // 1.2.840.113549.1.9.6
	OIDSigningCertificate   OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0c" // 1.2.840.113549.1.9.16.2.12
	OIDSigningCertificateV2 OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f" // 1.2.840.113549.1.9.16.2.47
	OIDAlgorithmProtection  OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x34"         // 1.2.840.113549.1.9.52
	OIDSMIMECapabilities    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f"         // 1.2.840.113549.1.9.15
	OIDContentHints         OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x04" // 1.2.840.113549.1.9.16.2.4
	OIDContentIdentifier    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x07" // 1.2.840.113549.1.9.16.2.7
	OIDContentReference     OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0a" // 1.2.840.113549.1.9.16.2.10

	// Attributes of CAdES (RFC 5126, ETSI TS 101 733, EN 319 122-1).

	OIDSignaturePolicy         OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0f" // 1.2.840.113549.1.9.16.2.15
	OIDCommitmentType          OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x10" // 1.2.840.113549.1.9.16.2.16
	OIDSignerLocation          OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x11" // 1.2.840.113549.1.9.16.2.17
	OIDSignerAttributes        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x12" // 1.2.840.113549.1.9.16.2.18
	OIDSignerAttributesV2      OID = "\x04\x00\x81\x95\x32\x01\x01"                 // 0.4.0.19122.1.1
	OIDContentTimeStamp        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x14" // 1.2.840.113549.1.9.16.2.20
	OIDMimeType                OID = "\x04\x00\x8d\x45\x02\x01"                     // 0.4.0.1733.2.1
	OIDSignatureTimeStamp      OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0e" // 1.2.840.113549.1.9.16.2.14
	OIDCertificateRefs         OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x15" // 1.2.840.113549.1.9.16.2.21
	OIDRevocationRefs          OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x16" // 1.2.840.113549.1.9.16.2.22
	OIDCertificateValues       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x17" // 1.2.840.113549.1.9.16.2.23
	OIDRevocationValues        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x18" // 1.2.840.113549.1.9.16.2.24
	OIDCAdESCTimeStamp         OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x19" // 1.2.840.113549.1.9.16.2.25
	OIDCertCRLTimeStamp        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x1a" // 1.2.840.113549.1.9.16.2.26
	OIDArchiveTimeStamp        OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x1b" // 1.2.840.113549.1.9.16.2.27
	OIDArchiveTimeStampV2      OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x30" // 1.2.840.113549.1.9.16.2.48
	OIDArchiveTimeStampV3      OID = "\x04\x00\x8d\x45\x02\x04"                     // 0.4.0.1733.2.4
	OIDLongTermValidation      OID = "\x04\x00\x8d\x45\x02\x02"                     // 0.4.0.1733.2.2
	OIDATSHashIndex            OID = "\x04\x00\x8d\x45\x02\x05"                     // 0.4.0.1733.2.5
	OIDATSHashIndexV2          OID = "\x04\x00\x81\x95\x32\x01\x04"                 // 0.4.0.19122.1.4
	OIDATSHashIndexV3          OID = "\x04\x00\x81\x95\x32\x01\x05"                 // 0.4.0.19122.1.5
	OIDSignaturePolicyStore    OID = "\x04\x00\x81\x95\x32\x01\x03"                 // 0.4.0.19122.1.3
	OIDAttributeCertRefs       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2c" // 1.2.840.113549.1.9.16.2.44
	OIDAttributeRevocationRefs OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2d" // 1.2.840.113549.1.9.16.2.45
	OIDEvidenceRecordInternal  OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x31" // 1.2.840.113549.1.9.16.2.49
	OIDEvidenceRecordExternal  OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x32" // 1.2.840.113549.1.9.16.2.50

	// Qualifiers and commitments (RFC 5126 sections 5.8 and 5.11).

	OIDSPURI              OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x05\x01" // 1.2.840.113549.1.9.16.5.1
	OIDSPUserNotice       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x05\x02" // 1.2.840.113549.1.9.16.5.2
	OIDSPDocSpecification OID = "\x04\x00\x81\x95\x32\x02\x01"                 // 0.4.0.19122.2.1
	OIDProofOfOrigin      OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x06\x01" // 1.2.840.113549.1.9.16.6.1
	OIDProofOfReceipt     OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x06\x02" // 1.2.840.113549.1.9.16.6.2
	OIDProofOfDelivery    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x06\x03" // 1.2.840.113549.1.9.16.6.3
	OIDProofOfSender      OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x06\x04" // 1.2.840.113549.1.9.16.6.4
	OIDProofOfApproval    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x06\x05" // 1.2.840.113549.1.9.16.6.5
	OIDProofOfCreation    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x06\x06" // 1.2.840.113549.1.9.16.6.6

	// Revocation values in SignedData.crls (RFC 5940) and their older form.

	OIDRIOCSPResponse OID = "\x2b\x06\x01\x05\x05\x07\x10\x02"     // 1.3.6.1.5.5.7.16.2
	OIDRISCVP         OID = "\x2b\x06\x01\x05\x05\x07\x10\x04"     // 1.3.6.1.5.5.7.16.4
	OIDOCSPBasic      OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01" // 1.3.6.1.5.5.7.48.1.1

	// Hashes (NIST CSOR, RFC 3279, ISO/IEC 10118-3).

	OIDMD5         OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x05"     // 1.2.840.113549.2.5
	OIDSHA1        OID = "\x2b\x0e\x03\x02\x1a"                 // 1.3.14.3.2.26
	OIDSHA224      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x04" // 2.16.840.1.101.3.4.2.4
	OIDSHA256      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x01" // 2.16.840.1.101.3.4.2.1
	OIDSHA384      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x02" // 2.16.840.1.101.3.4.2.2
	OIDSHA512      OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x03" // 2.16.840.1.101.3.4.2.3
	OIDSHA512_224  OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x05" // 2.16.840.1.101.3.4.2.5
	OIDSHA512_256  OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x06" // 2.16.840.1.101.3.4.2.6
	OIDSHA3_224    OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x07" // 2.16.840.1.101.3.4.2.7
	OIDSHA3_256    OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x08" // 2.16.840.1.101.3.4.2.8
	OIDSHA3_384    OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x09" // 2.16.840.1.101.3.4.2.9
	OIDSHA3_512    OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x0a" // 2.16.840.1.101.3.4.2.10
	OIDRIPEMD160   OID = "\x2b\x24\x03\x02\x01"                 // 1.3.36.3.2.1
	OIDStreebog256 OID = "\x2a\x85\x03\x07\x01\x01\x02\x02"     // 1.2.643.7.1.1.2.2
	OIDStreebog512 OID = "\x2a\x85\x03\x07\x01\x01\x02\x03"     // 1.2.643.7.1.1.2.3
	OIDGOST94      OID = "\x2a\x85\x03\x02\x02\x09"             // 1.2.643.2.2.9
	OIDMD2         OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x02"     // 1.2.840.113549.2.2
	OIDMD4         OID = "\x2a\x86\x48\x86\xf7\x0d\x02\x04"     // 1.2.840.113549.2.4
	OIDWhirlpool   OID = "\x28\xcf\x06\x03\x00\x37"             // 1.0.10118.3.0.55
	OIDSHAKE128    OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x0b" // 2.16.840.1.101.3.4.2.11
	OIDSHAKE256    OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x0c" // 2.16.840.1.101.3.4.2.12
	OIDSHAKE256Len OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x12" // 2.16.840.1.101.3.4.2.18

	// Signature algorithms and kinds of keys (RFC 8017, RFC 3279, RFC 5758, RFC 8410, NIST CSOR, BSI TR-03111).

	OIDRSAEncryption           OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"     // 1.2.840.113549.1.1.1
	OIDMD5WithRSA              OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"     // 1.2.840.113549.1.1.4
	OIDSHA1WithRSA             OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"     // 1.2.840.113549.1.1.5
	OIDSHA1WithRSAOIW          OID = "\x2b\x0e\x03\x02\x1d"                     // 1.3.14.3.2.29
	OIDMGF1                    OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"     // 1.2.840.113549.1.1.8
	OIDRSASSAPSS               OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"     // 1.2.840.113549.1.1.10
	OIDSHA256WithRSA           OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"     // 1.2.840.113549.1.1.11
	OIDSHA384WithRSA           OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"     // 1.2.840.113549.1.1.12
	OIDSHA512WithRSA           OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"     // 1.2.840.113549.1.1.13
	OIDSHA224WithRSA           OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"     // 1.2.840.113549.1.1.14
	OIDSHA3_224WithRSA         OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x0d"     // 2.16.840.1.101.3.4.3.13
	OIDSHA3_256WithRSA         OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x0e"     // 2.16.840.1.101.3.4.3.14
	OIDSHA3_384WithRSA         OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x0f"     // 2.16.840.1.101.3.4.3.15
	OIDSHA3_512WithRSA         OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x10"     // 2.16.840.1.101.3.4.3.16
	OIDECPublicKey             OID = "\x2a\x86\x48\xce\x3d\x02\x01"             // 1.2.840.10045.2.1
	OIDECDSAWithSHA1           OID = "\x2a\x86\x48\xce\x3d\x04\x01"             // 1.2.840.10045.4.1
	OIDECDSAWithSHA224         OID = "\x2a\x86\x48\xce\x3d\x04\x03\x01"         // 1.2.840.10045.4.3.1
	OIDECDSAWithSHA256         OID = "\x2a\x86\x48\xce\x3d\x04\x03\x02"         // 1.2.840.10045.4.3.2
	OIDECDSAWithSHA384         OID = "\x2a\x86\x48\xce\x3d\x04\x03\x03"         // 1.2.840.10045.4.3.3
	OIDECDSAWithSHA512         OID = "\x2a\x86\x48\xce\x3d\x04\x03\x04"         // 1.2.840.10045.4.3.4
	OIDECDSAWithSHA3_224       OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x09"     // 2.16.840.1.101.3.4.3.9
	OIDECDSAWithSHA3_256       OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x0a"     // 2.16.840.1.101.3.4.3.10
	OIDECDSAWithSHA3_384       OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x0b"     // 2.16.840.1.101.3.4.3.11
	OIDECDSAWithSHA3_512       OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x0c"     // 2.16.840.1.101.3.4.3.12
	OIDPlainECDSAWithSHA1      OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x01" // 0.4.0.127.0.7.1.1.4.1.1
	OIDPlainECDSAWithSHA224    OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x02" // 0.4.0.127.0.7.1.1.4.1.2
	OIDPlainECDSAWithSHA256    OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x03" // 0.4.0.127.0.7.1.1.4.1.3
	OIDPlainECDSAWithSHA384    OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x04" // 0.4.0.127.0.7.1.1.4.1.4
	OIDPlainECDSAWithSHA512    OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x05" // 0.4.0.127.0.7.1.1.4.1.5
	OIDEd25519                 OID = "\x2b\x65\x70"                             // 1.3.101.112
	OIDEd448                   OID = "\x2b\x65\x71"                             // 1.3.101.113
	OIDDSA                     OID = "\x2a\x86\x48\xce\x38\x04\x01"             // 1.2.840.10040.4.1
	OIDDSAWithSHA1             OID = "\x2a\x86\x48\xce\x38\x04\x03"             // 1.2.840.10040.4.3
	OIDDSAWithSHA224           OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x01"     // 2.16.840.1.101.3.4.3.1
	OIDDSAWithSHA256           OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x02"     // 2.16.840.1.101.3.4.3.2
	OIDGOST256                 OID = "\x2a\x85\x03\x07\x01\x01\x01\x01"         // 1.2.643.7.1.1.1.1
	OIDGOST512                 OID = "\x2a\x85\x03\x07\x01\x01\x01\x02"         // 1.2.643.7.1.1.1.2
	OIDGOST256Signature        OID = "\x2a\x85\x03\x07\x01\x01\x03\x02"         // 1.2.643.7.1.1.3.2
	OIDGOST512Signature        OID = "\x2a\x85\x03\x07\x01\x01\x03\x03"         // 1.2.643.7.1.1.3.3
	OIDGOST2001                OID = "\x2a\x85\x03\x02\x02\x13"                 // 1.2.643.2.2.19
	OIDGOST2001Signature       OID = "\x2a\x85\x03\x02\x02\x03"                 // 1.2.643.2.2.3
	OIDMD2WithRSA              OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"     // 1.2.840.113549.1.1.2
	OIDSHA512_224WithRSA       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0f"     // 1.2.840.113549.1.1.15
	OIDSHA512_256WithRSA       OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x10"     // 1.2.840.113549.1.1.16
	OIDRIPEMD160WithRSA        OID = "\x2b\x24\x03\x03\x01\x02"                 // 1.3.36.3.3.1.2
	OIDECDSAWithRecommended    OID = "\x2a\x86\x48\xce\x3d\x04\x02"             // 1.2.840.10045.4.2
	OIDECDSAWithSpecified      OID = "\x2a\x86\x48\xce\x3d\x04\x03"             // 1.2.840.10045.4.3
	OIDPlainECDSAWithRIPEMD160 OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x06" // 0.4.0.127.0.7.1.1.4.1.6
	OIDPlainECDSAWithSHA3_224  OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x08" // 0.4.0.127.0.7.1.1.4.1.8
	OIDPlainECDSAWithSHA3_256  OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x09" // 0.4.0.127.0.7.1.1.4.1.9
	OIDPlainECDSAWithSHA3_384  OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x0a" // 0.4.0.127.0.7.1.1.4.1.10
	OIDPlainECDSAWithSHA3_512  OID = "\x04\x00\x7f\x00\x07\x01\x01\x04\x01\x0b" // 0.4.0.127.0.7.1.1.4.1.11
	OIDDSAWithSHA384           OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x03"     // 2.16.840.1.101.3.4.3.3
	OIDDSAWithSHA512           OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x04"     // 2.16.840.1.101.3.4.3.4
	OIDMLDSA44                 OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x11"     // 2.16.840.1.101.3.4.3.17
	OIDMLDSA65                 OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x12"     // 2.16.840.1.101.3.4.3.18
	OIDMLDSA87                 OID = "\x60\x86\x48\x01\x65\x03\x04\x03\x13"     // 2.16.840.1.101.3.4.3.19

	// Curves (RFC 5480, RFC 5639).

	OIDP224            OID = "\x2b\x81\x04\x00\x21"                 // 1.3.132.0.33
	OIDP256            OID = "\x2a\x86\x48\xce\x3d\x03\x01\x07"     // 1.2.840.10045.3.1.7
	OIDP384            OID = "\x2b\x81\x04\x00\x22"                 // 1.3.132.0.34
	OIDP521            OID = "\x2b\x81\x04\x00\x23"                 // 1.3.132.0.35
	OIDSecp256k1       OID = "\x2b\x81\x04\x00\x0a"                 // 1.3.132.0.10
	OIDBrainpoolP256r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x07" // 1.3.36.3.3.2.8.1.1.7
	OIDBrainpoolP384r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x0b" // 1.3.36.3.3.2.8.1.1.11
	OIDBrainpoolP512r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x0d" // 1.3.36.3.3.2.8.1.1.13
	OIDPrimeField      OID = "\x2a\x86\x48\xce\x3d\x01\x01"         // 1.2.840.10045.1.1
	OIDBinaryField     OID = "\x2a\x86\x48\xce\x3d\x01\x02"         // 1.2.840.10045.1.2
	OIDP192            OID = "\x2a\x86\x48\xce\x3d\x03\x01\x01"     // 1.2.840.10045.3.1.1
	OIDBrainpoolP160r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x01" // 1.3.36.3.3.2.8.1.1.1
	OIDBrainpoolP160t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x02" // 1.3.36.3.3.2.8.1.1.2
	OIDBrainpoolP192r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x03" // 1.3.36.3.3.2.8.1.1.3
	OIDBrainpoolP192t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x04" // 1.3.36.3.3.2.8.1.1.4
	OIDBrainpoolP224r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x05" // 1.3.36.3.3.2.8.1.1.5
	OIDBrainpoolP224t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x06" // 1.3.36.3.3.2.8.1.1.6
	OIDBrainpoolP256t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x08" // 1.3.36.3.3.2.8.1.1.8
	OIDBrainpoolP320r1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x09" // 1.3.36.3.3.2.8.1.1.9
	OIDBrainpoolP320t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x0a" // 1.3.36.3.3.2.8.1.1.10
	OIDBrainpoolP384t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x0c" // 1.3.36.3.3.2.8.1.1.12
	OIDBrainpoolP512t1 OID = "\x2b\x24\x03\x03\x02\x08\x01\x01\x0e" // 1.3.36.3.3.2.8.1.1.14

	// Certificates: names, extensions and purposes that an inspector shows (RFC 5280, X.520).

	OIDCommonName             OID = "\x55\x04\x03"                             // 2.5.4.3
	OIDSurname                OID = "\x55\x04\x04"                             // 2.5.4.4
	OIDSerialNumber           OID = "\x55\x04\x05"                             // 2.5.4.5
	OIDCountry                OID = "\x55\x04\x06"                             // 2.5.4.6
	OIDLocality               OID = "\x55\x04\x07"                             // 2.5.4.7
	OIDProvince               OID = "\x55\x04\x08"                             // 2.5.4.8
	OIDStreet                 OID = "\x55\x04\x09"                             // 2.5.4.9
	OIDOrganization           OID = "\x55\x04\x0a"                             // 2.5.4.10
	OIDOrganizationalUnit     OID = "\x55\x04\x0b"                             // 2.5.4.11
	OIDTitle                  OID = "\x55\x04\x0c"                             // 2.5.4.12
	OIDPostalCode             OID = "\x55\x04\x11"                             // 2.5.4.17
	OIDGivenName              OID = "\x55\x04\x2a"                             // 2.5.4.42
	OIDOrganizationIdentifier OID = "\x55\x04\x61"                             // 2.5.4.97
	OIDEmailAddress           OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"     // 1.2.840.113549.1.9.1
	OIDDomainComponent        OID = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19" // 0.9.2342.19200300.100.1.25
	OIDSubjectKeyID           OID = "\x55\x1d\x0e"                             // 2.5.29.14
	OIDKeyUsage               OID = "\x55\x1d\x0f"                             // 2.5.29.15
	OIDSubjectAltName         OID = "\x55\x1d\x11"                             // 2.5.29.17
	OIDBasicConstraints       OID = "\x55\x1d\x13"                             // 2.5.29.19
	OIDCRLDistributionPoints  OID = "\x55\x1d\x1f"                             // 2.5.29.31
	OIDCertificatePolicies    OID = "\x55\x1d\x20"                             // 2.5.29.32
	OIDAuthorityKeyID         OID = "\x55\x1d\x23"                             // 2.5.29.35
	OIDExtKeyUsage            OID = "\x55\x1d\x25"                             // 2.5.29.37
	OIDAuthorityInfoAccess    OID = "\x2b\x06\x01\x05\x05\x07\x01\x01"         // 1.3.6.1.5.5.7.1.1
	OIDQCStatements           OID = "\x2b\x06\x01\x05\x05\x07\x01\x03"         // 1.3.6.1.5.5.7.1.3
	OIDTimeStamping           OID = "\x2b\x06\x01\x05\x05\x07\x03\x08"         // 1.3.6.1.5.5.7.3.8
	OIDOCSPSigning            OID = "\x2b\x06\x01\x05\x05\x07\x03\x09"         // 1.3.6.1.5.5.7.3.9
	OIDOCSPNoCheck            OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x05"     // 1.3.6.1.5.5.7.48.1.5
	OIDCRLNumber              OID = "\x55\x1d\x14"                             // 2.5.29.20
	OIDDeltaCRLIndicator      OID = "\x55\x1d\x1b"                             // 2.5.29.27
	OIDIssuingDistribution    OID = "\x55\x1d\x1c"                             // 2.5.29.28
	OIDNoRevAvail             OID = "\x55\x1d\x38"                             // 2.5.29.56
	OIDExpiredCertsOnCRL      OID = "\x55\x1d\x3c"                             // 2.5.29.60
	OIDAnyPolicy              OID = "\x55\x1d\x20\x00"                         // 2.5.29.32.0
	OIDOCSPNonce              OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"     // 1.3.6.1.5.5.7.48.1.2
	OIDArchiveCutoff          OID = "\x2b\x06\x01\x05\x05\x07\x30\x01\x06"     // 1.3.6.1.5.5.7.48.1.6
)
