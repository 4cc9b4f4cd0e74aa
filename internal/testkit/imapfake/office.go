// Package imapfake is a real IMAP server in this process for tests: a mailbox that can be looked into, go away and come back. Its
// rule is that it tells at once of whatever comes in. Read office.go.
package imapfake

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

const (
	user     = "toasoan"
	password = "mật khẩu"
)

// Options are what the server can do. UIDPlus and Move: what their capabilities promise.
type Options struct{ NoIdle, NoUIDPlus, NoMove bool }

// Office is the server with one mailbox, INBOX.
type Office struct {
	t       testing.TB
	o       Options
	user    *imapmemserver.User
	address string
	server  *imapserver.Server
	heard   *heard
}

// heard keeps what clients said.
type heard struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said.Write(p)
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Office {
	t.Helper()
	p := &Office{t: t, o: o, user: imapmemserver.NewUser(user, password), heard: &heard{}, address: "127.0.0.1:0"}
	p.Create("INBOX")
	p.Open()
	t.Cleanup(p.Close)
	return p
}

// Open lets a server that was closed answer again at the same address.
func (p *Office) Open() {
	p.t.Helper()
	caps := imap.CapSet{imap.CapIMAP4rev1: {}}
	if !p.o.NoUIDPlus {
		caps[imap.CapUIDPlus] = struct{}{}
	}
	if !p.o.NoMove {
		caps[imap.CapMove] = struct{}{}
	}
	p.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &session{office: p}, nil, nil
		},
		Caps: caps, InsecureAuth: true, DebugWriter: p.heard, Logger: log.New(io.Discard, "", 0), // it tells of connections that tests cut
	})
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.address = listener.Addr().String()
	if p.o.NoIdle {
		listener = withoutIdle{listener}
	}
	go func() { _ = p.server.Serve(listener) }()
}

// Close cuts every connection.
func (p *Office) Close() {
	if err := p.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		p.t.Log(err)
	}
}

// Create makes a mailbox.
func (p *Office) Create(name string) {
	p.t.Helper()
	if err := p.user.Create(name, nil); err != nil {
		p.t.Fatal(err)
	}
}

// URL is where the mailbox is, with more of a query where wanted.
func (p *Office) URL(query string) *url.URL {
	return &url.URL{Scheme: "imap", User: url.UserPassword(user, password), Host: p.address, RawQuery: query}
}

// Deliver puts a mail into INBOX.
func (p *Office) Deliver(raw []byte) {
	p.t.Helper()
	if _, err := p.user.Append("INBOX", literal{bytes.NewReader(raw)}, &imap.AppendOptions{}); err != nil {
		p.t.Fatal(err)
	}
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Count says how many mails a mailbox has, and how many of them nobody has read.
func (p *Office) Count(name string) (mails, unread int) {
	p.t.Helper()
	status, err := p.user.Status(name, &imap.StatusOptions{NumMessages: true, NumUnseen: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return int(*status.NumMessages), int(*status.NumUnseen)
}

// Heard is everything that clients said, and was said to them.
func (p *Office) Heard() string {
	p.heard.mu.Lock()
	defer p.heard.mu.Unlock()
	return p.heard.said.String()
}

// session is one connection. The library's own Idle tells nothing of a mail that came between the last command and itself; real
// servers do.
type session struct {
	*imapmemserver.UserSession
	office *Office
}

func (s *session) Login(name, secret string) error {
	if err := s.office.user.Login(name, secret); err != nil {
		return err
	}
	s.UserSession = imapmemserver.NewUserSession(s.office.user)
	return nil
}

func (s *session) Close() error {
	if s.UserSession == nil {
		return nil
	}
	return s.UserSession.Close()
}

func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		case <-look.C:
		}
	}
}

// withoutIdle keeps a server from saying that it knows IDLE.
type withoutIdle struct{ net.Listener }

func (l withoutIdle) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return silent{conn}, err
}

type silent struct{ net.Conn }

func (c silent) Write(p []byte) (int, error) {
	_, err := c.Conn.Write(bytes.ReplaceAll(p, []byte(" IDLE"), nil))
	return len(p), err
}
