package mail

import (
	"fmt"
	"strconv"
	"time"
)

// sayChunk writes the body as one chunk; last is " LAST" where it ends the mail, "" where the dot comes later.
func (c *Conn) sayChunk(m Message, last string) {
	c.line("BDAT " + strconv.Itoa(len(m.Raw)) + last)
	_, _ = c.out.Write(m.Raw) // its error comes back from the flush
}

func (c *Conn) mailFrom(m Message) {
	said := "MAIL FROM:<" + m.From + ">"
	if c.size > 0 {
		said += " SIZE=" + strconv.Itoa(len(m.Raw))
	}
	if c.dsn {
		said += " RET=HDRS"
	}
	c.line(said)
}

func (c *Conn) rcptTo(m Message) {
	said := "RCPT TO:<" + m.To + ">"
	if c.dsn {
		said += " NOTIFY=FAILURE"
	}
	c.line(said)
}

func (c *Conn) line(said string) {
	_, _ = c.out.WriteString(said) // bufio keeps its first error for the flush
	_, _ = c.out.WriteString("\r\n")
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
