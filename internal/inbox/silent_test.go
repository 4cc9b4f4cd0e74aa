package inbox

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/internal/testkit/imapfake"
)

// mute stands before a mail server and keeps its connections open; on the first ones, as many as hang, it passes nothing on.
type mute struct {
	server     string
	came, hang atomic.Int32
}

func muted(t *testing.T, box *url.URL) (*mute, *url.URL) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{server: box.Host}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go m.pass(t.Context(), client, m.came.Add(1))
		}
	}()
	through := *box
	through.Host = listener.Addr().String()
	return m, &through
}

func (m *mute) pass(ctx context.Context, client net.Conn, nth int32) {
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.server)
	if err != nil {
		_ = client.Close()
		return
	}
	defer context.AfterFunc(ctx, func() { _ = client.Close(); _ = server.Close() })()
	go m.copy(server, client, nth)
	m.copy(client, server, nth)
	<-ctx.Done()
}

func (m *mute) copy(to io.Writer, from io.Reader, nth int32) {
	some := make([]byte, 4096)
	for {
		n, err := from.Read(some)
		if err != nil || nth <= m.hang.Load() {
			return
		}
		if _, err := to.Write(some[:n]); err != nil {
			return
		}
	}
}

// A mail server that hangs keeps its connections open and says nothing: whoever asks it something gives up and connects anew.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	for _, o := range []imapfake.Options{{}, {NoIdle: true}} {
		p := imapfake.New(t, o)
		b := newBooks(always(Drop))
		m, box := muted(t, p.URL("tls=none"))
		r := reader(p, b, "")
		r.URL, r.every, r.silence = box, 20*time.Millisecond, time.Second
		while(t, r, func() {
			p.Deliver(mail("before"))
			eventually(t, "what came before is dealt with", func() bool { return b.has("before") })
			m.hang.Store(m.came.Load())
			p.Deliver(mail("meanwhile"))
			eventually(t, "what came meanwhile is dealt with", func() bool { return b.has("meanwhile") })
		})
	}
}

// Nor does one that hangs from its first word on keep the program from ending.
func TestServerThatNeverGreets(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	m, box := muted(t, p.URL(""))
	m.hang.Store(1000)
	r := reader(p, newBooks(always(Drop)), "")
	r.URL = box
	began := time.Now()
	while(t, r, func() { eventually(t, "it is asked", func() bool { return m.came.Load() > 0 }) })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the end took %s", took)
	}
}
