package audit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// VerifyOptions say what a log is checked against. The zero value, and nil, checks the chain alone.
type VerifyOptions struct {
	// Key is that of Options.Key. Without it, lines of somebody who has written the whole file anew are taken for right.
	Key []byte
	// ExpectLast is the hash of a record that was once the last, as [Log.Last], Summary.LastHash and signet audit verify say
	// it: it has to be there. A log whose end was cut off looks like one that was not written further, so that this is the only
	// way to notice. Empty means that nothing is known.
	ExpectLast string
}

// Summary is what a log was found to be.
type Summary struct {
	Records     uint64
	First, Last uint64 // numbers of the first and the last record; when First is not 1, older files are missing
	LastHash    string // of the last record, 64 hexadecimal digits; to be kept where who can write the log cannot write
	Repairs     uint64 // lines that were torn by a crash, and set aside
	MAC         bool   // each line was authenticated with the key
	Behind      uint64 // records behind the expected one
}

// Fault is where a log is broken, and why.
type Fault struct {
	File   string // empty for a reader
	Line   int    // in the file, from 1; 0 when it is not of a line
	Reason string
}

// Error is one sentence.
func (f *Fault) Error() string {
	place := f.File
	if f.Line > 0 {
		place = strings.TrimSpace(fmt.Sprintf("%s line %d", f.File, f.Line))
	}
	if place == "" {
		return f.Reason
	}
	return place + ": " + f.Reason
}

// ErrInput is of options that can fit no log.
var ErrInput = errors.New("invalid input")

// Verify checks a log, or one file of it, from its beginning to its end: that each line is the one behind the line before,
// and, with the key, that it was written with it. It says the first fault that it finds, as a *Fault. It reads once, and holds
// one line.
func Verify(r io.Reader, o *VerifyOptions) (*Summary, error) {
	v, err := newVerifier(o)
	if err != nil {
		return nil, err
	}
	if err := v.read("", r); err != nil {
		return nil, err
	}
	return v.end()
}

// VerifyFiles checks the files of a log that was rotated as one, in any order.
func VerifyFiles(paths []string, o *VerifyOptions) (*Summary, error) {
	v, err := newVerifier(o)
	if err != nil {
		return nil, err
	}
	type part struct {
		path  string
		first uint64
	}
	var parts []part
	for _, path := range paths {
		first, empty, err := firstOf(path)
		if err != nil {
			return nil, err
		}
		if !empty { // a file that was begun just now
			parts = append(parts, part{path, first})
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		switch {
		case a.first < b.first:
			return -1
		case a.first > b.first:
			return 1
		}
		return 0
	})
	for _, p := range parts {
		if err := v.readFile(p.path); err != nil {
			return nil, err
		}
	}
	return v.end()
}

func firstOf(path string) (seq uint64, empty bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, false, err
	case !info.Mode().IsRegular():
		return 0, false, fmt.Errorf("%s: it is no regular file", path)
	case info.Size() == 0:
		return 0, true, nil
	}
	if seq, err = firstSeq(f); err != nil {
		return 0, false, &Fault{path, 1, "it is not a line of this log"}
	}
	return seq, false, nil
}

type verifier struct {
	chain   chain
	expect  string
	summary Summary
	found   uint64 // number of the expected record
}

func newVerifier(o *VerifyOptions) (*verifier, error) {
	v := &verifier{}
	if o == nil {
		return v, nil
	}
	var err error
	if v.chain, err = newChain(o.Key); err != nil {
		return nil, err
	}
	v.summary.MAC = o.Key != nil
	if o.ExpectLast != "" {
		sum, err := hex.DecodeString(o.ExpectLast)
		if err != nil || len(sum) != len(v.chain.last) {
			return nil, fmt.Errorf("%w: the hash of a record that is expected has 64 hexadecimal digits", ErrInput)
		}
		v.expect = string(sum)
	}
	return v, nil
}

func (v *verifier) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return v.read(path, f)
}

func (v *verifier) read(name string, r io.Reader) error {
	b := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for number := 1; ; number++ {
		var err error
		if line, err = readLine(b, line[:0]); err == io.EOF {
			return nil
		}
		switch {
		case errors.Is(err, errNoEnd):
			return &Fault{name, number, "it has no line end: it was torn by a crash, or is just being written; opening the log sets it aside"}
		case errors.Is(err, errLong):
			return &Fault{name, number, fmt.Sprintf("it has more than %d octets: it is not a line of this log", MaxLine)}
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := v.chain.next(line); err != nil {
			return &Fault{name, number, err.Error()}
		}
		v.take(line)
	}
}

func (v *verifier) take(line []byte) {
	if v.summary.Records == 0 {
		v.summary.First = v.chain.seq
	}
	v.summary.Records++
	if v.expect != "" && v.expect == string(v.chain.last[:]) {
		v.found = v.chain.seq
	}
	if isRepair(line) {
		v.summary.Repairs++
	}
}

// isRepair reports whether the event of a line is a repair: it stands behind the time.
func isRepair(line []byte) bool {
	_, rest, _ := bytes.Cut(line, []byte(timePart))
	_, rest, _ = bytes.Cut(rest, []byte(`"`))
	return bytes.HasPrefix(rest, []byte(`,"event":"repair"`))
}

func (v *verifier) end() (*Summary, error) {
	s := v.summary
	s.Last, s.LastHash = v.chain.seq, hex.EncodeToString(v.chain.last[:])
	if v.expect != "" {
		if v.found == 0 {
			return nil, &Fault{Reason: fmt.Sprintf("the record with the hash %x is not there: the end of the log was cut off, or it is another log; the last record is number %d", v.expect, s.Last)}
		}
		s.Behind = s.Last - v.found
	}
	return &s, nil
}

var (
	errNoEnd = errors.New("no line end")
	errLong  = errors.New("too long")
)

// readLine reads a line without its line feed into a buffer.
func readLine(r *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil && len(line)-1 <= MaxLine:
			return line[:len(line)-1], nil
		case len(line) > MaxLine:
			return line, errLong
		case err == io.EOF && len(line) != 0:
			return line, errNoEnd
		case err != bufio.ErrBufferFull:
			return line, err
		}
	}
}
