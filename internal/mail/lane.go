package mail

import (
	"context"
	"errors"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// lane is one seat's work.
func (j *job) lane(ctx context.Context, helper bool) {
	bodies, _ := j.c.bodies.Get().(*[][]byte)
	if bodies == nil {
		bodies = new(make([][]byte, max(2, j.c.o.Window)))
	}
	defer j.c.bodies.Put(bodies)
	l := &lane{job: j, helper: helper, bufs: *bodies}
	defer func() { j.c.bulk.leave(l.told) }()
	defer j.left()
	j.c.books.bulk.crowd.Add(1)
	defer j.c.books.bulk.crowd.Add(-1)
	defer func() { j.c.bulk.put(l.conn) }()
	for {
		r, ok := j.take(ctx)
		if !ok {
			break
		}
		if r == nil { // nobody's turn yet
			l.settle(ctx)
			if l.wanted() {
				break
			}
			continue
		}
		if !l.send(ctx, r) {
			break
		}
		if l.wanted() {
			break
		}
	}
	l.settle(ctx)
}

// lane is one connection's state between mails.
type lane struct {
	*job
	helper bool // leaves when another chunk has no seat at all
	told   bool // to leave: counted among those who go, so it does not stay
	conn   *Conn
	idled  bool      // conn has carried nothing of this lane's yet, and was idle before
	held   []Entry   // results that wait for the next commit
	asked  time.Time // when the dots at hand were asked for
	bufs   [][]byte  // the mails that may still be on their way
	flip   int
}

// wanted reports that somebody has more right to the seat: another chunk that has none, another process, or whoever lowered their
// number. Once it has said so it does not change its mind.
func (l *lane) wanted() bool {
	l.told = l.told || l.c.bulk.dismiss(l.helper)
	return l.told
}

// turn waits for the place of the loaded mail, and writes down what is held if that takes long.
func (l *lane) turn(ctx context.Context, r *parcel) error {
	if l.c.limits.patient() {
		l.settle(ctx)
	}
	at, err := l.c.limits.pace.take(ctx)
	if err != nil {
		return err
	}
	if at.Before(r.at) {
		at = r.at // its domain's
	}
	if time.Until(at) >= l.c.o.Waits.Hold {
		l.settle(ctx)
	}
	return sleep(ctx, time.Until(at))
}

// settle commits what is held.
func (l *lane) settle(ctx context.Context) {
	if len(l.held) == 0 {
		return
	}
	if _, err := l.c.books.bulk.commit(ctx, l.held); err != nil {
		l.failNow(err)
	}
	l.held = l.held[:0]
	l.c.o.Failpoint("committed")
}

// send carries r and then, in the same breath, whatever follows while nothing has to be waited for. false: the lane ends.
func (l *lane) send(ctx context.Context, r *parcel) bool {
	m, ok := l.render(ctx, r)
	if !ok {
		return true
	}
	if !l.connect(ctx) {
		l.give(r)
		return false
	}
	if l.c.o.Window > 1 && l.conn.Bursts() {
		return l.burst(ctx, following{r, m})
	}
	failed := l.conn.Load(ctx, m)
	if l.idled && failed.tired() && ctx.Err() == nil {
		l.conn.Abort()
		l.give(r)
		return true // over another one
	}
	l.idled = false
	for {
		if failed != nil {
			return l.refused(ctx, r, failed)
		}
		l.c.bulk.serves(ctx, l.conn)
		l.c.o.Failpoint("loaded")
		granted, ok := l.grant(ctx, r, m)
		if !granted {
			return ok
		}
		next, more := l.next(ctx)
		if time.Since(l.asked) > l.c.o.Waits.Guard { // the ledger may have been slow to answer, to this and to what next asks it
			l.conn.Abort()
			if more {
				l.give(next.r)
			}
			return l.done(ctx, r, Reply{}, &StepError{Stage: StageBody, Err: errTooLate})
		}
		if !more {
			said, dot := l.conn.Dot(ctx)
			l.c.o.Failpoint("dotted")
			return l.done(ctx, r, said, dot)
		}
		said, dot, load := l.conn.DotThenLoad(ctx, next.m)
		l.c.o.Failpoint("dotted")
		ok = l.done(ctx, r, said, dot)
		if !l.conn.Usable() && load == nil { // next was not even tried
			l.give(next.r)
			return ok
		}
		if !ok {
			l.conn.Abort()
			l.give(next.r)
			return false
		}
		r, m, failed = next.r, next.m, load
	}
}

// following is the mail that travels behind a dot.
type following struct {
	r *parcel
	m Message
}

// next takes and renders the next row if there is one that may go on this connection.
func (l *lane) next(ctx context.Context) (following, bool) {
	if l.conn.Mails()+1 >= mostMails || l.wanted() || ctx.Err() != nil {
		return following{}, false
	}
	r := l.tryTake(ctx)
	if r == nil {
		return following{}, false
	}
	m, ok := l.render(ctx, r)
	return following{r, m}, ok
}

// render makes the mail; one that cannot be made is refused for good, alone, and counts like one that the relay refused: what is wrong
// with all of them stops the issue.
func (l *lane) render(ctx context.Context, r *parcel) (Message, bool) {
	next := (l.flip + 1) % len(l.bufs)
	m, err := l.issue.master.splice(l.bufs[next], r.Recipient)
	if err != nil {
		failed := &StepError{Stage: StageCompose, Err: err}
		outcome := Classify(failed)
		if _, bad := errors.AsType[*text.EmailError](err); bad {
			outcome.Alert = "" // one reader's address is no trouble of the operator's
		}
		l.note(ctx, r, outcome, failed)
		l.hold(outcome, r, Reply{}, failed)
		l.judge(ctx, outcome, r) // where it stops the issue, nobody takes another row
		return Message{}, false
	}
	l.flip = next // a mail that cannot be made takes no place: the one before it may not have left yet
	if l.c.composer.signer == nil {
		l.bufs[l.flip] = m.Raw
	}
	l.c.o.Failpoint("rendered")
	return m, true
}

// connect makes sure of a connection, waiting within the budget for a relay that is away. false: stop.
func (l *lane) connect(ctx context.Context) bool {
	if l.conn != nil && (!l.conn.Usable() || l.conn.Mails() >= mostMails) {
		if l.conn.Usable() {
			l.conn.Quit()
		}
		l.conn = nil
	}
	for l.conn == nil {
		limit, cancel := context.WithDeadline(ctx, l.end)
		conn, reused, err := l.c.bulk.get(limit)
		cancel()
		if err == nil {
			l.conn, l.idled = conn, reused
			return true
		}
		if len(l.held) > 0 {
			l.settle(ctx)
		}
		failed, said := errors.AsType[*StepError](err)
		if ctx.Err() != nil || l.stopped.Load() {
			return false
		}
		if time.Now().After(l.end) || !said {
			return false
		}
		outcome := Classify(failed)
		l.c.o.Log.WarnContext(ctx, "relay not reached", "relay", l.c.bulk.relay.String(), "stage", string(failed.Stage), "error", failed)
		if outcome.Slow {
			l.c.limits.slow(ctx, "")
		}
		if outcome.Pause {
			l.c.alert(ctx, outcome.Alert, map[string]string{"relay": l.c.bulk.relay.String(), "reply": failed.Reply.Text})
			l.pauseFor(outcome.Alert)
			return false
		}
	}
	return true
}

// grant waits for r's place and commits what is held together with its dot. granted: the dot may be sent. Otherwise the mail was
// taken back from the relay; ok says whether the lane goes on.
func (l *lane) grant(ctx context.Context, r *parcel, m Message) (granted, ok bool) {
	if err := l.turn(ctx, r); err != nil {
		l.conn.Abort()
		l.give(r)
		l.unlessEnded(ctx, err)
		return false, false
	}
	states, err := l.permit(ctx, following{r, m})
	if err != nil {
		l.conn.Abort()
		r.leave()
		l.failNow(err)
		return false, false
	}
	l.c.o.Failpoint("granted")
	if states[0] == newsroom.DeliveryDot {
		return true, true
	}
	l.conn.Abort() // no dot, no delivery
	return false, l.denied(r, states[0])
}

// permit commits what is held together with the dots of list, and returns their rows' states.
func (l *lane) permit(ctx context.Context, list ...following) ([]newsroom.DeliveryState, error) {
	before := len(l.held)
	for _, f := range list {
		l.held = append(l.held, Entry{
			IssueID: l.issue.id, SubscriberID: f.r.SubscriberID, Lease: l.lease, State: newsroom.DeliveryDot, At: l.c.o.Now(), BodyHash: f.m.BodyHash[:],
		})
	}
	l.asked = time.Now()
	states, err := l.c.books.bulk.commit(ctx, l.held)
	l.held = l.held[:0]
	if err != nil {
		return nil, err
	}
	return states[before:], nil
}

// denied notes that r's dot was refused. false: none of this chunk's rows may go, since it is fenced, paused or aborted.
func (l *lane) denied(r *parcel, state newsroom.DeliveryState) bool {
	r.leave()
	if state == newsroom.DeliverySuppressed {
		return true
	}
	l.stopped.Store(true)
	return false
}

// unlessEnded fails the job for an error that is not the end of ctx.
func (l *lane) unlessEnded(ctx context.Context, err error) {
	if ctx.Err() == nil {
		l.failNow(err)
	}
}

// done holds the result of a dot, or of a dot that was permitted and not sent: said, or why it failed. false: the lane ends.
func (l *lane) done(ctx context.Context, r *parcel, said Reply, failed *StepError) bool {
	failed = failed.about(r.Email)
	outcome := Classify(failed)
	if failed != nil {
		l.note(ctx, r, outcome, failed)
	}
	if outcome.State == newsroom.DeliveryPending {
		if _, again := l.patience(r); !again {
			outcome.State = newsroom.DeliverySoft
		}
	}
	if failed == nil || outcome.State != newsroom.DeliveryPending && failed.Reply.Code != 0 {
		l.c.bulk.serves(ctx, l.conn)
	}
	l.hold(outcome, r, said, failed)
	switch outcome.State {
	case newsroom.DeliveryInDoubt: // a doubt is written down at once
		l.settle(ctx)
	case newsroom.DeliveryPending:
		l.settle(ctx)
		l.reopen()
		l.c.bulk.fails(ctx, l.conn, failed)
	default: // waits for the next commit
	}
	return l.judge(ctx, outcome, r)
}

// refused deals with a mail that did not come to its dot. false: the lane ends.
func (l *lane) refused(ctx context.Context, r *parcel, failed *StepError) bool {
	failed = failed.about(r.Email)
	outcome := Classify(failed)
	if ctx.Err() != nil {
		l.conn.Abort()
		l.give(r)
		return false
	}
	if outcome.State == newsroom.DeliveryPending { // nobody looked at the mail: its row stays claimed and is tried again
		l.conn.Abort()
		l.spare(ctx, outcome, r)
		if outcome.Pause {
			l.give(r)
			l.note(ctx, r, outcome, failed)
			l.pauseFor(outcome.Alert)
			return false
		}
		if tries, again := l.patience(r); again || failed.Reply.Code != 0 {
			if tries > 1 || !l.conn.serves {
				l.c.bulk.fails(ctx, l.conn, failed)
			}
			l.give(r)
			return true
		}
		outcome.State = newsroom.DeliverySoft // connections keep dying under this one mail
	} else if failed.Reply.Code != 0 {
		l.c.bulk.serves(ctx, l.conn)
	}
	l.note(ctx, r, outcome, failed)
	l.hold(outcome, r, Reply{}, failed)
	return l.judge(ctx, outcome, r)
}

// hold keeps a result for the next commit.
func (l *lane) hold(outcome Outcome, r *parcel, said Reply, failed *StepError) {
	r.leave()
	entry := Entry{IssueID: l.issue.id, SubscriberID: r.SubscriberID, Lease: l.lease, At: l.c.o.Now()}
	l.held = append(l.held, outcome.settle(entry, said.about(r.Email), failed, r.Attempt, r.Code, l.c.o.Waits.Retry, l.c.resendAfter()))
}

// note logs and alerts what a person should know of.
func (l *lane) note(ctx context.Context, r *parcel, outcome Outcome, failed *StepError) {
	l.c.o.Log.WarnContext(ctx, "newsletter not accepted", "issue_id", l.issue.id, "subscriber_id", r.SubscriberID,
		"stage", string(failed.Stage), "code", failed.Reply.Code, "error", failed)
	l.c.alert(ctx, outcome.Alert, map[string]string{"issue_id": l.issue.id, "stage": string(failed.Stage), "reply": failed.Reply.Text})
}

// judge lets an outcome change the pace, or stop the issue when too many are refused for good. false: the lane ends.
func (l *lane) judge(ctx context.Context, outcome Outcome, r *parcel) bool {
	l.spare(ctx, outcome, r)
	if l.issue.tally.add(outcome.State == newsroom.DeliveryHard) {
		l.c.alert(ctx, "hard_failures", map[string]string{"issue_id": l.issue.id})
		l.pauseFor("hard_failures")
		return false
	}
	return true
}

// spare slows down what the relay complained of: everything, or what goes to r's domain.
func (l *lane) spare(ctx context.Context, outcome Outcome, r *parcel) {
	switch {
	case outcome.Slow && outcome.Domain:
		l.c.limits.slow(ctx, domainOf(r.Email))
	case outcome.Slow:
		l.c.limits.slow(ctx, "")
	}
}
