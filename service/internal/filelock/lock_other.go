//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package filelock

import (
	"errors"
	"os"
)

// Lock cannot be had here.
func Lock(*os.File) error { return errors.ErrUnsupported }

// TryLock cannot be had here.
func TryLock(*os.File) error { return errors.ErrUnsupported }
