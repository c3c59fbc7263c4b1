package pkcs11

import (
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

// openModule loads a module and initialises it. Its errors say whether the file, the system or the module is at fault.
func openModule(op, path, initArgs string) (*p11.Module, error) {
	if path == "" {
		return nil, &sign.Error{Op: op, Class: sign.ErrInput, Hint: "give the path of the vendor's PKCS #11 library, a " + libraryExt(runtime.GOOS) + " file (Config.Module)"}
	}
	m, err := p11.Open(path, initArgs)
	if err == nil {
		return m, nil
	}
	err = wrap(op, path, err)
	code, _ := errors.AsType[p11.RV](err)
	e, ok := errors.AsType[*sign.Error](err)
	switch {
	case !ok:
	case errors.Is(err, p11.ErrNoModule), errors.Is(err, p11.ErrLoad) && code != 0:
		e.Hint = "give the vendor's PKCS #11 library"
	case errors.Is(err, p11.ErrLoad):
		e.Hint = whyNotLoaded(path)
	}
	return nil, err
}

// whyNotLoaded looks at a file that the system did not load.
func whyNotLoaded(path string) string {
	_, err := os.Stat(path)
	who, named := "by the dynamic linker", strings.ContainsRune(path, os.PathSeparator)
	if runtime.GOOS == "windows" {
		who, named = "in the folders of the system and of this program", strings.ContainsAny(path, `\/:`)
	}
	switch here := err == nil; {
	case !named && here:
		return "a name without a folder is looked for " + who + "; for the file that is here, write ." + string(os.PathSeparator) + path
	case !named:
		return "a name without a folder is looked for " + who + "; give the whole path"
	case errors.Is(err, os.ErrNotExist):
		return "there is no such file; give the path of the vendor's PKCS #11 library"
	case errors.Is(err, os.ErrPermission):
		return "this user may not read it"
	}
	return "it must be the vendor's PKCS #11 library for this architecture (" + runtime.GOOS + "/" + runtime.GOARCH + "), and the libraries that it needs must be there"
}
