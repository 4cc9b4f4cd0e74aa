package mail

import (
	"context"
	"time"

	"toasoan/newsroom"
)

// burstWithin is how soon the place of a further mail must come for the first to wait for it.
const burstWithin = 5 * time.Millisecond

// burst carries up to Options.Window mails in one breath: all of them are granted by one commit, then said whole, then heard. A
// connection that dies leaves as many in doubt. false: the lane ends.
func (l *lane) burst(ctx context.Context, first following) bool {
	list, err := l.load(ctx, first)
	if err != nil {
		for _, f := range list {
			l.give(f.r)
		}
		l.unlessEnded(ctx, err)
		return false
	}
	states, err := l.permit(ctx, list...)
	if err != nil {
		for _, f := range list {
			f.r.leave()
		}
		l.failNow(err)
		return false
	}
	l.c.o.Failpoint("granted")
	ok := true
	var granted []following
	var mails []Message
	for i, f := range list {
		if states[i] == newsroom.DeliveryDot {
			granted, mails = append(granted, f), append(mails, f.m)
			continue
		}
		ok = l.denied(f.r, states[i]) && ok
	}
	said, failed := make([]Reply, len(granted)), make([]*StepError, len(granted))
	if time.Since(l.asked) > l.c.o.Waits.Guard {
		for i := range failed {
			failed[i] = &StepError{Stage: StageBody, Err: errTooLate}
		}
	} else if len(granted) > 0 {
		said, failed = l.conn.Burst(ctx, mails)
		l.c.o.Failpoint("dotted")
	}
	for i, f := range granted {
		ok = l.done(ctx, f.r, said[i], failed[i]) && ok
	}
	return ok
}

// load takes the mails of a burst and waits until their places have come.
func (l *lane) load(ctx context.Context, first following) (list []following, err error) {
	list = []following{first}
	if err := l.turn(ctx, first.r); err != nil {
		return list, err
	}
	for len(list) < l.c.o.Window && l.conn.Mails()+len(list) < mostMails && !l.wanted() {
		r := l.tryTake(ctx)
		if r == nil {
			break
		}
		at, wait, err := l.c.limits.pace.soon(ctx, burstWithin)
		if err != nil || wait > 0 {
			l.give(r)
			return list, err
		}
		m, ok := l.render(ctx, r)
		if !ok {
			continue
		}
		list = append(list, following{r, m})
		if at.Before(r.at) {
			at = r.at
		}
		if err := sleep(ctx, time.Until(at)); err != nil {
			return list, err
		}
	}
	return list, nil
}
