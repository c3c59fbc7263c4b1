package pades

import (
	"encoding/json"

	"github.com/seed-116355fd/signet/cades"
)

// reportVersion is that of the form which docs/container.schema.json describes. Fields may be added to it.
const reportVersion = 1

type reportJSON struct {
	Version int           `json:"version"`
	Valid   bool          `json:"valid"`
	Trusted bool          `json:"trusted"`
	Behind  int64         `json:"behind"`
	Report  *cades.Report `json:"report,omitempty"`
}

// MarshalJSON writes the outcome in a stable form, which docs/container.schema.json describes.
func (r Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(reportJSON{reportVersion, r.Valid(), r.Trusted(), r.Behind, r.Message})
}
