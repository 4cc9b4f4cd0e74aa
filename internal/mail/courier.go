package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"toasoan/newsroom"
)

// Options say how a courier works. The zero value of a field is its default.
type Options struct {
	Connections   int                                                              // of the whole installation for newsletters, until an admin sets another number; default 8
	TxConnections int                                                              // of this process for letters; default 4
	Rate          int                                                              // newsletters per second of the whole installation, until an admin sets another; 0: no cap
	Window        int                                                              // newsletters in flight on a connection whose relay offers CHUNKING, and in doubt when it dies; default 1
	Hold          bool                                                             // doubtful newsletters are held for a person instead of being sent once more
	Witness       Witness                                                          // asked about doubtful mails before that; nil: nobody knows what the relay took
	Claim         int                                                              // rows claimed at once; default 200, a fifth of a chunk
	Waits         Waits                                                            // zero: DefaultWaits
	Now           func() time.Time                                                 // the clock of what is written; nil: the wall clock
	Log           *slog.Logger                                                     // nil: none
	Alert         func(ctx context.Context, code string, detail map[string]string) // what a person should know of; nil: log only
	Settle        func(ctx context.Context, code string) error                     // an alert's trouble has gone by itself; nil: nobody hears of it

	// Failpoint is called at each step of the protocol: claimed, rendered, loaded, granted, dotted, committed. A fault
	// drill kills the process in it.
	Failpoint func(step string)
}

// Courier carries mails from the ledger to the relay in two lanes, newsletters and letters, each with its own connections
// and its own commits, so that an approval never waits behind a newsletter. It is safe for concurrent use.
//
// For each mail, on one connection: render; say MAIL, RCPT and the body; commit the result of the mail before together
// with this one's `dot` (fenced by the lease, refused once the reader has left or the issue was stopped); send the dot.
// Whatever dies in between leaves a row whose state says what can have happened.
type Courier struct {
	ledger   Ledger
	composer *Composer
	o        Options
	bulk, tx *pool
	books    struct{ bulk, tx *scribe }
	limits   *limits
	issues   issues
	bodies   sync.Pool // of *[][]byte: where lanes put the mails that may still be on their way
}

// NewCourier makes a courier. It opens no connection before there is a mail.
func NewCourier(ledger Ledger, composer *Composer, relay *Relay, o Options) *Courier {
	if o.Connections <= 0 {
		o.Connections = 8
	}
	if o.TxConnections <= 0 {
		o.TxConnections = 4
	}
	if o.Window <= 0 {
		o.Window = 1
	}
	if o.Claim <= 0 {
		o.Claim = 200
	}
	if o.Waits.Budget == 0 {
		o.Waits = DefaultWaits()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Failpoint == nil {
		o.Failpoint = func(string) {}
	}
	carried := *relay
	carried.Limits = o.Waits.Limits
	c := &Courier{
		ledger: ledger, composer: composer, o: o,
	}
	c.limits = newLimits(c)
	there := &reach{relay: &carried, after: o.Waits.Away, alert: c.alert, settle: o.Settle}
	c.bulk = newPool(there, o.Waits, c.limits.seats, c.limits.most)
	c.tx = newPool(there, o.Waits, newSeats(nil, 0), func() int { return o.TxConnections })
	c.books.bulk = &scribe{ledger: ledger, log: o.Log, waits: o.Waits}
	c.books.tx = &scribe{ledger: ledger, log: o.Log, waits: o.Waits}
	return c
}

// IssueMaster is what an issue's row keeps of its master copy.
type IssueMaster = struct {
	Subject, HTML, Text string
	Hash                string // hex
}

// Compose makes the master copy of an issue. It refuses what cannot be mailed at all.
func (c *Courier) Compose(view newsroom.IssueView) (IssueMaster, error) {
	m, err := c.composer.NewMaster(view)
	if err != nil {
		return IssueMaster{}, err
	}
	return IssueMaster{Subject: m.Subject(), HTML: m.HTML(), Text: m.Text(), Hash: m.Hash()}, nil
}

// Close ends the idle connections and gives their seats back. Whoever still sends goes on and closes its own.
func (c *Courier) Close() {
	c.limits.rest()
	c.bulk.stop()
	c.tx.stop()
}

// Check dials, greets and signs in once, for doctor and readiness; nothing is sent.
func (c *Courier) Check(ctx context.Context) error {
	conn, err := c.tx.relay.Dial(ctx)
	if err != nil {
		return err
	}
	conn.Quit()
	return nil
}

func (c *Courier) alert(ctx context.Context, code string, detail map[string]string) {
	if code == "" {
		return
	}
	args := make([]any, 0, 2*len(detail)+2)
	args = append(args, "code", code)
	for k, v := range detail {
		args = append(args, k, v)
	}
	c.o.Log.WarnContext(ctx, "mail needs a person", args...)
	if c.o.Alert != nil {
		c.o.Alert(ctx, code, detail)
	}
}

// LetterResult is where a letter stands after an attempt.
type LetterResult = struct {
	State newsroom.DeliveryState
	Next  *time.Time // when it should be tried again; nil: never
	Pause string     // relay_auth or relay_tls: no letter will go out until a person has mended it
}

// SendLetter makes one attempt at one letter, and says where it stands then. A letter that is not due, or done, is left
// alone. It returns an error only where the ledger failed or ctx ended before anything could be accepted; the letter can
// be tried again at once then.
func (c *Courier) SendLetter(ctx context.Context, letterID string) (LetterResult, error) {
	if c.o.Witness != nil {
		doubts, err := c.ledger.LetterDoubts(ctx, letterID)
		if err == nil {
			err = c.consult(ctx, doubts)
		}
		if err != nil {
			return LetterResult{}, fmt.Errorf("doubts about letter %s: %w", letterID, err)
		}
	}
	lease, err := c.ledger.LeaseLetter(ctx, letterID, c.o.Now(), c.o.Waits.Quarantine)
	if err != nil {
		return LetterResult{}, fmt.Errorf("lease letter %s: %w", letterID, err)
	}
	if lease.State != newsroom.DeliveryClaimed {
		return LetterResult{State: lease.State, Next: lease.Next}, nil
	}
	c.o.Failpoint("claimed")
	entry := Entry{LetterID: letterID, Lease: lease.Lease}
	m, err := c.composer.Compose(lease.View)
	if err != nil {
		c.o.Log.ErrorContext(ctx, "letter cannot be composed", "letter_id", letterID, "error", err)
		return c.letterDone(ctx, entry, Reply{}, &StepError{Stage: StageCompose, Err: err}, lease)
	}
	c.o.Failpoint("rendered")
	if err := c.tx.sit(ctx); err != nil {
		return LetterResult{}, fmt.Errorf("send letter %s: %w", letterID, err)
	}
	defer c.tx.leave(false)
	conn, failed, err := c.loadLetter(ctx, m)
	if err != nil {
		return LetterResult{}, fmt.Errorf("send letter %s: %w", letterID, err)
	}
	defer func() { c.tx.put(conn) }()
	if failed != nil {
		return c.letterDone(ctx, entry, Reply{}, failed, lease)
	}
	c.o.Failpoint("loaded")
	asked := time.Now()
	entry.State, entry.At, entry.BodyHash = newsroom.DeliveryDot, c.o.Now(), m.BodyHash[:]
	states, err := c.books.tx.commit(ctx, []Entry{entry})
	if err != nil {
		conn.Abort()
		return LetterResult{}, fmt.Errorf("send letter %s: %w", letterID, err)
	}
	if states[0] != newsroom.DeliveryDot {
		conn.Abort() // somebody else has it, or nobody may have it any more
		return LetterResult{State: states[0]}, nil
	}
	c.o.Failpoint("granted")
	if time.Since(asked) > c.o.Waits.Guard {
		conn.Abort()
		return c.letterDone(ctx, entry, Reply{}, &StepError{Stage: StageBody, Err: errTooLate}, lease)
	}
	said, failed := conn.Dot(ctx)
	c.o.Failpoint("dotted")
	return c.letterDone(ctx, entry, said, failed, lease)
}

var errTooLate = errors.New("the permission for the dot is too old")

// loadLetter finds a connection that takes the letter. A connection that was idle may have died meanwhile: another one is
// tried, since nothing can have been accepted.
func (c *Courier) loadLetter(ctx context.Context, m Message) (*Conn, *StepError, error) {
	for {
		conn, reused, err := c.tx.get(ctx)
		if err != nil {
			if failed, ok := errors.AsType[*StepError](err); ok && ctx.Err() == nil {
				return nil, failed, nil
			}
			return nil, nil, err
		}
		failed := conn.Load(ctx, m)
		if ctx.Err() != nil {
			conn.Abort()
			return nil, nil, context.Cause(ctx)
		}
		if reused && failed.tired() {
			continue
		}
		switch {
		case failed == nil || failed.Reply.Code != 0 && Classify(failed).State != newsroom.DeliveryPending:
			c.tx.serves(ctx, conn)
		case Classify(failed).State == newsroom.DeliveryPending:
			c.tx.fails(ctx, conn, failed)
		}
		return conn, failed, nil
	}
}

// letterDone commits the result of an attempt. What failed before anybody looked at the letter leaves it pending.
func (c *Courier) letterDone(ctx context.Context, entry Entry, said Reply, failed *StepError, lease LetterLease) (LetterResult, error) {
	failed = failed.about(lease.View.ToEmail)
	outcome := Classify(failed)
	entry.At, entry.BodyHash = c.o.Now(), nil
	entry = outcome.settle(entry, said.about(lease.View.ToEmail), failed, lease.Attempt, lease.Code, c.o.Waits.Retry, c.o.Waits.Quarantine)
	entry.Suppress = false // the addressee of a letter works here, or has just asked for it
	if failed != nil {
		c.o.Log.WarnContext(ctx, "letter not accepted", "letter_id", entry.LetterID, "stage", entry.Stage, "code", entry.Code, "error", failed)
		c.alert(ctx, outcome.Alert, map[string]string{"letter_id": entry.LetterID, "stage": entry.Stage, "reply": entry.Reply})
	}
	states, err := c.books.tx.commit(ctx, []Entry{entry})
	if err != nil {
		return LetterResult{}, fmt.Errorf("record letter %s: %w", entry.LetterID, err)
	}
	c.o.Failpoint("committed")
	out := LetterResult{State: states[0], Next: entry.Next}
	if out.State == newsroom.DeliveryPending {
		out.Next = new(entry.At.Add(c.o.Waits.AgainMost))
	}
	if out.State.Final() && out.State != newsroom.DeliveryInDoubt {
		out.Next = nil
	}
	if outcome.Pause {
		out.Pause = outcome.Alert
	}
	return out, nil
}

// issues keeps the master copies of the issues that are being sent: they never change.
type issues struct {
	mu   sync.Mutex
	kept []*issue // the one used last is at the end
}

type issue struct {
	id     string
	master *Master
	tally  tally
}

const keptIssues = 8

func (c *Courier) issue(ctx context.Context, id string) (*issue, error) {
	i := &c.issues
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, kept := range i.kept {
		if kept.id == id {
			i.kept = append(append(i.kept[:n:n], i.kept[n+1:]...), kept)
			return kept, nil
		}
	}
	frozen, err := c.ledger.Issue(ctx, id)
	if err != nil {
		return nil, err
	}
	master, err := c.composer.OpenMaster(frozen)
	if err != nil {
		return nil, err
	}
	fresh := &issue{id: id, master: master}
	i.kept = append(i.kept, fresh)
	if len(i.kept) > keptIssues {
		i.kept = i.kept[1:]
	}
	return fresh, nil
}

// tally watches the last outcomes of an issue for a list that nobody should be mailing.
type tally struct {
	mu   sync.Mutex
	last [newsroom.HardSample]bool // true: refused for good
	seen int
	hard int
}

// add notes an outcome and reports that more than 5 % of the last 500 were refused for good; it starts anew then.
func (t *tally) add(hard bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.seen % len(t.last)
	if t.seen >= len(t.last) && t.last[at] {
		t.hard--
	}
	t.last[at] = hard
	t.seen++
	if hard {
		t.hard++
	}
	if !newsroom.TooManyHard(t.hard, len(t.last)) {
		return false
	}
	t.last, t.seen, t.hard = [newsroom.HardSample]bool{}, 0, 0
	return true
}
