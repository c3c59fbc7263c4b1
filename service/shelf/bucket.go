package shelf

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
)

// OpenBucket opens the bucket of a URL:
//
//	file:///var/lib/signet/shelf    a folder, made when it is not there, for its owner only (0700)
//	mem://                          memory of this process
//	s3://bucket?endpoint=https://…  a store with the API of S3; parameters as in gocloud.dev/blob/s3blob (region,
//	                                use_path_style, profile, …), credentials from the environment as programs of AWS take them
//
// Of an upload to S3 whose process was killed, octets stay that no listing shows: give the bucket a rule that ends incomplete
// multipart uploads after a day. For other stores, open a bucket with package gocloud.dev/blob and hand it to [New].
//
// In a folder, an object is written to a temporary file beside it, synced, renamed, and its folder synced, by the shelf:
// package fileblob itself writes to the folder for temporary files of the system, which may be another disk, and does not
// sync. A folder that several machines share (NFS) is as good as its syncs and renames are. Temporary files of a process that
// was killed are removed by [Shelf.Sweep] after a day.
func OpenBucket(ctx context.Context, address string) (*blob.Bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("shelf: the address of the store is no URL; file:///path and mem:// are") // err has it, and it may have secrets
	}
	switch strings.ToLower(u.Scheme) {
	case "file":
		return openFolder(u)
	case "mem":
		return memblob.OpenBucket(nil), nil
	}
	return nil, fmt.Errorf("shelf: stores of kind %q are not known; file:///path and mem:// are, and s3://bucket?region=… in the service", u.Scheme)
}

func openFolder(u *url.URL) (*blob.Bucket, error) {
	if u.Host != "" && u.Host != "localhost" || u.RawQuery != "" || u.Path == "" || u.Path == "/" {
		return nil, errors.New("shelf: the URL of a folder is file:///path, without host and parameters")
	}
	path := u.Path
	if os.PathSeparator != '/' {
		path = strings.TrimPrefix(path, "/") // file:///c:/folder
	}
	path = filepath.Clean(filepath.FromSlash(path))
	made, err := makeFolder(path)
	if err != nil {
		return nil, fmt.Errorf("shelf: make the folder: %w", err)
	}
	b, err := fileblob.OpenBucket(path, &fileblob.Options{NoTempDir: true, DirFileMode: 0o700, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("shelf: open the folder: %w", err)
	}
	for _, dir := range made {
		if err := syncDir(dir); err != nil && os.PathSeparator == '/' {
			return nil, errors.Join(fmt.Errorf("shelf: sync the folder: %w", err), b.Close())
		}
	}
	return b, nil
}

// makeFolder makes a folder and those above it. It returns those in which one was made.
func makeFolder(path string) (in []string, err error) {
	for up := path; ; up = filepath.Dir(up) {
		if _, err := os.Stat(up); err == nil || up == filepath.Dir(up) {
			break
		}
		in = append(in, filepath.Dir(up))
	}
	return in, os.MkdirAll(path, 0o700)
}
