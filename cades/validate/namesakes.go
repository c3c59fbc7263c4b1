package validate

import (
	"cmp"
	"context"
	"slices"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/pki"
)

// amongNamesakes chooses among the certificates that a signer identifier names, when the signer signed no hash of his. Anybody can make
// another one of the same issuer and serial number, and put it before his: so it is the one with the key that made the value, and
// of several with that key the one that leads to a root.
func (v *verifier) amongNamesakes(j *judgement, first *pki.Certificate) *pki.Certificate {
	all := v.candidates.AllIdentified(j.s.SI.SID)
	if len(all) < 2 {
		return first
	}
	cost := make(map[*pki.Certificate]int, len(all))
	for _, c := range all {
		if !j.work.SpendSteps(1) || !j.work.SpendOctets(len(c.SPKI)) {
			return first
		}
		cost[c] = algorithm.Cost(c.SPKI)
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *pki.Certificate) int { return cmp.Compare(cost[a], cost[b]) })
	half := j.work.Part(2)
	var made []*pki.Certificate
	keys := map[string]bool{}
	for _, c := range all {
		holds, tried := keys[string(c.SPKI)]
		if !tried {
			trial := &judgement{s: j.s, cert: c, work: half}
			v.value(trial)
			worst, _ := trial.r.worst(CheckSignature)
			holds = worst.Status == Passed || worst.Status == Tolerated
			keys[string(c.SPKI)] = holds
		}
		if holds {
			made = append(made, c)
		}
	}
	if len(made) == 0 {
		return first
	}
	for _, c := range made {
		if len(made) > 1 && v.leads(c, half) {
			return c
		}
	}
	return made[0]
}

// leads reports whether there is a path for a certificate at a time at which it was valid.
func (v *verifier) leads(c *pki.Certificate, work *pki.Work) bool {
	v.prepare()
	at := v.now()
	if at.After(c.NotAfter) {
		at = c.NotAfter
	}
	rules := &certificateRules{registry: v.registry(), at: at}
	find := pki.Verifier{
		Anchors: v.o.Roots.Index().(*pki.Anchors), Pools: v.pools, Time: at, Purpose: pki.AnyUse, Work: work, Signature: rules.verify, Remark: rules.remark,
	}
	_, err := find.Path(context.Background(), c)
	return err == nil
}
