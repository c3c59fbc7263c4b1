package signet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoInternalTypesInTheAPI finds exported identifiers of public packages that mention a type of an internal package: an
// importer could neither name it nor look it up, and it could not be changed.
func TestNoInternalTypesInTheAPI(t *testing.T) {
	for _, module := range []string{".", "service"} {
		t.Run(module, func(t *testing.T) {
			all, exports := listed(t, module), map[string]string{}
			for _, p := range all {
				exports[p.ImportPath] = p.Export
			}
			from := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
			packages := 0
			for _, p := range all {
				if !p.Public() {
					continue
				}
				packages++
				found, err := from.Import(p.ImportPath)
				require.NoError(t, err)
				for _, leak := range leaks(found) {
					if leak != judge {
						t.Errorf("%s: %s", p.ImportPath, leak)
					}
				}
			}
			require.Greater(t, packages, 9)
		})
	}
}

// judge is what cades hands a message to that it has read: importers call cades.Message.Verify, and not this.
const judge = "Message mentions github.com/seed-116355fd/signet/internal/message.Message"

// TestLeaksAreFound has an identifier of each kind that mentions a type of an internal package, and others that do not.
func TestLeaksAreFound(t *testing.T) {
	fset := token.NewFileSet()
	made := func(path, source string, from types.Importer) *types.Package {
		f, err := parser.ParseFile(fset, "x.go", source, 0)
		require.NoError(t, err)
		p, err := (&types.Config{Importer: from}).Check(path, fset, []*ast.File{f}, nil)
		require.NoError(t, err)
		return p
	}
	inner := made("example.org/internal/inner", "package inner\ntype T struct{}\nfunc (T) M(T) {}\ntype G[P any] struct{ x P }", nil)
	outer := made("example.org/outer", `package outer
import "example.org/internal/inner"
type Alias = inner.T
type Field struct { F []*inner.T }
type Embedded struct { inner.T }
type hidden struct{ inner.T }
type Promoted struct { hidden }
type Method struct{}
func (Method) M() map[string]inner.T { return nil }
type Pointer struct{}
func (*Pointer) M(func(inner.T)) {}
type Interface interface { M() chan inner.T }
type Parameter[P interface{ M(inner.T) }] struct{}
type Argument struct { F inner.G[int] }
func Func(...inner.T) {}
var Var [2]inner.T
const Const = 1
type Fine struct { f inner.T }
func (Fine) m(inner.T) {}
func (Fine) M(Fine) error { return nil }
func fine(inner.T) {}
var any inner.T
`, only{inner})
	found := map[string]bool{}
	for _, leak := range leaks(outer) {
		name, _, _ := strings.Cut(leak, " ")
		found[name] = true
	}
	for _, name := range []string{"Alias", "Field", "Embedded", "Promoted", "Method", "Pointer", "Interface", "Parameter", "Argument", "Func", "Var"} {
		require.Contains(t, found, name)
		delete(found, name)
	}
	require.Empty(t, found)
}

// only imports one package.
type only struct{ p *types.Package }

func (o only) Import(string) (*types.Package, error) { return o.p, nil }

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Name, Export string // Export is the file with its types
	DepOnly                  bool
}

// Public reports whether others can import the package.
func (p *pkg) Public() bool {
	return !p.DepOnly && p.Name != "main" && p.Export != "" && !internal(p.ImportPath)
}

func internal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

// listed are the packages of a module and what they depend on.
func listed(t *testing.T, module string) []*pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Name,Export,DepOnly", "./...")
	cmd.Dir, cmd.Stderr = module, os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var all []*pkg
	for d := json.NewDecoder(out); ; {
		p := &pkg{}
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
	require.NoError(t, cmd.Wait())
	return all
}

// leaks names what exported identifiers mention of internal packages.
func leaks(p *types.Package) (all []string) {
	for _, name := range p.Scope().Names() {
		o := p.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		l := &mentions{}
		l.of(o.Type())
		if declared, ok := o.(*types.TypeName); ok {
			l.declared(declared)
		}
		for _, what := range l.found {
			all = append(all, fmt.Sprintf("%s mentions %s", name, what))
		}
	}
	return all
}

// mentions gathers types of internal packages.
type mentions struct {
	found []string
	seen  []types.Type
}

// declared looks into what a type declaration shows: fields, methods, promoted ones too.
func (m *mentions) declared(o *types.TypeName) {
	named, ok := o.Type().(*types.Named)
	if !ok {
		return
	}
	for p := range named.TypeParams().TypeParams() {
		m.of(p.Constraint())
	}
	m.of(named.Underlying())
	methods := types.NewMethodSet(types.NewPointer(named))
	for s := range methods.Methods() {
		if s.Obj().Exported() {
			m.of(s.Type())
		}
	}
}

// of looks into a type, but not into what another declaration shows.
func (m *mentions) of(t types.Type) {
	if slices.Contains(m.seen, t) {
		return
	}
	m.seen = append(m.seen, t)
	switch t := t.(type) {
	case *types.Named:
		if p := t.Obj().Pkg(); p != nil && internal(p.Path()) {
			m.found = append(m.found, t.String())
		}
		for a := range t.TypeArgs().Types() {
			m.of(a)
		}
	case *types.Alias:
		m.of(types.Unalias(t))
	case *types.Pointer:
		m.of(t.Elem())
	case *types.Slice:
		m.of(t.Elem())
	case *types.Array:
		m.of(t.Elem())
	case *types.Chan:
		m.of(t.Elem())
	case *types.Map:
		m.of(t.Key())
		m.of(t.Elem())
	case *types.Signature:
		m.of(t.Params())
		m.of(t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			m.of(v.Type())
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				m.of(f.Type())
			}
		}
	case *types.Interface:
		for f := range t.Methods() {
			m.of(f.Type())
		}
		for e := range t.EmbeddedTypes() {
			m.of(e)
		}
	case *types.Union:
		for term := range t.Terms() {
			m.of(term.Type())
		}
	}
}
