package pkcs11

import (
	"path/filepath"
	"strings"
)

// libraryExt is how the names of libraries end on a system.
func libraryExt(goos string) string {
	switch goos {
	case "windows":
		return ".dll"
	case "darwin":
		return ".dylib" // and .so, for vendors who build as for Linux
	}
	return ".so"
}

// moduleFolders are where distributions and vendors put modules; * stands for the name of an architecture, a vendor or a product. On
// Windows only folders are looked into that administrators alone can write to, which those below C:\ are not.
func moduleFolders(goos string, env func(string) string) []string {
	switch goos {
	case "windows":
		var folders []string
		if programs := env("ProgramFiles"); programs != "" {
			for _, below := range []string{"", `\lib`, `\bin`, `\*`, `\*\pkcs11`, `\*\lib`, `\*\bin`, `\*\bin\pkcs11`, `\*\toolkits\pkcs11`} {
				folders = append(folders, programs+`\*`+below)
			}
		}
		if system := env("SystemRoot"); system != "" {
			folders = append(folders, system+`\System32`)
		}
		return folders
	case "darwin":
		return []string{
			"/Library/*/lib/pkcs11", "/Library/*/lib", "/Library/Frameworks/*/Versions/*", "/usr/local/lib/pkcs11", "/usr/local/lib",
			"/usr/local/lib/*", "/opt/homebrew/lib/pkcs11", "/opt/homebrew/lib", "/opt/homebrew/lib/*", "/opt/local/lib/pkcs11", "/opt/local/lib",
			"/opt/local/lib/*", "/opt/*/lib", "/opt/*/*/lib",
		}
	}
	return []string{
		"/usr/lib/*/pkcs11", "/usr/lib/pkcs11", "/usr/lib64/pkcs11", "/usr/local/lib/pkcs11", "/usr/lib/*", "/usr/lib", "/usr/lib64",
		"/usr/local/lib", "/usr/lib/*/*", "/usr/lib/softhsm", "/opt/*/lib", "/opt/*/*/lib", "/opt/homebrew/lib",
	}
}

// moduleFiles are the files that a module-name may mean: it is without lib, .so and such (RFC 7512 section 2.3).
func moduleFiles(goos, name string) []string {
	var files []string
	exts := []string{libraryExt(goos)}
	if goos == "darwin" {
		exts = append(exts, ".so")
	}
	for _, ext := range exts {
		files = append(files, name+ext, "lib"+name+ext, name+"-pkcs11"+ext, "lib"+name+"-pkcs11"+ext, "lib"+name+"_pkcs11"+ext)
		if goos == "windows" {
			files = append(files, name+"_pkcs11"+ext, name+"-x64"+ext)
		}
	}
	return append(files, name)
}

// globQuote is a pattern that a name matches and nothing else, also where \ separates folders.
func globQuote(s string) string {
	s = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(s)
	if filepath.Separator != '\\' {
		s = strings.ReplaceAll(s, `\`, `\\`)
	}
	return s
}
