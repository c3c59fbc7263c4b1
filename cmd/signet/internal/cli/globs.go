package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// withGlobs has commands expand patterns among their files where the shell does not, on Windows.
func withGlobs(commands ...*cobra.Command) []*cobra.Command {
	if runtime.GOOS != "windows" {
		return commands
	}
	for _, cmd := range commands {
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			args, err := expand(args)
			if err != nil {
				return err
			}
			if err := cmd.ValidateArgs(args); err != nil { // there may be more of them now
				return err
			}
			return run(cmd, args)
		}
	}
	return commands
}

// expand puts the files that match in the place of each argument with * or ? in it. A file of that very name goes before. Letters match
// in both cases, as the names of files do there; a [ is one, as many a name has it.
func expand(args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		volume := filepath.VolumeName(arg) // \\?\C: is no pattern
		if !strings.ContainsAny(arg[len(volume):], "*?") {
			all = append(all, arg)
			continue
		}
		if _, err := os.Lstat(arg); err == nil {
			all = append(all, arg)
			continue
		}
		matches, err := filepath.Glob(volume + pattern(arg[len(volume):]))
		if err != nil {
			return nil, usage("%s: %w", arg, err)
		}
		if len(matches) == 0 {
			return nil, usage("no file matches %s; see in which folder you are, or name the file", arg)
		}
		all = append(all, matches...)
	}
	return all, nil
}

func pattern(path string) string {
	var b strings.Builder
	for path != "" {
		element, separator := path, ""
		if i := strings.IndexFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) }); i >= 0 {
			element, separator = path[:i], path[i:i+1]
		}
		path = path[len(element)+len(separator):]
		wild := strings.ContainsAny(element, "*?")
		for _, r := range element {
			lower, upper := unicode.ToLower(r), unicode.ToUpper(r)
			switch {
			case r == '[':
				b.WriteString("[[]")
			case wild && lower != upper:
				b.WriteString("[" + string(lower) + string(upper) + "]")
			default:
				b.WriteRune(r)
			}
		}
		b.WriteString(separator)
	}
	return b.String()
}
