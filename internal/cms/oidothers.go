package cms

// otherName names what is met in certificates and messages and means nothing to this library: it is shown, and nothing depends on
// it. The names are those of the documents that stand above each group.
func otherName(dotted string) string {
	switch dotted {
	// Content types (RFC 5652, 3274, 5083, 3029, 6488, 9323)
	case "1.2.840.113549.1.7.3":
		return "envelopedData"
	case "1.2.840.113549.1.7.4":
		return "signedAndEnvelopedData"
	case "1.2.840.113549.1.7.5":
		return "digestedData"
	case "1.2.840.113549.1.7.6":
		return "encryptedData"
	case "1.2.840.113549.1.9.16.1.1":
		return "receipt"
	case "1.2.840.113549.1.9.16.1.2":
		return "authData"
	case "1.2.840.113549.1.9.16.1.7":
		return "DVCSRequestData"
	case "1.2.840.113549.1.9.16.1.8":
		return "DVCSResponseData"
	case "1.2.840.113549.1.9.16.1.9":
		return "compressedData"
	case "1.2.840.113549.1.9.16.1.19":
		return "contentCollection"
	case "1.2.840.113549.1.9.16.1.23":
		return "authEnvelopedData"
	case "1.2.840.113549.1.9.16.1.27":
		return "asciiTextWithCRLF"
	case "1.2.840.113549.1.9.16.1.28":
		return "xml"

	// RPKI: RFC 9582, 9286, 6493, 9323, 9632, 8182, 6487, 3779, 8360, 8209
	case "1.2.840.113549.1.9.16.1.24":
		return "routeOriginAuthz"
	case "1.2.840.113549.1.9.16.1.26":
		return "rpkiManifest"
	case "1.2.840.113549.1.9.16.1.35":
		return "rpkiGhostbusters"
	case "1.2.840.113549.1.9.16.1.47":
		return "geofeedCSVwithCRLF"
	case "1.2.840.113549.1.9.16.1.48":
		return "signedChecklist"
	case "1.2.840.113549.1.9.16.1.49":
		return "ASPA"
	case "1.3.6.1.5.5.7.1.7":
		return "ipAddrBlocks"
	case "1.3.6.1.5.5.7.1.8":
		return "autonomousSysIds"
	case "1.3.6.1.5.5.7.1.28":
		return "ipAddrBlocks-v2"
	case "1.3.6.1.5.5.7.1.29":
		return "autonomousSysIds-v2"
	case "1.3.6.1.5.5.7.48.5":
		return "caRepository"
	case "1.3.6.1.5.5.7.48.10":
		return "rpkiManifest"
	case "1.3.6.1.5.5.7.48.11":
		return "signedObject"
	case "1.3.6.1.5.5.7.48.13":
		return "rpkiNotify"
	case "1.3.6.1.5.5.7.14.2":
		return "ipAddr-asNumber"
	case "1.3.6.1.5.5.7.14.3":
		return "ipAddr-asNumber-v2"

	// Access methods and extensions: RFC 5280, 6960, 3739, 6962, 7633, 3820, 9608
	case "1.3.6.1.5.5.7.48.1":
		return "ocsp"
	case "1.3.6.1.5.5.7.48.2":
		return "caIssuers"
	case "1.3.6.1.5.5.7.48.3":
		return "timeStamping"
	case "1.3.6.1.5.5.7.48.1.3":
		return "ocsp-crl"
	case "1.3.6.1.5.5.7.48.1.4":
		return "ocsp-response"
	case "1.3.6.1.5.5.7.48.1.7":
		return "ocsp-service-locator"
	case "1.3.6.1.5.5.7.48.1.9":
		return "ocsp-extended-revoke"
	case "1.3.6.1.5.5.7.1.2":
		return "biometricInfo"
	case "1.3.6.1.5.5.7.1.11":
		return "subjectInfoAccess"
	case "1.3.6.1.5.5.7.1.14":
		return "proxyCertInfo"
	case "1.3.6.1.5.5.7.1.24":
		return "tlsfeature"
	case "1.3.6.1.4.1.11129.2.4.2":
		return "ct-precert-scts"
	case "1.3.6.1.4.1.11129.2.4.3":
		return "ct-precert-poison"
	case "1.3.6.1.4.1.11129.2.4.5":
		return "ct-cert-scts"
	case "2.5.29.9":
		return "subjectDirectoryAttributes"
	case "2.5.29.16":
		return "privateKeyUsagePeriod"
	case "2.5.29.18":
		return "issuerAltName"
	case "2.5.29.21":
		return "cRLReason"
	case "2.5.29.23":
		return "holdInstructionCode"
	case "2.5.29.24":
		return "invalidityDate"
	case "2.5.29.29":
		return "certificateIssuer"
	case "2.5.29.30":
		return "nameConstraints"
	case "2.5.29.33":
		return "policyMappings"
	case "2.5.29.36":
		return "policyConstraints"
	case "2.5.29.46":
		return "freshestCRL"
	case "2.5.29.54":
		return "inhibitAnyPolicy"
	case "2.5.29.55":
		return "targetInformation"
	case "1.3.6.1.5.5.7.2.1":
		return "cps"
	case "1.3.6.1.5.5.7.2.2":
		return "unotice"

	// Extended key usages: RFC 5280, 4334, 6402, 5924, 8209, 9336, 4556, 4809; ETSI EN 319 412, TS 119 612
	case "2.5.29.37.0":
		return "anyExtendedKeyUsage"
	case "1.3.6.1.5.5.7.3.1":
		return "serverAuth"
	case "1.3.6.1.5.5.7.3.2":
		return "clientAuth"
	case "1.3.6.1.5.5.7.3.3":
		return "codeSigning"
	case "1.3.6.1.5.5.7.3.4":
		return "emailProtection"
	case "1.3.6.1.5.5.7.3.5":
		return "ipsecEndSystem"
	case "1.3.6.1.5.5.7.3.6":
		return "ipsecTunnel"
	case "1.3.6.1.5.5.7.3.7":
		return "ipsecUser"
	case "1.3.6.1.5.5.7.3.10":
		return "dvcs"
	case "1.3.6.1.5.5.7.3.17":
		return "ipsecIKE"
	case "1.3.6.1.5.5.7.3.21":
		return "secureShellClient"
	case "1.3.6.1.5.5.7.3.22":
		return "secureShellServer"
	case "1.3.6.1.5.5.7.3.27":
		return "cmcCA"
	case "1.3.6.1.5.5.7.3.28":
		return "cmcRA"
	case "1.3.6.1.5.5.7.3.29":
		return "cmcArchive"
	case "1.3.6.1.5.5.7.3.30":
		return "bgpsec-router"
	case "1.3.6.1.5.5.7.3.31":
		return "BrandIndicatorforMessageIdentification"
	case "1.3.6.1.5.5.7.3.36":
		return "documentSigning"
	case "1.3.6.1.5.2.3.4":
		return "pkInitClientAuth"
	case "1.3.6.1.5.2.3.5":
		return "pkInitKDC"
	case "0.4.0.2231.3.0":
		return "tslSigning"

	// Statements of qualified certificates: RFC 3739, ETSI EN 319 412-5, TS 119 495
	case "1.3.6.1.5.5.7.11.1":
		return "qcs-pkixQCSyntax-v1"
	case "1.3.6.1.5.5.7.11.2":
		return "qcs-pkixQCSyntax-v2"
	case "0.4.0.1862.1.1":
		return "QcCompliance"
	case "0.4.0.1862.1.2":
		return "QcLimitValue"
	case "0.4.0.1862.1.3":
		return "QcRetentionPeriod"
	case "0.4.0.1862.1.4":
		return "QcSSCD"
	case "0.4.0.1862.1.5":
		return "QcPDS"
	case "0.4.0.1862.1.6":
		return "QcType"
	case "0.4.0.1862.1.6.1":
		return "qct-esign"
	case "0.4.0.1862.1.6.2":
		return "qct-eseal"
	case "0.4.0.1862.1.6.3":
		return "qct-web"
	case "0.4.0.1862.1.7":
		return "QcCClegislation"
	case "0.4.0.19495.2":
		return "PSD2"
	case "0.4.0.194121.1.1":
		return "semanticsId-Natural"
	case "0.4.0.194121.1.2":
		return "semanticsId-Legal"
	case "0.4.0.194121.1.3":
		return "semanticsId-eIDASNatural"
	case "0.4.0.194121.1.4":
		return "semanticsId-eIDASLegal"

	// Policies of ETSI EN 319 411-2 and EN 319 421
	case "0.4.0.194112.1.0":
		return "QCP-n"
	case "0.4.0.194112.1.1":
		return "QCP-l"
	case "0.4.0.194112.1.2":
		return "QCP-n-qscd"
	case "0.4.0.194112.1.3":
		return "QCP-l-qscd"
	case "0.4.0.194112.1.4":
		return "QCP-w"
	case "0.4.0.2023.1.1":
		return "best-practices-ts-policy"

	// Parts of names: X.520, RFC 4519, RFC 3739, RFC 2985, CA/Browser Forum EV guidelines
	case "2.5.4.13":
		return "description"
	case "2.5.4.15":
		return "businessCategory"
	case "2.5.4.16":
		return "postalAddress"
	case "2.5.4.18":
		return "postOfficeBox"
	case "2.5.4.20":
		return "telephoneNumber"
	case "2.5.4.41":
		return "name"
	case "2.5.4.43":
		return "initials"
	case "2.5.4.44":
		return "generationQualifier"
	case "2.5.4.45":
		return "x500UniqueIdentifier"
	case "2.5.4.46":
		return "dnQualifier"
	case "2.5.4.65":
		return "pseudonym"
	case "2.5.4.72":
		return "role"
	case "0.9.2342.19200300.100.1.1":
		return "UID"
	case "1.2.840.113549.1.9.2":
		return "unstructuredName"
	case "1.2.840.113549.1.9.8":
		return "unstructuredAddress"
	case "1.3.6.1.5.5.7.9.1":
		return "dateOfBirth"
	case "1.3.6.1.5.5.7.9.2":
		return "placeOfBirth"
	case "1.3.6.1.5.5.7.9.3":
		return "gender"
	case "1.3.6.1.5.5.7.9.4":
		return "countryOfCitizenship"
	case "1.3.6.1.5.5.7.9.5":
		return "countryOfResidence"
	case "1.3.6.1.4.1.311.60.2.1.1":
		return "jurisdictionL"
	case "1.3.6.1.4.1.311.60.2.1.2":
		return "jurisdictionST"
	case "1.3.6.1.4.1.311.60.2.1.3":
		return "jurisdictionC"

	// National identifiers: Russia (RFC 9215, order 795 of the FSB)
	case "1.2.643.100.1":
		return "OGRN"
	case "1.2.643.100.3":
		return "SNILS"
	case "1.2.643.100.4":
		return "INNLE"
	case "1.2.643.100.5":
		return "OGRNIP"
	case "1.2.643.100.111":
		return "subjectSignTool"
	case "1.2.643.100.112":
		return "issuerSignTool"
	case "1.2.643.100.114":
		return "identificationKind"
	case "1.2.643.100.113.1":
		return "classSignToolKC1"
	case "1.2.643.100.113.2":
		return "classSignToolKC2"
	case "1.2.643.100.113.3":
		return "classSignToolKC3"
	case "1.2.643.100.113.4":
		return "classSignToolKB1"
	case "1.2.643.100.113.5":
		return "classSignToolKB2"
	case "1.2.643.100.113.6":
		return "classSignToolKA1"
	case "1.2.643.3.131.1.1":
		return "INN"

	// Microsoft: Authenticode and the object identifiers of Microsoft cryptography (support article 287547)
	case "1.3.6.1.4.1.311.2.1.4":
		return "SPC_INDIRECT_DATA (Authenticode)"
	case "1.3.6.1.4.1.311.2.1.10":
		return "SPC_SP_AGENCY_INFO"
	case "1.3.6.1.4.1.311.2.1.11":
		return "SPC_STATEMENT_TYPE"
	case "1.3.6.1.4.1.311.2.1.12":
		return "SPC_SP_OPUS_INFO"
	case "1.3.6.1.4.1.311.2.1.14":
		return "Microsoft Extension Request"
	case "1.3.6.1.4.1.311.2.1.15":
		return "SPC_PE_IMAGE_DATA"
	case "1.3.6.1.4.1.311.2.1.21":
		return "Microsoft Individual Code Signing"
	case "1.3.6.1.4.1.311.2.1.22":
		return "Microsoft Commercial Code Signing"
	case "1.3.6.1.4.1.311.2.4.1":
		return "Microsoft nested signature"
	case "1.3.6.1.4.1.311.3.3.1":
		return "Microsoft RFC 3161 counter-signature"
	case "1.3.6.1.4.1.311.10.1":
		return "Microsoft certificate trust list"
	case "1.3.6.1.4.1.311.10.3.1":
		return "Microsoft Trust List Signing"
	case "1.3.6.1.4.1.311.10.3.4":
		return "Microsoft Encrypted File System"
	case "1.3.6.1.4.1.311.10.3.12":
		return "Microsoft document signing"
	case "1.3.6.1.4.1.311.13.2.3":
		return "Microsoft OS version"
	case "1.3.6.1.4.1.311.17.1":
		return "Microsoft CSP Name"
	case "1.3.6.1.4.1.311.17.2":
		return "Microsoft Local Key set"
	case "1.3.6.1.4.1.311.20.2":
		return "Microsoft certificate template name"
	case "1.3.6.1.4.1.311.20.2.2":
		return "Microsoft Smartcard Login"
	case "1.3.6.1.4.1.311.20.2.3":
		return "Microsoft User Principal Name"
	case "1.3.6.1.4.1.311.21.1":
		return "Microsoft CA version"
	case "1.3.6.1.4.1.311.21.2":
		return "Microsoft previous CA certificate hash"
	case "1.3.6.1.4.1.311.21.7":
		return "Microsoft certificate template"
	case "1.3.6.1.4.1.311.21.10":
		return "Microsoft application policies"
	case "1.3.6.1.4.1.311.21.20":
		return "Microsoft request client information"
	case "1.3.6.1.4.1.311.25.2":
		return "Microsoft NTDS CA security"

	// Apple: the certification practice statements of its authorities
	case "1.2.840.113635.100.4.1":
		return "Apple code signing"
	case "1.2.840.113635.100.9.1":
		return "Apple CDHashes (plist)"
	case "1.2.840.113635.100.9.2":
		return "Apple CDHashes"
	case "1.2.840.113635.100.6.1.13":
		return "Apple Developer ID application"
	case "1.2.840.113635.100.6.1.14":
		return "Apple Developer ID installer"
	case "1.2.840.113635.100.6.2.1":
		return "Apple WWDR intermediate"
	case "1.2.840.113635.100.6.2.6":
		return "Apple Developer ID intermediate"
	case "1.2.840.113635.100.5.1":
		return "Apple certificate policy"

	// Adobe: revocation values and time-stamps inside of PDF
	case "1.2.840.113583.1.1.5":
		return "Adobe authentic documents trust"
	case "1.2.840.113583.1.1.8":
		return "Adobe revocation information"
	case "1.2.840.113583.1.1.9.1":
		return "Adobe time-stamp"

	// Netscape: its certificate extensions
	case "2.16.840.1.113730.1.1":
		return "Netscape Cert Type"
	case "2.16.840.1.113730.1.13":
		return "Netscape Comment"

	// Attributes of requests and S/MIME: RFC 2985, 2634, 8551
	case "1.2.840.113549.1.9.7":
		return "challengePassword"
	case "1.2.840.113549.1.9.14":
		return "extensionRequest"
	case "1.2.840.113549.1.9.16.2.1":
		return "receiptRequest"
	case "1.2.840.113549.1.9.16.2.2":
		return "securityLabel"
	case "1.2.840.113549.1.9.16.2.3":
		return "mlExpansionHistory"
	case "1.2.840.113549.1.9.16.2.11":
		return "encrypKeyPref"
	}
	return ""
}
