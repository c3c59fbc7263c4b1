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

	"golang.org/x/mod/modfile"
)

// tidy runs go mod tidy in each module, with the others as they are in the checkout. Sums of modules of the repository are kept
// for versions that have a tag; those of the next one change with each commit.
//
// The root's go.mod does not list what only its tests import, so that its importers do not get it; go.work has it from the
// other modules.
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
		if m.folder == "." {
			if err := r.withoutTests(ctx, env); err != nil {
				return err
			}
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

// withoutTests takes the requirements that only tests need out of the root's go.mod and go.sum.
func (r repository) withoutTests(ctx context.Context, env []string) error {
	// Every system that is built for, so that a module that only one of them needs stays.
	needed := map[string]bool{}
	for _, target := range append([]string{"linux/amd64/1"}, platforms...) {
		parts := strings.Split(target, "/")
		cgo := "0"
		if len(parts) == 3 {
			cgo = parts[2]
		}
		out, err := command(ctx, r.dir, append(env, "GOOS="+parts[0], "GOARCH="+parts[1], "CGO_ENABLED="+cgo),
			"go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./...")
		if err != nil {
			return err
		}
		for _, line := range strings.Fields(out) {
			needed[line] = true
		}
	}
	data, err := os.ReadFile(filepath.Join(r.dir, "go.mod"))
	if err != nil {
		return err
	}
	file, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return err
	}
	for _, required := range append([]*modfile.Require(nil), file.Require...) {
		if !needed[required.Mod.Path] {
			if err := file.DropRequire(required.Mod.Path); err != nil {
				return err
			}
		}
	}
	file.Cleanup()
	if err := r.write("go.mod", modfile.Format(file.Syntax)); err != nil {
		return err
	}
	return r.editSums(".", func(module string) bool { return needed[module] })
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
