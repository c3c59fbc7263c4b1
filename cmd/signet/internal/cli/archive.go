package cli

import (
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/tsp"
)

// archive says until when the archive time-stamps of a message prove something.
type archive struct {
	levels map[cades.Level]bool
	due    map[cades.Level][]int // signatures that end before the time
	level  string
	ends   time.Time // the earliest end; the zero time when something ended at a time that is not known
	why    string    // what ends then
}

func (s *archive) fill(one *renewed) {
	if one.Archive = len(s.levels) != 0; !one.Archive {
		return
	}
	one.Level, one.Why, one.Ends = s.level, s.why, nil
	if !s.ends.IsZero() {
		ends := s.ends.UTC()
		one.Ends = &ends
	}
}

// look finds the ends of the archive time-stamps of a message: those of each signature, of which the earliest counts.
func (r *renewal) look(m *cades.Message) *archive {
	state := &archive{levels: map[cades.Level]bool{}, due: map[cades.Level][]int{}}
	for i, s := range m.Signatures() {
		level := s.Level()
		if level != cades.LevelLTA && level != cades.LevelA {
			continue
		}
		ends, why := r.newest(s)
		if len(state.levels) == 0 || ends.Before(state.ends) {
			state.ends, state.why, state.level = ends, why, s.LevelName()
		}
		state.levels[level] = true
		if ends.Before(r.before) {
			state.due[level] = append(state.due[level], i)
		}
	}
	return state
}

// newest returns when the newest archive time-stamp of a signature ends, and what ends then. One that anybody could have
// put there does not count: a token that is not well made, that is of the future, or, when authorities are named, of
// another one. Else whoever has the file could keep it from being renewed.
func (r *renewal) newest(s *cades.Signature) (ends time.Time, why string) {
	var newest *tsp.Token
	for _, t := range s.Timestamps() {
		switch t.Kind {
		case cades.ArchiveTimestampV1, cades.ArchiveTimestampV2, cades.ArchiveTimestampV3:
		default:
			continue
		}
		if t.Token == nil || t.Token.GenTime.After(r.Now().Add(maxSkew)) || newest != nil && t.Token.GenTime.Before(newest.GenTime) {
			continue
		}
		if t.Token.Verify(t.Token.Imprint, &tsp.VerifyOptions{Certificates: r.trust.known, Roots: r.trust.timestamps, Clock: r.Now, Algorithms: schemes.Algorithms()}) == nil {
			newest = t.Token
		}
	}
	if newest == nil {
		return time.Time{}, "there is no archive time-stamp in it that counts"
	}
	return r.endOf(newest)
}

// maxSkew is how far the clock of an authority may be ahead of the one here.
const maxSkew = 10 * time.Minute

// endOf returns when a time-stamp stops proving anything without another one above it: when the certificate of its
// authority expires, or an algorithm is no longer good.
func (r *renewal) endOf(token *tsp.Token) (ends time.Time, why string) {
	c := token.Certificate(r.trust.known...)
	if c == nil {
		return time.Time{}, "the certificate of the authority of its newest time-stamp cannot be read"
	}
	ends, why = c.NotAfter, "the certificate of "+inspect.Name(c.RawSubject)+" expires"
	sd, err := cms.ParseSignedData(token.Raw)
	if err != nil || len(sd.Signers) == 0 {
		return time.Time{}, "its newest time-stamp cannot be read"
	}
	registry, si := &algorithm.Registry{Schemes: schemes.All()}, &sd.Signers[0]
	judgements := []algorithm.Judgement{
		registry.Judge(algorithm.Question{Use: algorithm.UseTimestamp, Algorithm: si.Algorithm, Digest: si.Digest.ID, SPKI: c.RawSubjectPublicKeyInfo, Time: r.before}),
	}
	if v, err := cms.ReadValue(token.Imprint.Algorithm); err == nil {
		if a, err := cms.ParseAlgorithm(v); err == nil {
			judgements = append(judgements, registry.JudgeHash(algorithm.UseImprint, a.ID, r.before))
		}
	}
	for _, j := range judgements {
		if j.Decision != algorithm.Allowed && j.Since.Before(ends) {
			ends, why = j.Since, j.Algorithm+" is no longer good"
		}
	}
	return ends, why
}
