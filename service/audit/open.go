package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/internal/filelock"
)

// tail is how much of a file is looked at first when it is opened. More is read when a line is longer.
const tail = 256 << 10

// Open opens a log, and makes it with mode 0600 when it is not there. The last lines are checked, not all of it: for that
// there is [Verify]. When the last line is torn, as after a crash, it is moved to a file of its own beside the log,
// torn.audit.log.N, and a record of the event "repair" says so. Anything else that is wrong with the last lines is an error.
//
// Another process that opens the log gets an error as long as this one has it, by a lock on the file .audit.log.lock beside it.
func Open(path string, o *Options) (_ *Log, err error) {
	l := &Log{path: path, create: createFile}
	if o != nil {
		l.options = *o
	}
	if l.options.Interval <= 0 {
		l.options.Interval = DefaultInterval
	}
	if l.options.Clock == nil {
		l.options.Clock = time.Now
	}
	if l.options.Sync < SyncNone || l.options.Sync > SyncAlways {
		return nil, fmt.Errorf("audit: there is no Sync %d", l.options.Sync)
	}
	if l.chain, err = newChain(l.options.Key); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if info, err := os.Stat(path); path == "" || err == nil && info.IsDir() { // before there is a lock beside it
		return nil, fmt.Errorf("audit: %q is not a file; give the path of one", path)
	}
	if l.lock, err = lockFile(path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = l.lock.Close()
		}
	}()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	torn, err := l.resume(f)
	if err != nil {
		return nil, fmt.Errorf("audit: %s: %w", path, err)
	}
	l.f = f
	if err := syncFolder(path); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if len(torn) != 0 {
		if err := l.repair(torn); err != nil {
			return nil, fmt.Errorf("audit: %s ends with a torn line: %w", path, err)
		}
	}
	if l.options.Sync == SyncInterval {
		l.stop, l.done = make(chan struct{}), make(chan struct{})
		go l.sometimes(l.stop)
	}
	return l, nil
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
}

// lockFile keeps others away. The lock has a file of its own, since the log is another file after each rotation.
func lockFile(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	switch err := filelock.TryLock(f); {
	case errors.Is(err, filelock.ErrLocked):
		_ = f.Close()
		return nil, fmt.Errorf("audit: another process writes %s; give this one a log of its own, or stop the other", path)
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		_ = f.Close()
		return nil, fmt.Errorf("audit: lock %s: %w", name, err)
	}
	return f, nil
}

// resume finds out where the log has got to, and returns what stands behind the last whole line.
func (l *Log) resume(f *os.File) (torn []byte, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	lines, torn, err := lastLines(f, info.Size())
	if err != nil {
		return nil, err
	}
	l.size = info.Size() - int64(len(torn))
	if len(lines) == 0 {
		return torn, l.resumeOld()
	}
	if err := l.chain.check(lines); err != nil {
		return nil, err
	}
	first, err := firstSeq(f)
	if err != nil {
		return nil, err
	}
	l.first = first
	return torn, nil
}

// check takes on the last lines of a file.
func (c *chain) check(lines [][]byte) error {
	for i, line := range lines {
		if err := c.next(line); err != nil {
			return fmt.Errorf("line %d before the end is not as this log writes it: %w; signet audit verify looks at all of it. Move the file away to begin a new one", len(lines)-i, err)
		}
		if c.mac == nil && bytes.HasSuffix(line, []byte(endPart)) {
			if l, _ := parseLinks(line); l.mac != nil {
				return errors.New("it was written with a key, and none was given; give the key, or move the file away to begin a new one")
			}
		}
	}
	return nil
}

// resumeOld goes on behind the newest file that was rotated, for a new file that has no record yet.
func (l *Log) resumeOld() error {
	l.first = 1
	old, err := rotated(l.path)
	if err != nil || len(old) == 0 {
		return err
	}
	name := old[len(old)-1]
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	lines, torn, err := lastLines(f, info.Size())
	if err == nil && (len(torn) != 0 || len(lines) == 0) {
		err = errors.New("it does not end with a whole line")
	}
	if err == nil {
		err = l.chain.check(lines)
	}
	if err != nil {
		return fmt.Errorf("the file before it, %s: %w", name, err)
	}
	l.first = l.chain.seq + 1
	return nil
}

// rotated returns the files that a log was before, the oldest first.
func rotated(path string) ([]string, error) {
	all, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]uint64)
	var names []string
	for _, e := range all {
		digits, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		if !ok || len(digits) < 12 {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			name := filepath.Join(filepath.Dir(path), e.Name())
			numbers[name] = n
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(min(max(int64(numbers[a]-numbers[b]), -1), 1)) })
	return names, nil
}

// lastLines reads whole lines at the end of a file, without their line feeds, at least two when there are, and what stands
// behind them.
func lastLines(f io.ReaderAt, size int64) (lines [][]byte, torn []byte, err error) {
	for window := int64(tail); ; window *= 2 {
		window = min(window, size)
		data := make([]byte, window)
		if _, err := f.ReadAt(data, size-window); err != nil && err != io.EOF {
			return nil, nil, err
		}
		end := bytes.LastIndexByte(data, '\n') + 1
		whole := data[:end]
		if window < size { // the first line may begin before the window
			begin := bytes.IndexByte(whole, '\n') + 1
			whole = whole[begin:]
			if bytes.Count(whole, []byte{'\n'}) < 2 && window < 4*MaxLine {
				continue
			}
			if len(whole) == 0 {
				return nil, nil, errors.New("its last line has no end; is it a log of this kind?")
			}
		}
		for line := range bytes.Lines(whole) {
			lines = append(lines, line[:len(line)-1])
		}
		return lines, data[end:], nil
	}
}

// firstSeq returns the number of the first record of a file.
func firstSeq(f io.ReaderAt) (uint64, error) {
	data := make([]byte, 64)
	n, err := f.ReadAt(data, 0)
	if err != nil && err != io.EOF {
		return 0, err
	}
	rest, ok := bytes.CutPrefix(data[:n], []byte(seqPart))
	digits, _, found := bytes.Cut(rest, []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if !ok || !found || err != nil || seq == 0 {
		return 0, errors.New("its first line is not one of this log")
	}
	return seq, nil
}

// repair moves a torn line to a file of its own. It is kept, since it tells what was being recorded.
func (l *Log) repair(torn []byte) error {
	name, err := setAside(l.path, l.chain.seq+1, torn)
	if err != nil {
		return err
	}
	l.torn = true
	if err := l.mend(); err != nil {
		return err
	}
	c, err := l.write(&Record{Event: "repair", Detail: fmt.Sprintf("%d octets of a torn line were moved to %s, SHA-256 %x", len(torn), filepath.Base(name), sha256.Sum256(torn))})
	if err != nil || c == nil {
		return err
	}
	<-c.done
	return c.err
}

func setAside(path string, seq uint64, data []byte) (string, error) {
	for i := 0; ; i++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf("torn.%s.%d", filepath.Base(path), seq))
		if i > 0 {
			name += fmt.Sprintf(".%d", i)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && i < 1000 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(data)
		return name, errors.Join(err, f.Sync(), f.Close())
	}
}
