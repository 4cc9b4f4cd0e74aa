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

// reservation is a loopback port that a server of ours will open itself.
type reservation struct {
	port int
	hold net.Listener // an abstract socket named after the port: the kernel frees it when we die
}

// reservePort finds a free loopback port, the wanted one if possible. No other Stack on this machine gets the same one
// until release; another program still might, so the server's start must be tried again.
func reservePort(wanted string) (*reservation, error) {
	host, portText, err := net.SplitHostPort(wanted)
	if err != nil || host != loopback && host != "localhost" {
		return nil, fmt.Errorf("listen on %q: want 127.0.0.1:port", wanted)
	}
	for tries := 0; ; tries++ {
		listener, _, err := Listen(net.JoinHostPort(loopback, portText))
		if err != nil {
			return nil, err
		}
		port := listener.Addr().(*net.TCPAddr).Port
		hold, err := net.Listen("unix", "@toasoan-port-"+strconv.Itoa(port))
		_ = listener.Close()
		if err == nil {
			return &reservation{port, hold}, nil
		}
		if tries == portTries {
			return nil, fmt.Errorf("reserve port %d: %w", port, err)
		}
		if port, err = strconv.Atoi(portText); err == nil && port != 0 {
			portText = strconv.Itoa(min(port+1, 65535))
		}
	}
}

func (r *reservation) address() string { return net.JoinHostPort(loopback, strconv.Itoa(r.port)) }

func (r *reservation) release() { _ = r.hold.Close() }

// loopback is the only address that the embedded servers listen on.
const loopback = "127.0.0.1"
