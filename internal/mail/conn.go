package mail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// Conn is one signed-in connection to the relay. It carries one mail at a time in two halves: Load says everything but
// the final dot, so that the relay may accept nothing yet; Dot lets it accept. Between the two the ledger commits.
// It is used by one goroutine. After any error, or an Abort, only Abort may be called.
type Conn struct {
	client *smtp.Client
	raw    net.Conn
	in     *bufio.Reader
	out    *bufio.Writer
	limits Limits

	pipelining, chunking, dsn bool
	size                      int64 // the relay's limit; 0 none said

	loaded  bool // everything but the dot was said
	chunks  bool // by BDAT
	reset   bool // a transaction has to be cleared before the next
	closed  bool
	serves  bool // the relay went on with a mail
	mails   int  // dots sent
	usedAt  time.Time
	scratch []byte

	watch watch
}

func newConn(client *smtp.Client, raw net.Conn, limits Limits) *Conn {
	c := &Conn{client: client, raw: raw, in: client.Text.R, out: client.Text.W, limits: limits}
	c.pipelining, _ = client.Extension("PIPELINING")
	c.chunking, _ = client.Extension("CHUNKING")
	c.dsn, _ = client.Extension("DSN")
	if ok, most := client.Extension("SIZE"); ok {
		c.size, _ = strconv.ParseInt(most, 10, 64)
	}
	return c
}

// Load says MAIL, RCPT and the whole body. A refusal is a *StepError with the relay's reply, and the connection can
// carry the next mail; anything else breaks it. When ctx ends the connection is cut: nothing can have been accepted.
func (c *Conn) Load(ctx context.Context, m Message) *StepError {
	if failed := c.ready(m); failed != nil {
		return failed
	}
	c.until(ctx, 0)
	defer c.rest()
	return c.load(m)
}

// Dot lets the relay accept the loaded mail and waits for its answer. An error at StageDot without a reply leaves it
// unknown whether a copy exists; one at StageBody says that the relay had gone before, and the dot was not sent. When ctx ends it waits for Limits.Grace more.
func (c *Conn) Dot(ctx context.Context) (Reply, *StepError) {
	if !c.loaded {
		return Reply{}, &StepError{Stage: StageDot, Err: errNotLoaded}
	}
	c.until(ctx, c.limits.Grace)
	defer c.rest()
	if failed := c.there(); failed != nil {
		return Reply{}, failed
	}
	c.sayDot()
	if failed := c.flush(StageDot, c.limits.Dot); failed != nil {
		return Reply{}, failed
	}
	return c.dotReply()
}

// DotThenLoad is Dot, and Load of the next mail in the same breath where the relay offers PIPELINING: the next envelope
// travels behind the dot, so that a mail costs one round trip. dotFailed is about the loaded mail, loadFailed about next,
// which is not loaded then; next is not even tried when dotFailed is set.
func (c *Conn) DotThenLoad(ctx context.Context, next Message) (said Reply, dotFailed, loadFailed *StepError) {
	if !c.loaded {
		return Reply{}, &StepError{Stage: StageDot, Err: errNotLoaded}, nil
	}
	if !c.pipelining {
		if said, dotFailed = c.Dot(ctx); c.closed {
			return said, dotFailed, nil
		}
		return said, dotFailed, c.Load(ctx, next)
	}
	if failed := c.check(next); failed != nil {
		said, dotFailed = c.Dot(ctx)
		return said, dotFailed, failed
	}
	c.until(ctx, c.limits.Grace)
	defer c.rest()
	if dotFailed = c.there(); dotFailed != nil {
		return Reply{}, dotFailed, nil
	}
	c.sayDot()
	c.sayEnvelope(next)
	if dotFailed = c.flush(StageDot, c.limits.Dot); dotFailed != nil {
		return Reply{}, dotFailed, nil
	}
	said, dotFailed = c.dotReply()
	if c.closed {
		return said, dotFailed, nil
	}
	return said, dotFailed, c.envelopeReplies(next)
}

// Abort closes the connection at once, without a dot or QUIT: whatever was loaded is not delivered (RFC 5321 §4.1.1.4).
func (c *Conn) Abort() {
	if c.closed {
		return
	}
	c.over()
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what is still in the send buffer goes nowhere
	}
	_ = c.raw.Close()
}

// Quit ends a connection on which nothing is loaded the polite way, within two seconds. It waits a moment for the relay to close its
// side (RFC 5321 §4.1.1.10 has it do so): one that bounds the connections of a client counts this one until then.
func (c *Conn) Quit() {
	if c.closed || c.loaded {
		c.Abort()
		return
	}
	_ = c.raw.SetDeadline(time.Now().Add(2 * time.Second))
	_, _ = c.out.WriteString("QUIT\r\n") // an error stays, and Flush returns it
	if c.out.Flush() == nil {
		if _, err := readReply(c.in); err == nil {
			_ = c.raw.SetReadDeadline(time.Now().Add(time.Second / 4))
			_, _ = c.in.ReadByte()
		}
	}
	c.over()
	_ = c.raw.Close()
}

// Mails is how many dots the connection has carried.
func (c *Conn) Mails() int { return c.mails }

// Usable reports whether the connection can carry another mail.
func (c *Conn) Usable() bool { return !c.closed }

var (
	errGone      = errors.New("the relay ended the conversation before the dot")
	errNotLoaded = errors.New("nothing is loaded")
	errLoaded    = errors.New("another mail is loaded")
	errLineEnds  = errors.New("mail with a bare CR or LF")
	errTooBig    = errors.New("mail is larger than the relay takes")
	errEnvelope  = errors.New("envelope address with a space, bracket or control character")
)

func (c *Conn) ready(m Message) *StepError {
	if c.loaded || c.closed {
		return &StepError{Stage: StageMail, Err: errLoaded}
	}
	return c.check(m)
}

// check refuses what must never reach a relay: a second command in an address, a line end that some hop may take for
// one of its own (SMTP smuggling).
func (c *Conn) check(m Message) *StepError {
	for _, a := range []string{m.From, m.To} {
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r >= 0x7F || r == '<' || r == '>' }) {
			return &StepError{Stage: StageCompose, Err: errEnvelope}
		}
	}
	switch {
	case !lineEnds(m.unproven()), !bytes.HasSuffix(m.Raw, []byte("\r\n")):
		return &StepError{Stage: StageCompose, Err: errLineEnds}
	case c.size > 0 && int64(len(m.Raw)) > c.size:
		return &StepError{Stage: StageCompose, Err: errTooBig}
	}
	return nil
}

// lineEnds reports that raw holds no CR or LF outside a pair of both.
func lineEnds(raw []byte) bool {
	pairs := bytes.Count(raw, []byte("\r\n"))
	return pairs == bytes.Count(raw, []byte("\n")) && pairs == bytes.Count(raw, []byte("\r"))
}

// leadingDot reports that a line of raw begins with a dot.
func leadingDot(raw []byte) bool {
	return bytes.HasPrefix(raw, []byte(".")) || bytes.Contains(raw, []byte("\n."))
}

func (c *Conn) load(m Message) *StepError {
	if c.pipelining {
		c.sayEnvelope(m)
		if failed := c.flush(StageMail, c.limits.Command); failed != nil {
			return failed
		}
		return c.envelopeReplies(m)
	}
	if c.reset {
		c.line("RSET")
		if _, failed := c.ask(StageMail); failed != nil {
			return c.broken(failed)
		}
		c.reset = false
	}
	c.mailFrom(m)
	if _, failed := c.ask(StageMail); failed != nil {
		return c.refused(failed)
	}
	c.reset = true
	c.rcptTo(m)
	if _, failed := c.ask(StageRcpt); failed != nil {
		return c.refused(failed)
	}
	if c.chunking {
		c.sayChunk(m, "")
		if _, failed := c.ask(StageBody); failed != nil {
			return c.refused(failed)
		}
		c.loaded, c.chunks = true, true
		return nil
	}
	c.line("DATA")
	said, failed := c.ask(StageData)
	if failed != nil {
		return c.refused(failed)
	}
	if said.Code != 354 {
		return c.broken(&StepError{Stage: StageData, Reply: said})
	}
	return c.body(m)
}

// sayEnvelope writes everything up to the first point at which the relay has to be heard: DATA, or the whole body as a
// chunk that is not the last.
func (c *Conn) sayEnvelope(m Message) {
	if c.reset {
		c.line("RSET")
	}
	c.mailFrom(m)
	c.rcptTo(m)
	if c.chunking {
		c.sayChunk(m, "")
		return
	}
	c.line("DATA")
}

// envelopeReplies hears the answers to sayEnvelope, and says the body where DATA was used.
func (c *Conn) envelopeReplies(m Message) *StepError {
	if c.reset {
		if _, failed := c.hear(StageMail); failed != nil {
			return c.broken(failed)
		}
	}
	c.reset = true
	_, mail := c.hear(StageMail)
	if mail != nil && mail.gone() {
		return c.broken(mail)
	}
	_, rcpt := c.hear(StageRcpt)
	if rcpt != nil && rcpt.gone() {
		return c.broken(first(mail, rcpt))
	}
	last := StageData
	if c.chunking {
		last = StageBody
	}
	said, data := c.hear(last)
	if data != nil && data.gone() {
		return c.broken(first(mail, rcpt, data))
	}
	if failed := first(mail, rcpt); failed != nil {
		if said.Code == 354 { // RFC 2920 §3.1: it waits for a message that nobody gets
			if lone := c.loneDot(); lone != nil {
				c.Abort()
			}
		}
		return failed
	}
	if data != nil {
		return data
	}
	if c.chunking {
		c.loaded, c.chunks = true, true
		return nil
	}
	if said.Code != 354 {
		return c.broken(&StepError{Stage: StageData, Reply: said})
	}
	return c.body(m)
}

// gone reports that the connection is of no use after the failure: broken, closed by the relay (421), or out of step.
func (e *StepError) gone() bool { return e.Err != nil || e.Reply.Code == 421 || !e.Reply.refuses() }

func first(failures ...*StepError) *StepError {
	for _, f := range failures {
		if f != nil {
			return f
		}
	}
	return nil
}

func (c *Conn) loneDot() *StepError {
	c.line(".")
	if failed := c.flush(StageData, c.limits.Command); failed != nil {
		return failed
	}
	_, failed := c.hear(StageData)
	if failed != nil && failed.gone() {
		return failed
	}
	return nil
}

// body writes the body with its dots stuffed, and all of it to the wire, but not the dot.
func (c *Conn) body(m Message) *StepError {
	c.deadline(c.limits.Body)
	raw := m.Raw
	if leadingDot(m.unproven()) {
		c.scratch = stuff(c.scratch[:0], raw)
		raw = c.scratch
	}
	if _, err := c.out.Write(raw); err != nil {
		return c.broken(&StepError{Stage: StageBody, Err: err})
	}
	if failed := c.flush(StageBody, c.limits.Body); failed != nil {
		return failed
	}
	c.loaded, c.chunks = true, false
	return nil
}

// stuff doubles the dot that begins a line (RFC 5321 §4.5.2).
func stuff(dst, raw []byte) []byte {
	start := true
	for _, b := range raw {
		if start && b == '.' {
			dst = append(dst, '.')
		}
		dst = append(dst, b)
		start = b == '\n'
	}
	return dst
}

// there makes sure, right before the dot, that the relay has not gone meanwhile: what is not sent is not in doubt.
func (c *Conn) there() *StepError {
	_, secure := c.client.TLSConnectionState()
	if c.in.Buffered() == 0 && silent(c.raw, !secure) {
		return nil
	}
	return c.broken(&StepError{Stage: StageBody, Err: errGone})
}

func (c *Conn) sayDot() {
	if c.chunks {
		c.line("BDAT 0 LAST")
	} else {
		c.line(".")
	}
	c.loaded, c.reset = false, false
	c.mails++
}

func (c *Conn) dotReply() (Reply, *StepError) {
	c.usedAt = time.Now()
	said, failed := c.hear(StageDot)
	if failed != nil && failed.gone() {
		c.Abort()
	}
	return said, failed
}
