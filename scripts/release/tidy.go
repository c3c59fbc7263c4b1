package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tidy runs go mod tidy in each module, with the others as they are in the checkout. Sums of modules of the repository are kept
// for versions that have a tag; those of the next one change with each commit.
func (r repository) tidy(ctx context.Context) error {
	all, err := r.modules()
	if err != nil {
		return err
	}
	proxy, err := os.MkdirTemp("", "proxy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(proxy)
	if err := r.proxyOfTree(ctx, proxy); err != nil {
		return err
	}
	env, err := environment(ctx, all, proxy)
	if err != nil {
		return err
	}
	modules, err := os.MkdirTemp("", "modules")
	if err != nil {
		return err
	}
	// Files of a cache of modules are read-only.
	env = append(env, "GOMODCACHE="+modules, "GOFLAGS=-modcacherw")
	defer os.RemoveAll(modules)
	for _, m := range all {
		dir := filepath.Join(r.dir, filepath.FromSlash(m.folder))
		published, err := r.publishedSums(ctx, m, all)
		if err != nil {
			return err
		}
		if err := r.dropSums(m, all); err != nil {
			return err
		}
		if _, err := command(ctx, dir, env, "go", "mod", "tidy"); err != nil {
			return err
		}
		if err := r.dropSums(m, all); err != nil {
			return err
		}
		if published != "" {
			if err := r.appendSums(m.folder, published); err != nil {
				return err
			}
		}
		say(r, "%s is tidy", path.Join(m.folder, "go.mod"))
	}
	return nil
}

// publishedSums returns the lines of a go.sum for modules of the repository at versions that have a tag.
func (r repository) publishedSums(ctx context.Context, m mod, all []mod) (string, error) {
	data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(m.folder), "go.sum"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	tags, err := git(ctx, r.dir, "tag", "--list")
	if err != nil {
		return "", err
	}
	mine := ours(all)
	var lines strings.Builder
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		other, ok := mine[fields[0]]
		version, _, _ := strings.Cut(fields[1], "/")
		if ok && slices.Contains(strings.Fields(tags), other.tag(version)) {
			lines.WriteString(line)
		}
	}
	return lines.String(), nil
}

// dropSums takes the sums of modules of the repository out of a go.sum.
func (r repository) dropSums(m mod, all []mod) error {
	mine := ours(all)
	return r.editSums(m.folder, func(module string) bool { _, ok := mine[module]; return !ok })
}

// editSums keeps the lines of a go.sum whose module is wanted.
func (r repository) editSums(folder string, keep func(module string) bool) error {
	name := path.Join(folder, "go.sum")
	data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return fmt.Errorf("%s has the line %q", name, line)
		}
		if keep(fields[0]) {
			kept.WriteString(line)
		}
	}
	return r.write(name, []byte(kept.String()))
}
