package bounce

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen opens the address of BOUNCE_LISTEN so that every worker on this machine can do the same: the kernel shares the senders out
// among those that live. It does so for processes of one user; to another program's port the answer is an error as ever.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var refused error
		err := raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, refused)
	}}
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("take returned mail: %w", err)
	}
	return listener, nil
}

// ParseListen takes the setting BOUNCE_LISTEN apart: host:port, smtp://host:port or lmtp://host:port.
func ParseListen(setting string) (address string, lmtp bool) {
	if rest, ok := strings.CutPrefix(setting, "lmtp://"); ok {
		return strings.TrimSuffix(rest, "/"), true
	}
	return strings.TrimSuffix(strings.TrimPrefix(setting, "smtp://"), "/"), false
}
