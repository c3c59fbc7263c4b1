package shelf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Keys of the bucket. All that has to be known of parts is in their keys, so that one listing of an item is enough:
//
//	<owner>/<item>/m.<seq>.<stamp>.<count>.<size>.<kind>.<id>                        manifest; kind i is an item, g the grave of one
//	<owner>/<item>/p.<gen>.<index>.<last>.<stamp>.<size>.<digest>.<id>[.<data>]      part; its octets, or none and those of an object d
//	<owner>/<item>/d.<stamp>.<id>                                                    octets of a part that was streamed
//
// seq counts the manifests of an item, gen is the seq of the newest one when the part came. Stamps are microseconds of 1970.
var (
	manifestPattern = regexp.MustCompile(`^m\.(\d{1,9})\.(\d{1,17})\.(\d{1,5})\.(\d{1,18})\.([ig])\.([0-9a-f]{16})$`)
	partPattern     = regexp.MustCompile(`^p\.(\d{1,9})\.(\d{1,5})\.([ln])\.(\d{1,17})\.(\d{1,18})\.([0-9a-f]{64})\.([0-9a-f]{16})((?:\.\d{1,17}\.[0-9a-f]{16})?)$`)
	dataPattern     = regexp.MustCompile(`^d\.(\d{1,17})\.([0-9a-f]{16})$`)
	placePattern    = regexp.MustCompile(`^[0-9a-f]{40}/[0-9a-f]{40}/$`)
	// tempPattern is what package fileblob leaves when its process is killed.
	tempPattern = regexp.MustCompile(`^[0-9a-f]{40}/[0-9a-f]{40}/[mpd]\.[0-9a-z.]+\.[0-9a-f]+\.tmp$`)
)

// ownerPlace and place are the prefixes of an owner, and of an item. Both are digests: owners and names are anybody's, and
// could climb out of a folder, meet in file systems without case, or be too long for them.
func ownerPlace(owner string) string {
	sum := sha256.Sum256([]byte("signet shelf owner\x00" + owner))
	return hex.EncodeToString(sum[:20]) + "/"
}

func place(owner, bare string) string {
	sum := sha256.Sum256([]byte("signet shelf item\x00" + bare))
	return ownerPlace(owner) + hex.EncodeToString(sum[:20]) + "/"
}

type manifestKey struct {
	at    string
	seq   int64
	stamp int64
	count int
	size  int64
	grave bool
	id    string
}

func (m *manifestKey) String() string {
	kind := "i"
	if m.grave {
		kind = "g"
	}
	return fmt.Sprintf("%sm.%d.%d.%d.%d.%s.%s", m.at, m.seq, m.stamp, m.count, m.size, kind, m.id)
}

// newer orders the manifests of an item. Two processes can make the same seq at once.
func (m *manifestKey) newer(o *manifestKey) bool {
	switch {
	case m.seq != o.seq:
		return m.seq > o.seq
	case m.stamp != o.stamp:
		return m.stamp > o.stamp
	}
	return m.id > o.id
}

func (m *manifestKey) expired(now int64, keep time.Duration) bool {
	return now-m.stamp >= keep.Microseconds()
}

type partKey struct {
	at     string
	gen    int64
	index  int
	last   bool
	stamp  int64
	size   int64
	digest string
	id     string
	data   string // ".<stamp>.<id>" of the object d; empty when the octets are in the part itself
}

func (p *partKey) String() string {
	last := "n"
	if p.last {
		last = "l"
	}
	return fmt.Sprintf("%sp.%d.%d.%s.%d.%d.%s.%s%s", p.at, p.gen, p.index, last, p.stamp, p.size, p.digest, p.id, p.data)
}

// object is the key of the octets.
func (p *partKey) object() string {
	if p.data != "" {
		return p.at + "d" + p.data
	}
	return p.String()
}

// newer orders the parts of one index.
func (p *partKey) newer(o *partKey) bool {
	if p.stamp != o.stamp {
		return p.stamp > o.stamp
	}
	return p.id > o.id
}

// splitKey cuts a key into the place of its item and the rest; ok is false for what is not of a shelf.
func splitKey(key string) (at, rest string, ok bool) {
	i := strings.LastIndexByte(key, '/') + 1
	return key[:i], key[i:], placePattern.MatchString(key[:i])
}

// parseKey returns one of *manifestKey, *partKey and *dataKey, or nil for what is not of a shelf.
func parseKey(key string) any {
	at, rest, ok := splitKey(key)
	if !ok {
		return nil
	}
	// The patterns let nothing through that is no number.
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }
	var k fmt.Stringer
	switch kind, _, _ := strings.Cut(rest, "."); kind {
	case "p":
		if m := partPattern.FindStringSubmatch(rest); m != nil {
			k = &partKey{at: at, gen: number(m[1]), index: int(number(m[2])), last: m[3] == "l", stamp: number(m[4]), size: number(m[5]), digest: m[6], id: m[7], data: m[8]}
		}
	case "m":
		if m := manifestPattern.FindStringSubmatch(rest); m != nil {
			k = &manifestKey{at: at, seq: number(m[1]), stamp: number(m[2]), count: int(number(m[3])), size: number(m[4]), grave: m[5] == "g", id: m[6]}
		}
	case "d":
		if m := dataPattern.FindStringSubmatch(rest); m != nil {
			k = &dataKey{at: at, stamp: number(m[1]), id: m[2]}
		}
	}
	if k == nil || k.String() != key { // "01" is no number of ours: another key would be meant
		return nil
	}
	return k
}

type dataKey struct {
	at    string
	stamp int64
	id    string
}

func (d *dataKey) String() string { return fmt.Sprintf("%sd.%d.%s", d.at, d.stamp, d.id) }
