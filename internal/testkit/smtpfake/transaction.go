package smtpfake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxTextLine = 1000      // octets with CR LF (RFC 5321 section 4.5.3.1.6)
	maxChunk    = 100 << 20 // octets of one BDAT
)

func (c *session) mail(line string) error {
	c.message++
	address, params, ok := path(line, "MAIL FROM:")
	step := c.step(MAIL, line)
	step.From = address
	switch {
	case !ok:
		return c.answer(step, 501, "5.5.4 MAIL FROM:<address> expected")
	case !c.greeted:
		return c.answer(step, 503, "5.5.1 EHLO first")
	case c.mailed:
		return c.answer(step, 503, "5.5.1 a transaction is open")
	case c.server.o.Auth != nil && c.user == "":
		return c.answer(step, 530, "5.7.0 sign in first")
	}
	c.checkParams("MAIL", params)
	code, err := c.reply(c.ask(step), 250, "2.1.0 OK")
	if code/100 == 2 {
		c.envelope = envelope{
			from: address, fromParams: params, mailed: true,
			eightBit: slices.Contains(strings.Fields(strings.ToUpper(params)), "BODY=8BITMIME"),
		}
	}
	return err
}

func (c *session) rcpt(line string) error {
	address, params, ok := path(line, "RCPT TO:")
	step := c.step(RCPT, line)
	step.Rcpt = address
	switch {
	case !ok || address == "":
		return c.answer(step, 501, "5.5.4 RCPT TO:<address> expected")
	case !c.mailed:
		return c.answer(step, 503, "5.5.1 MAIL first")
	}
	c.checkParams("RCPT", params)
	code, err := c.reply(c.ask(step), 250, "2.1.5 OK")
	if code/100 == 2 {
		c.to, c.toParams = append(slices.Clip(c.to), address), append(c.toParams, params)
	}
	return err
}

// path reads the address and the parameters of MAIL or RCPT.
func path(line, prefix string) (address, params string, ok bool) {
	if len(line) < len(prefix) || !strings.EqualFold(line[:len(prefix)], prefix) {
		return "", "", false
	}
	rest := strings.TrimLeft(line[len(prefix):], " ")
	if !strings.HasPrefix(rest, "<") {
		return "", "", false
	}
	quoted := false
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quoted:
			i++
		case rest[i] == '"':
			quoted = !quoted
		case rest[i] == '>' && !quoted:
			return rest[1:i], strings.TrimSpace(rest[i+1:]), true
		}
	}
	return "", "", false
}

// checkParams notes parameters of extensions that were not offered.
func (c *session) checkParams(verb, params string) {
	o := c.server.o
	for param := range strings.FieldsSeq(params) {
		name, value, _ := strings.Cut(strings.ToUpper(param), "=")
		offered := false
		switch verb + " " + name {
		case "MAIL BODY":
			offered = value == "7BIT" || value == "8BITMIME" && !o.No8BitMIME
		case "MAIL SIZE":
			offered = o.MaxSize > 0
		case "MAIL SMTPUTF8":
			offered = o.SMTPUTF8
		case "MAIL RET", "MAIL ENVID", "RCPT NOTIFY", "RCPT ORCPT":
			offered = o.DSN
		case "MAIL AUTH":
			offered = o.Auth != nil
		}
		if !offered {
			c.violated("%s has parameter %s, which is not offered", verb, param)
		}
	}
}

func (c *session) data(line string) error {
	step := c.step(DATA, line)
	var err error
	code := 0
	switch {
	case !c.mailed:
		code, err = c.reply(c.ask(step), 503, "5.5.1 MAIL first")
	case c.chunked:
		code, err = c.reply(c.ask(step), 503, "5.5.1 DATA after BDAT")
	case len(c.to) == 0:
		code, err = c.reply(c.ask(step), 554, "5.5.1 no valid recipients")
	default:
		code, err = c.reply(c.ask(step), 354, "go ahead")
	}
	if err != nil || code != 354 {
		return err
	}
	action := c.ask(c.step(Body, ""))
	if err := c.beforeBody(action); err != nil {
		c.unfinished()
		return err
	}
	text, err := c.text(action)
	if err != nil {
		c.unfinished()
		if errors.Is(err, errDropped) {
			return c.drop(action)
		}
		return err
	}
	return c.dot(text)
}

// beforeBody does what a script wants done in place of reading a body: wait, reply early, cut.
func (c *session) beforeBody(a Action) error {
	if a.Code != 0 || a.Raw != nil || a.Hang || a.Drop != Keep {
		if a.Drop == Keep {
			a.Drop = DropAfter // a body that nobody reads cannot be told from the next command
		}
		_, err := c.reply(a, 0, "")
		return err
	}
	return c.pause(a.Delay)
}

// text reads a message up to its dot, and takes the stuffed dots out (RFC 5321 section 4.5.2). Only CR LF ends a line,
// so that a bare LF before a dot smuggles nothing.
func (c *session) text(a Action) ([]byte, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(idleLimit)); err != nil {
		return nil, err
	}
	var text []byte
	for read, lineStart := 0, true; ; {
		part, err := c.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if err := c.pause(time.Duration(len(part)) * a.PerByte); err != nil {
			return nil, err
		}
		if lineStart && string(part) == ".\r\n" {
			return text, nil
		}
		read += len(part)
		if lineStart && part[0] == '.' {
			part = part[1:]
		}
		text = append(text, part...)
		lineStart = err == nil && bytes.HasSuffix(text, []byte("\r\n"))
		if a.CutAfter > 0 && read >= a.CutAfter {
			return nil, errDropped
		}
	}
}

// inspect notes what a message must not have.
func (c *session) inspect(text []byte) {
	for _, check := range []struct {
		wrong bool
		what  string
	}{
		{bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")), "has a bare LF"},
		{bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")), "has a bare CR"},
		{longLine(text), "has a line over 1,000 octets"},
		{!c.eightBit && slices.ContainsFunc(text, func(b byte) bool { return b >= 0x80 }), "has 8-bit bytes without BODY=8BITMIME"},
	} {
		if check.wrong {
			c.violated("message %d %s", c.message, check.what)
		}
	}
}

func longLine(text []byte) bool {
	for line := range bytes.SplitAfterSeq(text, []byte("\r\n")) {
		if len(line) > maxTextLine {
			return true
		}
	}
	return false
}

func (c *session) bdat(line, args string) error {
	sizeText, last, _ := strings.Cut(args, " ")
	size, err := strconv.ParseUint(sizeText, 10, 31)
	isLast := strings.EqualFold(last, "LAST")
	if err != nil || size > maxChunk || last != "" && !isLast {
		return errors.Join(c.answer(c.step(BDAT, line), 501, "5.5.4 BDAT size [LAST] expected"), errDropped)
	}
	if !c.server.o.Chunking {
		c.violated("BDAT is not offered")
	}
	body := c.ask(c.step(Body, line))
	if err := c.beforeBody(body); err != nil {
		c.unfinished()
		return err
	}
	if body.CutAfter > 0 && int(size) >= body.CutAfter {
		_, _ = io.CopyN(io.Discard, c.in, int64(body.CutAfter))
		c.unfinished()
		return c.drop(body)
	}
	before := len(c.chunks)
	c.chunked = true
	c.chunks = slices.Grow(c.chunks, int(size))[:before+int(size)]
	if err := c.conn.SetReadDeadline(time.Now().Add(idleLimit)); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.in, c.chunks[before:]); err != nil {
		return err // serve counts it as unfinished
	}
	if err := c.pause(time.Duration(size) * body.PerByte); err != nil {
		return err
	}
	if !c.server.o.Pipelining && c.in.Buffered() > 0 {
		c.violated("BDAT was followed by more without waiting for the reply; PIPELINING is not offered")
	}
	if len(c.to) == 0 {
		c.failed = true
	}
	if isLast {
		return c.dot(c.chunks)
	}
	if c.failed { // RFC 3030 section 2: every chunk is read and answered, none is taken
		return c.answer(c.step(BDAT, line), 503, "5.5.1 no valid recipients")
	}
	code, err := c.reply(c.ask(c.step(BDAT, line)), 250, "2.0.0 "+sizeText+" octets received")
	c.failed = c.failed || code/100 != 2
	return err
}

// dot decides about a complete message. What it stores is stored before the reply goes out.
func (c *session) dot(text []byte) error {
	step := c.step(Dot, "")
	step.Data = text
	if !c.server.o.Discard {
		c.inspect(text)
	}
	message := Accepted{
		Conn: c.number, Message: c.message, From: c.from, FromParams: c.fromParams, To: c.to, ToParams: c.toParams,
		Data: text, Size: len(text), At: time.Now(), User: c.user, TLS: c.tls, Chunked: c.chunked,
		QueueID: fmt.Sprintf("F%d.%d", c.number, c.message),
	}
	code, reply := 250, "2.0.0 queued as "+message.QueueID
	switch {
	case c.failed || len(c.to) == 0:
		code, reply = 554, "5.5.1 no valid recipients"
	case c.server.o.MaxSize > 0 && len(text) > c.server.o.MaxSize:
		code, reply = 552, "5.3.4 message too big"
	}
	refused := code != 250
	action := c.ask(step)
	if action.Code != 0 {
		code = action.Code
	}
	c.envelope = envelope{}
	takes := action.Store == StoreAlways || action.Store == StoreByReply && code/100 == 2 && action.Drop != DropBefore && !action.Hang
	if takes && !refused {
		if c.server.o.Discard {
			message.Data = nil
		}
		c.server.store(message)
	}
	_, err := c.reply(action, code, reply)
	return err
}

func (c *session) unfinished() {
	c.chunked = false
	c.server.mu.Lock()
	c.server.unfinished++
	c.server.mu.Unlock()
}
