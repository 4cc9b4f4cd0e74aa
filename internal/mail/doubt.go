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
// sent. What it is not known to have taken goes the way that Options say, once it is due.
func (c *Courier) consult(ctx context.Context, doubts []Doubt) error {
	took, err := c.ask(ctx, doubts)
	if err != nil {
		return err
	}
	for _, d := range doubts {
		name, taken := took[c.nameOf(d)]
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

// ask returns, by Message-ID, what the relay calls those of the mails that the witness knows it took. One that cannot be heard knows nothing.
func (c *Courier) ask(ctx context.Context, doubts []Doubt) (took map[string]string, err error) {
	var ids []string
	var since time.Time
	for _, d := range doubts {
		if d.MessageID == "" {
			continue
		}
		if len(ids) == 0 || d.At.Before(since) {
			since = d.At
		}
		ids = append(ids, c.nameOf(d))
	}
	if c.o.Witness == nil || len(ids) == 0 {
		return took, nil
	}
	if took, err = c.o.Witness.Took(ctx, ids, since); err == nil {
		if c.o.Settle != nil {
			_ = c.o.Settle(ctx, relayLog) // the next time settles it
		}
		return took, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.o.Log.WarnContext(ctx, "relay's log cannot be read", "error", err)
	c.alert(ctx, relayLog, nil)
	return nil, nil
}

// nameOf is the Message-ID of a doubtful mail as the relay has it.
func (c *Courier) nameOf(d Doubt) string {
	if d.LetterID != "" {
		return messageID(d.MessageID, c.composer.fromTx.Address)
	}
	return messageID(d.MessageID, c.composer.from.Address)
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
	MessageID    string    // as the ledger keeps it, without a domain; "": the witness cannot know of it
	At           time.Time // of its dot
	Due          time.Time // when it is sent once more
	Reply        string    // to Resolve: what the relay calls the mail that it took; "": nothing is known
}
