package inbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// dial connects to the mail server of a URL; what the server tells unasked is put into news. A password never goes over an open line
// unless the URL says ?tls=none.
func dial(ctx context.Context, box *url.URL, news chan<- struct{}) (*imapclient.Client, error) {
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
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("reach the mail server: %w", err)
	}
	switch {
	case box.Scheme == "imaps":
		return imapclient.New(tls.Client(conn, config), options), nil
	case box.Query().Get("tls") == "none":
		return imapclient.New(conn, options), nil
	default:
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
	client, err := dial(ctx, box, nil)
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
