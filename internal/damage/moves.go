package damage

import (
	"bytes"
	"encoding/hex"
	"iter"
	"maps"
	"slices"
)

// AlgorithmIdentifiers that others are exchanged for.
var algorithms = []struct{ name, hex string }{
	{"SHA-1", "300906052b0e03021a0500"},
	{"SHA-256", "300b0609608648016503040201"},
	{"SHA-256 with NULL", "300d06096086480165030402010500"},
	{"SHA-512", "300b0609608648016503040203"},
	{"MD5", "300c06082a864886f70d02050500"},
	{"rsaEncryption", "300d06092a864886f70d0101010500"},
	{"sha512WithRSA", "300d06092a864886f70d01010d0500"},
	{"ecdsa-with-SHA256", "300a06082a8648ce3d040302"},
	{"ecdsa-with-SHA384", "300a06082a8648ce3d040303"},
	{"PSS of defaults", "300d06092a864886f70d01010a3000"},
	{"ed25519", "300506032b6570"},
}

func (k *maker) algorithms(n *node) {
	if n.role != Algorithm {
		return
	}
	for _, a := range algorithms {
		der, _ := hex.DecodeString(a.hex)
		k.replace(n, der, "exchange for "+a.name)
	}
}

// moves takes values to other places of the same form: attributes between the sets of attributes, certificates and values
// between the messages that are in each other, and signers into each other.
func (k *maker) moves() {
	var sets, certificates, crls, signers []*node
	k.m.root.walk(func(n *node) {
		switch {
		case n.role == attributeSet:
			sets = append(sets, n)
		case n.name == "certificates" && n.tag() == 0xa0:
			certificates = append(certificates, n)
		case n.name == "crls" && n.tag() == 0xa1:
			crls = append(crls, n)
		case n.name == "signerInfos":
			signers = append(signers, n)
		}
	})
	for _, places := range [][]*node{sets, certificates, crls, signers} {
		for _, from := range places {
			for _, n := range slices.Clone(from.kids) {
				for _, to := range places {
					if to != from && !to.within(n) {
						k.move(n, to)
					}
				}
			}
		}
	}
	// A certificate among the revocation values, and the other way round.
	for i := range min(len(certificates), len(crls)) {
		for _, n := range slices.Clone(certificates[i].kids) {
			k.move(n, crls[i])
		}
		for _, n := range slices.Clone(crls[i].kids) {
			k.move(n, certificates[i])
		}
	}
}

// move takes a value out of where it is, and puts it behind the members of another one.
func (k *maker) move(n, to *node) {
	from := n.parent
	old, there := from.kids, to.kids
	where := short(to.path())
	to.kids = append(slices.Clone(there), n)
	k.changed = to
	k.emit(n, "copy to "+where)
	from.kids = slices.Delete(slices.Clone(old), n.at, n.at+1)
	if from.role == attributeSet && from.name == "signedAttrs" {
		k.changed = from
	}
	k.emit(n, "move to "+where)
	k.changed = nil
	from.kids, to.kids = old, there
}

// broken changes lengths without repairing those around them, and cuts the message off.
func (k *maker) broken(all []*node) {
	whole := k.m.root.der()
	for _, n := range all {
		der := n.der()
		if k.done || n.deep() {
			continue
		}
		at := n.offset()
		longer := bytes.Clone(whole)
		longer[at+len(n.id)]++
		k.emitDER(n, "length", longer, true)
		k.emitDER(n, "cut off", whole[:at+len(der)/2], true)
	}
	k.emitDER(k.m.root, "followed by an octet", append(bytes.Clone(whole), 0), false)
	k.emitDER(k.m.root, "followed by itself", append(bytes.Clone(whole), whole...), false)
}

// Exchanges puts the values of another message of the same form in the place of those of this one, one after the other: those
// of another signer, another authority, another time.
func (m *Message) Exchanges(other *Message, name string) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		k := &maker{m: m, yield: yield, names: map[string]int{}}
		m.remember()
		there := map[string]*node{}
		other.root.walk(func(n *node) {
			if p := n.path(); there[p] == nil {
				there[p] = n
			}
		})
		var all []*node
		m.root.walk(func(n *node) { all = append(all, n) })
		for _, n := range all {
			if o := there[n.path()]; o != nil && n.parent != nil && !k.done {
				k.replace(n, o.der(), "exchange for that of "+name)
			}
		}
	}
}

// All are the variants of a message by itself, with spare values, and with those of others.
func (m *Message) All(donors map[string][]byte, spares []Spare) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		for v := range m.Variants(spares...) {
			if !yield(v) {
				return
			}
		}
		for _, name := range slices.Sorted(maps.Keys(donors)) {
			other, err := New(donors[name])
			if err != nil {
				continue
			}
			for v := range m.Exchanges(other, name) {
				if !yield(v) {
					return
				}
			}
		}
	}
}
