package reply

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// lookEvery is how often the mailbox is looked at all the same: a server without IDLE, or one that forgets to tell.
	lookEvery = 20 * time.Second
	// batch is how many mails are fetched in one go.
	batch = 20
)

// Reader keeps a mailbox read: a mail that comes in is dealt with at once where the server tells (IDLE), within lookEvery otherwise.
type Reader struct {
	URL     *url.URL // imap://user:password@host or imaps://…; ?tls=none for loopback, ?box= for another mailbox than INBOX
	TLS     *tls.Config
	Handler *Handler
	Log     *slog.Logger

	passed map[imap.UID]bool // mails of this mailbox that are none of ours
	valid  uint32            // UIDVALIDITY that passed belongs to
}

// Run reads until ctx ends. A connection that breaks is opened again, sooner after a long life than after a short one; an error is
// logged, never fatal. Run is to be called once.
func (r *Reader) Run(ctx context.Context) error {
	pause := time.Second
	for {
		began := time.Now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > 5*time.Minute {
			pause = time.Second
		}
		r.Log.WarnContext(ctx, "reply box is away", "again_in", pause.String(), "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Minute)
	}
}

// session is one connection: everything that waits, then whatever comes.
func (r *Reader) session(ctx context.Context) error {
	news := make(chan struct{}, 1)
	client, err := r.dial(ctx, news)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // unblocks whatever waits for the server
	defer stop()
	defer client.Close() //nolint:errcheck // the mails are dealt with
	if err := r.open(client); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "reply box is open", "idle", client.Caps().Has(imap.CapIdle))
	for {
		if err := r.deal(ctx, client); err != nil {
			return err
		}
		if err := r.await(ctx, client, news); err != nil {
			return err
		}
	}
}

func (r *Reader) dial(ctx context.Context, news chan<- struct{}) (*imapclient.Client, error) {
	host := r.URL.Host
	if r.URL.Port() == "" {
		port := "143"
		if r.URL.Scheme == "imaps" {
			port = "993"
		}
		host = net.JoinHostPort(r.URL.Hostname(), port)
	}
	config := r.TLS
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.URL.Hostname()}
	}
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
	case r.URL.Scheme == "imaps":
		return imapclient.New(tls.Client(conn, config), options), nil
	case r.URL.Query().Get("tls") == "none":
		return imapclient.New(conn, options), nil
	default: // a password never goes over an open line
		client, err := imapclient.NewStartTLS(conn, options)
		if err != nil {
			return nil, fmt.Errorf("start TLS with the mail server: %w", err)
		}
		return client, nil
	}
}

// open signs in and selects the mailbox.
func (r *Reader) open(client *imapclient.Client) error {
	password, _ := r.URL.User.Password()
	if err := client.Login(r.URL.User.Username(), password).Wait(); err != nil {
		return fmt.Errorf("sign in to the mail server: %w", err)
	}
	box := r.URL.Query().Get("box")
	if box == "" {
		box = "INBOX"
	}
	selected, err := client.Select(box, nil).Wait()
	if err != nil {
		return fmt.Errorf("open mailbox %s: %w", box, err)
	}
	if r.passed == nil || r.valid != selected.UIDValidity {
		r.passed, r.valid = map[imap.UID]bool{}, selected.UIDValidity
	}
	return nil
}

// deal hands in every unread mail that was not passed over before. An answer that was dealt with is marked as read; other mail stays
// as it is.
func (r *Reader) deal(ctx context.Context, client *imapclient.Client) error {
	found, err := client.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen, imap.FlagDeleted}}, nil).Wait()
	if err != nil {
		return fmt.Errorf("search the mailbox: %w", err)
	}
	unread := slices.DeleteFunc(found.AllUIDs(), func(uid imap.UID) bool { return r.passed[uid] })
	for chunk := range slices.Chunk(unread, batch) {
		if err := r.dealWith(ctx, client, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) dealWith(ctx context.Context, client *imapclient.Client, uids []imap.UID) error {
	// Sizes first: a mail of hundreds of megabytes is not fetched to be thrown away.
	sizes, err := client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
	if err != nil {
		return fmt.Errorf("fetch sizes: %w", err)
	}
	for _, s := range sizes {
		if s.RFC822Size > maxMail {
			r.passed[s.UID] = true
			continue
		}
		whole := &imap.FetchItemBodySection{Peek: true}
		mails, err := client.Fetch(imap.UIDSetNum(s.UID), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
		if err != nil {
			return fmt.Errorf("fetch mail: %w", err)
		}
		for _, m := range mails {
			if err := r.hand(ctx, client, m.UID, m.FindBodySection(whole)); err != nil {
				return err
			}
		}
	}
	return nil
}

// hand deals with one mail. One that cannot be dealt with now is read again later, and does not keep the others waiting.
func (r *Reader) hand(ctx context.Context, client *imapclient.Client, uid imap.UID, raw []byte) error {
	ours, err := r.Handler.Handle(ctx, raw)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.Log.WarnContext(ctx, "answer is read again later", "error", err)
		return nil
	case !ours:
		r.passed[uid] = true
		return nil
	}
	err = client.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}, nil).Close()
	if err != nil {
		return fmt.Errorf("mark answer as read: %w", err)
	}
	return nil
}

// await returns when the mailbox may have something new.
func (r *Reader) await(ctx context.Context, client *imapclient.Client, news <-chan struct{}) error {
	look := time.NewTimer(lookEvery)
	defer look.Stop()
	if !client.Caps().Has(imap.CapIdle) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-client.Closed():
			return errClosed
		case <-look.C:
			return client.Noop().Wait()
		}
	}
	idle, err := client.Idle()
	if err != nil {
		return fmt.Errorf("wait for mail: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-client.Closed():
		return errClosed
	case <-news:
	case <-look.C:
	}
	if err := errors.Join(idle.Close(), idle.Wait()); err != nil {
		return fmt.Errorf("wait for mail: %w", err)
	}
	return ctx.Err()
}

var errClosed = errors.New("the mail server closed the connection")
