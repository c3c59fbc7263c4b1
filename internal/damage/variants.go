package damage

import (
	"bytes"
	"hash/fnv"
	"iter"
	"slices"
	"strings"
)

// Variant is a message of which something was changed.
type Variant struct {
	Name string // where, and what was done: "signer 0/signedAttrs/message-digest/values/0/flip"
	Path string // where
	Op   string // what was done there
	// Signed says that the signer whose number is in Signer signed what was changed, or that it is his certificate, so that his
	// signature is none over what there is now. Signer is -1 for the content, which all of them signed.
	Signed bool
	Signer int
	// Deep says that it is inside of a certificate, a revocation value or a time-stamp.
	Deep bool
	// Broken says that the lengths were not repaired.
	Broken bool
	DER    []byte
}

// Message is a message of which variants are made.
type Message struct {
	root *node
	// signers are the certificates of the signers, in their order.
	signers [][]byte
}

// New reads a message in DER of definite length. The certificates of its signers, in their order, tell which ones the signers
// have signed by their hash.
func New(der []byte, signers ...[]byte) (*Message, error) {
	root, err := parse(der)
	if err != nil {
		return nil, err
	}
	root.contentInfo()
	if !bytes.Equal(root.der(), der) {
		return nil, errSyntax
	}
	return &Message{root: root, signers: signers}, nil
}

// short leaves out what all paths begin with.
func short(path string) string {
	path = strings.TrimPrefix(path, "content/SignedData/")
	return strings.TrimPrefix(path, "signerInfos/")
}

// Spare is a value that others are exchanged for.
type Spare struct {
	Name string
	Role Role
	DER  []byte
}

// maker hands out the variants of one message.
type maker struct {
	m     *Message
	yield func(Variant) bool
	done  bool
	names map[string]int
	// changed is the set that a value is moved to, or out of; nil when it stays in its place.
	changed *node
}

// emit hands out the message as it stands.
func (k *maker) emit(n *node, op string) {
	if k.done {
		return
	}
	k.emitDER(n, op, k.m.root.der(), false)
}

func (k *maker) emitDER(n *node, op string, der []byte, broken bool) {
	if k.done {
		return
	}
	v := Variant{Path: short(n.path()), Op: op, Broken: broken, DER: der, Signer: -1}
	if v.Path == "" {
		v.Path = "message"
	}
	v.Name = v.Path + "/" + op
	if k.changed == nil {
		v.Signed, v.Signer = k.m.signed(n, op)
	} else if k.changed.name == "signedAttrs" {
		v.Signed, v.Signer = k.m.signed(k.changed, op)
	}
	v.Deep = n.deep()
	if k.names[v.Name]++; k.names[v.Name] > 1 {
		return // the same once more, of an attribute that stands there twice
	}
	k.done = !k.yield(v)
}

// deep reports whether a value is inside of one that has an encoding of its own.
func (n *node) deep() bool {
	for p := n.parent; p != nil; p = p.parent {
		switch p.role {
		case Certificate, CRL, OCSP, Token:
			return true
		}
	}
	return false
}

// signed tells who signed a value that was changed.
func (m *Message) signed(n *node, op string) (bool, int) {
	path := short(n.path())
	switch {
	case n.inside("unsignedAttrs"):
		return false, -1
	case strings.HasPrefix(path, "encapContentInfo"):
		// The octets of the content, and its type. What is around them has one form only.
		return strings.HasSuffix(path, "eContent") && op != "double" && op != "swap" && op != "tag" || path == "encapContentInfo/eContentType" && op == "flip", -1
	case strings.HasPrefix(path, "certificates/"):
		for p := n; p != nil; p = p.parent {
			if p.role != Certificate {
				continue
			}
			// One that is there twice, or elsewhere among the others, is there.
			if p == n && (op == "double" || op == "swap") {
				return false, -1
			}
			for i, der := range m.signers {
				if bytes.Equal(p.before(), der) {
					return true, i
				}
			}
		}
		return false, -1
	}
	for i := range m.signers {
		at := "signer " + string(rune('0'+i)) + "/"
		rest, ok := strings.CutPrefix(path, at)
		if !ok {
			continue
		}
		switch {
		case rest == "signature" && op != "double":
			return true, i
		case rest == "signedAttrs" && op != "double" && op != "swap" && op != "tag":
			return true, i
		case strings.HasPrefix(rest, "signedAttrs/"):
			// They are a SET, so that their order is none of its contents.
			inner := strings.TrimPrefix(rest, "signedAttrs/")
			return !(op == "swap" && !strings.Contains(inner, "/")), i
		}
	}
	return false, -1
}

func (n *node) inside(name string) bool {
	for p := n; p != nil; p = p.parent {
		if p.name == name {
			return true
		}
	}
	return false
}

// before is how a certificate was encoded before the change.
func (n *node) before() []byte { return n.original }

// Variants are all changes to the message by itself, and exchanges of values for spare ones.
func (m *Message) Variants(spares ...Spare) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		k := &maker{m: m, yield: yield, names: map[string]int{}}
		m.remember()
		var all []*node
		m.root.walk(func(n *node) { all = append(all, n) })
		for _, n := range all {
			if k.done {
				return
			}
			k.values(n)
			k.places(n)
			k.spares(n, spares)
			k.algorithms(n)
		}
		k.moves()
		k.broken(all)
	}
}

// remember keeps how certificates are encoded.
func (m *Message) remember() {
	m.root.walk(func(n *node) {
		if n.role == Certificate {
			n.original = n.der()
		}
	})
}

// values changes what a value holds.
func (k *maker) values(n *node) {
	with := func(op string, body []byte) {
		old := n.body
		n.body = body
		k.emit(n, op)
		n.body = old
	}
	bit := func(op string, at int, mask byte) {
		body := bytes.Clone(n.body)
		body[at] ^= mask
		with(op, body)
	}
	switch size := len(n.body); {
	case n.members && len(n.kids) != 0 && n.parent != nil:
		old := n.kids
		n.kids = nil
		k.emit(n, "empty")
		n.kids = old
	case n.members:
	case n.role == Time && size > 4:
		bit("flip", size-2, 1) // a second
		bit("year", size-12, 1)
		with("no zone", n.body[:size-1])
	case size == 0:
		with("filled", []byte{0})
	default:
		bit("flip", size-1, 1)
		if size > 16 {
			bit("flip in the middle", size/4, 0x10)
		}
		if n.tag() == 0x02 {
			bit("sign", 0, 0x80)
		}
		with("shorter", n.body[:size-1])
		with("longer", append(slices.Clone(n.body), 0))
	}
	if n.parent == nil {
		return
	}
	old := n.id
	n.id = slices.Clone(old)
	n.id[0] ^= 1
	k.emit(n, "tag")
	n.id = old
}

// places changes where a value is.
func (k *maker) places(n *node) {
	p := n.parent
	if p == nil {
		return
	}
	old := p.kids
	p.kids = slices.Delete(slices.Clone(old), n.at, n.at+1)
	k.emit(n, "remove")
	p.kids = slices.Insert(slices.Clone(old), n.at, n)
	k.emit(n, "double")
	if n.at+1 < len(old) && !same(n, old[n.at+1]) {
		p.kids = slices.Clone(old)
		p.kids[n.at], p.kids[n.at+1] = old[n.at+1], n
		k.emit(n, "swap")
	}
	p.kids = old
}

// replace puts another value in the place of one.
func (k *maker) replace(n *node, der []byte, op string) {
	if n.parent == nil || bytes.Equal(n.der(), der) {
		return
	}
	other, err := parse(der)
	if err != nil {
		return
	}
	n.parent.kids[n.at] = other
	k.emit(n, op)
	n.parent.kids[n.at] = n
}

func (k *maker) spares(n *node, spares []Spare) {
	for _, s := range spares {
		if s.Role == n.role {
			k.replace(n, s.DER, "exchange for "+s.Name)
		}
	}
}

// Sampled chooses one of a number of variants by their names: of those inside of certificates, values and time-stamps, of which
// there are many, one of deep, and of all others one of shallow.
func (v *Variant) Sampled(shallow, deep uint32) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(v.Name))
	if v.Deep {
		return h.Sum32()%deep == 0
	}
	return h.Sum32()%shallow == 0
}
