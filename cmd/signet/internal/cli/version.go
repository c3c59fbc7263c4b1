package cli

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return a.printf("signet %s\n", version())
		},
	}
}

// version says what the toolchain noted in the program: the version of the module, or the commit it was built from.
func version() string {
	parts := []string{"(unknown version)"}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			parts[0] = v
		} else {
			parts[0] = "(built from source)"
		}
		settings := make(map[string]string)
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if revision := settings["vcs.revision"]; revision != "" && !strings.Contains(parts[0], revision[:min(len(revision), 12)]) {
			commit := "commit " + revision[:min(len(revision), 12)]
			if settings["vcs.modified"] == "true" {
				commit += " with changes"
			}
			parts = append(parts, commit+" of "+orDash(settings["vcs.time"]))
		}
	}
	return strings.Join(append(parts, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH), ", ")
}
