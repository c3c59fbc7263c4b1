package main

import (
	"fmt"
	"math"
	"strings"
)

// never is later than all steps.
const never = math.MaxInt

// allocation walks over the steps of a kernel once. When a register is wanted and none is free, the value goes that is needed last of all
// (Belady's rule): to memory, unless it is there already.
type allocation struct {
	k     *kernel
	out   strings.Builder
	uses  [][]int // of each value: the steps that read it, those before the present one cut off
	in    map[value]int
	held  [32]value // by register; -1: free
	slots []value   // of the spill area; -1: free
	slot  map[value]int
	maskU [][]int
	maskR map[mask]int
	maskH [8]mask
	freed []int // slots that are free from the next step on: this one may still read them
}

func (k *kernel) emit() string {
	a := &allocation{k: k, in: map[value]int{}, slot: map[value]int{}, maskR: map[mask]int{}, uses: make([][]int, k.values), maskU: make([][]int, k.maskCount)}
	for i := range a.held {
		a.held[i] = -1
	}
	for i := range a.maskH {
		a.maskH[i] = -1
	}
	for i, s := range k.steps {
		for _, v := range s.src {
			a.uses[v] = append(a.uses[v], i)
		}
		for _, m := range s.masks {
			a.maskU[m] = append(a.maskU[m], i)
		}
		if s.under >= 0 {
			a.maskU[s.under] = append(a.maskU[s.under], i)
		}
	}
	for i := range k.steps {
		a.step(i)
		for _, s := range a.freed {
			a.slots[s] = -1
		}
		a.freed = a.freed[:0]
	}
	k.spills = len(a.slots)
	var b strings.Builder
	fmt.Fprintf(&b, "\n// %s\n// func %s(%s unsafe.Pointer)\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", k.doc, k.name, strings.Join(goNames(k.args), ", "), k.name, 8*len(k.args))
	for i, arg := range k.args {
		fmt.Fprintf(&b, "\tMOVQ %s+%d(FP), %s\n", goNames(k.args)[i], 8*i, arg)
	}
	return b.String() + a.out.String() + "\tVZEROUPPER\n\tRET\n"
}

// goNames are what arguments in these registers are called.
func goNames(registers []string) []string {
	names := map[string]string{"DI": "v", "SI": "c", "DX": "t", "CX": "n", "R8": "p"}
	var all []string
	for _, r := range registers {
		all = append(all, names[r])
	}
	return all
}

func (a *allocation) line(format string, args ...any) { fmt.Fprintf(&a.out, "\t"+format+"\n", args...) }

func (a *allocation) next(v value) int {
	if len(a.uses[v]) == 0 {
		return never
	}
	return a.uses[v][0]
}

func (a *allocation) lastUse(v value, at int) bool { return len(a.uses[v]) == 1 && a.uses[v][0] == at }

// memory is where a value is in memory, if it is.
func (a *allocation) memory(v value) (place, bool) {
	if p := a.k.homes[v]; p != nil {
		return *p, true
	}
	if s, ok := a.slot[v]; ok {
		return place{a.k.spill.pointer, a.k.spill.offset + 64*s, false}, true
	}
	return place{}, false
}

// free finds a register, of those that are not among the values that must stay.
func (a *allocation) free(stay ...value) int {
	best, latest := -1, -1
	for r, v := range a.held {
		if v < 0 {
			return r
		}
		kept := false
		for _, s := range stay {
			kept = kept || s == v
		}
		n := a.next(v)
		_, inMemory := a.memory(v)
		// Of two that are needed about as late, the one goes that need not be written.
		if n != never && (inMemory || a.k.zeros[v]) {
			n += 8
		}
		if !kept && n > latest {
			best, latest = r, n
		}
	}
	if best < 0 {
		panic(a.k.name + ": no register")
	}
	a.evict(best)
	return best
}

func (a *allocation) evict(r int) {
	v := a.held[r]
	a.held[r] = -1
	delete(a.in, v)
	if a.next(v) == never || a.k.zeros[v] {
		return
	}
	if _, ok := a.memory(v); ok {
		return
	}
	s := -1
	for i, o := range a.slots {
		if o < 0 {
			s = i
			break
		}
	}
	if s < 0 {
		s = len(a.slots)
		a.slots = append(a.slots, -1)
	}
	a.slots[s], a.slot[v] = v, s
	p, _ := a.memory(v)
	a.line("VMOVDQA64 Z%d, %s", r, p)
}

// load brings a value into a register.
func (a *allocation) load(v value, stay ...value) int {
	if r, ok := a.in[v]; ok {
		return r
	}
	r := a.free(append(stay, v)...)
	switch p, ok := a.memory(v); {
	case a.k.zeros[v]:
		a.line("VPXORQ Z%d, Z%d, Z%d", r, r, r)
	case !ok:
		panic(fmt.Sprintf("%s: value %d is nowhere", a.k.name, v))
	case p.each:
		a.line("VPBROADCASTQ %s, Z%d", p, r)
	default:
		a.line("VMOVDQA64 %s, Z%d", p, r)
	}
	a.in[v], a.held[r] = r, v
	return r
}

// used drops a use, and the value when it was the last.
func (a *allocation) used(v value, at int) {
	for len(a.uses[v]) != 0 && a.uses[v][0] <= at {
		a.uses[v] = a.uses[v][1:]
	}
	if len(a.uses[v]) != 0 {
		return
	}
	if r, ok := a.in[v]; ok {
		a.held[r] = -1
		delete(a.in, v)
	}
	a.drop(v)
}

func (a *allocation) drop(v value) {
	if s, ok := a.slot[v]; ok {
		a.freed = append(a.freed, s)
		delete(a.slot, v)
	}
}

// worth says whether a value is better loaded than read from memory by this one step.
func (a *allocation) worth(v value, at int) bool {
	later := never
	for _, u := range a.uses[v] {
		if u > at {
			later = u
			break
		}
	}
	if later == never {
		return false
	}
	for _, o := range a.held {
		if o < 0 || a.next(o) > later {
			return true
		}
	}
	return false
}

func (a *allocation) step(at int) {
	s := a.k.steps[at]
	switch {
	case s.text != "":
		a.line("%s", s.text)
		return
	case s.name == "store":
		v := s.src[0]
		a.overwrites(*s.store, v, at)
		r := a.load(v)
		a.line("VMOVDQA64 Z%d, %s", r, s.store)
		a.used(v, at)
		return
	case s.name == "storeMask":
		a.line("KMOVB K%d, %s", a.maskR[s.masks[0]], s.store)
		a.usedMask(s.masks[0], at)
		return
	case s.name == "loadMask":
		a.line("KMOVB %s, K%d", s.imm, a.setMask(s.sets))
		return
	case len(s.src) == 0: // masks only
		var regs []string
		for i := len(s.masks) - 1; i >= 0; i-- {
			regs = append(regs, fmt.Sprintf("K%d", a.maskR[s.masks[i]]))
		}
		for _, m := range s.masks {
			a.usedMask(m, at)
		}
		a.line("%s %s, K%d", s.name, strings.Join(regs, ", "), a.setMask(s.sets))
		return
	}
	src := append([]value(nil), s.src...)
	last := len(src) - 1
	inRegister := func(v value) bool { _, ok := a.in[v]; return ok }
	if s.either && last >= 1 && !(s.into && last == 1) && inRegister(src[last]) && !inRegister(src[last-1]) {
		src[last], src[last-1] = src[last-1], src[last]
	}
	// The last source stays in memory when a register for it does not pay.
	suffix, final := "", ""
	mayBeMemory := s.name != "VPMOVQ2M" && !(s.into && last == 0) && !a.k.zeros[src[last]] && !inRegister(src[last])
	if mayBeMemory {
		for _, o := range src[:last] {
			mayBeMemory = mayBeMemory && o != src[last]
		}
	}
	var stay []value
	need := src
	if mayBeMemory && !a.worth(src[last], at) {
		p, ok := a.memory(src[last])
		noEach := strings.HasPrefix(s.name, "VMOVDQ")
		if ok && !(p.each && noEach) {
			final = p.String()
			if p.each {
				suffix = ".BCST"
			}
			need = src[:last]
		}
	}
	stay = append(stay, need...)
	regs := make([]int, len(src))
	for i, v := range need {
		regs[i] = a.load(v, stay...)
	}
	dst := -1
	if s.into {
		first := src[0]
		reuse := a.lastUse(first, at) && !a.k.zeros[first]
		for _, o := range src[1:] {
			reuse = reuse && o != first
		}
		if a.k.zeros[first] && a.lastUse(first, at) {
			reuse = true
		}
		if reuse {
			dst = regs[0]
			delete(a.in, first)
			a.held[dst] = -2 // the result, set below
		} else {
			dst = a.free(stay...)
			a.held[dst] = -2
			if a.k.zeros[first] {
				a.line("VPXORQ Z%d, Z%d, Z%d", dst, dst, dst)
			} else {
				a.line("VMOVDQA64 Z%d, Z%d", regs[0], dst)
			}
		}
	}
	for i, v := range src {
		if s.into && i == 0 && dst == regs[0] {
			a.uses[v] = nil
			a.drop(v)
			continue
		}
		a.used(v, at)
	}
	if s.dst >= 0 && dst < 0 {
		dst = a.free()
	}
	var parts []string
	if s.imm != "" {
		parts = append(parts, s.imm)
	}
	lowest := 0
	if s.into {
		lowest = 1
	}
	for i := last; i >= lowest; i-- {
		if i == last && final != "" {
			parts = append(parts, final)
			continue
		}
		parts = append(parts, fmt.Sprintf("Z%d", regs[i]))
	}
	if s.under >= 0 {
		parts = append(parts, fmt.Sprintf("K%d", a.maskR[s.under]))
		a.usedMask(s.under, at)
	}
	if s.sets >= 0 {
		parts = append(parts, fmt.Sprintf("K%d", a.setMask(s.sets)))
	} else {
		parts = append(parts, fmt.Sprintf("Z%d", dst))
		a.held[dst] = s.dst
		a.in[s.dst] = dst
		if len(a.uses[s.dst]) == 0 { // nobody wants it
			a.held[dst] = -1
			delete(a.in, s.dst)
		}
	}
	a.line("%s%s %s", s.name, suffix, strings.Join(parts, ", "))
}

// overwrites makes sure that nothing is lost that is read later.
func (a *allocation) overwrites(p place, stored value, at int) {
	for v, home := range a.k.homes {
		if *home != p || len(a.uses[v]) == 0 {
			continue
		}
		if v == stored && a.lastUse(v, at) {
			continue
		}
		if _, ok := a.in[v]; !ok {
			panic(fmt.Sprintf("%s: step %d overwrites what is read later at %v", a.k.name, at, p))
		}
		a.k.homes[v] = nil
	}
}

func (a *allocation) setMask(m mask) int {
	for r := 1; r < 8; r++ {
		if a.maskH[r] < 0 {
			if len(a.maskU[m]) != 0 {
				a.maskH[r] = m
			}
			a.maskR[m] = r
			return r
		}
	}
	panic(a.k.name + ": no mask register")
}

func (a *allocation) usedMask(m mask, at int) {
	for len(a.maskU[m]) != 0 && a.maskU[m][0] <= at {
		a.maskU[m] = a.maskU[m][1:]
	}
	if len(a.maskU[m]) == 0 && a.maskH[a.maskR[m]] == m {
		a.maskH[a.maskR[m]] = -1
	}
}
