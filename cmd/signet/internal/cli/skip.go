package cli

import (
	"bytes"
	"context"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/message"
)

// skipped is an input whose container is there already.
type skipped struct {
	index        int // among all inputs
	name, output string
}

// skipExisting takes out the items that were signed before, by this command or another one. What stands in the place of a container
// and is none, or not one of this content, is an error of its item: neither passed over nor replaced.
func (a *app) skipExisting(ctx context.Context, in *inputs, level cades.Level, jobs int) error {
	found := make([]bool, len(in.items))
	next := make(chan int)
	var wait sync.WaitGroup
	for range max(jobs, 1) {
		wait.Go(func() {
			for i := range next {
				found[i], in.items[i].err = a.exists(in, i, level)
			}
		})
	}
	for i := range in.items {
		in.items[i].index = i
		if in.output(i) != "" && in.items[i].err == nil && ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	wait.Wait()
	if ctx.Err() != nil {
		return &failure{ExitFailed, errors.New("interrupted")}
	}
	kept := make([]item, 0, len(in.items))
	for i, it := range in.items {
		if found[i] {
			in.existing = append(in.existing, skipped{i, in.name(i), filepath.Join(in.out, in.output(i))})
			in.octets -= it.size
			continue
		}
		kept = append(kept, it)
	}
	in.items = kept
	return nil
}

// exists reports whether the container of an item is there. It is looked at, and not verified: it has to be readable, to hold what
// was asked for, and not to be older than the content; when it is older, the content has to be the one that it is over.
func (a *app) exists(in *inputs, i int, level cades.Level) (bool, error) {
	path := filepath.Join(in.out, in.output(i))
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s: %w", path, cause(err))
	case info.Mode().IsRegular() && info.Size() == 0: // what a machine leaves that lost its power
		return false, nil
	}
	refuse := func(format string, args ...any) (bool, error) {
		return false, fmt.Errorf("%s is there already, and %s; move it away, or sign without --skip-existing to replace it", path, fmt.Sprintf(format, args...))
	}
	if !info.Mode().IsRegular() {
		return refuse("is not a file")
	}
	f, err := a.readIntake(path)
	if _, unread := errors.AsType[*fs.PathError](err); unread {
		return false, fmt.Errorf("%s: %w", path, cause(err))
	}
	if err != nil {
		return refuse("is not a signature")
	}
	defer func() { _ = f.Close() }()
	m, err := messageOf(f)
	if err != nil {
		return refuse("is not a signature")
	}
	all := m.Signatures()
	switch {
	case len(all) == 0:
		return refuse("there is no signature in it")
	case m.Detached() != (in.suffix == detachedSuffix):
		return refuse("it is %s", map[bool]string{true: "detached", false: "attached"}[m.Detached()])
	}
	for _, s := range all {
		if !s.Level().AtLeast(level) {
			return false, fmt.Errorf("%s is there already, and is %s only; raise it with signet extend --level %s", path, s.LevelName(), levelName(level))
		}
	}
	content, err := os.Stat(in.name(i))
	if err != nil || !content.ModTime().After(info.ModTime()) {
		return err == nil, err
	}
	same, err := overContent(all[0], in.name(i))
	switch {
	case err != nil:
		return false, cause(err)
	case !same:
		return refuse("it is not of this content, which was changed later")
	}
	return true, nil
}

// overContent reports whether the message-digest of a signature is that of a file.
func overContent(s *cades.Signature, path string) (bool, error) {
	h, ok := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}[s.DigestAlgorithm()]
	if !ok {
		return false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	sum := h.New()
	if _, err := message.Copy(context.Background(), sum, f); err != nil {
		return false, err
	}
	for _, a := range s.SignedAttributes() {
		var digest []byte
		if a.Type != "1.2.840.113549.1.9.4" || len(a.Values) != 1 {
			continue
		}
		if rest, err := asn1.Unmarshal(a.Values[0], &digest); err == nil && len(rest) == 0 {
			return bytes.Equal(digest, sum.Sum(nil)), nil
		}
	}
	return false, nil
}
