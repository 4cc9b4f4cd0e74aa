package standalone

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// portTries is how many neighbours of a taken port are tried before the system chooses one.
const portTries = 20

// Listen opens a TCP listener on the wanted address ("127.0.0.1:8080"). When its port is taken it tries the next 20
// and then any free one; moved tells so, for the table of addresses. It refuses any other failure.
func Listen(wanted string) (listener net.Listener, moved bool, err error) {
	host, portText, err := net.SplitHostPort(wanted)
	if err != nil {
		return nil, false, fmt.Errorf("listen on %q: %w", wanted, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, false, fmt.Errorf("listen on %q: the port is no number from 0 to 65535", wanted)
	}
	for next := port; next <= min(port+portTries, 65535); next++ {
		listener, err = net.Listen("tcp", net.JoinHostPort(host, strconv.FormatUint(next, 10)))
		if err == nil {
			return listener, next != port, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, false, fmt.Errorf("listen on %s: %w", wanted, err)
		}
	}
	listener, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, false, fmt.Errorf("listen on %s or any free port: %w", wanted, err)
	}
	return listener, true, nil
}

// freePort finds a free loopback port, the wanted one if possible, for a server that opens its port itself. Another
// program may take it in between, so that server's start must be tried again.
func freePort(wanted int) (int, error) {
	listener, _, err := Listen(net.JoinHostPort(loopback, strconv.Itoa(wanted)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return portOf(listener.Addr()), nil
}

// freePortAt is freePort for an address; the host must be loopback.
func freePortAt(wanted string) (int, error) {
	host, port, err := net.SplitHostPort(wanted)
	if err != nil || host != loopback && host != "localhost" {
		return 0, fmt.Errorf("listen on %q: want 127.0.0.1:port", wanted)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("listen on %q: the port is no number from 0 to 65535", wanted)
	}
	return freePort(int(number))
}

func portOf(addr net.Addr) int {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}

// loopback is the only address that the embedded servers listen on.
const loopback = "127.0.0.1"
