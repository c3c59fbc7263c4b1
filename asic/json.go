package asic

import (
	"encoding/json"

	"github.com/seed-116355fd/signet/cades"
)

// reportVersion is that of the form which docs/container.schema.json describes. Fields may be added to it.
const reportVersion = 1

type reportJSON struct {
	Version    int               `json:"version"`
	Kind       string            `json:"kind"`
	Valid      bool              `json:"valid"`
	Trusted    bool              `json:"trusted"`
	Signatures []SignatureReport `json:"signatures"`
	Unsigned   []string          `json:"unsigned,omitempty"`
}

type signatureJSON struct {
	Name     string        `json:"name"`
	Manifest string        `json:"manifest,omitempty"`
	Valid    bool          `json:"valid"`
	Trusted  bool          `json:"trusted"`
	Files    []FileReport  `json:"files"`
	Unread   string        `json:"unread,omitempty"`
	Report   *cades.Report `json:"report,omitempty"`
}

type fileJSON struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty"`
}

// MarshalJSON writes the outcome in a stable form, which docs/container.schema.json describes.
func (r Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(reportJSON{reportVersion, r.Kind.String(), r.Valid(), r.Trusted(), append([]SignatureReport{}, r.Signatures...), r.Unsigned})
}

// MarshalJSON writes the outcome for one signature; see [Report.MarshalJSON].
func (r SignatureReport) MarshalJSON() ([]byte, error) {
	s := signatureJSON{Name: r.Name, Manifest: r.Manifest, Valid: r.Valid(), Trusted: r.Trusted(), Files: append([]FileReport{}, r.Files...), Report: r.Message}
	if r.Unread != nil {
		s.Unread = r.Unread.Error()
	}
	return json.Marshal(s)
}

// MarshalJSON writes the outcome for one file; see [Report.MarshalJSON].
func (r FileReport) MarshalJSON() ([]byte, error) {
	f := fileJSON{Name: r.Name}
	if r.Err != nil {
		f.Error = r.Err.Error()
	}
	return json.Marshal(f)
}
