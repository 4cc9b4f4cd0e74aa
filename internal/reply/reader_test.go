package reply

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"toasoan/newsroom"
)

// postOffice is a mail server in this process.
type postOffice struct {
	t        *testing.T
	user     *imapmemserver.User
	memory   *imapmemserver.Server
	listener net.Listener
	server   *imapserver.Server
	heard    *loud // everything clients said
	idle     bool
}

// loud notes what passes through.
type loud struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (l *loud) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Write(p)
}

func (l *loud) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

func newPostOffice(t *testing.T, idle bool) *postOffice {
	t.Helper()
	p := &postOffice{t: t, user: imapmemserver.NewUser("toasoan", "mật khẩu"), memory: imapmemserver.New(), heard: &loud{}, idle: idle}
	p.memory.AddUser(p.user)
	if err := p.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	p.open("127.0.0.1:0")
	t.Cleanup(func() { _ = p.server.Close() })
	return p
}

func (p *postOffice) open(address string) {
	p.t.Helper()
	p.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return p.memory.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, InsecureAuth: true, DebugWriter: p.heard,
	})
	var err error
	if p.listener, err = net.Listen("tcp", address); err != nil {
		p.t.Fatal(err)
	}
	if !p.idle {
		p.listener = withoutIdle{p.listener}
	}
	go func() { _ = p.server.Serve(p.listener) }()
}

// withoutIdle keeps a server from saying that it knows IDLE.
type withoutIdle struct{ net.Listener }

func (l withoutIdle) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return silentAbout{conn}, err
}

type silentAbout struct{ net.Conn }

func (c silentAbout) Write(p []byte) (int, error) {
	_, err := c.Conn.Write(bytes.ReplaceAll(p, []byte(" IDLE"), nil))
	return len(p), err
}

// deliver puts a mail into the box.
func (p *postOffice) deliver(raw []byte) {
	p.t.Helper()
	if _, err := p.user.Append("INBOX", literal{bytes.NewReader(raw)}, &imap.AppendOptions{}); err != nil {
		p.t.Fatal(err)
	}
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// unread counts what nobody has read.
func (p *postOffice) unread() uint32 {
	p.t.Helper()
	status, err := p.user.Status("INBOX", &imap.StatusOptions{NumUnseen: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return *status.NumUnseen
}

func (p *postOffice) reader(h *Handler, query string) *Reader {
	p.t.Helper()
	u := &url.URL{Scheme: "imap", User: url.UserPassword("toasoan", "mật khẩu"), Host: p.listener.Addr().String(), RawQuery: query}
	return &Reader{URL: u, Handler: h, Log: slog.New(slog.DiscardHandler)}
}

// while runs r until do returns.
func (r *Reader) while(t *testing.T, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	do()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("reader ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the reader does not stop")
	}
}

func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

func TestBoxIsReadAtOnce(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), newPostOffice(t, true)
	waiting, coming := d.sent(), d.sent()
	p.deliver(d.raw(waiting.answer("DUYỆT")))
	p.deliver([]byte("From: ban.doc@example.org\r\nSubject: Xin chao\r\n\r\nMail of somebody else.\r\n"))
	r := p.reader(d.handler, "tls=none")
	r.while(t, func() {
		eventually(t, "the answer that waited is carried out", 20*time.Second, func() bool { return d.stage(waiting.id) == newsroom.StageReleased })
		eventually(t, "the reader idles", 20*time.Second, func() bool { return strings.Contains(p.heard.String(), "IDLE") })
		p.deliver(d.raw(coming.answer("TRẢ LẠI: thiếu ảnh")))
		// The server tells: it does not take lookEvery.
		eventually(t, "the answer that came in is carried out", lookEvery-2*time.Second, func() bool { return d.stage(coming.id) == newsroom.StageChangesRequested })
		eventually(t, "both are marked as read", 20*time.Second, func() bool { return p.unread() == 1 })
	})
	if got := p.unread(); got != 1 {
		t.Errorf("%d unread mails, want the one that is none of ours", got)
	}
	// Another reader, after a restart, does nothing twice.
	before := d.scalar(`SELECT count(*) FROM audit`)
	again := p.reader(d.handler, "tls=none")
	again.while(t, func() {
		eventually(t, "the stranger's mail is passed over", 20*time.Second, func() bool { return strings.Count(p.heard.String(), "IDLE") >= 2 })
	})
	if got := d.scalar(`SELECT count(*) FROM audit`); got != before {
		t.Errorf("%s rows on record, were %s", got, before)
	}
}

func TestServerThatGoesAway(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), newPostOffice(t, true)
	a := d.sent()
	r := p.reader(d.handler, "tls=none")
	r.while(t, func() {
		eventually(t, "the reader idles", 20*time.Second, func() bool { return strings.Contains(p.heard.String(), "IDLE") })
		address := p.listener.Addr().String()
		if err := p.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Log(err)
		}
		p.deliver(d.raw(a.answer("DUYỆT")))
		p.open(address)
		eventually(t, "the answer is carried out on the next connection", 25*time.Second, func() bool { return d.stage(a.id) == newsroom.StageReleased })
	})
}

func TestServerWithoutIdleIsAsked(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), newPostOffice(t, false)
	a := d.sent()
	r := p.reader(d.handler, "tls=none")
	r.while(t, func() {
		eventually(t, "the box is open", 20*time.Second, func() bool { return strings.Contains(p.heard.String(), "SEARCH") })
		p.deliver(d.raw(a.answer("DUYỆT")))
		eventually(t, "the answer is carried out", 30*time.Second, func() bool { return d.stage(a.id) == newsroom.StageReleased })
	})
	if strings.Contains(p.heard.String(), " IDLE\r\n") && strings.Contains(p.heard.String(), "DONE") {
		t.Error("IDLE was sent to a server that does not know it")
	}
}

// A password never goes over an open line unless the setting says so.
func TestPasswordNeedsTLS(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), newPostOffice(t, true)
	err := p.reader(d.handler, "").session(t.Context())
	if err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
	if heard := p.heard.String(); strings.Contains(heard, "LOGIN") {
		t.Errorf("the password was sent: %s", heard)
	}
	if err := p.reader(d.handler, "tls=none&box=Khong-co").session(t.Context()); err == nil || !strings.Contains(err.Error(), "Khong-co") {
		t.Errorf("a mailbox that is not there: %v", err)
	}
	wrong := p.reader(d.handler, "tls=none")
	wrong.URL.User = url.UserPassword("toasoan", "sai")
	if err := wrong.session(t.Context()); err == nil || strings.Contains(err.Error(), "sai") && strings.Contains(err.Error(), "mật khẩu") {
		t.Errorf("a wrong password: %v", err)
	}
}

// One answer that cannot be settled now does not keep the others waiting, and is read again.
func TestAnswerThatWaitsIsReadAgain(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), newPostOffice(t, true)
	a, b := d.sent(), d.sent()
	d.moves.away = true
	p.deliver(d.raw(a.answer("DUYỆT")))
	r := p.reader(d.handler, "tls=none")
	r.while(t, func() {
		eventually(t, "the answer is recorded", 20*time.Second, func() bool { return d.scalar(`SELECT count(*) FROM move_requests WHERE settled_at IS NULL`) == "1" })
		d.moves.mu.Lock()
		d.moves.away = false
		d.moves.mu.Unlock()
		p.deliver(d.raw(b.answer("DUYỆT")))
		eventually(t, "both are carried out", 25*time.Second, func() bool {
			return d.stage(a.id) == newsroom.StageReleased && d.stage(b.id) == newsroom.StageReleased
		})
	})
}
