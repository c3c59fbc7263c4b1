package pki

import (
	"bytes"
	"net/netip"
	"net/url"
	"strings"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Name constraints (RFC 5280 sections 4.2.1.10 and 6.1.3 (b), (c)).

// subtrees is the constraints of one issuer, by the kind of name. The intersection of permitted subtrees is not worked out:
// a name has to lie within those of every issuer.
type subtrees struct {
	permitted, excluded [RegisteredID + 1][]base
	holder              string // whose constraints they are, for sentences
}

// base is a subtree with what is worked out once.
type base struct {
	GeneralName
	name Name
	text string // lower case
}

func newSubtrees(nc *NameConstraints, holder string) *subtrees {
	s := &subtrees{holder: holder}
	for i, list := range [][]GeneralName{nc.Permitted, nc.Excluded} {
		kinds := &s.permitted
		if i == 1 {
			kinds = &s.excluded
		}
		for _, g := range list {
			kinds[g.Kind] = append(kinds[g.Kind], base{g, g.Name(), strings.ToLower(string(g.Value))})
		}
	}
	return s
}

// checkNames looks at all names of a certificate: the subject, its e-mail addresses, and subjectAltName.
func (s *subtrees) checkNames(c *Certificate, spend func(int) *Error) *Error {
	if !c.Subject.IsEmpty() {
		if err := s.check(c, GeneralName{DirectoryName, c.Subject.Raw}, spend); err != nil {
			return err
		}
		// Section 4.2.1.10 has this for certificates without subjectAltName; a program that shows the address does not care
		// where it stands, so it is held always, as OpenSSL does.
		if s.constrains(RFC822Name) {
			for _, address := range c.Subject.Emails() {
				if err := s.check(c, GeneralName{RFC822Name, []byte(address)}, spend); err != nil {
					return err
				}
			}
		}
	}
	for _, g := range c.SubjectAltName {
		if err := s.check(c, g, spend); err != nil {
			return err
		}
	}
	return nil
}

func (s *subtrees) constrains(k GeneralNameKind) bool {
	return len(s.permitted[k]) > 0 || len(s.excluded[k]) > 0
}

func (s *subtrees) check(c *Certificate, g GeneralName, spend func(int) *Error) *Error {
	if id, value, ok := g.Other(); ok && id == oidSmtpUTF8Mailbox && s.constrains(RFC822Name) {
		// RFC 9598 section 6: constraints on addresses hold for those with other letters, too.
		text, _ := decodeString(value)
		if err := s.check(c, GeneralName{RFC822Name, []byte(text)}, spend); err != nil {
			return err
		}
	}
	if !s.constrains(g.Kind) {
		return nil
	}
	if err := spend(1 + len(s.permitted[g.Kind]) + len(s.excluded[g.Kind]) + len(g.Value)/64); err != nil {
		return err
	}
	matches := matcher(g)
	if matches == nil {
		return fail(OutsideNameConstraints, c, "has a name (%s) whose form the constraints of %s restrict and which cannot be compared with them", g, s.holder)
	}
	for _, b := range s.excluded[g.Kind] {
		if matches(b, true) {
			return fail(OutsideNameConstraints, c, "has a name (%s) that the constraints of %s exclude", g, s.holder)
		}
	}
	if len(s.permitted[g.Kind]) == 0 {
		return nil
	}
	for _, b := range s.permitted[g.Kind] {
		if matches(b, false) {
			return nil
		}
	}
	return fail(OutsideNameConstraints, c, "has a name (%s) that the constraints of %s do not permit", g, s.holder)
}

// matcher returns what compares a name with subtrees; nil for a name that cannot be compared, because of its form or because
// it is malformed. A name that might lie in an excluded subtree is taken to do so.
func matcher(g GeneralName) func(b base, excluded bool) bool {
	switch g.Kind {
	case DirectoryName:
		name := g.Name()
		if name.Malformed() {
			return nil
		}
		return func(b base, excluded bool) bool {
			return name.Within(b.name) || excluded && b.name.Malformed()
		}
	case DNSName:
		host, ok := hostName(string(g.Value), true)
		if !ok {
			return nil
		}
		return func(b base, excluded bool) bool { return dnsWithin(host, b.text, excluded) }
	case RFC822Name:
		local, host, ok := mailbox(string(g.Value))
		if !ok {
			return nil
		}
		return func(b base, excluded bool) bool { return mailWithin(local, host, string(b.Value), excluded) }
	case URI:
		host, ok := uriHost(string(g.Value))
		if !ok {
			return nil
		}
		return func(b base, _ bool) bool { return hostWithin(host, b.text) }
	case IPAddress:
		if len(g.Value) != 4 && len(g.Value) != 16 {
			return nil
		}
		return func(b base, excluded bool) bool { return addressWithin(g.Value, b.Value, excluded) }
	}
	return nil
}

// hostName checks and lowers a name of a host, so that two ways to write one cannot be told apart by constraints.
func hostName(s string, wildcard bool) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	labels := s
	if wildcard {
		labels = strings.TrimPrefix(s, "*.")
	}
	if labels == "" || len(s) > 253 {
		return "", false
	}
	for label := range strings.SplitSeq(labels, ".") {
		if label == "" || len(label) > 63 {
			return "", false
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && c != '_' && (c < '0' || '9' < c) && (c < 'a' || 'z' < c) {
				return "", false
			}
		}
	}
	return s, true
}

// dnsWithin: labels may be added to the left, and a leading period, which the standard does not have here, asks for one.
func dnsWithin(host, base string, excluded bool) bool {
	base = strings.TrimSuffix(base, ".")
	if base == "" {
		return true
	}
	bare := strings.TrimPrefix(base, ".")
	if excluded {
		// A wildcard stands for a name of one more label, so it reaches into a subtree that begins there.
		if rest, ok := strings.CutPrefix(host, "*."); ok {
			if _, parent, ok := strings.Cut(bare, "."); ok && parent == rest {
				return true
			}
		}
	}
	if host == bare {
		return bare == base
	}
	return strings.HasSuffix(host, "."+bare)
}

// hostWithin is for addresses and URIs: a host is itself only, and a leading period stands for what lies below.
func hostWithin(host, base string) bool {
	base = strings.TrimSuffix(base, ".")
	if strings.HasPrefix(base, ".") {
		return strings.HasSuffix(host, base) && len(host) > len(base)
	}
	return host == base
}

// mailbox splits an address. The part before the last @ is the local one (RFC 5321 section 4.1.2); quotes around it do not
// make another address of it.
func mailbox(s string) (local, host string, ok bool) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "", "", false
	}
	local = s[:at]
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		local = unquoteLocal(local[1 : len(local)-1])
	}
	host, ok = hostName(s[at+1:], false)
	return local, host, ok
}

func unquoteLocal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func mailWithin(local, host, base string, excluded bool) bool {
	if base == "" {
		return excluded // everything, as for hosts; permitting everything by nothing is not in the standard
	}
	if strings.IndexByte(base, '@') < 0 {
		return hostWithin(host, strings.ToLower(base))
	}
	baseLocal, baseHost, ok := mailbox(base)
	if !ok {
		return excluded
	}
	if host != baseHost {
		return false
	}
	// Local parts differ by case (RFC 5280 section 7.5), but hardly any server tells them apart.
	return local == baseLocal || excluded && strings.EqualFold(local, baseLocal)
}

// uriHost returns the host; ok is false where there is none by name, for which section 4.2.1.10 demands refusal.
func uriHost(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "", false
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil || strings.HasPrefix(u.Host, "[") {
		return "", false
	}
	return hostName(host, false)
}

// addressWithin: address and mask side by side, of the same version.
func addressWithin(address, base []byte, excluded bool) bool {
	if len(base) != 8 && len(base) != 32 {
		return excluded // the subtree is malformed
	}
	if len(base) != 2*len(address) {
		return false
	}
	masked := make([]byte, len(address))
	want := make([]byte, len(address))
	for i := range address {
		mask := base[len(address)+i]
		masked[i], want[i] = address[i]&mask, base[i]&mask
	}
	return bytes.Equal(masked, want)
}

// namesUnreadable reports whether names of a certificate cannot be compared with anything, and where they stand.
func namesUnreadable(c *Certificate) (cms.OID, bool) {
	if _, bad := c.Problem(cms.OIDSubjectAltName); bad {
		return cms.OIDSubjectAltName, true
	}
	if c.Subject.Malformed() {
		return "", true
	}
	return "", false
}
