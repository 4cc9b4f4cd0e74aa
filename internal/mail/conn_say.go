package mail

import (
	"fmt"
	"strconv"
	"time"
)

// sayChunk writes the body as one chunk; last is " LAST" where it ends the mail, "" where the dot comes later.
func (c *Conn) sayChunk(m Message, last string) {
	c.say("BDAT ", strconv.Itoa(len(m.Raw)), last, "\r\n")
	_, _ = c.out.Write(m.Raw) // its error comes back from the flush
}

func (c *Conn) mailFrom(m Message) {
	c.say("MAIL FROM:<", m.From, ">")
	if c.size > 0 {
		c.say(" SIZE=", strconv.Itoa(len(m.Raw)))
	}
	if c.dsn {
		c.say(" RET=HDRS")
	}
	c.say("\r\n")
}

func (c *Conn) rcptTo(m Message) {
	c.say("RCPT TO:<", m.To, ">")
	if c.dsn {
		c.say(" NOTIFY=FAILURE")
	}
	c.say("\r\n")
}

func (c *Conn) line(said string) { c.say(said, "\r\n") }

func (c *Conn) say(words ...string) {
	for _, w := range words {
		_, _ = c.out.WriteString(w) // bufio keeps its first error for the flush
	}
}

// ask flushes what was said and hears one reply.
func (c *Conn) ask(stage Stage) (Reply, *StepError) {
	if failed := c.flush(stage, c.limits.Command); failed != nil {
		return Reply{}, failed
	}
	return c.hear(stage)
}

func (c *Conn) flush(stage Stage, limit time.Duration) *StepError {
	c.deadline(limit)
	if err := c.out.Flush(); err != nil {
		return c.broken(&StepError{Stage: stage, Err: err})
	}
	return nil
}

// hear reads one reply. 2xx and 354 are success, whatever else came is a StepError.
func (c *Conn) hear(stage Stage) (Reply, *StepError) {
	if c.in.Buffered() == 0 {
		limit := c.limits.Command
		if stage == StageDot {
			limit = c.limits.Dot
		}
		c.deadline(limit)
	}
	said, err := readReply(c.in)
	if err != nil {
		return Reply{}, &StepError{Stage: stage, Err: fmt.Errorf("waiting for a reply: %w", err)}
	}
	if said.Code/100 != 2 && (said.Code != 354 || stage != StageData) {
		return said, &StepError{Stage: stage, Reply: said}
	}
	return said, nil
}

// refused keeps the connection where the relay still answers, and breaks it where it does not.
func (c *Conn) refused(e *StepError) *StepError {
	if e.gone() {
		c.Abort()
	}
	return e
}

func (c *Conn) broken(e *StepError) *StepError {
	c.Abort()
	return e
}
