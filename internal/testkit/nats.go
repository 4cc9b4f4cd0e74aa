package testkit

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// NATS is a NATS server with JetStream in this process, for this test alone, on a loopback port. It writes to the
// test's folder without waiting for the disk.
func NATS(t testing.TB) (url string) {
	t.Helper()
	return NewNATSServer(t).URL()
}

// NATSServer is such a server for tests of what happens when it goes away.
type NATSServer struct {
	t      testing.TB
	port   int
	server *server.Server
}

// NewNATSServer starts one; the test's end stops it.
func NewNATSServer(t testing.TB) *NATSServer {
	t.Helper()
	n := &NATSServer{t: t, port: server.RANDOM_PORT}
	n.start()
	t.Cleanup(n.stop)
	return n
}

// URL is where it listens, also after Lose.
func (n *NATSServer) URL() string { return n.server.ClientURL() }

// Lose stops the server and starts it on the same port with nothing of what it had.
func (n *NATSServer) Lose() {
	n.t.Helper()
	n.stop()
	n.start()
}

func (n *NATSServer) start() {
	n.t.Helper()
	s, err := server.NewServer(&server.Options{
		ServerName: "test", Host: "127.0.0.1", Port: n.port, JetStream: true, StoreDir: n.t.TempDir(),
		NoSigs: true, NoLog: true, JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 30,
	})
	if err != nil {
		n.t.Fatalf("set up nats: %v", err)
	}
	s.Start()
	n.server = s
	if !s.ReadyForConnections(time.Minute) {
		n.t.Fatal("nats is not ready after a minute")
	}
	n.port = s.Addr().(*net.TCPAddr).Port
}

func (n *NATSServer) stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}
