package keys

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/seed-116355fd/signet/sign"
)

// Files are written in several steps, and a key and its password one after the other: they are looked at when nothing has
// happened for settled, and at the latest after unsettled.
const (
	settled   = 250 * time.Millisecond
	unsettled = 3 * time.Second
)

// Watch reloads stores whose files change, until ctx ends or the set is closed; then it returns nil. What could not be
// opened stays as it was, and is told to the log. An error says that the files cannot be watched.
//
// Folders are watched, so that files may be replaced by renaming, and by the symbolic links that container platforms turn
// to another folder. File systems of other machines do not tell of changes that are made there: for them, call
// [Set.Reload].
func (s *Set) Watch(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return cannotWatch("", err)
	}
	defer func() { _ = w.Close() }()
	if err := s.watchFolders(w); err != nil {
		return err
	}
	// What changed between the opening and now.
	timer := time.NewTimer(0)
	defer timer.Stop()
	var first time.Time // of the events that were not answered yet
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.life.Done():
			return nil
		case event := <-w.Events:
			if event.Op == fsnotify.Chmod {
				continue // reading a file may be one
			}
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				s.options.Log.Warn("watching the files of keys", "error", err.Error())
			}
		case <-timer.C:
			first = time.Time{}
			if err := s.watchFolders(w); err != nil { // links may lead elsewhere now
				s.options.Log.Error("files of keys are not watched any more; reload by hand", "error", err.Error())
				return err
			}
			if s.filesChanged() {
				_ = s.reload(ctx, nil, false) // it is in the log
			}
			continue
		}
		now := time.Now()
		if first.IsZero() {
			first = now
		}
		timer.Reset(max(0, min(settled, unsettled-now.Sub(first))))
	}
}

// filesChanged reports whether a reload would open a store anew.
func (s *Set) filesChanged() bool {
	g, leave, err := s.enter()
	if err != nil {
		return false
	}
	defer leave()
	for store, p := range g.places {
		if len(store.Files) == 0 || p.provider.peek() == nil {
			continue
		}
		now := fingerprintOf(store.Files)
		if made, refused := p.fingerprints(); now != made && now != refused {
			return true
		}
	}
	return false
}

// watchFolders watches all folders that a change of a file may be seen in. One that is watched already stays so.
func (s *Set) watchFolders(w *fsnotify.Watcher) error {
	g, leave, err := s.enter()
	if err != nil {
		return nil // closed: Watch ends
	}
	defer leave()
	folders := make(map[string]bool)
	for store := range g.places {
		for _, name := range store.Files {
			foldersOf(name, folders)
		}
	}
	for name := range folders {
		if err := w.Add(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return cannotWatch(name, err)
		}
	}
	for _, name := range w.WatchList() {
		if !folders[name] {
			_ = w.Remove(name) // it may be gone
		}
	}
	return nil
}

// foldersOf adds the folder of a file, that of each link on the way to it, and the file itself when it is a folder. For what
// is not there, the nearest folder above is watched.
func foldersOf(name string, folders map[string]bool) {
	name, err := filepath.Abs(name)
	if err != nil {
		return
	}
	for range 40 { // as many links as Linux follows
		folder := filepath.Dir(name)
		for {
			if info, err := os.Stat(folder); err == nil && info.IsDir() {
				break
			}
			above := filepath.Dir(folder)
			if above == folder {
				return
			}
			folder = above
		}
		folders[folder] = true
		info, err := os.Lstat(name)
		if err != nil {
			return
		}
		if info.IsDir() {
			folders[name] = true
			return
		}
		if info.Mode()&os.ModeSymlink == 0 {
			// A folder on the way may be a link, too.
			if real, err := filepath.EvalSymlinks(name); err == nil && real != name {
				name = real
				continue
			}
			return
		}
		target, err := os.Readlink(name)
		if err != nil {
			return
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
}

func cannotWatch(place string, err error) error {
	e := &sign.Error{Op: "keys: watch files", Place: place, Class: sign.ErrUnavailable, Err: err}
	switch {
	case errors.Is(err, syscall.EMFILE):
		e.Hint = "raise the sysctl fs.inotify.max_user_instances or the limit on open files, or reload by hand"
	case errors.Is(err, syscall.ENOSPC):
		e.Hint = "raise the sysctl fs.inotify.max_user_watches, or reload by hand"
	}
	return e
}
