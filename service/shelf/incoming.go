package shelf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// incoming is one part on its way in.
type incoming struct {
	s     *Shelf
	a     *account
	at    string
	index int
	last  bool

	size   int64
	digest string
	body   []byte // of a small part
	data   string // of a streamed one, as in partKey
	stored bool   // a part may name the data
}

// read takes the octets in: small parts into memory, since their key has their digest; larger ones into an object of their
// own.
func (p *incoming) read(ctx context.Context, r io.Reader) error {
	sum := sha256.New()
	var head bytes.Buffer
	n, err := io.Copy(&head, io.TeeReader(io.LimitReader(r, min(small, p.s.o.Part)+1), sum))
	if err != nil {
		return fmt.Errorf("shelf: read the part: %w", err)
	}
	switch {
	case n > p.s.o.Part:
		return p.tooLarge()
	case n <= small:
		p.body = head.Bytes()
	default:
		n, err = p.stream(ctx, &head, r, sum)
		if err != nil {
			return err
		}
	}
	p.size, p.digest = n, hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (p *incoming) tooLarge() error {
	return fmt.Errorf("shelf: a part can have %d octets, this one has more; send it in smaller ones: %w", p.s.o.Part, ErrQuota)
}

// stream writes what has been read, and the rest.
func (p *incoming) stream(ctx context.Context, head *bytes.Buffer, rest io.Reader, sum hash.Hash) (size int64, err error) {
	data := fmt.Sprintf(".%d.%s", p.s.now(), random(8))
	o, err := p.s.createStream(ctx, p.at+"d"+data)
	if err != nil {
		return 0, err
	}
	settled := false
	defer func() {
		if err != nil && !settled {
			o.discard()
			p.a.give(size) // what was taken; nothing of it is in the store
		}
	}()
	put := func(b []byte) error {
		if err := p.a.take(ctx, int64(len(b))); err != nil {
			return err
		}
		size += int64(len(b))
		_, err := o.Write(b)
		return err
	}
	if err := put(head.Bytes()); err != nil {
		return size, err
	}
	buf := head.Bytes()[:cap(head.Bytes())]
	for {
		n, err := rest.Read(buf)
		if n > 0 {
			sum.Write(buf[:n])
			if size+int64(n) > p.s.o.Part {
				return size, p.tooLarge()
			}
			if err := put(buf[:n]); err != nil {
				return size, err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return size, fmt.Errorf("shelf: read the part: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return size, err
		}
	}
	settled = true
	if err := p.a.settle(size, o.commit); err != nil {
		return size, err
	}
	p.data = data
	return size, nil
}

// store makes the part one of the upload, unless it is there already. It returns what is there then; again says that another
// upload was completed meanwhile, and that the part has to be stored for the next one.
func (p *incoming) store(ctx context.Context, before *item) (now *item, again bool, err error) {
	known, err := p.known(ctx, before)
	if err != nil {
		return nil, false, err
	}
	k := &partKey{at: p.at, gen: before.seq(), index: p.index, last: p.last, stamp: before.after(p.s.now()), size: p.size, digest: p.digest, id: random(8), data: p.data}
	if !known {
		if err := p.put(ctx, k); err != nil {
			return nil, false, err
		}
	}
	if now, err = p.s.list(ctx, p.at); err != nil {
		return nil, false, err
	}
	if known || now.seq() == k.gen {
		return now, false, nil
	}
	m := now.live(p.s.now(), p.s.o.Keep)
	if m == nil {
		return now, true, nil
	}
	complete, err := p.s.readManifest(ctx, m)
	if err != nil {
		return nil, false, err
	}
	return now, !p.isOf(complete), nil
}

// put writes the object of the part.
func (p *incoming) put(ctx context.Context, k *partKey) error {
	if p.data != "" {
		p.stored = true // after an error too: perhaps the answer was lost, and the part is there
		return p.s.write(ctx, k.String(), nil, p.a)
	}
	if err := p.a.take(ctx, p.size); err != nil {
		return err
	}
	return p.s.write(ctx, k.String(), p.body, p.a)
}

// isOf reports whether the part is one of what is complete.
func (p *incoming) isOf(complete []*partKey) bool {
	return p.index < len(complete) && p.digest == complete[p.index].digest && p.size == complete[p.index].size &&
		(!p.last || p.index == len(complete)-1)
}

// known reports whether the part need not be stored: clients send parts again whose answer was lost.
func (p *incoming) known(ctx context.Context, it *item) (bool, error) {
	half := p.s.o.Keep.Microseconds() / 2 // what is older goes too soon
	now := p.s.now()
	parts, last := it.upload()
	if o := parts[p.index]; o != nil {
		return o.digest == p.digest && o.size == p.size && now-o.stamp < half && (!p.last || o.last && last == p.index), nil
	}
	m := it.live(now, p.s.o.Keep)
	if m == nil || m.count != 1 || !p.last || len(parts) > 0 || now-m.stamp >= half {
		return false, nil
	}
	// An item of one part is the whole of what is complete. Of others, each part that comes again has to be kept: it may be
	// one of a new upload that is the same in this part only.
	complete, err := p.s.readManifest(ctx, m)
	if err != nil {
		return false, nil //nolint:nilerr // it is damaged or gone, and the part replaces it
	}
	return p.isOf(complete), nil
}

// release removes octets that no part names.
func (p *incoming) release() {
	if p.data != "" && !p.stored {
		ctx, cancel := cleanup()
		defer cancel()
		if p.s.delete(ctx, p.at+"d"+p.data) == nil {
			p.a.forget()
		}
	}
}
