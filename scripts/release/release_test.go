package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
)

// checkout is a repository with one commit more than this one: the tree as it is here. What is made of it stays in it.
func checkout(t *testing.T) repository {
	t.Helper()
	ctx := t.Context()
	top, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		t.Skip("SKIPPED: this is no checkout of git: ", err)
	}
	identity := []string{"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org"}
	for _, variable := range identity {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	tree, err := repository{dir: top, out: io.Discard}.tree(ctx)
	require.NoError(t, err)
	commit, err := git(ctx, top, "commit-tree", tree, "-p", "HEAD", "-m", "the tree as it is")
	require.NoError(t, err)
	r := repository{dir: filepath.Join(t.TempDir(), "repository"), out: new(bytes.Buffer)}
	_, err = git(ctx, top, "clone", "--quiet", "--shared", "--no-checkout", top, r.dir)
	require.NoError(t, err)
	_, err = git(ctx, r.dir, "checkout", "--quiet", "-B", "main", commit)
	require.NoError(t, err)
	tags, err := git(ctx, r.dir, "tag", "--list")
	require.NoError(t, err)
	for tag := range strings.FieldsSeq(tags) { // so that the version of the tree is new
		_, err := git(ctx, r.dir, "tag", "--delete", tag)
		require.NoError(t, err)
	}
	return r
}

// importers is the environment of people who get modules from a proxy of files, with a cache of their own.
func importers(t *testing.T, r repository, proxy string) []string {
	t.Helper()
	all, err := r.modules()
	require.NoError(t, err)
	env, err := environment(t.Context(), all, proxy)
	require.NoError(t, err)
	gopath := t.TempDir()
	return append(env, "GOPATH="+gopath, "GOMODCACHE="+filepath.Join(gopath, "pkg", "mod"), "GOBIN=", "GOFLAGS=-trimpath -modcacherw", "CGO_ENABLED=0")
}

// TestImporter is a fresh module that gets the library from a proxy: its go.mod and its program have what it uses and nothing of tests,
// of which testify alone stands in the graph; it builds without cgo, and runs.
func TestImporter(t *testing.T) {
	r := checkout(t)
	proxy := t.TempDir()
	require.NoError(t, r.proxyOfTree(t.Context(), proxy))
	env := importers(t, r, proxy)
	fresh := t.TempDir()
	source, err := os.ReadFile(filepath.Join(r.dir, "docs", "example", "main.go"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(fresh, "main.go"), source, 0o600))
	call := func(name string, args ...string) string {
		t.Helper()
		out, err := command(t.Context(), fresh, env, name, args...)
		require.NoError(t, err)
		return out
	}
	call("go", "mod", "init", "example.org/importer")
	call("go", "get", "github.com/seed-116355fd/signet")
	call("go", "mod", "tidy")
	const used = `github\.com/seed-116355fd/signet|golang\.org/x/(crypto|sys)|filippo\.io/bigmod` // the last two check RSA signatures of keys that come again
	gomod, err := os.ReadFile(filepath.Join(fresh, "go.mod"))
	require.NoError(t, err)
	file, err := modfile.Parse("go.mod", gomod, nil)
	require.NoError(t, err)
	require.NotEmpty(t, file.Require)
	for _, required := range file.Require {
		require.Regexp(t, "^("+used+")$", required.Mod.Path)
	}
	const known = used + `|example\.org/importer|golang\.org/x/(net|term|text)|filippo\.io/mldsa|github\.com/cloudflare/circl|github\.com/ebitengine/purego|github\.com/stretchr/testify|go\.yaml\.in/yaml/v3`
	for module := range strings.Lines(call("go", "list", "-m", "all")) {
		require.Regexp(t, "^("+known+")( |$)", strings.TrimSpace(module))
	}
	call("go", "build", "-o", "importer", ".")
	info, err := buildinfo.ReadFile(filepath.Join(fresh, "importer"))
	require.NoError(t, err)
	for _, compiled := range info.Deps {
		require.Regexp(t, "^("+used+")$", compiled.Path)
	}
	call(filepath.Join(fresh, "importer"))
}

// TestRelease makes a release from the first step to the last: the commit and its tags, programs for three systems by go install, and what goes
// with them.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program for three systems")
	}
	r := checkout(t)
	all, err := r.modules()
	require.NoError(t, err)
	version, err := required(all)
	require.NoError(t, err)
	require.NoError(t, r.prepare(t.Context(), version, ""), "%s", r.out)

	tags, err := git(t.Context(), r.dir, "tag", "--list")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{version, "service/" + version, "cmd/signet/" + version, "provider/crypto11/" + version}, strings.Fields(tags))
	status, err := git(t.Context(), r.dir, "status", "--porcelain")
	require.NoError(t, err)
	require.Empty(t, status)
	sums, err := os.ReadFile(filepath.Join(r.dir, "cmd", "signet", "go.sum"))
	require.NoError(t, err)
	require.Contains(t, string(sums), "github.com/seed-116355fd/signet/service "+version+" h1:")
	changelog, err := os.ReadFile(filepath.Join(r.dir, "CHANGELOG.md"))
	require.NoError(t, err)
	require.Contains(t, string(changelog), "\n## "+version+" (")
	require.Contains(t, r.out.(*bytes.Buffer).String(), "git push --atomic origin HEAD "+version)
	require.ErrorContains(t, r.prepare(t.Context(), version, ""), "is not newer than the tag")

	folder := filepath.Join(t.TempDir(), "dist")
	host := runtime.GOOS + "/" + runtime.GOARCH
	targets := slices.Compact(slices.Sorted(slices.Values([]string{host, "windows/amd64", "darwin/arm64"})))
	require.NoError(t, r.dist(t.Context(), version, folder, targets), "%s", r.out)
	require.ErrorContains(t, r.dist(t.Context(), version, folder, targets), "is there already")

	lines, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	require.NoError(t, err)
	listed := map[string]string{}
	for line := range strings.Lines(string(lines)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		require.True(t, ok)
		listed[name] = sum
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, listed, len(entries)-1, "all but the list itself")
	for name, sum := range listed {
		is, err := sha256File(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Equal(t, is, sum, name)
	}
	for _, target := range targets {
		name := "signet_" + version + "_" + strings.ReplaceAll(target, "/", "_")
		require.Contains(t, listed, name+map[bool]string{true: ".exe"}[strings.HasPrefix(target, "windows/")])
		var bill struct {
			BOMFormat  string
			Components []struct{ Name, Version string }
		}
		data, err := os.ReadFile(filepath.Join(folder, name+".cdx.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &bill))
		require.Equal(t, "CycloneDX", bill.BOMFormat)
		have := map[string]string{}
		for _, c := range bill.Components {
			have[c.Name] = c.Version
		}
		require.Equal(t, version, have["github.com/seed-116355fd/signet/service"], "%v", slices.Sorted(maps.Keys(have)))
	}
	licences, err := os.ReadFile(filepath.Join(folder, "LICENSES.txt"))
	require.NoError(t, err)
	require.Contains(t, string(licences), "==== modernc.org/sqlite ")
	native := filepath.Join(folder, "signet_"+version+"_"+runtime.GOOS+"_"+runtime.GOARCH)
	out, err := exec.CommandContext(t.Context(), native, "version").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), version)
}

// TestPrepareRefuses leaves a checkout as it was.
func TestPrepareRefuses(t *testing.T) {
	r := checkout(t)
	for says, version := range map[string]string{"is no version": "1.2.3", "module paths that end in /v2": "v2.0.0", "v1.2.3-rc.1": "v1.2"} {
		require.ErrorContains(t, r.prepare(t.Context(), version, ""), says)
		require.ErrorContains(t, r.dist(t.Context(), version, filepath.Join(t.TempDir(), "dist"), nil), says)
	}
	stray := filepath.Join(r.dir, "README.md")
	require.NoError(t, os.WriteFile(stray, []byte("x"), 0o600))
	require.ErrorContains(t, r.prepare(t.Context(), "v0.9.0", ""), "has changes")
	_, err := git(t.Context(), r.dir, "checkout", "--quiet", "README.md")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "CHANGELOG.md"), []byte("# Changelog\n"), 0o600))
	_, err = git(t.Context(), r.dir, "commit", "--quiet", "--all", "-m", "no news")
	require.NoError(t, err)
	require.ErrorContains(t, r.prepare(t.Context(), "v0.9.0", ""), "says nothing under")
	tags, err := git(t.Context(), r.dir, "tag", "--list")
	require.NoError(t, err)
	require.Empty(t, tags)
	worktrees, err := git(t.Context(), r.dir, "worktree", "list")
	require.NoError(t, err)
	require.NotContains(t, worktrees, "\n", "none is left behind")
	require.Error(t, r.dist(t.Context(), "v0.9.0", filepath.Join(t.TempDir(), "dist"), platforms), "there is no tag")
}

func TestSection(t *testing.T) {
	const text = "# Changelog\n\n## Unreleased\n\n* new\n\n## v0.1.0 (2026-01-01)\n\n* old\n* older\n"
	got, ok := section(text, "v0.1.0")
	require.True(t, ok)
	require.Equal(t, "* old\n* older", got)
	got, ok = section(text, "Unreleased")
	require.True(t, ok)
	require.Equal(t, "* new", got)
	_, ok = section(text, "v0.1")
	require.False(t, ok)
}

// TestUsage says what there is.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"prepare"}, {"dist", "v1.0.0", "v1.0.1"}, {"publish"}} {
		require.ErrorContains(t, run(context.Background(), args, io.Discard), "usage:")
	}
}
