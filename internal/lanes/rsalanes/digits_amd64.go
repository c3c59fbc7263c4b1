package rsalanes

import (
	"encoding/binary"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// Numbers here are digits of 52 bits, the lowest first, one number in each lane. What takes secrets goes through all digits and
// lanes without branches.
const (
	digitBits = 52
	digitMask = 1<<digitBits - 1
)

// setLane puts a number of big-endian octets into a lane.
func setLane(x []lanes.Vector, lane int, octets []byte) {
	for i := range x {
		x[i][lane] = digitOf(octets, i)
	}
}

// fillLanes puts it into all.
func fillLanes(x []lanes.Vector, octets []byte) {
	for i := range x {
		d := digitOf(octets, i)
		for l := range x[i] {
			x[i][l] = d
		}
	}
}

// digitOf is a digit of big-endian octets.
func digitOf(octets []byte, i int) uint64 {
	from := digitBits * i / 8 // octets below it
	var b [8]byte
	for j := range b {
		if at := len(octets) - 1 - from - j; at >= 0 {
			b[j] = octets[at]
		}
	}
	return binary.LittleEndian.Uint64(b[:]) >> (digitBits * i % 8) & digitMask
}

// octetsOf writes the number of a lane, whose digits have no rubbish, as big-endian octets.
func octetsOf(octets []byte, x []lanes.Vector, lane int) {
	var bits uint64
	have, at := 0, len(octets)
	for i := range x {
		// Up to seven bits wait. Two halves of a digit, so that none is lost.
		for _, half := range [2]uint64{x[i][lane] & (1<<26 - 1), x[i][lane] >> 26} {
			bits |= half << have
			for have += 26; have >= 8 && at > 0; have -= 8 {
				at--
				octets[at] = byte(bits)
				bits >>= 8
			}
		}
	}
}

// clean takes away what is above 52 bits in digits.
func clean(x []lanes.Vector) {
	for i := range x {
		for l := range x[i] {
			x[i][l] &= digitMask
		}
	}
}

// carried does the carries of digits that are sums, or differences if the number is not negative.
func carried(x []lanes.Vector) {
	var carry [lanes.Width]int64
	for i := range x {
		for l := range x[i] {
			s := int64(x[i][l]) + carry[l]
			carry[l] = s >> digitBits
			x[i][l] = uint64(s) & digitMask
		}
	}
}

// canonical makes x, below 2m, the number below m. There must be room for as many digits.
func canonical(x, m, room []lanes.Vector) {
	var borrow [lanes.Width]int64
	for i := range x {
		for l := range x[i] {
			s := int64(x[i][l]&digitMask) - int64(m[i][l]) + borrow[l]
			borrow[l] = s >> digitBits
			room[i][l] = uint64(s) & digitMask
		}
	}
	for i := range x {
		for l := range x[i] {
			less := uint64(borrow[l]) // all ones or zero
			x[i][l] = x[i][l]&digitMask&less | room[i][l]&^less
		}
	}
}
