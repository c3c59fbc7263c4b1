// Package schemes is what the programs give wherever keys are opened and signatures are checked: what the library has in packages of their
// own. Nothing that is imported by others imports it.
package schemes

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/mldsa"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/slhdsa"
	"github.com/seed-116355fd/signet/trust"
)

// All are the schemes that the standard library does not have. They are made once: those of GOST keep tables of keys that check
// often.
func All() []sign.Scheme { return slices.Clip(all()) }

var all = sync.OnceValue(func() []sign.Scheme { return slices.Concat(mldsa.Schemes(), gost.Schemes(), slhdsa.Schemes()) })

// Parsers read private keys of such kinds.
func Parsers() []soft.Parser { return []soft.Parser{mldsa.Parse, gost.Parse} }

// Encryption reads files under passwords with such algorithms.
func Encryption() []soft.Encryption { return []soft.Encryption{gost.Encryption{}} }

// Algorithms are those that count.
func Algorithms() *trust.Algorithms { return &trust.Algorithms{Schemes: All()} }

// ByName is sign.SchemeByName that knows these, too.
func ByName(name string) (sign.Scheme, error) {
	var own []string
	for _, s := range All() {
		if s.Opts == nil { // it only checks
			continue
		}
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
		own = append(own, s.Name)
	}
	s, err := sign.SchemeByName(name)
	if e, ok := err.(*sign.Error); ok { //nolint:errorlint // made there
		e.Hint = fmt.Sprintf("%s, %s", e.Hint, strings.Join(own, ", "))
	}
	return s, err
}
