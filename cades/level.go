package cades

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// Level is how much a signature carries to prove itself. The zero value is none: [Options] make BES of it, and no signature has
// it. What is greater proves no less, but see [Level.AtLeast] for those that are equals. With a [Policy], BES is also called EPES.
type Level int

// Levels of EN 319 122-1 (B-B to B-LTA), and the older forms of RFC 5126, by what they prove.
const (
	LevelPKCS7  Level = iota + 1 // content-type, message-digest and signing-time only
	LevelBES                     // B-B: bound to its certificate
	LevelT                       // B-T: with a time-stamp on the signature
	LevelC                       // RFC 5126: with references to certificates and revocation values
	LevelLT                      // B-LT: with certificates and revocation values for later
	LevelXLong1                  // RFC 5126: with these values, and a time-stamp over the references
	LevelLTA                     // B-LTA: with a time-stamp over all that
	LevelA                       // RFC 5126: with an archive time-stamp
)

// levels has the names of each level: the one that is written, then others that are read.
var levels = [...]struct {
	name  string
	proof int // levels of the same proof are equals
	read  []string
}{
	LevelPKCS7:  {"PKCS7", 1, []string{"pkcs7", "cms"}},
	LevelBES:    {"CAdES-BES", 2, []string{"bes", "b", "bb"}},
	LevelT:      {"CAdES-T", 3, []string{"t", "bt"}},
	LevelC:      {"CAdES-C", 4, []string{"c"}},
	LevelLT:     {"CAdES-LT", 5, []string{"lt", "blt"}},
	LevelXLong1: {"CAdES-X Long Type 1", 5, []string{"xlong1", "xl", "xl1", "xlt1", "xlong", "xlongtype1"}},
	LevelLTA:    {"CAdES-LTA", 6, []string{"lta", "blta"}},
	LevelA:      {"CAdES-A", 6, []string{"a"}},
}

// Levels returns all levels, in their order.
func Levels() []Level {
	return []Level{LevelPKCS7, LevelBES, LevelT, LevelC, LevelLT, LevelXLong1, LevelLTA, LevelA}
}

func (l Level) known() bool { return l >= LevelPKCS7 && l <= LevelA }

// AtLeast reports whether a signature of this level proves what one of the other level does: LTA is at least LT, which is at least
// C, T, BES and PKCS7. LT and X Long Type 1 hold the same values and are equals, as LTA and A are, each being at least the other.
// Nothing is at least a level that there is not, nor is such a level at least anything.
func (l Level) AtLeast(other Level) bool {
	return l.known() && other.known() && levels[l].proof >= levels[other].proof
}

// String names the level as ETSI does, in its older and plainer form: CAdES-BES, CAdES-T.
func (l Level) String() string {
	if !l.known() {
		return fmt.Sprintf("level %d", int(l))
	}
	return levels[l].name
}

// MarshalText writes the short name, "lta", and nothing for the zero value.
func (l Level) MarshalText() ([]byte, error) {
	switch {
	case l == 0:
		return nil, nil
	case !l.known():
		return nil, &sign.Error{Op: "cades: level", Place: l.String(), Class: sign.ErrUnsupported}
	}
	return []byte(levels[l].read[0]), nil
}

// UnmarshalText is [ParseLevel]; an empty text is the zero value.
func (l *Level) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*l = 0
		return nil
	}
	*l, err = ParseLevel(string(text))
	return err
}

// LogValue is the name.
func (l Level) LogValue() slog.Value { return slog.StringValue(l.String()) }

// ParseLevel reads the short names (pkcs7, bes, t, lt, lta, c, xlong1, a), what [Level.String] writes, and the spellings of
// products and standards: B-B to B-LTA, "CAdES-T", "X Long Type 1". Case, spaces, dashes and a "CAdES" or "baseline" in front
// do not matter. Beside an error, which is of class [sign.ErrUnsupported], there is no level.
func ParseLevel(name string) (Level, error) {
	short := strings.NewReplacer(" ", "", "-", "", "_", "", "#", "").Replace(strings.ToLower(name))
	short = strings.TrimPrefix(strings.TrimPrefix(short, "cades"), "baseline")
	for l, names := range levels {
		if slices.Contains(names.read, short) {
			return Level(l), nil
		}
	}
	return 0, &sign.Error{Op: "cades: level", Place: fmt.Sprintf("%.20q", name), Class: sign.ErrUnsupported, Hint: "choose one of pkcs7, bes, t, lt, lta, c, xlong1, a"}
}
