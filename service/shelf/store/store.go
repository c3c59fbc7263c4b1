// Package store opens the bucket of a shelf by its URL, also in a store with the API of S3. It is a package of its own since the
// SDK of AWS is larger than all the rest.
package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/seed-116355fd/signet/service/shelf"
)

// Open opens the bucket of a URL: those of [shelf.OpenBucket], and
//
//	s3://bucket?endpoint=https://…  a store with the API of S3; parameters as in gocloud.dev/blob/s3blob (region,
//	                                use_path_style, profile, …), credentials from the environment as programs of AWS take them
func Open(ctx context.Context, address string) (*blob.Bucket, error) {
	u, err := url.Parse(address)
	if err != nil || !strings.EqualFold(u.Scheme, "s3") {
		return shelf.OpenBucket(ctx, address)
	}
	if u.Host == "" {
		return nil, errors.New("store: the URL names no bucket; s3://bucket?region=… does")
	}
	b, err := new(s3blob.URLOpener).OpenBucketURL(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("store: open the bucket: %w", err)
	}
	return b, nil
}
