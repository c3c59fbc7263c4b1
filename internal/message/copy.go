package message

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// chunkSize is how much of a content is in memory at once: large enough that a read costs little beside its digest.
const chunkSize = 128 << 10

// chunks keeps the buffers of contents that were read, for the next ones.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// Copy copies until the end, an error, or the end of the context, and returns the octets copied.
func Copy(ctx context.Context, dst io.Writer, src io.Reader) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	switch src := src.(type) { // in memory: no buffer is needed
	case *bytes.Reader:
		return src.WriteTo(dst)
	case *bytes.Buffer:
		return src.WriteTo(dst)
	case *strings.Reader:
		return src.WriteTo(dst)
	}
	buf := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(buf)
	var total int64
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return total, err
		}
	}
}

// CopyContent copies a content, from its beginning, and returns the octets copied. What is in memory is not copied on the way.
func CopyContent(ctx context.Context, dst io.Writer, c *sign.Source) (int64, error) {
	if data, ok := c.InMemory(); ok {
		return Copy(ctx, dst, bytes.NewReader(data))
	}
	if c.Once() {
		r, err := c.Take()
		if err != nil {
			return 0, err
		}
		return Copy(ctx, dst, r)
	}
	r, err := c.Open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	return Copy(ctx, dst, r)
}

// ReadAll reads a content that has to be kept, into one buffer of the right size when the reader knows how much is left.
func ReadAll(ctx context.Context, r io.Reader) ([]byte, error) {
	var buf bytes.Buffer
	if sized, ok := r.(interface{ Len() int }); ok {
		buf.Grow(sized.Len())
	} else if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() < 1<<30 {
			buf.Grow(int(info.Size()))
		}
	}
	_, err := Copy(ctx, &buf, r)
	return buf.Bytes(), err
}
