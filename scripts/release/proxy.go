package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// sums are the two lines of a go.sum for a module.
type sums struct{ zip, mod string }

// publish writes a module as a GOPROXY of files has it (go.dev/ref/mod#goproxy-protocol), from an object of git, and returns
// its sums.
func (r repository) publish(ctx context.Context, m mod, version, revision, proxy string) (sums, error) {
	v := module.Version{Path: m.path(), Version: version}
	escaped, err := module.EscapePath(v.Path)
	if err != nil {
		return sums{}, err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sums{}, err
	}
	base := filepath.Join(dir, version)
	subdir := m.folder
	if subdir == "." {
		subdir = ""
	}
	archive, err := os.Create(base + ".zip")
	if err != nil {
		return sums{}, err
	}
	// The objects of a worktree are in the repository that it belongs to, where zip looks for .git.
	objects, err := git(ctx, r.dir, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return sums{}, errors.Join(err, archive.Close())
	}
	err = zip.CreateFromVCS(archive, v, filepath.Dir(objects), revision, subdir)
	if closed := archive.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return sums{}, err
	}
	gomod, err := command(ctx, r.dir, nil, "git", "show", revision+":"+path.Join(m.folder, "go.mod"))
	if err != nil {
		return sums{}, err
	}
	gomod += "\n" // command trims it
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return sums{}, err
	}
	for name, data := range map[string][]byte{base + ".mod": []byte(gomod), base + ".info": info} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return sums{}, err
		}
	}
	list, err := os.OpenFile(filepath.Join(dir, "list"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return sums{}, err
	}
	defer list.Close()
	if _, err := fmt.Fprintln(list, version); err != nil {
		return sums{}, err
	}
	var s sums
	if s.zip, err = dirhash.HashZip(base+".zip", dirhash.Hash1); err != nil {
		return sums{}, err
	}
	s.mod, err = dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(gomod))), nil
	})
	return s, err
}

// proxyOfTree publishes the checkout as it is at the version that its modules require of each other.
func (r repository) proxyOfTree(ctx context.Context, proxy string) error {
	all, err := r.modules()
	if err != nil {
		return err
	}
	version, err := required(all)
	if err != nil {
		return err
	}
	tree, err := r.tree(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if !isReleased(m) {
			continue
		}
		if _, err := r.publish(ctx, m, version, tree, proxy); err != nil {
			return err
		}
		say(r, "%s@%s", m.path(), version)
	}
	return nil
}

// environment makes go ask a folder for the modules of this repository, and the cache of modules and the usual proxy for
// others.
func environment(ctx context.Context, all []mod, proxy string) ([]string, error) {
	cache, err := command(ctx, ".", nil, "go", "env", "GOMODCACHE")
	if err != nil {
		return nil, err
	}
	usual, err := command(ctx, ".", nil, "go", "env", "GOPROXY")
	if err != nil {
		return nil, err
	}
	var mine []string
	for _, m := range all {
		mine = append(mine, m.path())
	}
	return []string{
		"GOWORK=off", "GOFLAGS=",
		"GOPROXY=file://" + filepath.ToSlash(proxy) + ",file://" + filepath.ToSlash(filepath.Join(cache, "cache", "download")) + "," + usual,
		// The database of sums has not seen them.
		"GONOSUMDB=" + strings.Join(mine, ","),
	}, nil
}
