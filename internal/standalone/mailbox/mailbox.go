package mailbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Options say where a mailbox keeps and shows its messages. The listeners are the mailbox's from now on.
type Options struct {
	Folder    string
	SMTP, Web net.Listener
	Keep      int  // newest messages that are kept, default 20,000; 4 GB at most in any case
	Throwaway bool // tests: do not wait for the disk
	Now       func() time.Time
	Log       *slog.Logger
}

// Mailbox is a running mailbox.
type Mailbox struct {
	Box *Box

	receiver        *receiver
	web             *http.Server
	smtpPort        net.Listener
	smtpURL, webURL string
	webDone         chan error
	closing         sync.Once
	failed          error
}

const (
	defaultKeep = 20_000
	stopLimit   = 2 * time.Second // for conversations in hand; then they are cut, and their senders try again
)

// Start opens the messages and serves them.
func Start(o Options) (*Mailbox, error) {
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	box, err := openBox(o.Folder, o.Keep, o.Throwaway, o.Now)
	if err != nil {
		return nil, fmt.Errorf("open mailbox: %w", err)
	}
	m := &Mailbox{
		Box: box, receiver: newReceiver(box, o.Log), smtpPort: o.SMTP, webDone: make(chan error, 1),
		smtpURL: "smtp://" + o.SMTP.Addr().String() + "?tls=none",
		webURL:  (&url.URL{Scheme: "http", Host: o.Web.Addr().String()}).String(),
	}
	m.web = &http.Server{
		Handler: newHandler(box, o.Web.Addr(), o.Log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	go m.receiver.serve(o.SMTP)
	go func() { m.webDone <- m.web.Serve(o.Web) }()
	return m, nil
}

// SMTPURL is where to send mail, as an SMTP_URL.
func (m *Mailbox) SMTPURL() string { return m.smtpURL }

// URL is the page; the API is below /api/v1.
func (m *Mailbox) URL() string { return m.webURL }

// Close takes no more mail, and returns when all that was taken is on disk.
func (m *Mailbox) Close(ctx context.Context) error {
	m.closing.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, stopLimit)
		defer cancel()
		m.receiver.stop(ctx, m.smtpPort)
		err := m.web.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = m.web.Close()
		}
		<-m.webDone //nolint:errcheck // a channel, its server's error was returned by Shutdown
		m.failed = errors.Join(err, m.Box.close())
	})
	return m.failed
}
