//go:build !linux

package store

import (
	"syscall"
	"time"
)

// giveUpAfter leaves it to the system's own patience.
func giveUpAfter(time.Duration) func(network, address string, raw syscall.RawConn) error { return nil }
