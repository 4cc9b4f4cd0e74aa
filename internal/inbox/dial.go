package inbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// patience is how long the server may say nothing, or take over a mail. It is asked something every lookEvery, so that one which is silent
// for longer hangs, or the way to it is cut; the library itself would wait for ever.
const patience = 5 * time.Minute

// hasty is a connection on which nothing is waited for longer than silence: the library only limits some of its reads.
type hasty struct {
	net.Conn
	silence time.Duration
}

// SetReadDeadline implements net.Conn.
func (h hasty) SetReadDeadline(t time.Time) error {
	if latest := time.Now().Add(h.silence); t.IsZero() || t.After(latest) {
		t = latest
	}
	return h.Conn.SetReadDeadline(t)
}

// dial connects to the mail server of a URL; what the server tells unasked is put into news. A server that is silent for so long (0: patience) is
// given up. A password never goes over an open line unless the URL says ?tls=none.
func dial(ctx context.Context, box *url.URL, silence time.Duration, news chan<- struct{}) (*imapclient.Client, error) {
	host := box.Host
	if box.Port() == "" {
		port := "143"
		if box.Scheme == "imaps" {
			port = "993"
		}
		host = net.JoinHostPort(box.Hostname(), port)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: box.Hostname()}
	options := &imapclient.Options{
		TLSConfig: config,
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				select {
				case news <- struct{}{}:
				default: // somebody is told already
				}
			}
		}},
	}
	open, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("reach the mail server: %w", err)
	}
	conn := hasty{open, cmp.Or(silence, patience)}
	switch {
	case box.Scheme == "imaps":
		return imapclient.New(tls.Client(conn, config), options), nil
	case box.Query().Get("tls") == "none":
		return imapclient.New(conn, options), nil
	default:
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // a server may be long in answering
		client, err := imapclient.NewStartTLS(conn, options)
		if err != nil {
			return nil, fmt.Errorf("start TLS with the mail server: %w", err)
		}
		return client, nil
	}
}

// open signs in and selects the mailbox.
func open(client *imapclient.Client, box *url.URL, readOnly bool) (*imap.SelectData, error) {
	password, _ := box.User.Password()
	if err := client.Login(box.User.Username(), password).Wait(); err != nil {
		return nil, fmt.Errorf("sign in to the mail server: %w", err)
	}
	name := box.Query().Get("box")
	if name == "" {
		name = "INBOX"
	}
	selected, err := client.Select(name, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
	if err != nil {
		return nil, fmt.Errorf("open mailbox %s: %w", name, err)
	}
	return selected, nil
}

// Check opens the mailbox, changing nothing, and says what is in it.
func Check(ctx context.Context, box *url.URL) (mails uint32, idle bool, err error) {
	client, err := dial(ctx, box, 0, nil)
	if err != nil {
		return 0, false, err
	}
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	defer client.Close() //nolint:errcheck // nothing was changed
	selected, err := open(client, box, true)
	if err != nil {
		return 0, false, err
	}
	return selected.NumMessages, client.Caps().Has(imap.CapIdle), nil
}
