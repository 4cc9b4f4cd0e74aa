package bounce

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"

	"toasoan/internal/inbox"
	"toasoan/newsroom"
)

// Store is what taking reports asks of the database.
type Store interface {
	// TakeBounce acts on a report, once, and says what became of it when that is committed.
	TakeBounce(ctx context.Context, b newsroom.Bounce, limit newsroom.BounceLimit) (newsroom.BounceResult, error)
	// TallyBounce counts a mail that caused nothing.
	TallyBounce(ctx context.Context, what string) error
}

// Dispatch has the letters sent that the end of a subscription writes. Met by dispatch.Client.
type Dispatch interface {
	Subscribed(ctx context.Context, subscriberID string) error
	SubscriberChanged(ctx context.Context, subscriberID string) error
}

// Handler takes reports, whichever way they come. It is safe for concurrent use.
type Handler struct {
	Store    Store
	Dispatch Dispatch
	Domain   string // of the bounce addresses; "" none: mails are known by their Message-ID
	Limit    newsroom.BounceLimit
	Log      *slog.Logger
}

// ignored is what is counted for a mail to a bounce address that is no report.
const ignored = "ignored"

// Handle implements inbox.Handler. A report about a mail of ours is dropped when it is taken, and so is whatever machines send to a
// bounce address; everything else in the mailbox is left to its owner.
func (h *Handler) Handle(ctx context.Context, m inbox.Mail) (inbox.Verdict, error) {
	r, outcome, err := h.take(ctx, m)
	switch {
	case err != nil:
		return inbox.Pass, err
	case outcome == newsroom.BounceTaken, outcome == newsroom.BounceAgain:
		return inbox.Drop, nil
	case r.Ours && (r.Kind != "" || r.Why != "other"):
		return inbox.Drop, nil
	case r.Ours:
		return inbox.Keep, nil // a person's mail to an address that nobody reads: counted, kept for whoever looks
	}
	return inbox.Pass, nil
}

// Take takes one mail and says how it counts: taken, again, unknown or ignored.
func (h *Handler) Take(ctx context.Context, m inbox.Mail) (string, error) {
	_, outcome, err := h.take(ctx, m)
	return string(outcome), err
}

// TakeRaw is Take for a whole mail that came by HTTP.
func (h *Handler) TakeRaw(ctx context.Context, raw []byte) (string, error) {
	return h.Take(ctx, inbox.Mail{Raw: raw, Via: "http"})
}

// TakeEvent takes what a relay reports by HTTP in its own words: to names the mail's return path, or its Message-ID; id names the
// event.
func (h *Handler) TakeEvent(ctx context.Context, e newsroom.BounceEvent) (string, error) {
	var found names
	found.find(e.ReturnPath, h.Domain)
	sum := sha256.Sum256([]byte("event " + e.ID))
	b := newsroom.Bounce{
		Kind: newsroom.BounceKind(e.Type), Tokens: slices.Concat(found.bounce, found.leave), Recipient: e.Recipient, Status: statusIn(e.Status),
		Code: codeIn(e.Diagnostic), Said: clean(e.Diagnostic), Report: sum[:], Via: "http",
	}
	var p parser
	p.named(e.MessageID)
	b.MessageIDs = p.ids
	if e.Type == newsroom.EventFailed {
		if b.Status == "" {
			b.Status = statusIn(e.Diagnostic)
		}
		b.Kind = classify(b.Status, b.Code, e.Diagnostic)
	}
	outcome, err := h.report(ctx, b)
	return string(outcome), err
}

func (h *Handler) take(ctx context.Context, m inbox.Mail) (Report, newsroom.BounceOutcome, error) {
	r := Parse(m, h.Domain)
	if r.Kind == "" {
		if !r.Ours {
			return r, ignored, nil
		}
		h.Log.InfoContext(ctx, "mail to a bounce address says nothing", "why", r.Why, "via", m.Via)
		return r, ignored, h.Store.TallyBounce(ctx, ignored)
	}
	if !r.Ours && len(r.Tokens)+len(r.MessageIDs) == 0 {
		return r, newsroom.BounceUnknown, nil // about somebody else's mail
	}
	outcome, err := h.report(ctx, r.Bounce)
	return r, outcome, err
}

// report has one report acted on.
func (h *Handler) report(ctx context.Context, b newsroom.Bounce) (newsroom.BounceOutcome, error) {
	result, err := h.Store.TakeBounce(ctx, b, h.Limit)
	if err != nil {
		return "", err
	}
	h.Log.InfoContext(ctx, "report about a mail", "kind", b.Kind, "status", b.Status, "via", b.Via, "outcome", result.Outcome)
	if b.Kind == newsroom.BounceLeave && result.Outcome == newsroom.BounceTaken && h.Dispatch != nil {
		err := h.Dispatch.Subscribed(ctx, result.SubscriberID)
		if err == nil {
			err = h.Dispatch.SubscriberChanged(ctx, result.SubscriberID)
		}
		if err != nil { // the schedule finds the letter
			h.Log.WarnContext(ctx, "letter waits for the schedule", "subscriber_id", result.SubscriberID, "error", err)
		}
	}
	return result.Outcome, nil
}
