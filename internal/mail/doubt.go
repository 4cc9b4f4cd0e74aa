package mail

import (
	"context"
	"time"
)

// Witness knows mails that the relay has taken. Met by internal/relaylog.
type Witness interface {
	// Took returns, for each of the mails that the relay is known to have accepted, what the relay calls it. Mails go by their
	// Message-IDs without brackets; since is when the first of them can have been accepted. One that is missing may have been accepted too.
	Took(ctx context.Context, messageIDs []string, since time.Time) (map[string]string, error)
}

// relayLog is the alert about a witness that cannot be heard.
const relayLog = "relay_log"

// consult asks the witness, if there is one, about mails that are in doubt before any of them is sent once more: what the relay took is
// sent. What it is not known to have taken goes the way that Options say, once it is due. A witness that cannot be heard knows nothing.
func (c *Courier) consult(ctx context.Context, doubts []Doubt) error {
	if len(doubts) == 0 {
		return nil
	}
	ids, since := make([]string, len(doubts)), doubts[0].At
	for n, d := range doubts {
		from := c.composer.from
		if d.LetterID != "" {
			from = c.composer.fromTx
		}
		ids[n] = messageID(d.MessageID, from.Address)
		if d.At.Before(since) {
			since = d.At
		}
	}
	took, err := c.o.Witness.Took(ctx, ids, since)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.o.Log.WarnContext(ctx, "relay's log cannot be read", "error", err)
		c.alert(ctx, relayLog, nil)
	} else if c.o.Settle != nil {
		_ = c.o.Settle(ctx, relayLog) // the next time settles it
	}
	for n, d := range doubts {
		name, taken := took[ids[n]]
		switch {
		case taken:
			d.Reply = name
		case !c.o.Hold || d.LetterID != "" || d.Due.After(c.o.Now()):
			continue
		}
		if err := c.ledger.Resolve(ctx, d, c.o.Now()); err != nil {
			return err
		}
		c.o.Log.InfoContext(ctx, "doubt resolved", "issue_id", d.IssueID, "subscriber_id", d.SubscriberID, "letter_id", d.LetterID, "taken", taken)
	}
	return nil
}

// resendAfter is when a doubtful newsletter is due again, or its doubt to be resolved by the witness; 0 is never.
func (c *Courier) resendAfter() time.Duration {
	if c.o.Hold && c.o.Witness == nil {
		return 0
	}
	return c.o.Waits.Quarantine
}

// Doubt is a mail in doubt that waits: for its second copy, or for the witness.
type Doubt = struct {
	IssueID      string
	SubscriberID string
	LetterID     string
	MessageID    string    // as the ledger keeps it, without a domain
	At           time.Time // of its dot
	Due          time.Time // when it is sent once more
	Reply        string    // to Resolve: what the relay calls the mail that it took; "": nothing is known
}
