package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// platforms are the systems and processors that programs are built for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

const (
	program   = "github.com/seed-116355fd/signet/cmd/signet"
	cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"
)

// dist makes what people download, from the tags of a release: the program for each platform as go install makes it, its bill
// of material in CycloneDX, the licences of all it holds, and checksums.
func (r repository) dist(ctx context.Context, version, folder string, targets []string) (err error) {
	if err := checkVersion(version); err != nil {
		return err
	}
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("%s is there already: name another folder, or remove it", folder)
	}
	all, err := r.modules()
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	proxy := filepath.Join(temporary, "proxy")
	for _, m := range all {
		if !isReleased(m) {
			continue
		}
		if _, err := r.publish(ctx, m, version, m.tag(version), proxy); err != nil {
			return fmt.Errorf("the tag %s: %w", m.tag(version), err)
		}
	}
	notes, err := git(ctx, r.dir, "show", version+":CHANGELOG.md")
	if err != nil {
		return err
	}
	notes, _ = section(notes, version)
	env, err := environment(ctx, all, proxy)
	if err != nil {
		return err
	}
	gopath := filepath.Join(temporary, "gopath")
	cache := filepath.Join(gopath, "pkg", "mod")
	env = append(env, "GOPATH="+gopath, "GOMODCACHE="+cache, "GOBIN=", "GOFLAGS=-trimpath -modcacherw", "CGO_ENABLED=0")

	// Beside its place, and moved there when it is whole.
	made, err := os.MkdirTemp(filepath.Dir(folder), ".dist")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	host, err := command(ctx, r.dir, nil, "go", "env", "GOHOSTOS", "GOHOSTARCH")
	if err != nil {
		return err
	}
	native := strings.Join(strings.Fields(host), "/")
	licences := map[string]string{}
	for _, target := range targets {
		system, processor, ok := strings.Cut(target, "/")
		if !ok {
			return fmt.Errorf("%q is no platform such as linux/amd64", target)
		}
		if _, err := command(ctx, temporary, append(env, "GOOS="+system, "GOARCH="+processor), "go", "install", "-ldflags=-s -w", program+"@"+version); err != nil {
			return err
		}
		exe := ""
		if system == "windows" {
			exe = ".exe"
		}
		built := filepath.Join(gopath, "bin", "signet"+exe)
		if target != native {
			built = filepath.Join(gopath, "bin", system+"_"+processor, "signet"+exe)
		}
		name := fmt.Sprintf("signet_%s_%s_%s", version, system, processor)
		binary := filepath.Join(made, name+exe)
		// The folders may be on two file systems, so that it cannot be moved.
		octets, err := os.ReadFile(built)
		if err != nil {
			return err
		}
		if err := os.WriteFile(binary, octets, 0o755); err != nil {
			return err
		}
		if _, err := command(ctx, temporary, append(env, "CGO_ENABLED="), "go", "run", cyclonedx, "bin", "-json", "-noserial", "-output", filepath.Join(made, name+".cdx.json"), binary); err != nil {
			return err
		}
		if err := collectLicences(binary, cache, licences); err != nil {
			return err
		}
		say(r, "%s", filepath.Base(binary))
	}
	goroot, err := command(ctx, r.dir, nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	licence, err := os.ReadFile(filepath.Join(goroot, "LICENSE"))
	if err != nil {
		return err
	}
	licences["The Go standard library"] = string(licence)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(licences)) {
		fmt.Fprintf(&text, "==== %s\n\n%s\n\n", name, strings.TrimSpace(licences[name]))
	}
	if err := os.WriteFile(filepath.Join(made, "LICENSES.txt"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, "NOTES.md"), []byte(notes+"\n"), 0o644); err != nil {
		return err
	}
	if err := checksums(made); err != nil {
		return err
	}
	if err := os.Chmod(made, 0o755); err != nil {
		return err
	}
	return os.Rename(made, folder)
}

// collectLicences adds the licence of each module in a program. Most of them ask that it goes with the program.
func collectLicences(binary, cache string, licences map[string]string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	for _, dependency := range append(info.Deps, &info.Main) {
		if dependency.Replace != nil {
			return fmt.Errorf("%s is replaced in %s", dependency.Path, filepath.Base(binary))
		}
		name := dependency.Path + " " + dependency.Version
		if licences[name] != "" {
			continue
		}
		escaped, err := module.EscapePath(dependency.Path)
		if err != nil {
			return err
		}
		version, err := module.EscapeVersion(dependency.Version)
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(filepath.Join(cache, filepath.FromSlash(escaped)+"@"+version))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			upper := strings.ToUpper(entry.Name())
			if entry.IsDir() || !strings.HasPrefix(upper, "LICEN") && !strings.HasPrefix(upper, "COPYING") && !strings.HasPrefix(upper, "NOTICE") {
				continue
			}
			data, err := os.ReadFile(filepath.Join(cache, filepath.FromSlash(escaped)+"@"+version, entry.Name()))
			if err != nil {
				return err
			}
			licences[name] += string(data) + "\n"
		}
		if licences[name] == "" {
			return fmt.Errorf("%s has no file with a licence", name)
		}
	}
	return nil
}

// checksums writes SHA256SUMS as sha256sum --check reads it.
func checksums(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, entry := range entries {
		sum, err := sha256File(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(lines.String()), 0o644)
}

func sha256File(name string) (sum string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
