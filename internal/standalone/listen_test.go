package standalone

import (
	"net"
	"strings"
	"testing"
)

func TestListenMovesFromATakenPort(t *testing.T) {
	t.Parallel()
	first, _, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	second, moved, err := Listen(first.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Close() }()
	if !moved || second.Addr().String() == first.Addr().String() {
		t.Errorf("moved is %t to %s", moved, second.Addr())
	}
	_ = first.Close()
	for range 10 { // another program may be quicker to take a port that was just given back
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = free.Close()
		again, moved, err := Listen(free.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		same := !moved && again.Addr().String() == free.Addr().String()
		_ = again.Close()
		if same {
			return
		}
	}
	t.Error("a free port was not used")
}

func TestListenRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, wanted := range []string{"", "127.0.0.1", "127.0.0.1:http2x", "127.0.0.1:70000", "203.0.113.1:8080"} {
		if l, _, err := Listen(wanted); err == nil {
			_ = l.Close()
			t.Errorf("%q was accepted", wanted)
		} else if !strings.Contains(err.Error(), wanted) {
			t.Errorf("%q: the error does not name it: %v", wanted, err)
		}
	}
}
