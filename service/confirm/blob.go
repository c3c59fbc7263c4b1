package confirm

import (
	"encoding/binary"
	"errors"
)

// outcome is one item behind the signing. Base is a container that could not be raised to its level yet.
type outcome struct {
	signature []byte
	base      []byte
	err       string
}

// appendOutcomes encodes outcomes: for each, the three fields with their lengths before them.
func appendOutcomes(b []byte, all []outcome) []byte {
	size := len(b) + binary.MaxVarintLen64
	for _, o := range all {
		size += len(o.signature) + len(o.base) + len(o.err) + 9
	}
	b = append(make([]byte, 0, size), b...)
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, o := range all {
		b = appendField(b, o.signature)
		b = appendField(b, o.base)
		b = appendField(b, []byte(o.err))
	}
	return b
}

func appendField(b, field []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

var errOutcomes = errors.New("confirm: the stored results cannot be read")

// parseOutcomes reads what appendOutcomes wrote. The fields are views of data.
func parseOutcomes(data []byte) ([]outcome, error) {
	n, data, ok := takeLength(data)
	if !ok || n > uint64(len(data)) { // each has three octets at least
		return nil, errOutcomes
	}
	all := make([]outcome, n)
	for i := range all {
		var err []byte
		for _, field := range []*[]byte{&all[i].signature, &all[i].base, &err} {
			if *field, data, ok = takeField(data); !ok {
				return nil, errOutcomes
			}
		}
		all[i].err = string(err)
	}
	if len(data) != 0 {
		return nil, errOutcomes
	}
	return all, nil
}

// takeField reads what appendField wrote; an empty one is nil.
func takeField(data []byte) (field, rest []byte, ok bool) {
	n, data, ok := takeLength(data)
	if !ok || n > uint64(len(data)) {
		return nil, nil, false
	}
	if n != 0 {
		field = data[:n:n]
	}
	return field, data[n:], true
}

func takeLength(data []byte) (uint64, []byte, bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return 0, nil, false
	}
	return n, data[size:], true
}
