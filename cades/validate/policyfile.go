package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPolicyFile bounds a policy in octets.
const maxPolicyFile = 1 << 20

// policyFile is how a [Policy] is written down. What is absent is as in the preset.
type policyFile struct {
	Preset     string `json:"preset"` // "default", "strict", "lenient"
	Name       string `json:"name"`
	Algorithms *struct {
		Preset string            `json:"preset"`
		MinRSA int               `json:"minRSA"`
		MinDSA int               `json:"minDSA"`
		MinEC  int               `json:"minEC"`
		Until  map[string]string `json:"until"` // a day, or "never"
	} `json:"algorithms"`
	RequireBinding      *bool    `json:"requireBinding"`
	Revocation          *string  `json:"revocation"` // "named", "signer", "all", "none"
	MaxAge              *string  `json:"maxAge"`     // "24h", "30d"
	Grace               *string  `json:"grace"`
	Level               *string  `json:"level"`
	RequireTimestamp    *bool    `json:"requireTimestamp"`
	TimestampPolicies   []string `json:"timestampPolicies"`
	CertificatePolicies []string `json:"certificatePolicies"`
	RefuseOddities      *bool    `json:"refuseOddities"`
}

// ParsePolicy reads a policy in JSON, such as
//
//	{"preset": "strict", "algorithms": {"minRSA": 3000, "until": {"SHA-224": "2026-01-01"}}, "maxAge": "24h", "level": "B-T"}
//
// The fields are those of [Policy] with a small letter in front; preset says what the rest changes. What is not known, misspelt or there
// twice is an error, since it would be a demand that nobody makes.
func ParsePolicy(data []byte) (*Policy, error) {
	if len(data) > maxPolicyFile {
		return nil, wrong("policy", "a policy has %d octets at most", maxPolicyFile)
	}
	if err := exactNames(data, reflect.TypeFor[policyFile]()); err != nil {
		return nil, wrong("policy", "the policy cannot be read: %w", err)
	}
	var f policyFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, wrong("policy", "the policy cannot be read: %w", jsonProblem(err))
	}
	p, err := f.policy()
	if err == nil {
		err = p.Err()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// PolicyNamed returns a preset by its name: default, strict, lenient. ok is false for others.
func PolicyNamed(name string) (p *Policy, ok bool) {
	switch name {
	case "default":
		return &Policy{Name: "default"}, true
	case "strict":
		return Strict(), true
	case "lenient":
		return Lenient(), true
	}
	return nil, false
}

func (f *policyFile) policy() (*Policy, error) {
	preset := f.Preset
	if preset == "" {
		preset = "default"
	}
	p, ok := PolicyNamed(preset)
	if !ok {
		return nil, wrong("policy", "there is no preset %q; choose one of default, strict, lenient", preset)
	}
	p.Name = "custom"
	if f.Name != "" {
		p.Name = f.Name
	}
	if a := f.Algorithms; a != nil {
		if a.Preset != "" {
			p.Algorithms.Preset = a.Preset
		}
		p.Algorithms.MinRSA, p.Algorithms.MinDSA, p.Algorithms.MinEC = a.MinRSA, a.MinDSA, a.MinEC
		for name, day := range a.Until {
			end, err := parseDay(day)
			if err != nil {
				return nil, wrong("policy", "algorithms.until of %s: %w", name, err)
			}
			if p.Algorithms.Until == nil {
				p.Algorithms.Until = map[string]time.Time{}
			}
			p.Algorithms.Until[name] = end
		}
	}
	if f.Revocation != nil {
		words := coverageWords()
		at := slices.Index(words[:], *f.Revocation)
		if at < 0 {
			return nil, wrong("policy", "revocation is %q; choose one of %s", *f.Revocation, strings.Join(words[:], ", "))
		}
		p.Revocation = Coverage(at)
	}
	for _, d := range []struct {
		name string
		from *string
		to   *time.Duration
	}{{"maxAge", f.MaxAge, &p.MaxAge}, {"grace", f.Grace, &p.Grace}} {
		if d.from == nil {
			continue
		}
		long, err := parseSpan(*d.from)
		if err != nil {
			return nil, wrong("policy", "%s is %q; write a time span such as 24h or 30d", d.name, *d.from)
		}
		*d.to = long
	}
	for _, b := range []struct{ from, to *bool }{{f.RequireBinding, &p.RequireBinding}, {f.RequireTimestamp, &p.RequireTimestamp}, {f.RefuseOddities, &p.RefuseOddities}} {
		if b.from != nil {
			*b.to = *b.from
		}
	}
	if f.Level != nil {
		p.Level = *f.Level
	}
	p.TimestampPolicies, p.CertificatePolicies = f.TimestampPolicies, f.CertificatePolicies
	return p, nil
}

func parseDay(s string) (time.Time, error) {
	if s == "never" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no day; write 2012-08-01, or never", s)
}

// maxDays keeps a span within what time.Duration can hold.
const maxDays = 36500

func parseSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > maxDays {
			return 0, errors.New("not a number of days")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// exactNames refuses what package json lets pass: names in other letters, names that are there twice, null, and whatever follows.
func exactNames(data []byte, shape reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := exactValue(d, shape, 0); err != nil {
		return jsonProblem(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}

// maxPolicyDepth bounds the nesting, of which a policy has three levels.
const maxPolicyDepth = 8

func exactValue(d *json.Decoder, shape reflect.Type, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t == nil {
		return errors.New("null says nothing; leave the field out")
	}
	if depth > maxPolicyDepth {
		return errors.New("it is nested too deep")
	}
	for shape != nil && shape.Kind() == reflect.Pointer {
		shape = shape.Elem()
	}
	switch t {
	case json.Delim('['):
		for d.More() {
			if err := exactValue(d, nil, depth+1); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			if seen[name] {
				return fmt.Errorf("the field %q is there twice", name)
			}
			seen[name] = true
			inner, ok := fieldOf(shape, name)
			if !ok {
				return fmt.Errorf("there is no field %q", name)
			}
			if err := exactValue(d, inner, depth+1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token() // the end
	return err
}

// fieldOf finds what a field holds; of maps, any name will do.
func fieldOf(shape reflect.Type, name string) (reflect.Type, bool) {
	switch {
	case shape == nil:
		return nil, false
	case shape.Kind() == reflect.Map:
		return shape.Elem(), true
	case shape.Kind() != reflect.Struct:
		return nil, false
	}
	for i := range shape.NumField() {
		if f := shape.Field(i); f.Tag.Get("json") == name {
			return f.Type, true
		}
	}
	return nil, false
}

// jsonProblem says for people what is wrong with JSON.
func jsonProblem(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON from octet %d on", e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the field %q holds a %s", e.Field, e.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle")
	}
	return err
}
