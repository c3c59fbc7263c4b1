package page

import (
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/cades/validate"
)

// verdict is what is said of a cause: one sentence, and what it means or what to do.
type verdict struct{ Headline, Advice string }

// answer is what is said of a question, whatever came out.
type answer struct{ Yes, No, Open string }

// words are the texts of the page in one language. Formats take what stands in their names, in this order.
type words struct {
	Title, CheckedAt, Policy              string // CheckedAt: time; Policy: name
	Count                                 string // files, signatures, valid, not valid, not known
	Files, Document, Inside, NotGiven     string
	Signer, SubjectRow, Issuer, Validity  string
	Span                                  string // from, to
	Unknown                               string // a signer whom nothing names
	When, Claimed, Proved, NoTime         string // Claimed, Proved: time
	Which                                 string // number, of how many
	Checked, Open, Timestamps, Counter    string
	StampCounts, StampProvesNothing       string
	StampBy                               string // time, authority
	Experts, Result, Form, Level, NoLevel string
	Algorithms, Number, Digest            string
	Stamp                                 string // heading of a time-stamp that is a file of its own
	StampTime, StampSigner                string
	Reason                                string // what the judge says, which is English; empty in other languages
	Unreadable, NoSignature, Unread       verdict
	StampPassed, StampBad, StampOpen      verdict
	Presets                               map[string]string
	Causes                                map[validate.Cause]verdict
	Content, Key, Chain, Revocation       answer
	Strength, Time, Rules                 answer
	Old                                   string // an algorithm that counts still
	Good, Bad, Perhaps                    string // the three marks, for those who hear the page
	Disclaimer                            string
	moment                                func(time.Time) string
	day                                   func(time.Time) string
}

func english() *words {
	months := time.Month.String
	return &words{
		Title: "Report on signatures", CheckedAt: "Checked on %s.", Policy: "Rules: %s.",
		Count: "Files: %d. Signatures: %d. Valid: %d. Not valid: %d. Not known: %d.",
		Files: "The files", Document: "Document", Inside: "inside the file with the signature", NotGiven: "not given",
		Signer: "Signed by", SubjectRow: "As the certificate has it", Issuer: "Certificate issued by", Validity: "Certificate valid", Span: "from %s to %s", Unknown: "nobody whose certificate is here",
		When: "Signed", Claimed: "%s, as the signer says; nothing proves it", Proved: "not later than %s, as a time-stamp proves", NoTime: "at a time that is not stated",
		Which: "Signature %d of %d", Checked: "What was checked", Open: "What to do", Timestamps: "Time-stamps", Counter: "Others who signed this signature",
		StampCounts: "it counts", StampProvesNothing: "it proves nothing here", StampBy: "%s, by %s",
		Experts: "For experts", Result: "Result", Form: "Form", Level: "Level", NoLevel: "none", Algorithms: "Algorithms", Number: "Number of the certificate", Digest: "SHA-256 of the certificate",
		Stamp:     "Time-stamp",
		StampTime: "Existed", StampSigner: "Time-stamp by", Reason: "Reason",
		Unreadable:  verdict{"This file could not be checked: it is not a signature that can be read.", "Ask for the file again. It may have been damaged on the way, or be another file."},
		Unread:      verdict{"This file could not be read.", "Make sure that it is there and may be read, and check again."},
		NoSignature: verdict{"There is no signature in this file.", "Ask the sender for the file with the signature."},
		StampBad:    verdict{"The time-stamp is not valid.", ""},
		StampOpen:   verdict{"It is not known whether the time-stamp is valid.", ""},
		StampPassed: verdict{"The time-stamp is valid.", "The document existed at that time, as an authority that is trusted here says."},
		Presets:     map[string]string{"default": "the usual ones", "strict": "strict ones", "lenient": "lenient ones", "custom": "your own"},
		Causes: map[validate.Cause]verdict{
			validate.CausePassed:             {"The signature is valid.", "The document is the one that was signed. The certificate of the signer was issued by an authority that is trusted here, and it was good at the time."},
			validate.CauseContentChanged:     {"The signature is not valid: the document is not the one that was signed.", "Ask the sender for the document as it was signed. Even a change that cannot be seen, such as another line end, makes it another one."},
			validate.CauseForged:             {"The signature is not valid: it was not made with the key of the certificate.", "Do not rely on it. Ask the signer for a new signature."},
			validate.CauseMalformed:          {"The signature is not valid: it breaks the rules for signatures.", "Do not rely on it. Ask the signer for a new signature."},
			validate.CauseContentMissing:     {"It is not known whether the signature is valid: the document is not here.", "Put the document beside the signature, or name it with --content, and check again."},
			validate.CauseCertificateMissing: {"It is not known who signed: the certificate of the signer is not here.", "Ask the signer for the certificate, name it with --cert, and check again."},
			validate.CauseNoRoots:            {"It is not known who signed: nobody was named as trusted.", "Name the certificates that you trust with --trust, and check again. Until then, the name below is only what the certificate says of itself."},
			validate.CauseUnknownAuthority:   {"It is not known who signed: no authority that is trusted here issued the certificate.", "If you know the authority and trust it, name its certificate with --trust. If not, do not rely on the name below."},
			validate.CauseRevocationUnknown:  {"It is not known whether the signature is valid: whether the certificate was withdrawn could not be found out.", "Check again with --fetch, which asks the authority, or give its list with --crl."},
			validate.CauseNotChecked:         {"The signature was not checked: its algorithm is not known to this program, or asks for too much work.", "This says nothing against the signature. Check it with a program that knows the algorithm."},
			validate.CauseExpired:            {"The signature cannot be relied on: the certificate had expired, and nothing proves that the signature is older.", "Ask the signer for a new signature, better with a time-stamp."},
			validate.CauseNotYetValid:        {"The signature cannot be relied on: the certificate was not valid yet.", "Ask the signer for a new signature, and make sure that the clock of this computer is right."},
			validate.CauseRevoked:            {"The signature cannot be relied on: the certificate had been withdrawn, and nothing proves that the signature is older.", "Ask the signer what happened, by another way than this message."},
			validate.CauseMisusedCertificate: {"The signature cannot be relied on: the certificate is not for signing documents, or its issuer had no right to issue it.", "Ask the signer for a signature with another certificate."},
			validate.CauseWeakAlgorithm:      {"The signature cannot be relied on: its algorithm or its key is too weak.", "Ask the signer for a new signature with a stronger one."},
			validate.CausePolicy:             {"The signature does not meet the rules that were asked for.", "The reason stands below, for experts. Ask the signer for a signature that meets them."},
			validate.CauseFuture:             {"The time-stamp is from the future.", "Make sure that the clock of this computer is right."},
		},
		Content:    answer{"The document has not been changed since it was signed.", "The document is not the one that was signed.", "Whether the document was changed is not known."},
		Key:        answer{"The signature was made with the key of the certificate.", "The signature was not made with the key of the certificate.", "Whether the signature was made with the key of the certificate is not known."},
		Chain:      answer{"An authority that is trusted here issued the certificate.", "No authority that is trusted here stands behind this use of the certificate.", "Whether a trusted authority issued the certificate was not looked at."},
		Revocation: answer{"Nothing says that the certificate had been withdrawn.", "The certificate had been withdrawn.", "Whether the certificate had been withdrawn is not known."},
		Strength:   answer{"The algorithms are strong enough.", "An algorithm or a key is too weak.", "Whether the algorithms are strong enough is not known."},
		Time:       answer{"A time-stamp by a trusted authority proves when the signature existed.", "", "Nothing but the word of the signer says when it was made."},
		Rules:      answer{"The rules that were asked for are met.", "The rules that were asked for are not met.", ""},
		Old:        "An algorithm is old, and still counts.",
		Good:       "Yes.", Bad: "No.", Perhaps: "Not known.",
		Disclaimer: "Names are what certificates say. Who may sign what, and what a signature means in law, this report does not say.",
		moment: func(t time.Time) string {
			return fmt.Sprintf("%d %s %d, %02d:%02d UTC", t.Day(), months(t.Month()), t.Year(), t.Hour(), t.Minute())
		},
		day: func(t time.Time) string { return fmt.Sprintf("%d %s %d", t.Day(), months(t.Month()), t.Year()) },
	}
}
