package plain

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/seed-116355fd/signet/internal/lanes"
)

// machine has the registers of a processor.
type machine struct {
	program *Program
	z       [32]lanes.Vector
	k       [8]byte
	g       [16]word
	args    []unsafe.Pointer
}

// word is a general register: an address, or a number if there is none.
type word struct {
	p unsafe.Pointer
	n uint64
}

// Call runs a function that Go calls with these arguments. It panics where there is none.
func (p *Program) Call(name string, args ...unsafe.Pointer) {
	m := &machine{program: p, args: args}
	m.run(p.code(name))
}

func (p *Program) code(name string) []instruction {
	code := p.functions[name]
	if code == nil {
		panic("plain: there is no function " + name)
	}
	return code
}

func (m *machine) run(code []instruction) {
	for i := range code {
		if code[i].name == "CALL" {
			m.run(code[i].called)
			continue
		}
		m.step(&code[i])
	}
}

// address is that of what is in memory.
func (m *machine) address(o *operand) unsafe.Pointer { return unsafe.Add(m.g[o.n].p, o.at) }

// source is an operand of eight words.
func (m *machine) source(o *operand, each bool) *lanes.Vector {
	switch {
	case o.kind == vector:
		return &m.z[o.n]
	case o.kind == constant && each:
		return &m.program.each[o.at]
	case o.kind == memory && !each:
		return (*lanes.Vector)(m.address(o))
	}
	panic("plain: an operand that no instruction has")
}

// plainly are instructions of general registers and masks.
func (m *machine) plainly(in *instruction) bool {
	o := in.operands
	switch in.name {
	case "RET", "PREFETCHT0":
	case "VZEROUPPER":
		for i := range 16 {
			clear(m.z[i][2:])
		}
	case "MOVQ":
		switch o[0].kind {
		case argument:
			m.g[o[1].n] = word{p: m.args[o[0].at]}
		default:
			m.g[o[1].n] = word{n: *(*uint64)(m.address(&o[0]))}
		}
	case "MOVBQZX":
		m.g[o[1].n] = word{n: uint64(*(*byte)(m.address(&o[0])))}
	case "ADDQ":
		to := &m.g[o[1].n]
		*to = word{p: unsafe.Add(m.g[o[0].n].p, to.n)}
	case "LEAQ":
		m.g[o[1].n] = word{p: m.address(&o[0])}
	case "KMOVB":
		switch {
		case o[1].kind == memory:
			*(*byte)(m.address(&o[1])) = m.k[o[0].n]
		case o[0].kind == memory:
			m.k[o[1].n] = *(*byte)(m.address(&o[0]))
		default:
			m.k[o[1].n] = byte(m.g[o[0].n].n)
		}
	case "KORB":
		m.k[o[2].n] = m.k[o[0].n] | m.k[o[1].n]
	case "KANDB":
		m.k[o[2].n] = m.k[o[0].n] & m.k[o[1].n]
	default:
		return false
	}
	return true
}

func (m *machine) step(in *instruction) {
	o := in.operands
	switch in.often {
	case fetch:
		m.z[o[1].n] = *m.source(&o[0], in.each)
		return
	case keep:
		*(*lanes.Vector)(m.address(&o[1])) = m.z[o[0].n]
		return
	case addition:
		to, a, b := &m.z[o[2].n], &m.z[o[1].n], m.source(&o[0], in.each)
		for l := range to {
			to[l] = a[l] + b[l]
		}
		return
	case lowProduct:
		to, a, b := &m.z[o[2].n], &m.z[o[1].n], m.source(&o[0], in.each)
		for l := range to {
			to[l] += (a[l] & digits) * (b[l] & digits) & digits
		}
		return
	case highProduct:
		to, a, b := &m.z[o[2].n], &m.z[o[1].n], m.source(&o[0], in.each)
		for l := range to {
			high, low := bits.Mul64(a[l]&digits, b[l]&digits)
			to[l] += high<<12 | low>>52
		}
		return
	}
	if m.plainly(in) {
		return
	}
	n := 0
	if o[0].kind == number {
		n = o[0].n
		o = o[1:]
	}
	last := o[len(o)-1]
	if last.kind == mask {
		m.toMask(in, o)
		return
	}
	to := &m.z[last.n]
	if in.name == "VPBROADCASTQ" {
		*to = *m.source(&o[0], true)
		return
	}
	if in.name == "VPMOVM2Q" {
		for l := range to {
			to[l] = -uint64(m.k[o[0].n] >> l & 1)
		}
		return
	}
	under := byte(0xff)
	if len(o) >= 2 && o[len(o)-2].kind == mask {
		under = m.k[o[len(o)-2].n]
		o = append(append(make([]operand, 0, 4), o[:len(o)-2]...), last)
	}
	b := m.source(&o[0], in.each) // what is last in the manuals
	a := b
	if len(o) > 2 {
		a = m.source(&o[1], false)
	}
	r := compute(in.name, n, to, a, b)
	for l := range r {
		if under>>l&1 == 1 {
			to[l] = r[l]
		}
	}
}

const digits = 1<<52 - 1

// compute is an instruction over two sources, and the result's register as it was before (Intel SDM volume 2).
func compute(name string, n int, to, a, b *lanes.Vector) (r lanes.Vector) {
	switch name {
	case "VMOVDQA64":
		return *b
	case "VPADDQ": // under a mask
		for l := range r {
			r[l] = a[l] + b[l]
		}
	case "VPSUBQ":
		for l := range r {
			r[l] = a[l] - b[l]
		}
	case "VPANDQ":
		for l := range r {
			r[l] = a[l] & b[l]
		}
	case "VPORQ":
		for l := range r {
			r[l] = a[l] | b[l]
		}
	case "VPXORQ":
		for l := range r {
			r[l] = a[l] ^ b[l]
		}
	case "VPMULDQ":
		for l := range r {
			r[l] = uint64(int64(int32(a[l])) * int64(int32(b[l])))
		}
	case "VPSRLQ":
		for l := range r {
			r[l] = b[l] >> n
		}
	case "VPSRAQ":
		for l := range r {
			r[l] = uint64(int64(b[l]) >> n)
		}
	case "VPSLLQ":
		for l := range r {
			r[l] = b[l] << n
		}
	case "VPSHRDQ":
		for l := range r {
			r[l] = a[l]>>n | b[l]<<(64-n)
		}
	case "VPTERNLOGQ", "VPTERNLOGD":
		for l := range r {
			for i := range 8 {
				if n>>i&1 == 0 {
					continue
				}
				x, y, z := to[l], a[l], b[l]
				if i&4 == 0 {
					x = ^x
				}
				if i&2 == 0 {
					y = ^y
				}
				if i&1 == 0 {
					z = ^z
				}
				r[l] |= x & y & z
			}
		}
	case "VPUNPCKLQDQ", "VPUNPCKHQDQ", "VSHUFI64X2", "VPERMT2Q":
		for l := range r {
			switch from := source(name, n, l, a); {
			case from < lanes.Width:
				r[l] = to[from]
			case from < 2*lanes.Width:
				r[l] = a[from-lanes.Width]
			default:
				r[l] = b[from-2*lanes.Width]
			}
		}
	default:
		panic(fmt.Sprintf("plain: no instruction %s", name))
	}
	return r
}

// source is the word that goes to a lane: of the result as it was, of the first source from 8 on, and of the second from 16 on.
func source(name string, n, l int, index *lanes.Vector) int {
	switch name {
	case "VPUNPCKLQDQ":
		return 8 + 8*(l&1) + l&^1
	case "VPUNPCKHQDQ":
		return 8 + 8*(l&1) + l | 1
	case "VSHUFI64X2":
		return 8 + 8*(l/4) + 2*(n>>(l/2*2)&3) + l&1
	}
	i := int(index[l] & 15) // VPERMT2Q
	return i + i&8          // which the result's register and the second source are for
}

func (m *machine) toMask(in *instruction, o []operand) {
	b := m.source(&o[0], in.each)
	a := b
	if len(o) > 2 {
		a = m.source(&o[1], false)
	}
	var k byte
	for l := range a {
		var bit bool
		switch in.name {
		case "VPTESTMQ":
			bit = a[l]&b[l] != 0
		case "VPTESTNMQ":
			bit = a[l]&b[l] == 0
		case "VPCMPEQQ":
			bit = a[l] == b[l]
		case "VPMOVQ2M":
			bit = int64(a[l]) < 0
		}
		if bit {
			k |= 1 << l
		}
	}
	m.k[o[len(o)-1].n] = k
}
