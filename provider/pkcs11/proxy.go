package pkcs11

import (
	"os"
	"runtime"
)

// proxyPaths are where distributions put the proxy module of p11-kit. A file of another architecture may lie beside that of this
// program, so folders with the name of one are those of this one. There is none on Windows, where p11-kit has no usual place.
func proxyPaths() []string {
	if runtime.GOOS == "windows" {
		return nil
	}
	var paths []string
	if triplet := map[string]string{
		"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "386": "i386-linux-gnu", "arm": "arm-linux-gnueabihf",
		"ppc64le": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu", "riscv64": "riscv64-linux-gnu", "loong64": "loongarch64-linux-gnu",
	}[runtime.GOARCH]; triplet != "" {
		paths = append(paths, "/usr/lib/"+triplet+"/p11-kit-proxy.so") // Debian and its like
	}
	return append(paths,
		"/usr/lib64/p11-kit-proxy.so",                 // Fedora, SUSE
		"/usr/lib/p11-kit-proxy.so",                   // Alpine, Arch
		"/usr/local/lib/p11-kit-proxy.so",             // FreeBSD, OpenBSD, self-made
		"/usr/pkg/lib/p11-kit-proxy.so",               // NetBSD
		"/opt/homebrew/lib/p11-kit-proxy.dylib",       // macOS, Homebrew
		"/usr/local/lib/p11-kit-proxy.dylib",          // the same on Intel
		"/opt/local/lib/p11-kit-proxy.dylib",          // MacPorts
		"/run/current-system/sw/lib/p11-kit-proxy.so", // NixOS
	)
}

// DefaultModule is the module that a URI means which names none: the proxy of p11-kit, behind which are the modules that are
// registered on this machine (p11-kit list-modules), or "" when it is not installed in one of the usual places.
func DefaultModule() string { return firstFile(proxyPaths()) }

func firstFile(paths []string) string {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// noModule is what to do with a URI that names no module, where there is no proxy.
func noModule(goos string) string {
	const give = "give the path of the vendor's PKCS #11 library after the ?"
	switch goos {
	case "windows":
		return "it is missing; " + give
	case "darwin":
		return "it is missing, and p11-kit, whose proxy would be taken, is not installed; " + give + ", or install p11-kit (Homebrew: brew install p11-kit)"
	}
	return "it is missing, and p11-kit, whose proxy would be taken, is not installed; " + give +
		", or install p11-kit (on Debian the package p11-kit-modules)"
}
