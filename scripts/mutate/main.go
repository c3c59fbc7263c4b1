// Command mutate makes small changes to code that security depends on, one at a time, and sees whether the tests of the packages
// that are named notice, without a network and without Java:
//
//	go run ./scripts/mutate [TEXT …]
//
// With texts, only the changes whose file or name has one of them are made. Nothing is written into the tree: the changed files
// are given to go test as an overlay. It leaves with 1 when a change survives, or no longer finds its place.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// change is one of them: the first occurrence of from, in a file, becomes to.
type change struct {
	name, file, from, to string
	tests                string // packages, and perhaps -run=…, separated by spaces
}

func main() {
	bad, made := 0, 0
	for _, c := range slices.Concat(changes, tokenChanges, quantumChanges, gostContainerChanges, laneChanges) {
		if !wanted(c, os.Args[1:]) {
			continue
		}
		made++
		outcome := try(c)
		fmt.Printf("%-9s %s: %s\n", outcome, c.file, c.name)
		if outcome != "caught" {
			bad++
		}
	}
	fmt.Printf("%d changes, %d not caught\n", made, bad)
	if bad != 0 {
		os.Exit(1)
	}
}

func wanted(c change, texts []string) bool {
	for _, t := range texts {
		if strings.Contains(c.file+" "+c.name, t) {
			return true
		}
	}
	return len(texts) == 0
}

// try runs the tests on one change.
func try(c change) string {
	data, err := os.ReadFile(c.file)
	if err != nil || strings.Count(string(data), c.from) == 0 {
		return "NO PLACE"
	}
	dir, err := os.MkdirTemp("", "mutate-*")
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	here, err := filepath.Abs(c.file)
	if err != nil {
		return err.Error()
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {here: changed}})
	if err != nil {
		return err.Error()
	}
	for name, content := range map[string]string{changed: strings.Replace(string(data), c.from, c.to, 1), overlay: string(text)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return err.Error()
		}
	}
	var packages, flags []string
	for _, word := range strings.Fields(c.tests) {
		if strings.HasPrefix(word, "-") {
			flags = append(flags, word)
		} else {
			packages = append(packages, word)
		}
	}
	if build, err := exec.Command("go", append([]string{"build", "-overlay", overlay}, packages...)...).CombinedOutput(); err != nil {
		return "NO BUILD: " + string(build)
	}
	out, err := exec.Command("go", append([]string{"test", "-short", "-overlay", overlay, "-timeout", "300s"}, append(flags, packages...)...)...).CombinedOutput()
	switch {
	case err == nil:
		return "SURVIVES"
	case strings.Contains(string(out), "[build failed]"), strings.Contains(string(out), "[setup failed]"):
		return "NO BUILD: " + string(out)
	}
	return "caught"
}
