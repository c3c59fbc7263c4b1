package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// repository is a checkout with the modules of a go.work.
type repository struct {
	dir string
	out interface{ Write([]byte) (int, error) }
}

// released are the folders of the modules that others can require, each after those that it requires itself. The others of
// go.work are tests, examples and benchmarks: they are used from a checkout only.
var released = []string{".", "provider/crypto11", "service", "cmd/signet"}

// mod is one module of the repository.
type mod struct {
	folder string // from the root of the repository, with slashes
	file   *modfile.File
}

func (m mod) path() string { return m.file.Module.Mod.Path }

// tag is the name of the tag of a version (go.dev/ref/mod#vcs-version).
func (m mod) tag(version string) string {
	if m.folder == "." {
		return version
	}
	return m.folder + "/" + version
}

// modules returns the modules of go.work: the released ones in their order, then the others.
func (r repository) modules() (all []mod, err error) {
	data, err := os.ReadFile(filepath.Join(r.dir, "go.work"))
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		return nil, err
	}
	folders := append([]string(nil), released...)
	for _, use := range work.Use {
		folder := path.Clean(use.Path)
		known := false
		for _, f := range released {
			known = known || f == folder
		}
		if !known {
			folders = append(folders, folder)
		}
	}
	for _, folder := range folders {
		data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(folder), "go.mod"))
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(path.Join(folder, "go.mod"), data, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, mod{folder, file})
	}
	return all, nil
}

// ours says which modules are of this repository.
func ours(all []mod) map[string]mod {
	by := map[string]mod{}
	for _, m := range all {
		by[m.path()] = m
	}
	return by
}

// setVersions writes the version that the modules of the repository require of each other, and that go.work replaces by the
// checkout.
func (r repository) setVersions(all []mod, version string) error {
	mine := ours(all)
	for _, m := range all {
		changed := false
		for _, required := range m.file.Require {
			if _, ok := mine[required.Mod.Path]; ok && required.Mod.Version != version {
				if err := m.file.AddRequire(required.Mod.Path, version); err != nil {
					return err
				}
				changed = true
			}
		}
		if len(m.file.Replace) > 0 {
			return fmt.Errorf("%s has a replace: go install refuses such a module, and importers do not see it; go.work ties the modules together", path.Join(m.folder, "go.mod"))
		}
		if !changed {
			continue
		}
		if err := r.write(path.Join(m.folder, "go.mod"), modfile.Format(m.file.Syntax)); err != nil {
			return err
		}
	}
	name := filepath.Join(r.dir, "go.work")
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		return err
	}
	for _, replaced := range append([]*modfile.Replace(nil), work.Replace...) {
		if m, ok := mine[replaced.Old.Path]; ok && replaced.Old.Version != version {
			if err := work.DropReplace(replaced.Old.Path, replaced.Old.Version); err != nil {
				return err
			}
			if err := work.AddReplace(m.path(), version, "./"+m.folder, ""); err != nil {
				return err
			}
		}
	}
	work.Cleanup()
	return r.write("go.work", modfile.Format(work.Syntax))
}

// write replaces a file of the repository.
func (r repository) write(name string, data []byte) error {
	name = filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.WriteFile(name+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// required is the version that the modules require of each other.
func required(all []mod) (version string, err error) {
	mine := ours(all)
	for _, m := range all {
		for _, r := range m.file.Require {
			if _, ok := mine[r.Mod.Path]; !ok {
				continue
			}
			if version == "" {
				version = r.Mod.Version
			}
			if r.Mod.Version != version {
				return "", fmt.Errorf("%s requires %s %s where others require %s: they are released together", path.Join(m.folder, "go.mod"), r.Mod.Path, r.Mod.Version, version)
			}
		}
	}
	if version == "" {
		return "", errors.New("no module requires another one of the repository")
	}
	return version, nil
}

// tree returns the files of the checkout as they are, those that git does not know left out, as an object of git.
func (r repository) tree(ctx context.Context) (string, error) {
	index, err := os.CreateTemp("", "index")
	if err != nil {
		return "", err
	}
	index.Close()
	defer os.Remove(index.Name())
	// An index of our own: that of the checkout stays as it is.
	env := []string{"GIT_INDEX_FILE=" + index.Name()}
	os.Remove(index.Name())
	if _, err := command(ctx, r.dir, env, "git", "read-tree", "HEAD"); err != nil {
		return "", err
	}
	if _, err := command(ctx, r.dir, env, "git", "add", "-A"); err != nil {
		return "", err
	}
	return command(ctx, r.dir, env, "git", "write-tree")
}

func checkVersion(version string) error {
	if semver.Canonical(version) != version || semver.Build(version) != "" {
		return fmt.Errorf("%q is no version: v1.2.3 or v1.2.3-rc.1", version)
	}
	if major := semver.Major(version); major != "v0" && major != "v1" {
		return fmt.Errorf("%s needs module paths that end in /%s (go.dev/ref/mod#major-version-suffixes)", version, major)
	}
	return module.Check("example.org/any", version)
}

func isReleased(m mod) bool {
	for _, f := range released {
		if f == m.folder {
			return true
		}
	}
	return false
}

func say(r repository, format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// section returns the part of a changelog under a heading "## name", without the heading.
func section(changelog, name string) (text string, found bool) {
	var lines []string
	for line := range strings.Lines(changelog) {
		if strings.HasPrefix(line, "## ") {
			if found {
				break
			}
			heading := strings.Fields(line)
			found = len(heading) > 1 && heading[1] == name
			continue
		}
		if found {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "")), found
}
