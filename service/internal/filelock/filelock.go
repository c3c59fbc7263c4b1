// Package filelock locks files against other processes, where the system can.
package filelock

import "errors"

// ErrLocked is of a file that somebody else has locked.
var ErrLocked = errors.New("another process has it locked")
