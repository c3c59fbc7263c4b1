// Package inspect shows what is in a container as a tree of names and values, for people and as JSON. It reads bytes of
// strangers: what it cannot read it says so and goes on, its output is bounded, and nothing in its values can control a
// terminal.
package inspect

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/internal/cms"
)

// Limits of a tree.
const (
	maxNodes = 20_000  // in all
	maxText  = 4 << 20 // octets of all values
	maxValue = 1024    // octets of one text
	maxHex   = 64      // octets of one value in hexadecimal
	maxDepth = 48      // levels of the tree
)

// Node is one thing in a container.
type Node struct {
	Name     string  `json:"name"`
	Value    string  `json:"value,omitempty"`
	OID      string  `json:"oid,omitempty"`    // dotted
	Offset   *int    `json:"offset,omitempty"` // in the binary file; absent where the octets do not stand there in one piece
	Length   int     `json:"length,omitempty"` // octets, header included
	Children []*Node `json:"children,omitempty"`

	named bool // the object identifier is that of the name, not of the value
}

// WriteText writes the tree with a line for each node.
func (n *Node) WriteText(w *bufio.Writer) {
	n.write(w, len(fmt.Sprint(n.Length)), 0)
}

func (n *Node) write(w *bufio.Writer, width, depth int) {
	if n.Offset != nil {
		_, _ = fmt.Fprintf(w, "%*d  ", width, *n.Offset)
	} else {
		_, _ = fmt.Fprintf(w, "%*s  ", width, "")
	}
	_, _ = w.WriteString(strings.Repeat("  ", depth) + n.line() + "\n")
	for _, c := range n.Children {
		c.write(w, width, depth+1)
	}
}

func (n *Node) line() string {
	name, value, id := n.Name, n.Value, "("+n.OID+")"
	switch {
	case n.OID == "" || n.OID == n.Name || n.OID == n.Value:
	case n.named:
		name += " " + id
	case value == "":
		value = n.OID
	default:
		value += " " + id
	}
	if value == "" {
		return name
	}
	return name + ": " + value
}

// budget is what a tree may still grow.
type budget struct {
	nodes, text int
	said        bool // that something is left out
	digests     map[digested]map[string]string
}

// scope is where a part of the tree is made.
type scope struct {
	*budget
	base  int // offset in the file of the document that values are of; negative when it does not stand there
	depth int

	sd    *cms.SignedData // that of the document
	owner *owner          // whose unsigned attributes these are, or nil
}

// full reports whether nothing may be added any more, and says so once.
func (s scope) full(p *Node) bool {
	if s.nodes > 0 && s.text > 0 && s.depth < maxDepth {
		return false
	}
	if s.depth >= maxDepth {
		p.note("what is deeper is not shown")
	} else if !s.said {
		s.said = true
		p.note("the rest is not shown: the tree has grown too large")
	}
	return true
}

func (n *Node) note(text string) {
	if len(n.Children) == 0 || n.Children[len(n.Children)-1].Name != "…" {
		n.Children = append(n.Children, &Node{Name: "…", Value: text})
	}
}

// add puts a node below p; the scope returned is for what is below that node.
func (s scope) add(p *Node, name, value string) (*Node, scope) {
	n := &Node{Name: name, Value: value}
	if s.full(p) {
		return n, scope{budget: &budget{said: true}, base: -1, depth: s.depth} // goes nowhere
	}
	s.nodes--
	s.text -= len(name) + len(value)
	p.Children = append(p.Children, n)
	s.depth++
	return n, s
}

// at is add for a value that stands somewhere.
func (s scope) at(p *Node, v cms.Value, name, value string) (*Node, scope) {
	n, below := s.add(p, name, value)
	s.place(n, v)
	return n, below
}

func (s scope) place(n *Node, v cms.Value) {
	if v.IsZero() {
		return
	}
	if s.base >= 0 {
		offset := s.base + v.Offset()
		n.Offset = &offset
	}
	n.Length = len(v.Raw())
}

// failed says that a part cannot be read, and shows it as ASN.1.
func (s scope) failed(p *Node, v cms.Value, err error) {
	s.add(p, "unreadable", reason(err))
	if !v.IsZero() {
		s.asn1(p, v, "")
	}
}

func reason(err error) string { return plain.Short(strings.TrimPrefix(err.Error(), "cms: "), maxValue) }

// inside is the scope of a document that is the raw octets of a value of this document.
func (s scope) inside(v cms.Value, skip int) scope {
	if s.base >= 0 {
		s.base += v.Offset() + skip
	}
	return s
}

// inOctets is the document that the contents of an OCTET STRING are.
func (s scope) inOctets(v cms.Value) (octets []byte, inner scope, err error) {
	octets, err = v.Octets()
	inner = s.inside(v, v.HeaderLen())
	if v.Tag().Constructed() {
		inner.base = -1 // in segments
	}
	return octets, inner, err
}

// octets shows binary data, cut where it is long.
func octets(b []byte) string {
	if len(b) <= maxHex {
		return hex.EncodeToString(b)
	}
	return plain.Count(len(b)) + " octets, " + hex.EncodeToString(b[:maxHex]) + "…"
}

// oid puts an object identifier into a node: its name as the value, the dotted form beside it.
func (n *Node) oid(id cms.OID) *Node {
	name, dotted := id.Name(), id.String()
	if name != dotted {
		n.Value = name
	}
	n.OID = dotted
	return n
}

// label says of which object identifier the name of a node is.
func (n *Node) label(id cms.OID) { n.Name, n.OID, n.named = id.Name(), id.String(), true }

// members calls f for each member of a constructed value.
func (s scope) members(p *Node, v cms.Value, f func(i int, v cms.Value)) {
	if !v.Tag().Constructed() {
		s.add(p, "unreadable", v.Tag().String()+" where there should be values inside")
		return
	}
	i := 0
	for r := v.Reader(); !r.Empty(); i++ {
		if s.full(p) {
			return
		}
		member, err := r.Next()
		if err != nil {
			s.add(p, "unreadable", reason(err))
			return
		}
		f(i, member)
	}
}
