package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// lookEvery is how often the mailbox is looked at all the same: a server without IDLE, or one that forgets to tell.
	lookEvery = 20 * time.Second
	// again is how soon a mail is handed in again that could not be dealt with; it doubles, up to lookEvery.
	again = time.Second
	// batch is how many mails are looked at in one go.
	batch = 20
)

// Reader keeps a mailbox read: a mail that comes in is handed in at once where the server tells (IDLE), within lookEvery otherwise.
// Several readers of one mailbox do no harm.
type Reader struct {
	URL     *url.URL // imap://user:password@host or imaps://…; ?tls=none for loopback, ?box= for another mailbox than INBOX, ?done= for where dealt-with mails go
	Handler Handler
	Log     *slog.Logger

	every, soon, silence time.Duration     // 0: lookEvery, again, patience
	passed               map[imap.UID]bool // mails of this mailbox that are nobody's here
	valid                uint32            // UIDVALIDITY that passed belongs to
}

// Run reads until ctx ends. A connection that breaks is opened again, sooner after a long life than after a short one; an error is
// logged, never fatal. Run is to be called once.
func (r *Reader) Run(ctx context.Context) {
	if r.every == 0 {
		r.every, r.soon = lookEvery, again
	}
	pause := r.soon
	for {
		began := time.Now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 5*time.Minute {
			pause = r.soon
		}
		r.Log.WarnContext(ctx, "mailbox is away", "again_in", pause.String(), "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Minute)
	}
}

// session is one connection: everything that waits, then whatever comes.
func (r *Reader) session(ctx context.Context) error {
	news := make(chan struct{}, 1)
	client, err := dial(ctx, r.URL, r.silence, news)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // unblocks whatever waits for the server
	defer stop()
	defer client.Close() //nolint:errcheck // the mails are dealt with
	selected, err := open(client, r.URL, false)
	if err != nil {
		return err
	}
	if r.passed == nil || r.valid != selected.UIDValidity {
		r.passed, r.valid = map[imap.UID]bool{}, selected.UIDValidity
	}
	r.Log.InfoContext(ctx, "mailbox is open", "idle", client.Caps().Has(imap.CapIdle))
	for soon := r.soon; ; {
		left, err := r.deal(ctx, client)
		if err != nil {
			return err
		}
		wait := r.every
		if left {
			wait, soon = soon, min(2*soon, r.every)
		} else {
			soon = r.soon
		}
		if err := await(ctx, client, news, wait); err != nil {
			return err
		}
	}
}

// deal hands in every unread mail that was not passed over before. left: some could not be dealt with now.
func (r *Reader) deal(ctx context.Context, client *imapclient.Client) (left bool, err error) {
	found, err := client.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen, imap.FlagDeleted}}, nil).Wait()
	if err != nil {
		return false, fmt.Errorf("search the mailbox: %w", err)
	}
	unread := slices.DeleteFunc(found.AllUIDs(), func(uid imap.UID) bool { return r.passed[uid] })
	for chunk := range slices.Chunk(unread, batch) {
		some, err := r.dealWith(ctx, client, chunk)
		if err != nil {
			return false, err
		}
		left = left || some
	}
	return left, nil
}

func (r *Reader) dealWith(ctx context.Context, client *imapclient.Client, uids []imap.UID) (left bool, err error) {
	// Sizes first: a mail of hundreds of megabytes is not fetched to be thrown away.
	sizes, err := client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
	if err != nil {
		return false, fmt.Errorf("fetch sizes: %w", err)
	}
	for _, s := range sizes {
		if s.RFC822Size > MaxMail {
			r.passed[s.UID] = true
			continue
		}
		whole := &imap.FetchItemBodySection{Peek: true}
		mails, err := client.Fetch(imap.UIDSetNum(s.UID), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
		if err != nil {
			return false, fmt.Errorf("fetch mail: %w", err)
		}
		for _, m := range mails {
			some, err := r.hand(ctx, client, m.UID, m.FindBodySection(whole))
			if err != nil {
				return false, err
			}
			left = left || some
		}
	}
	return left, nil
}

// hand hands one mail in. One that cannot be dealt with now is left, and does not keep the others waiting.
func (r *Reader) hand(ctx context.Context, client *imapclient.Client, uid imap.UID, raw []byte) (left bool, err error) {
	verdict, err := r.Handler.Handle(ctx, Mail{Raw: raw, Via: "imap"})
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		r.Log.WarnContext(ctx, "mail is read again later", "error", err)
		return true, nil
	}
	one := imap.UIDSetNum(uid)
	switch verdict {
	case Keep:
		err = flag(client, one, imap.FlagSeen)
	case Drop:
		err = r.drop(client, one)
	default:
		r.passed[uid] = true
	}
	if err != nil {
		return false, fmt.Errorf("put a mail away: %w", err)
	}
	return false, nil
}

// drop takes a mail out of the mailbox, or moves it where the settings want it. Only this one mail is expunged: where the server
// cannot do that (RFC 4315) it stays, marked as deleted.
func (r *Reader) drop(client *imapclient.Client, one imap.UIDSet) error {
	if done := r.URL.Query().Get("done"); done != "" {
		if client.Caps().Has(imap.CapMove) {
			_, err := client.Move(one, done).Wait()
			return err
		}
		if _, err := client.Copy(one, done).Wait(); err != nil {
			return err
		}
	}
	if err := flag(client, one, imap.FlagDeleted); err != nil {
		return err
	}
	if !client.Caps().Has(imap.CapUIDPlus) {
		return nil
	}
	return client.UIDExpunge(one).Close()
}

func flag(client *imapclient.Client, one imap.UIDSet, f imap.Flag) error {
	return client.Store(one, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{f}}, nil).Close()
}

// await returns when the mailbox may have something new, or after so long.
func await(ctx context.Context, client *imapclient.Client, news <-chan struct{}, long time.Duration) error {
	look := time.NewTimer(long)
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
