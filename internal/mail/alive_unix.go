//go:build unix

package mail

import (
	"net"
	"syscall"
)

// silent reports that the peer has neither closed nor reset the connection nor, on a plain one, said anything. It looks
// without waiting and without taking a byte.
func silent(conn net.Conn, plain bool) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	var one [1]byte
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR: //nolint:errorlint // errno as the kernel gives it
			quiet = true
		case err == nil && n > 0:
			quiet = !plain && !hungUp(fd) // over TLS it may be a session ticket, or the good-bye before the end
		}
		return true
	})
	return err == nil && quiet
}
