package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

// complete has shells complete the values of flags. Nothing is opened for it: no key, no token, no network.
func complete(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		complete(cmd)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if values := completions(cmd.Name(), f.Name); values != nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, values)
			}
		})
	}
}

// completions is what completes a flag of a command; nil leaves it to the shell, which offers files.
func completions(command, flag string) cobra.CompletionFunc {
	switch flag {
	case "level":
		switch command {
		case "extend":
			return oneOf(levelWords()[2:]...)
		case "countersign":
			return oneOf(levelWords()[1:3]...)
		}
		return oneOf(levelWords()...)
	case "explain-level":
		return oneOf("b", "t", "lt", "lta")
	case "scheme":
		return oneOf("rsa-pkcs1-sha256", "rsa-pkcs1-sha384", "rsa-pkcs1-sha512", "rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512",
			"ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87",
			"gost3410-2012-256", "gost3410-2012-512")
	case "commitment":
		return oneOf("origin", "receipt", "delivery", "sender", "approval", "creation")
	case "policy-hash":
		return begun("sha256:", "sha384:", "sha512:")
	case "mime-type":
		return oneOf("application/pdf", "application/xml", "application/json", "application/octet-stream", "application/zip", "text/plain", "text/xml")
	case "type":
		return oneOf("rsa:2048", "rsa:3072", "rsa:4096", "ec:P-256", "ec:P-384", "ec:P-521", "ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87", "gost2012-256", "gost2012-512")
	case "curve":
		return oneOf("cryptopro-a", "cryptopro-b", "cryptopro-c", "cryptopro-xcha", "cryptopro-xchb", "tc26-256-a", "tc26-256-b", "tc26-256-c", "tc26-256-d",
			"tc26-512-a", "tc26-512-b", "tc26-512-c")
	case "tsa-hash":
		return oneOf("sha256", "sha384", "sha512", "streebog256", "streebog512")
	case "policy":
		return orFile("default\tof this program", "strict\tevery certificate is asked for", "lenient\twhat is not known does not hinder")
	case "lang":
		return oneOf("en\tEnglish", "ru\tRussian")
	case "revocation":
		return oneOf("on", "off\tleaves the question out")
	case "trust", "timestamp-trust":
		return orFile("system\twhat the system trusts for TLS", "demo\tthe authority of the demo key")
	case "tsa":
		return begun("demo\tin the program itself", "https://", "http://")
	case "proxy":
		return begun("http://", "https://", "socks5://")
	case "key":
		return completeKey
	case "cert":
		return orFile("label:\tthe label of the key", "id:\tits id in hexadecimal")
	case "endpoints":
		return oneOf(endpoints...)
	case "out":
		if command == "sign" || command == "extend" || command == "countersign" {
			return folders
		}
	case "cache":
		return folders
	case "at", "signing-time", "before", "within", "jobs", "sessions", "role", "policy-oid", "policy-uri", "tsa-policy", "tsa-user", "subject", "label", "id",
		"name", "keys", "expires", "listen":
		return cobra.NoFileCompletions
	}
	return nil
}

// levelWords are the levels from the lowest to the highest, with what each proves.
func levelWords() []string {
	return []string{
		"pkcs7\tnot bound to a certificate", "bes\tbound to the certificate", "t\twith a time-stamp", "lt\twith what proves the certificates",
		"lta\tand a time-stamp over all that", "c\twith references (RFC 5126)", "xlong1\twith values (RFC 5126)", "a\twith an archive time-stamp (RFC 5126)",
	}
}

// oneOf completes words. What stands behind a tab in one explains it.
func oneOf(words ...string) cobra.CompletionFunc {
	return from(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
}

// orFile completes words, and files when none fits.
func orFile(words ...string) cobra.CompletionFunc {
	return from(words, cobra.ShellCompDirectiveDefault)
}

// begun completes how a value begins.
func begun(words ...string) cobra.CompletionFunc {
	return from(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
}

func from(words []string, directive cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		var fit []string
		for _, word := range words {
			if strings.HasPrefix(word, begin) {
				fit = append(fit, word)
			}
		}
		return fit, directive
	}
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeKey offers the demo key and the modules that are installed, beside files.
func completeKey(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(strings.ToLower(begin), "pin-value") { // what is typed is not repeated
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words := []string{demoKey + "\tfor trying things out"}
	for _, module := range installedModules() {
		words = append(words, "pkcs11:?module-path="+module+"\ta token")
	}
	if strings.HasPrefix(begin, "pkcs11:") {
		return from(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)(nil, nil, begin)
	}
	return from(words, cobra.ShellCompDirectiveDefault)(nil, nil, begin)
}

// installedModules are the PKCS #11 modules in the folders where packages put them.
func installedModules() (all []string) {
	for _, pattern := range []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/*.so", "/usr/lib/pkcs11/*.so", "/usr/lib/*/pkcs11/*.so",
		"/usr/lib/*/libykcs11.so", "/usr/lib/*/opensc-pkcs11.so", "/usr/lib64/opensc-pkcs11.so", "/usr/lib/*/libtpm2_pkcs11.so", "/opt/homebrew/lib/pkcs11/*.dylib",
		"/usr/local/lib/pkcs11/*.so", "/usr/local/lib/pkcs11/*.dylib", "/usr/local/lib/softhsm/libsofthsm2.so",
	} {
		found, _ := filepath.Glob(pattern)
		for _, module := range found {
			if plain.Text(module) == module && !strings.ContainsAny(module, "%?&; ") {
				all = append(all, module)
			}
		}
	}
	return all
}
