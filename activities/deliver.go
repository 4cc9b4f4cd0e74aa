package activities

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"toasoan/events"
	"toasoan/newsroom"
)

// Mailing is the part of a desk that sends mail.
type Mailing struct {
	Issues      Issues
	Subscribers Subscribers
	Digests     Digests
	Letters     Letters
	Courier     Courier
	Gate        Gate
}

// Gate knows whether receivers will take newsletters of ours. Met by internal/deliverability.
type Gate interface {
	// Closed names what keeps newsletters back, none: they may go out.
	Closed(ctx context.Context) []string
}

// Courier composes mails and carries them to the relay. Met by internal/mail's composer and courier together.
type Courier interface {
	// Compose makes the master copy of an issue. It refuses what cannot be mailed at all.
	Compose(view newsroom.IssueView) (IssueMaster, error)
	// SendChunk sends what is due of one chunk; an error leaves the chunk so that it can be sent again at once.
	SendChunk(ctx context.Context, issueID string, chunk int, beat func()) (ChunkOutcome, error)
	// SendLetter makes one attempt at one letter.
	SendLetter(ctx context.Context, letterID string) (LetterOutcome, error)
}

// The plain structs that travel between the courier and the activities, so that neither package imports the other.
type (
	// IssueMaster is what an issue's mails are made from: HTML and Text with slots where recipients differ.
	IssueMaster = struct {
		Subject, HTML, Text string
		Hash                string // hex
	}
	// ChunkOutcome is where a chunk stands after a SendChunk.
	ChunkOutcome = struct {
		Counts newsroom.IssueCounts
		More   bool
		Next   *time.Time
		Status string
		Pause  string
	}
	// LetterOutcome is where a letter stands after an attempt.
	LetterOutcome = struct {
		State newsroom.DeliveryState
		Next  *time.Time
		Pause string
	}
)

// Letters tells the operator of a letter that did not arrive. Met by store.
type Letters interface {
	RaiseAlert(ctx context.Context, id, code string, detail map[string]any) error
}

// beating says that the activity lives until stop is called, four times within its heartbeat timeout.
func beating(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	ticker := time.NewTicker(max(activity.GetInfo(ctx).HeartbeatTimeout/4, time.Second))
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { close(done) }
}

// ChunkInput names one chunk of an issue.
type ChunkInput struct {
	IssueID string `json:"issue_id"`
	Chunk   int    `json:"chunk"`
}

// ChunkResult says whether a chunk wants another turn, and why nothing more may go out.
type ChunkResult struct {
	More   bool   `json:"more,omitempty"`   // rows are due now
	Status string `json:"status,omitempty"` // of the issue
	Hold   string `json:"hold,omitempty"`   // relay_auth, relay_tls, hard_failures, gate:…: a person has to look first
	Held   bool   `json:"held,omitempty"`   // the issue was paused for it; programs before 2026-11-23 left that to the workflow
}

// SendChunk sends what is due of one chunk and announces how far the issue is. The ledger says where it goes on, so that a
// repeat sends nothing twice.
func (d *Desk) SendChunk(ctx context.Context, in ChunkInput) (ChunkResult, error) {
	began := d.Now()
	if failed := d.gate(ctx); len(failed) > 0 {
		return d.hold(ctx, in.IssueID, newsroom.HoldGate+strings.Join(failed, ","), began)
	}
	out, err := d.Mail.Courier.SendChunk(ctx, in.IssueID, in.Chunk, func() { activity.RecordHeartbeat(ctx) })
	if err != nil {
		return ChunkResult{}, err
	}
	articleID, candidates, done, failed, err := d.Mail.Issues.ChunkLeft(ctx, in.IssueID, in.Chunk, out.Counts)
	if err != nil {
		return ChunkResult{}, err
	}
	d.tell(ctx, events.Delivery{
		IssueID: in.IssueID, ArticleID: articleID, Candidates: candidates, Done: done, Failed: failed, At: d.Now().UTC(),
	}.With("progressed"))
	if out.Pause != "" {
		return d.hold(ctx, in.IssueID, out.Pause, began)
	}
	return ChunkResult{More: out.More, Status: out.Status}, nil
}

// hold pauses the issue at once, so that the next dot of every other chunk is refused, and not when their workers come back; unless a
// person has resumed it since this chunk was begun, and so knows of the trouble.
func (d *Desk) hold(ctx context.Context, issueID, why string, began time.Time) (ChunkResult, error) {
	if err := d.Mail.Issues.HoldIssue(ctx, issueID, why, began); err != nil {
		return ChunkResult{}, err
	}
	return ChunkResult{Status: newsroom.IssuePaused, Hold: why, Held: true}, nil
}

// gate asks the gate, which may have to look first.
func (d *Desk) gate(ctx context.Context) []string {
	defer beating(ctx)()
	return d.Mail.Gate.Closed(ctx)
}

// tell announces what nobody depends on: a board that misses it shows the truth when it is looked at next.
func (d *Desk) tell(ctx context.Context, e events.Event) {
	if err := d.Bus.Publish(ctx, e, 1); err != nil {
		d.Log.Info("event not announced", "event_id", events.ID(e), "error", err)
	}
}

// LetterInput names a letter.
type LetterInput struct {
	LetterID string `json:"letter_id"`
}

// LetterResult is where a letter stands after an attempt.
type LetterResult struct {
	State newsroom.DeliveryState `json:"state"`
	Next  *time.Time             `json:"next,omitempty"` // when to try again; nil: never
}

// SendLetter makes one attempt at one letter.
func (d *Desk) SendLetter(ctx context.Context, in LetterInput) (LetterResult, error) {
	defer beating(ctx)()
	out, err := d.Mail.Courier.SendLetter(ctx, in.LetterID)
	if err != nil {
		return LetterResult{}, err
	}
	return LetterResult{State: out.State, Next: out.Next}, nil
}

// FailedLetterInput names a letter that was given up.
type FailedLetterInput struct {
	LetterID string                 `json:"letter_id"`
	State    newsroom.DeliveryState `json:"state"`
}

// ReportLetter puts a letter that did not arrive before the operator: somebody may be waiting for what it asks. Letters that anybody's
// form causes, to whatever address was typed, are one alert together.
func (d *Desk) ReportLetter(ctx context.Context, in FailedLetterInput) (struct{}, error) {
	defer beating(ctx)()
	about := in.LetterID
	switch kind, _, _ := strings.Cut(in.LetterID, "/"); newsroom.LetterKind(kind) { //nolint:exhaustive // the others are the newsroom's own
	case newsroom.LetterConfirm, newsroom.LetterConfirmAgain, newsroom.LetterToFriend:
		about = kind
	}
	return struct{}{}, d.Mail.Letters.RaiseAlert(ctx, "letter/"+about, "letter_failed", map[string]any{"letter_id": in.LetterID, "state": in.State})
}
