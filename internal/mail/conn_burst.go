package mail

import (
	"context"
	"errors"
	"time"
)

// Bursts reports that the relay takes several mails in one breath: it offers PIPELINING and CHUNKING.
func (c *Conn) Bursts() bool { return c.pipelining && c.chunking }

var errNotHeard = errors.New("the connection broke before this mail was answered")

// Burst says several whole mails, dots included, before it listens to the first reply; only where Bursts. For each mail it
// returns what accepted it, or a refusal, an error at StageBody where the relay cannot have got all of it, or one at StageDot without a
// reply: then nobody knows. When ctx ends it waits for Limits.Grace more.
func (c *Conn) Burst(ctx context.Context, list []Message) (said []Reply, failed []*StepError) {
	said, failed = make([]Reply, len(list)), make([]*StepError, len(list))
	all := func(e *StepError) ([]Reply, []*StepError) {
		for i := range failed {
			failed[i] = first(failed[i], e)
		}
		return said, failed
	}
	if c.loaded || c.closed {
		return all(&StepError{Stage: StageMail, Err: errLoaded})
	}
	for i, m := range list {
		failed[i] = c.check(m)
	}
	c.until(ctx, c.limits.Grace)
	defer c.rest()
	if gone := c.there(); gone != nil {
		return all(gone)
	}
	resets := make([]bool, len(list))
	last := len(list)
	for i, m := range list {
		if failed[i] != nil {
			continue
		}
		if resets[i] = c.reset; c.reset {
			c.line("RSET")
		}
		c.sayWhole(m)
		if cut := c.flush(StageBody, c.limits.Body); cut != nil {
			failed[i], last = cut, i
			break
		}
		c.reset = true // how this one ends is not known yet
		c.mails++
	}
	for i := range list {
		switch {
		case failed[i] != nil:
		case i > last:
			failed[i] = &StepError{Stage: StageBody, Err: errNotHeard}
		case c.closed:
			failed[i] = &StepError{Stage: StageDot, Err: errNotHeard}
		default:
			said[i], failed[i] = c.wholeReplies(resets[i])
		}
	}
	c.usedAt = time.Now()
	return said, failed
}

// sayWhole writes a mail from its envelope to its end.
func (c *Conn) sayWhole(m Message) {
	c.mailFrom(m)
	c.rcptTo(m)
	c.sayChunk(m, " LAST")
}

// wholeReplies hears the answers to one mail of a burst. A mail without a sender or recipient cannot be accepted, whatever else
// happens; of one that broke off otherwise nobody knows.
func (c *Conn) wholeReplies(reset bool) (said Reply, refused *StepError) {
	broken := func(refused *StepError, err error) (Reply, *StepError) {
		c.Abort()
		return Reply{}, first(refused, &StepError{Stage: StageDot, Err: err})
	}
	if reset {
		if _, e := c.hear(StageMail); e != nil {
			return broken(nil, e)
		}
	}
	for _, stage := range []Stage{StageMail, StageRcpt, StageDot} {
		this, e := c.hear(stage)
		switch {
		case e == nil:
			said = this
		case e.Err != nil:
			return broken(refused, e.Err)
		case !e.Reply.refuses():
			return broken(refused, e)
		case refused == nil:
			refused = e
		}
		if e != nil && e.gone() {
			c.Abort()
			return Reply{}, refused
		}
	}
	c.reset = refused != nil
	return said, refused
}
