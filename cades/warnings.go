package cades

import (
	"fmt"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// Warnings says, one sentence each, what will become of signatures that a signer makes with these options, and is no reason to refuse
// them: that the key or scheme does not count any more by the dates of ETSI TS 119 312 ([trust.StrictAlgorithms]), or will not before
// the certificate ends when the level has nothing that proves the time. It asks nobody and does not touch the key; there is none for
// algorithms that the catalogue does not know.
func (o *Options) Warnings(s *sign.Signer) []string {
	if o == nil {
		o = &Options{}
	}
	if s == nil {
		return nil
	}
	now, end := o.time(), s.Certificate().NotAfter
	today := o.judge(s, now)
	if bad(today) {
		return []string{fmt.Sprintf("%s counts no more%s by ETSI TS 119 312, and verifiers may refuse the signature; use another key or scheme", today.Algorithm, since(today))}
	}
	if o.Level >= LevelT || !end.After(now) {
		return nil // a time-stamp proves when it was made
	}
	later := o.judge(s, end)
	if !bad(later) {
		return nil
	}
	return []string{fmt.Sprintf("the certificate is valid until %s, and %s does not count after %s by ETSI TS 119 312, when nothing at level %s proves that the signature is older; sign at level t or above, or use another key or scheme",
		end.UTC().Format(time.DateOnly), later.Algorithm, later.Since.UTC().Format(time.DateOnly), o.EffectiveLevel())}
}

func bad(j algorithm.Judgement) bool {
	return j.Decision == algorithm.Forbidden || j.Decision == algorithm.Tolerated
}

func since(j algorithm.Judgement) string {
	if j.Since.IsZero() {
		return ""
	}
	return " since " + j.Since.UTC().Format(time.DateOnly)
}

// judge asks the catalogue about the signature at a time.
func (o *Options) judge(s *sign.Signer, at time.Time) algorithm.Judgement {
	scheme := s.Scheme()
	v, err := cms.ReadValue(scheme.SignatureAlg)
	if err != nil {
		return algorithm.Judgement{}
	}
	alg, err := cms.ParseAlgorithm(v)
	if err != nil {
		return algorithm.Judgement{}
	}
	catalogue := &trust.Algorithms{Preset: trust.StrictAlgorithms, Schemes: []sign.Scheme{*scheme}}
	registry := catalogue.Registry().(*algorithm.Registry)
	return registry.Judge(algorithm.Question{Use: algorithm.UseMessage, Algorithm: alg, Digest: oidOf(scheme.DigestAlg), SPKI: s.Certificate().RawSubjectPublicKeyInfo, Time: at})
}
