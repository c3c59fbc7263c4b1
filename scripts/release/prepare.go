package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

const gorelease = "golang.org/x/exp/cmd/gorelease@v0.0.0-20261113113407-e3970619a1a4"

// prepare makes the commit and the tags of a release. All is done in a worktree of its own, so that what fails leaves the
// checkout as it was.
func (r repository) prepare(ctx context.Context, version, base string) (err error) {
	if err := checkVersion(version); err != nil {
		return err
	}
	if changed, err := git(ctx, r.dir, "status", "--porcelain"); err != nil || changed != "" {
		return errors.Join(err, errors.New("the checkout has changes: commit them first, since a release is what is committed"))
	}
	tags, err := git(ctx, r.dir, "tag", "--list")
	if err != nil {
		return err
	}
	newest := ""
	for tag := range strings.FieldsSeq(tags) {
		if semver.IsValid(tag) && (newest == "" || semver.Compare(tag, newest) > 0) {
			newest = tag
		}
	}
	if newest != "" && semver.Compare(version, newest) <= 0 {
		return fmt.Errorf("%s is not newer than the tag %s", version, newest)
	}
	if base == "" {
		base = newest
	}
	if base == "" {
		base = "none"
	}

	temporary, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	work := repository{dir: filepath.Join(temporary, "tree"), out: r.out}
	if _, err := git(ctx, r.dir, "worktree", "add", "--detach", work.dir, "HEAD"); err != nil {
		return err
	}
	defer func() {
		_, removed := git(context.WithoutCancel(ctx), r.dir, "worktree", "remove", "--force", work.dir)
		err = errors.Join(err, removed)
	}()

	notes, err := work.changelog(version)
	if err != nil {
		return err
	}
	all, err := work.modules()
	if err != nil {
		return err
	}
	if err := work.setVersions(all, version); err != nil {
		return err
	}
	if err := work.tidy(ctx); err != nil {
		return err
	}
	proxy := filepath.Join(temporary, "proxy")
	if err := work.addSums(ctx, all, version, proxy); err != nil {
		return err
	}
	env, err := environment(ctx, all, proxy)
	if err != nil {
		return err
	}
	if _, err := git(ctx, work.dir, "commit", "--all", "--message", "release "+version); err != nil {
		return err
	}
	cache := filepath.Join(temporary, "modules")
	env = append(env, "GOMODCACHE="+cache, "GOFLAGS=-trimpath -modcacherw")
	for _, m := range all {
		if !isReleased(m) {
			continue
		}
		dir := filepath.Join(work.dir, filepath.FromSlash(m.folder))
		// What an importer compiles: without go.work, with the sums that were just written.
		if _, err := command(ctx, dir, env, "go", "build", "-mod=readonly", "./..."); err != nil {
			return fmt.Errorf("%s does not build by itself: %w", m.path(), err)
		}
		if err := work.compare(ctx, m, base, version, tags, env); err != nil {
			return err
		}
	}
	commit, err := git(ctx, work.dir, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if _, err := git(ctx, r.dir, "merge", "--ff-only", "--quiet", commit); err != nil {
		return err
	}
	push := []string{"git push --atomic origin HEAD"}
	for _, m := range all {
		if !isReleased(m) {
			continue
		}
		if _, err := git(ctx, r.dir, "tag", "--annotate", "--message", m.tag(version)+"\n\n"+notes, m.tag(version), commit); err != nil {
			return err
		}
		push = append(push, m.tag(version))
	}
	say(r, "%s is committed and tagged. What makes it public:\n  %s", version, strings.Join(push, " "))
	return nil
}

// changelog gives the changes since the last release the heading of this one, and returns them.
func (r repository) changelog(version string) (string, error) {
	data, err := os.ReadFile(filepath.Join(r.dir, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	text := string(data)
	if notes, ok := section(text, version); ok && notes != "" {
		return notes, nil
	}
	notes, ok := section(text, "Unreleased")
	if !ok || notes == "" {
		return "", fmt.Errorf(`CHANGELOG.md says nothing under "## Unreleased" or "## %s"`, version)
	}
	heading := fmt.Sprintf("## %s (%s)", version, time.Now().UTC().Format(time.DateOnly))
	return notes, r.write("CHANGELOG.md", []byte(strings.Replace(text, "## Unreleased", heading, 1)))
}

// addSums publishes each module to a proxy of files and writes its sums into the go.sum of those that require it. A module's
// archive has no files of the modules under it, so that the sums of one do not change when they are written into the next.
func (r repository) addSums(ctx context.Context, all []mod, version, proxy string) error {
	for _, m := range all {
		if !isReleased(m) {
			continue
		}
		tree, err := r.tree(ctx)
		if err != nil {
			return err
		}
		s, err := r.publish(ctx, m, version, tree, proxy)
		if err != nil {
			return err
		}
		for _, other := range all {
			for _, required := range other.file.Require {
				if required.Mod.Path != m.path() {
					continue
				}
				lines := fmt.Sprintf("%s %s %s\n%s %s/go.mod %s\n", m.path(), version, s.zip, m.path(), version, s.mod)
				if err := r.appendSums(other.folder, lines); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// appendSums adds lines to a go.sum, in their order.
func (r repository) appendSums(folder, lines string) error {
	name := path.Join(folder, "go.sum")
	data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	set := map[string]bool{}
	for line := range strings.Lines(string(data) + lines) {
		set[line] = true
	}
	return r.write(name, []byte(strings.Join(slices.Sorted(maps.Keys(set)), "")))
}

// compare reports how the API of a module differs from a released one. A change that the version does not allow is an error
// from v1 on.
func (r repository) compare(ctx context.Context, m mod, base, version, tags string, env []string) error {
	if base != "none" && !slices.Contains(strings.Fields(tags), m.tag(base)) {
		base = "none" // a module that is new
	}
	dir := filepath.Join(r.dir, filepath.FromSlash(m.folder))
	args := []string{"run", gorelease, "-base=" + base, "-version=" + version}
	if base != "none" {
		// The base comes from its tag, not from where it was published, so that a release can be tried without a network.
		if err := r.publishBase(ctx, m, base, env); err != nil {
			return err
		}
	}
	report, err := command(ctx, dir, env, "go", args...)
	say(r, "%s, compared with %s:\n%s", m.path(), base, report)
	if err != nil {
		return fmt.Errorf("gorelease does not agree with %s: %w", m.tag(version), err)
	}
	return nil
}

func (r repository) publishBase(ctx context.Context, m mod, base string, env []string) error {
	for _, variable := range env {
		if proxies, ok := strings.CutPrefix(variable, "GOPROXY="); ok {
			proxy, _, _ := strings.Cut(proxies, ",")
			_, err := r.publish(ctx, m, base, m.tag(base), filepath.FromSlash(strings.TrimPrefix(proxy, "file://")))
			return err
		}
	}
	return errors.New("no proxy of files")
}
