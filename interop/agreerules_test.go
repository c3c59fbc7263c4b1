package interop_test

import (
	"regexp"
	"strings"
)

// rule is a kind of difference with its reason.
type rule struct {
	name    string
	reason  string
	applies func(d *disagreement) bool
}

// own reports whether what was changed is what this very signature is over, or the certificate of its signer.
func (d *disagreement) own() bool {
	return d.variant.Signed && (d.variant.Signer < 0 || d.variant.Signer == d.index) && d.index < len(d.message.Signers)
}

// condition is a part of a rule.
type condition func(d *disagreement) bool

func all(conditions ...condition) func(*disagreement) bool {
	return func(d *disagreement) bool {
		for _, c := range conditions {
			if !c(d) {
				return false
			}
		}
		return true
	}
}

// between says which classes they are.
func between(ours, theirs class) condition {
	return func(d *disagreement) bool { return d.ours.class == ours && d.theirs.class == theirs }
}

// place says where the change is.
func place(pattern string) condition {
	re := regexp.MustCompile(pattern)
	return func(d *disagreement) bool { return re.MatchString(d.variant.Path) }
}

// change says what it is.
func change(pattern string) condition {
	re := regexp.MustCompile(pattern)
	return func(d *disagreement) bool { return re.MatchString(d.variant.Op) }
}

// we and they say what is to be found in the reasons of the sides.
func we(pattern string) condition {
	re := regexp.MustCompile(pattern)
	return func(d *disagreement) bool { return re.MatchString(d.ours.sub + " " + d.ours.reason) }
}

func they(pattern string) condition {
	re := regexp.MustCompile(pattern)
	return func(d *disagreement) bool { return re.MatchString(d.theirs.sub + " " + d.theirs.reason) }
}

func either(a, b condition) condition {
	return func(d *disagreement) bool { return a(d) || b(d) }
}

// foreign: not what this signature is over.
func foreign(d *disagreement) bool { return !d.own() }

// counter: it is a counter-signature, which is over a signature value and nothing else.
func counter(d *disagreement) bool { return d.index >= len(d.message.Signers) }

// unsignedPart is where anybody can change and append without the signer.
const unsignedPart = `^(certificates|crls)|^signer \d/unsignedAttrs|^signer \d/sid`

func dssRules() []rule {
	return []rule{
		// What DSS refuses and this library passes.
		{
			"unsigned part that cannot be read",
			"DSS gives up on a whole message when a certificate, a value, a signer identifier or an unsigned attribute cannot be read. None of them is signed, and anybody could append one; what is not needed for the verdict is passed over, and said (RFC 5652 section 5.3, EN 319 102-1 section 5.1).",
			all(between(passed, unreadable), foreign, place(unsignedPart)),
		},
		{
			"other signature that cannot be read",
			"DSS gives up on a whole message when one of its signatures cannot be read. Each has a verdict of its own (EN 319 102-1 section 5.1), and the others are as good as before.",
			all(between(passed, unreadable), foreign, either(place(`^signer \d`), counter)),
		},
		{
			"signer identifier",
			"The signer identifier is not signed. Who signed is told by the hash of the certificate in the signed attributes (RFC 5035 section 5.4, EN 319 102-1 section 5.2.3), so that another name beside it is said and changes nothing.",
			all(between(passed, open), foreign, place(`^signer \d/(unsignedAttrs/counter-signature/values/0/)?sid`), they("NO_SIGNING_CERTIFICATE_FOUND")),
		},
		{
			"digestAlgorithms",
			"A verifier MAY refuse a digest algorithm that is not listed (RFC 5652 section 5.1). The list is not signed, and helps readers of streams; here it is said and changes nothing.",
			all(between(passed, failed), foreign, place(`^digestAlgorithms`)),
		},
		{
			"the same signature twice",
			"DSS has a constraint of its own against doubled signatures. Anybody can append a copy, which takes nothing away; EN 319 102-1 section 5.2.2 knows no such check.",
			all(between(passed, failed), foreign, they("duplicate occurrences")),
		},
		{
			"unsigned attribute that should be signed",
			"content-type, message-digest, signing-time and CMSAlgorithmProtection must not be unsigned attributes (RFC 5652 section 11, RFC 6211). Anybody can append one; those that are signed are there as before, and nobody reads the other.",
			all(either(between(passed, failed), between(passed, open)), foreign, place(`signedAttrs/(content-type|message-digest|signing-time|CMSAlgorithmProtection)$`), change("^(copy|move)")),
		},
		{
			"NULL or none in RSASSA-PSS-params",
			"Absent and NULL parameters of a hash are the same, and both have to be accepted (RFC 4055 section 2.1); DSS compares the octets of the algorithm with those that CMSAlgorithmProtection has.",
			all(between(passed, failed), foreign, place(`^signer \d/signatureAlgorithm/parameters`), change("^(remove|exchange for SHA-256)")),
		},
		{
			"certificate that hides others",
			"DSS stops reading certificates at one that it cannot read, and does not see those behind it.",
			all(between(passed, open), foreign, place(`^certificates/`), they("NO_SIGNING_CERTIFICATE_FOUND")),
		},
		{
			"counter-signature that is none",
			"An attribute for counter-signatures without one, or in the form of another structure, is not signed and takes nothing away (RFC 5652 section 11.4: it is over the signature, and the signature is not over it).",
			either(all(between(passed, failed), foreign, place(`^signer \d/unsignedAttrs/counter-signature`)), all(between(absent, passed), place(`^signer \d/unsignedAttrs/counter-signature/(type|values|values/0/[^/]*)$`))),
		},
		{
			"copy of a certificate",
			"The certificate that was damaged is a copy: the authority, or the root itself, is also among those of the message or those that are trusted, and good there. The one with the wrong signature is not taken (RFC 5280 section 6.1); DSS goes no other way.",
			all(between(passed, open), foreign, place(`^(signer \d/unsignedAttrs/[^/]*/values/\d/content/SignedData/)?certificates/certificate \d/`), they("OUT_OF_BOUNDS|CHAIN")),
		},
		{
			"two time-stamps in one attribute",
			"Each is judged by itself. DSS takes none of an archive time-stamp attribute with two values, which anybody can make of it.",
			all(between(passed, open), foreign, place(`^signer \d/unsignedAttrs/archive-time-stamp-v3[^/]*/values/\d$`), change("^double")),
		},
		{
			"certificate of a responder",
			"The certificate of the responder is also among those of the message, and good there (RFC 6960 section 4.2.2.2: certs helps to find it, and is not signed).",
			all(between(passed, open), foreign, place(`BasicOCSPResponse/certs`)),
		},
		// What this library refuses and DSS passes.
		{
			"revoked by an older list",
			"A list of the authority says that the certificate was revoked before it signed, and a newer one does not. An entry is not taken out before the certificate has expired (RFC 5280 section 3.3), so that one of them is wrong; here the entry counts, and DSS takes the newest list only.",
			all(between(open, passed), we("^REVOKED_NO_POE"), place("^crls/"), change("^exchange")),
		},
		{
			"list too old or from the future",
			"A list counts from thisUpdate until nextUpdate (EN 319 102-1 section 5.2.5, RFC 5280 section 6.3.3). The policy of DSS takes lists of any age; with its constraint on nextUpdate it refuses renewed archives of lists that were good in their time.",
			all(between(open, passed), we("^(TRY_LATER.*(stale|from the future)|OUT_OF_BOUNDS)"), place("^crls/")),
		},
		{
			"list that names another algorithm",
			"The two signature algorithms of a list have to be the same (RFC 5280 section 5.1.1.2).",
			all(between(open, passed), place(`^crls/value \d+/(signatureAlgorithm|tbs/signature)`)),
		},
		{
			"order under an archive time-stamp",
			"The archive time-stamp is over signedAttrs as it stands there (EN 319 122-1 section 5.5.3), and DSS sorts it first.",
			all(between(open, passed), place(`^signer \d/signedAttrs/[^/]*$`), change("^swap")),
		},
		{
			"fields that are none",
			"A field stands twice, in the place of another or with another tag, or something follows the last one. DSS takes one of them; what one reader skips, another one reads, so here the message is refused (X.680 section 25.2, RFC 5652 section 5).",
			either(all(between(unreadable, passed), we("something follows|should be")), all(between(open, passed), place(`^signer \d/unsignedAttrs/[^/]*/(type|values)$`), change("^double"))),
		},
		{
			"octets as they were received",
			"A signature on a certificate is over its octets as they stand there; DSS makes DER of them first, which hides that a TRUE was written otherwise (X.690 section 11.1).",
			all(between(open, passed), place(`certificates/certificate \d/tbs/extensions/0/[^/]*/1$`), change("^flip")),
		},
		{
			"content type of the ContentInfo",
			"It names another structure than SignedData (RFC 5652 section 3), which DSS does not look at.",
			all(between(unreadable, passed), place("^contentType$")),
		},
		// What both refuse.
		{
			"unreadable for DSS",
			"DSS gives up on the whole message; here the signature has a verdict, which is that it failed or cannot be told.",
			all(either(between(failed, unreadable), between(open, unreadable))),
		},
		{
			"unreadable here",
			"The message is refused for its structure; DSS takes part of it, and refuses that.",
			all(either(between(unreadable, failed), between(unreadable, open))),
		},
		{
			"failed before the certificate was found",
			"The digest of the content, or the structure, is wrong whoever the signer is. DSS looks for his certificate first, and ends there.",
			all(between(failed, open), they("NO_SIGNING_CERTIFICATE_FOUND")),
		},
	}
}

// reasons in the table are one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
