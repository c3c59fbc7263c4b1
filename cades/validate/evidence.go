package validate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/internal/pki"
)

// Proofs of existence (EN 319 102-1 section 5.6.2). A time-stamp by an authority that is trusted proves that what it is over
// existed at its time. Its own certificate has to be good at the time at which the token itself is known to exist: now, or the
// time of a later time-stamp over it. So they are looked at from the newest inwards.

// proofs judges the time-stamps of a signature, and sets the time at which it is known to have existed.
func (v *verifier) proofs(ctx context.Context, r *SignatureReport, s *message.Signature) {
	r.BestTime = v.now().UTC()
	all := v.stamps(s)
	order := make([]int, len(all))
	known := make([]time.Time, len(all)) // when the token is known to have existed
	for i := range all {
		order[i], known[i] = i, r.BestTime
	}
	slices.SortStableFunc(order, func(a, b int) int { return newer(all[a], all[b]) })
	r.Timestamps = make([]TimestampReport, len(all))
	for _, i := range order {
		c := all[i]
		t := &r.Timestamps[i]
		*t = v.stampReport(c)
		if c.status != Passed {
			t.Indication, t.Sub = outcomeOf(c.cause)
			t.Cause, t.Reason = c.cause, c.detail
			continue
		}
		if t.Reason = v.authority(ctx, t, c, known[i]); t.Reason != "" {
			if t.Cause == "" {
				t.Cause = causeOf(Indeterminate, t.Sub)
			}
			continue
		}
		t.Indication, t.Cause = TotalPassed, CausePassed
		if c.proves() && t.Time.Before(r.BestTime) {
			r.BestTime, r.Proof = t.Time, fmt.Sprintf("%s of %s", c.Kind, t.Time.UTC().Format(time.RFC3339))
		}
		for _, j := range order {
			if j == i || !t.Time.Before(known[j]) || !v.appended.SpendSteps(1) {
				continue
			}
			if v.covers(c, all[j]) {
				known[j] = t.Time
			}
		}
	}
	for i, c := range all {
		v.stampLine(r, i, c)
	}
}

// newer orders time-stamps from the newest, and of the same time the outer ones first.
func newer(a, b *stampCheck) int {
	at := func(c *stampCheck) time.Time {
		if c.Token == nil {
			return time.Time{}
		}
		return c.Token.GenTime
	}
	if n := at(b).Compare(at(a)); n != 0 {
		return n
	}
	return int(b.Kind) - int(a.Kind)
}

func (v *verifier) stampReport(c *stampCheck) TimestampReport {
	t := TimestampReport{Kind: c.Kind.String()}
	if c.Token != nil {
		t.Time, t.Policy, t.Serial, t.Digest = c.Token.GenTime.UTC(), c.Token.Policy, c.Token.SerialNumber.Text(16), c.hash.Name()
	}
	if c.cert != nil {
		t.Signer = v.certificateReport(c.cert)
		t.Authority = certificateName(c.cert)
	}
	return t
}

// authority looks whether a time-stamp is by an authority that is trusted, at a time at which the token is known to exist.
func (v *verifier) authority(ctx context.Context, t *TimestampReport, c *stampCheck, at time.Time) (problem string) {
	now := v.now()
	roots := v.o.TimestampRoots
	if roots == nil {
		roots = v.o.Roots
	}
	switch {
	case t.Time.After(now.Add(v.skew())):
		t.Sub = timestampFuture
		return fmt.Sprintf("it is from the future: the time of validation is %s", now.UTC().Format(time.RFC3339))
	case roots == nil:
		t.Sub, t.Cause = NoChain, CauseNoRoots
		return "no trusted roots were given, so nothing says who its authority is"
	case c.cert == nil:
		t.Sub = NoSigner
		return "the certificate of its authority is not there"
	}
	if at.After(now) {
		at = now
	}
	// A fair share for each: an authority of a stranger can have any number of costly ways to nowhere.
	work := v.appended.Share(max(1, len(v.authorities)))
	delete(v.authorities, c.cert)
	path, checked, err := v.judge(ctx, roots, c.cert, at, pki.TimestampAuthority, work)
	if err == nil && path != nil {
		target := path.Certificates[0]
		if !target.ValidAt(t.Time) {
			t.Sub = OutOfBounds
			return fmt.Sprintf("its time is outside the validity of its authority's certificate, which ends on %s", target.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if err != nil {
		t.Sub = subOf(err)
		if finer, ok := causeOfPath(err); ok {
			t.Cause = finer
		}
		if reason, ok := errors.AsType[*pki.Error](err); ok && reason.Reason == pki.Expired && !at.Before(now) {
			return fmt.Sprintf("%s; a newer time-stamp over it would have kept it", err)
		}
		return err.Error()
	}
	t.Revocation = checked.text()
	if weak := v.tokenAlgorithms(c, at); weak != "" {
		t.Sub = WeakAlgorithm
		return weak
	}
	if policy := c.Token.Policy; len(v.rules.TimestampPolicies) != 0 && !slices.Contains(v.rules.TimestampPolicies, policy) {
		t.Sub = Constraints
		return fmt.Sprintf("it was issued under the policy %s, which is none of those that count here", policy)
	}
	if checked.open != "" {
		t.Sub = TryLater
		return checked.open
	}
	return ""
}

// tokenAlgorithms says why the algorithms of a token do not count at the time at which it is known to have existed: its own time is what
// whoever made it says.
func (v *verifier) tokenAlgorithms(c *stampCheck, at time.Time) string {
	if j := v.registry().JudgeHash(algorithm.UseImprint, c.hash, at); j.Decision == algorithm.Forbidden {
		return j.Sentence
	}
	si := &c.Token.SD.Signers[0]
	q := algorithm.Question{Use: algorithm.UseTimestamp, Algorithm: si.Algorithm, Digest: si.Digest.ID, SPKI: c.cert.SPKI, Time: at}
	if j := v.registry().Judge(q); j.Decision == algorithm.Forbidden {
		return j.Sentence
	}
	return ""
}

// skew is how far the clock of an authority may be ahead.
func (v *verifier) skew() time.Duration { return 5 * time.Minute }

// proves reports whether the time-stamp is over the signature value. One over references is not (RFC 5126 section 6.3.6): they
// can be had from any signature of the same signer.
func (c *stampCheck) proves() bool {
	return c.Kind != message.ContentTimestamp && c.Kind != message.ReferencesTimestamp
}

// covers reports whether this time-stamp is over another one of the same signature.
func (v *verifier) covers(c, other *stampCheck) bool {
	if other.Signed { // what the signer signed existed when the signature did
		return c.proves()
	}
	switch c.Kind {
	case message.CTimestamp:
		return other.Kind == message.SignatureTimestamp
	case message.ArchiveTimestampV1, message.ArchiveTimestampV2: // over the attributes that were there
		return c.signature.IsOver(c.Timestamp, other.Timestamp)
	case message.ArchiveTimestampV3:
		if c.idx == nil {
			return false
		}
		h, ok := v.registry().Hash(c.idx.Algorithm)
		return ok && c.idx.Has(h, c.signature, other.At, other.Pos)
	}
	return false
}

// stampLine puts a time-stamp into the list of checks.
func (v *verifier) stampLine(r *SignatureReport, i int, c *stampCheck) {
	t := &r.Timestamps[i]
	name := fmt.Sprintf("%d, %s", i+1, c.Kind)
	if c.Token != nil {
		name += " of " + t.Time.UTC().Format(time.RFC3339)
	}
	passed, weak := Passed, ""
	if c.Token != nil {
		if weak = c.Token.Weakness(v.registry()); weak != "" {
			passed, weak = Tolerated, "; "+weak
		}
		if unknown := c.Token.Unknown(v.registry()); unknown != "" && c.status == Passed {
			passed, weak = Tolerated, weak+"; "+unknown
		}
	}
	switch {
	case t.Indication == TotalPassed:
		r.add(CheckTimestamp, passed, "%s by %s%s", name, t.Authority, weak)
	case c.status == Passed && v.o.TimestampRoots == nil && v.o.Roots == nil:
		r.add(CheckTimestamp, passed, "%s; %s%s", name, t.Reason, weak)
	case c.status == Failed:
		r.add(CheckTimestamp, Failed, "%s: %s", name, t.Reason)
	default:
		r.add(CheckTimestamp, Unchecked, "%s: %s%s", name, t.Reason, weak)
	}
}
