//go:build linux && amd64

// The program step runs another one instruction by instruction between two of its marks, and compares what it did there for different
// secrets: the addresses of all instructions in Signet's own code, and of all that they read and wrote.
//
//	step PROGRAM ARGUMENTS
//
// A mark is the signal SIGSTOP that the first thread of the program sends itself: one before a call, one after it. The first call is what the
// others are compared with. Whatever runs between other marks is not looked at. scripts/steps.sh builds and runs it.
package main

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/arch/x86/x86asm"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: step PROGRAM ARGUMENTS")
		os.Exit(2)
	}
	same, err := compare(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "step:", err)
		os.Exit(2)
	}
	if !same {
		fmt.Println("FAILED: what is done depends on a secret")
		os.Exit(1)
	}
}

// function is a part of the program's text.
type function struct {
	name     string
	from, to uint64
}

// own are the functions of this module, by address.
func own(program string) ([]function, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	var all []function
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && strings.Contains(s.Name, "/signet/internal/") {
			all = append(all, function{s.Name, s.Value, s.Value + s.Size})
		}
	}
	slices.SortFunc(all, func(a, b function) int { return int(int64(a.from - b.from)) })
	return all, nil
}

// event is an instruction, or an octet of memory that one touches.
type event struct {
	instruction uint64
	memory      uint64
}

type tracer struct {
	pid       int
	functions []function
	decoded   map[uint64]*access
	unknown   map[string]int
}

func compare(args []string) (bool, error) {
	runtime.LockOSThread() // ptrace speaks to one thread
	functions, err := own(args[0])
	if err != nil {
		return false, err
	}
	pid, err := syscall.ForkExec(args[0], args, &syscall.ProcAttr{
		Env: append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "GODEBUG=") }),
			"GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1,"+os.Getenv("GODEBUG")),
		Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return false, err
	}
	t := &tracer{pid: pid, functions: functions, decoded: map[uint64]*access{}, unknown: map[string]int{}}
	if _, ended, err := t.wait(); ended || err != nil {
		return false, fmt.Errorf("the program did not start: %v", err)
	}
	var first []event
	same := true
	for n := 0; ; n++ {
		if ended, code, err := t.untilMark(); err != nil || ended {
			if err == nil && (code != 0 || n < 2) {
				err = fmt.Errorf("the program ended with %d after %d calls", code, n)
			}
			for line, times := range t.unknown {
				fmt.Printf("not understood, %d times: %s\n", times, line)
			}
			return same && len(t.unknown) == 0, err
		}
		events, err := t.call()
		if err != nil {
			return false, err
		}
		instructions := 0
		for _, e := range events {
			if e.memory == 0 {
				instructions++
			}
		}
		fmt.Printf("call %d: %d instructions, %d addresses\n", n, instructions, len(events)-instructions)
		if n == 0 {
			first = events
			continue
		}
		if !slices.Equal(first, events) {
			same = false
			i := 0
			for i < len(first) && i < len(events) && first[i] == events[i] {
				i++
			}
			fmt.Printf("call %d: the event %d is another one: %s instead of %s\n", n, i, t.describe(events, i), t.describe(first, i))
		}
	}
}

func (t *tracer) describe(all []event, i int) string {
	if i >= len(all) {
		return "the end"
	}
	e := all[i]
	what := fmt.Sprintf("%#x", e.instruction)
	if f := t.in(e.instruction); f != nil {
		what = fmt.Sprintf("%s+%#x", f.name, e.instruction-f.from)
	}
	if e.memory != 0 {
		what += fmt.Sprintf(" at %#x", e.memory)
	}
	return what
}

func (t *tracer) in(pc uint64) *function {
	i, found := slices.BinarySearchFunc(t.functions, pc, func(f function, pc uint64) int { return int(int64(f.from - pc)) })
	if !found {
		i--
	}
	if i < 0 || pc >= t.functions[i].to {
		return nil
	}
	return &t.functions[i]
}

// wait is for the first thread; it returns the signal that stopped it.
func (t *tracer) wait() (signal syscall.Signal, ended bool, err error) {
	var s syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &s, syscall.WALL, nil); err != nil {
		return 0, false, err
	}
	if s.Exited() || s.Signaled() {
		return syscall.Signal(s.ExitStatus()), true, nil
	}
	return s.StopSignal(), false, nil
}

// untilMark lets the program run.
func (t *tracer) untilMark() (ended bool, code int, err error) {
	signal := 0
	for {
		if err := syscall.PtraceCont(t.pid, signal); err != nil {
			return false, 0, err
		}
		s, ended, err := t.wait()
		if ended || err != nil || s == syscall.SIGSTOP {
			return ended, int(s), err
		}
		signal = 0
		if s != syscall.SIGTRAP && s != syscall.SIGURG {
			signal = int(s)
		}
	}
}

// call steps from a mark to the next one. The other threads stand still, so that the scheduler asks for nothing meanwhile.
func (t *tracer) call() (events []event, err error) {
	others, err := t.freeze()
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, tid := range others {
			_ = syscall.PtraceDetach(tid)
		}
	}()
	for {
		var r syscall.PtraceRegs
		if err := syscall.PtraceGetRegs(t.pid, &r); err != nil {
			return nil, err
		}
		if t.in(r.Rip) != nil {
			events = append(events, event{instruction: r.Rip})
			if a := t.access(r.Rip); a.touches {
				events = append(events, event{r.Rip, a.address(&r)})
			}
		}
		if err := syscall.PtraceSingleStep(t.pid); err != nil {
			return nil, err
		}
		s, ended, err := t.wait()
		switch {
		case err != nil:
			return nil, err
		case ended:
			return nil, fmt.Errorf("the program ended in a call")
		case s == syscall.SIGSTOP:
			return events, nil
		}
	}
}

func (t *tracer) freeze() (others []int, err error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", t.pid))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil || tid == t.pid {
			continue
		}
		if err := syscall.PtraceAttach(tid); err != nil {
			continue // it has ended
		}
		var s syscall.WaitStatus
		if _, err := syscall.Wait4(tid, &s, syscall.WALL, nil); err != nil {
			return nil, err
		}
		others = append(others, tid)
	}
	return others, nil
}

// access is the memory that an instruction touches: base + scale index + displacement.
type access struct {
	touches     bool
	base, index int // of registers, or -1
	scale       uint64
	offset      uint64
}

func (t *tracer) access(pc uint64) *access {
	if a := t.decoded[pc]; a != nil {
		return a
	}
	code := make([]byte, 16)
	a := &access{base: -1, index: -1}
	if _, err := syscall.PtracePeekText(t.pid, uintptr(pc), code); err != nil {
		t.unknown[fmt.Sprintf("%#x: %v", pc, err)]++
	} else if ok := a.decode(code); !ok {
		t.unknown[fmt.Sprintf("%s: % x", t.describe([]event{{instruction: pc}}, 0), code)]++
	}
	t.decoded[pc] = a
	return a
}

// Numbers of registers as instructions have them.
const (
	rax = iota
	rcx
	rdx
	rbx
	rsp
	rbp
	rsi
	rdi
)

func register(r *syscall.PtraceRegs, n int) uint64 {
	return [16]uint64{r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15}[n]
}

func (a *access) address(r *syscall.PtraceRegs) uint64 {
	p := a.offset
	if a.base >= 0 {
		p += register(r, a.base)
	}
	if a.index >= 0 {
		p += a.scale * register(r, a.index)
	}
	return p
}

func (a *access) decode(code []byte) bool {
	switch code[0] {
	case 0x62: // EVEX: the prefix has four octets, and the bits of registers are inverted
		return a.modrm(code[5:], ^int(code[1])>>5&1, ^int(code[1])>>6&1)
	case 0xc5: // VEX of two
		if code[2] == 0x77 { // VZEROUPPER
			return true
		}
		return a.modrm(code[3:], 0, 0)
	case 0xc4:
		return a.modrm(code[4:], ^int(code[1])>>5&1, ^int(code[1])>>6&1)
	}
	in, err := x86asm.Decode(code, 64)
	if err != nil {
		return false
	}
	switch in.Op {
	case x86asm.LEA, x86asm.NOP: // no memory
		return true
	case x86asm.PUSH, x86asm.CALL, x86asm.POP, x86asm.RET: // of the stack
		a.touches, a.base = true, rsp
	}
	strings := in.Op == x86asm.MOVSQ || in.Op == x86asm.MOVSB || in.Op == x86asm.STOSQ || in.Op == x86asm.STOSB
	for _, arg := range in.Args {
		m, ok := arg.(x86asm.Mem)
		if !ok || strings && a.touches {
			continue
		}
		a.touches, a.offset = true, uint64(m.Disp)
		a.base, a.index, a.scale = general(m.Base), general(m.Index), uint64(m.Scale)
		if m.Base == x86asm.RIP { // the same wherever the instruction is
			a.base = -1
		}
	}
	return true
}

func general(r x86asm.Reg) int {
	names := []x86asm.Reg{x86asm.RAX, x86asm.RCX, x86asm.RDX, x86asm.RBX, x86asm.RSP, x86asm.RBP, x86asm.RSI, x86asm.RDI, x86asm.R8, x86asm.R9, x86asm.R10, x86asm.R11, x86asm.R12, x86asm.R13, x86asm.R14, x86asm.R15}
	return slices.Index(names, r)
}

// modrm reads the operand in memory of an instruction with a vector prefix. The displacement is the same each time.
func (a *access) modrm(code []byte, base, index int) bool {
	mod, rm := code[0]>>6, int(code[0]&7)
	if mod == 3 {
		return true
	}
	a.touches = true
	if rm == 4 {
		a.scale = 1 << (code[1] >> 6)
		if i := int(code[1]>>3&7) | index<<3; i != rsp {
			a.index = i
		}
		rm = int(code[1] & 7)
	}
	if !(mod == 0 && rm == rbp) { // that is an address without a register
		a.base = rm | base<<3
	}
	return true
}
