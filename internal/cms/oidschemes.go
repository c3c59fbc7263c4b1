package cms

// schemeName names algorithms and curves that only schemes of the caller compute with. Reports and policies have these names.
func schemeName(dotted string) string {
	switch dotted {
	// Signatures that only who names package slhdsa checks (RFC 9909 section 3)
	case "2.16.840.1.101.3.4.3.20":
		return "SLH-DSA-SHA2-128s"
	case "2.16.840.1.101.3.4.3.21":
		return "SLH-DSA-SHA2-128f"
	case "2.16.840.1.101.3.4.3.22":
		return "SLH-DSA-SHA2-192s"
	case "2.16.840.1.101.3.4.3.23":
		return "SLH-DSA-SHA2-192f"
	case "2.16.840.1.101.3.4.3.24":
		return "SLH-DSA-SHA2-256s"
	case "2.16.840.1.101.3.4.3.25":
		return "SLH-DSA-SHA2-256f"
	case "2.16.840.1.101.3.4.3.26":
		return "SLH-DSA-SHAKE-128s"
	case "2.16.840.1.101.3.4.3.27":
		return "SLH-DSA-SHAKE-128f"
	case "2.16.840.1.101.3.4.3.28":
		return "SLH-DSA-SHAKE-192s"
	case "2.16.840.1.101.3.4.3.29":
		return "SLH-DSA-SHAKE-192f"
	case "2.16.840.1.101.3.4.3.30":
		return "SLH-DSA-SHAKE-256s"
	case "2.16.840.1.101.3.4.3.31":
		return "SLH-DSA-SHAKE-256f"
	// Curves of GOST R 34.10 (RFC 4357 section 11.4, RFC 7836 appendix A)
	case "1.2.643.2.2.35.0":
		return "test-256"
	case "1.2.643.2.2.35.1":
		return "CryptoPro-A"
	case "1.2.643.2.2.35.2":
		return "CryptoPro-B"
	case "1.2.643.2.2.35.3":
		return "CryptoPro-C"
	case "1.2.643.2.2.36.0":
		return "CryptoPro-XchA"
	case "1.2.643.2.2.36.1":
		return "CryptoPro-XchB"
	case "1.2.643.7.1.2.1.1.1":
		return "tc26-256-A"
	case "1.2.643.7.1.2.1.1.2":
		return "tc26-256-B"
	case "1.2.643.7.1.2.1.1.3":
		return "tc26-256-C"
	case "1.2.643.7.1.2.1.1.4":
		return "tc26-256-D"
	case "1.2.643.7.1.2.1.2.0":
		return "test-512"
	case "1.2.643.7.1.2.1.2.1":
		return "tc26-512-A"
	case "1.2.643.7.1.2.1.2.2":
		return "tc26-512-B"
	case "1.2.643.7.1.2.1.2.3":
		return "tc26-512-C"
	}
	return ""
}
