package confirm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// FolderSource is a [Source] over a folder for each box, all in one: BOX/NAME waits until there is BOX/NAME.p7s. Names that
// begin with a dot are left alone, so that a file can be written under such a name and renamed when it is whole.
type FolderSource struct{ Folder string }

const folderSuffix = ".p7s"

// box is the folder of a box. A box comes from a caller, and must not lead out of the folder.
func (f FolderSource) box(box string) (string, error) {
	if box == "" || strings.HasPrefix(box, ".") || strings.ContainsAny(box, "/\\\x00:") || !filepath.IsLocal(box) {
		return "", &sign.Error{Op: "confirm: source", Class: sign.ErrInput, Hint: "a box is the name of a folder"}
	}
	return filepath.Join(f.Folder, box), nil
}

// Pending lists the files that wait, in the order of their names; the resume key is the name of the last one.
func (f FolderSource) Pending(_ context.Context, box, resume string, limit int) ([]Pending, string, error) {
	folder, err := f.box(box)
	if err != nil {
		return nil, "", err
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", &sign.Error{Op: "confirm: source", Place: box, Class: sign.ErrInput, Hint: "there is no such box; make a folder of this name"}
	}
	if err != nil {
		return nil, "", err
	}
	signed := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), folderSuffix); ok {
			signed[name] = true
		}
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	var all []Pending
	for _, e := range entries {
		name := e.Name()
		if name <= resume || !e.Type().IsRegular() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, folderSuffix) || signed[name] {
			continue
		}
		if len(all) == limit {
			return all, all[limit-1].ID, nil
		}
		all = append(all, Pending{ID: name, Content: sign.Opener(name, func() (io.ReadCloser, error) { return openIn(folder, name) })})
	}
	return all, "", nil
}

// openIn opens a file of a folder. Whoever may write there could have put a link in the place of the file since it was listed,
// and have a container with what only the service may read.
func openIn(folder, name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if info, err := root.Lstat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, &sign.Error{Op: "confirm: source", Place: name, Class: sign.ErrInput, Hint: "it is no file any more"}
	}
	return root.Open(name)
}

// Signed writes the signature beside the file, whole or not at all. One that is there already stays.
func (f FolderSource) Signed(_ context.Context, box, id string, signature []byte) error {
	folder, err := f.box(box)
	if err != nil {
		return err
	}
	if id == "" || strings.HasPrefix(id, ".") || strings.ContainsAny(id, "/\\\x00") || !filepath.IsLocal(id) {
		return &sign.Error{Op: "confirm: source", Class: sign.ErrInput, Hint: "this is no name of a file of a box"}
	}
	path := filepath.Join(folder, id+folderSuffix)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	t, err := os.CreateTemp(folder, ".signet-*")
	if err != nil {
		return err
	}
	defer os.Remove(t.Name()) // the link stays
	_, err = t.Write(signature)
	if err == nil {
		err = t.Sync()
	}
	if err = errors.Join(err, t.Chmod(0o644), t.Close()); err != nil {
		return fmt.Errorf("confirm: write %s: %w", path, err)
	}
	// A link fails where a rename would replace what another process wrote in between.
	if err := os.Link(t.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
