package smtpfake

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	maxCommandLine = 4096 // octets; RFC 5321 asks for 512, extensions add to it
	idleLimit      = 10 * time.Minute
)

// session is one connection.
type session struct {
	server *Server
	conn   net.Conn
	number int
	in     *bufio.Reader
	out    *bufio.Writer

	greeted, tls bool
	user         string
	message      int // MAILs so far
	envelope
}

// envelope is the transaction in hand.
type envelope struct {
	from       string
	fromParams string
	mailed     bool
	to         []string
	toParams   []string
	chunks     []byte // of BDAT
	chunked    bool
	eightBit   bool // BODY=8BITMIME was said
	failed     bool // a chunk came without a recipient
}

// serve speaks with one client until it or the script ends the connection.
func (s *Server) serve(conn net.Conn, number int) {
	c := &session{server: s, conn: conn, number: number}
	if s.o.ImplicitTLS {
		if c.secure() != nil {
			return
		}
	} else {
		c.buffers()
	}
	err := c.answer(c.step(Banner, ""), 220, s.o.Hostname+" ESMTP ready")
	for err == nil {
		err = c.command()
	}
	_ = c.out.Flush()
	if c.chunked {
		c.unfinished()
	}
}

func (c *session) buffers() {
	c.in, c.out = bufio.NewReaderSize(c.conn, 32<<10), bufio.NewWriterSize(c.conn, 4<<10)
}

func (c *session) secure() error {
	secured := tls.Server(c.conn, &tls.Config{Certificates: []tls.Certificate{c.server.cert}, MinVersion: tls.VersionTLS12})
	if err := secured.Handshake(); err != nil {
		return err
	}
	c.conn, c.tls, c.greeted, c.user, c.envelope = secured, true, false, "", envelope{}
	c.buffers()
	return nil
}

// step counts a stage and asks the script.
func (c *session) step(stage Stage, command string) Step {
	s := c.server
	s.mu.Lock()
	s.stages[stage]++
	nth, open := s.stages[stage], len(s.open)
	s.mu.Unlock()
	return Step{
		Stage: stage, Conn: c.number, Open: open, Message: c.message, Nth: nth, Command: command,
		From: c.from, To: c.to, TLS: c.tls,
	}
}

func (c *session) ask(step Step) Action { return (*c.server.script.Load())(step) }

// answer asks the script and replies as it says, else with the usual code and text.
func (c *session) answer(step Step, code int, text string) error {
	_, err := c.reply(c.ask(step), code, text)
	return err
}

// reply does what the action says and tells which code was decided.
func (c *session) reply(a Action, usual int, text string) (code int, err error) {
	code = usual
	if a.Code != 0 {
		code, text = a.Code, ""
	}
	if a.Text != "" {
		text = a.Text
	}
	if a.Hang {
		return code, c.hang()
	}
	if err := c.pause(a.Delay); err != nil {
		return code, err
	}
	if a.Drop == DropBefore {
		return code, c.drop(a)
	}
	raw := a.Raw
	if raw == nil {
		raw = format(code, text)
	}
	if err := c.write(raw, a.ByteDelay); err != nil {
		return code, err
	}
	if a.Drop == DropAfter {
		return code, c.drop(a)
	}
	return code, nil
}

// write sends at once, or with the replies to the commands that already wait, as a relay with PIPELINING does.
func (c *session) write(raw []byte, byteDelay time.Duration) error {
	if byteDelay == 0 {
		if _, err := c.out.Write(raw); err != nil {
			return err
		}
		if c.in.Buffered() > 0 {
			return nil
		}
		if err := c.pause(c.server.o.Latency); err != nil {
			return err
		}
		return c.out.Flush()
	}
	if err := c.pause(c.server.o.Latency); err != nil {
		return err
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	for i := range raw {
		if i > 0 {
			if err := c.pause(byteDelay); err != nil {
				return err
			}
		}
		if _, err := c.conn.Write(raw[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// format is a reply of one line per line of text (RFC 5321 section 4.2.1).
func format(code int, text string) []byte {
	var reply bytes.Buffer
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		between := "-"
		if i == len(lines)-1 {
			between = " "
		}
		fmt.Fprintf(&reply, "%03d%s%s\r\n", code, between, line)
	}
	return reply.Bytes()
}

func (c *session) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.server.quit:
		return net.ErrClosed
	}
}

// hang says nothing any more and reads until the client gives up.
func (c *session) hang() error {
	_ = c.out.Flush()
	for {
		if _, err := c.in.Discard(1); err != nil {
			return err
		}
	}
}

func (c *session) drop(a Action) error {
	_ = c.out.Flush()
	raw := c.conn
	if secured, ok := raw.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	if plain, ok := raw.(*net.TCPConn); ok && a.Abort {
		_ = plain.SetLinger(0)
	}
	_ = raw.Close()
	return errDropped
}

var errTooLong = errors.New("line too long")

// line reads one command line without its end.
func (c *session) line() (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(idleLimit)); err != nil {
		return "", err
	}
	var line []byte
	for {
		part, err := c.in.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxCommandLine {
			return "", errTooLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", err
		}
		break
	}
	if !bytes.HasSuffix(line, []byte("\r\n")) {
		c.violated("a command ends with a bare LF")
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func (c *session) violated(format string, values ...any) {
	c.server.violated(c.number, format, values...)
}

// command handles one command.
func (c *session) command() error {
	line, err := c.line()
	if errors.Is(err, errTooLong) {
		_ = c.write(format(500, "5.5.2 line too long"), 0)
		return err
	}
	if err != nil {
		return err
	}
	verb, args, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	c.watchPipelining(verb)
	switch verb {
	case "EHLO", "HELO":
		return c.hello(verb, line)
	case "STARTTLS":
		return c.startTLS(line)
	case "AUTH":
		return c.auth(args)
	case "MAIL":
		return c.mail(line)
	case "RCPT":
		return c.rcpt(line)
	case "DATA":
		return c.data(line)
	case "BDAT":
		return c.bdat(line, args)
	case "RSET":
		err := c.answer(c.step(RSET, line), 250, "2.0.0 flushed")
		c.envelope = envelope{}
		return err
	case "NOOP":
		return c.answer(c.step(NOOP, line), 250, "2.0.0 OK")
	case "QUIT":
		err := c.answer(c.step(QUIT, line), 221, "2.0.0 bye")
		return errors.Join(err, errDropped)
	default:
		return c.answer(c.step(Other, line), 502, "5.5.1 command not implemented")
	}
}

// watchPipelining notes a client that sends on before it has the reply, where RFC 2920 does not allow it: without the
// offer at all, with it after EHLO, DATA, AUTH, STARTTLS, QUIT and NOOP.
func (c *session) watchPipelining(verb string) {
	if c.in.Buffered() == 0 {
		return
	}
	switch verb {
	case "BDAT": // its chunk follows at once
	case "MAIL", "RCPT", "RSET":
		if !c.server.o.Pipelining {
			c.violated("%s was followed by more without waiting for the reply; PIPELINING is not offered", verb)
		}
	default:
		c.violated("%s was followed by more without waiting for the reply", verb)
	}
}

func (c *session) hello(verb, line string) error {
	c.greeted, c.envelope = true, envelope{}
	if verb == "HELO" {
		return c.answer(c.step(EHLO, line), 250, c.server.o.Hostname)
	}
	o := c.server.o
	offers := []string{o.Hostname, "ENHANCEDSTATUSCODES"}
	for _, offer := range []struct {
		name string
		made bool
	}{
		{"8BITMIME", !o.No8BitMIME},
		{"PIPELINING", o.Pipelining},
		{"CHUNKING", o.Chunking},
		{"DSN", o.DSN},
		{"SMTPUTF8", o.SMTPUTF8},
		{"STARTTLS", o.StartTLS && !c.tls},
		{"AUTH PLAIN", o.Auth != nil},
		{"SIZE " + strconv.Itoa(o.MaxSize), o.MaxSize > 0},
	} {
		if offer.made {
			offers = append(offers, offer.name)
		}
	}
	return c.answer(c.step(EHLO, line), 250, strings.Join(offers, "\n"))
}

func (c *session) startTLS(line string) error {
	if !c.server.o.StartTLS || c.tls {
		c.violated("STARTTLS is not offered")
		return c.answer(c.step(Other, line), 502, "5.5.1 not offered")
	}
	code, err := c.reply(c.ask(c.step(STARTTLS, line)), 220, "2.0.0 go ahead")
	if err != nil || code != 220 {
		return err
	}
	return c.secure()
}

func (c *session) auth(args string) error {
	mechanism, initial, _ := strings.Cut(args, " ")
	step := c.step(AUTH, "AUTH "+mechanism)
	if c.server.o.Auth == nil || !strings.EqualFold(mechanism, "PLAIN") {
		c.violated("AUTH %s is not offered", mechanism)
		return c.answer(step, 504, "5.5.4 mechanism not offered")
	}
	if initial == "" {
		if err := c.write(format(334, ""), 0); err != nil {
			return err
		}
		var err error
		if initial, err = c.line(); err != nil {
			return err
		}
	}
	decoded, err := base64.StdEncoding.DecodeString(initial)
	parts := strings.Split(string(decoded), "\x00") // RFC 4616: authzid NUL authcid NUL passwd
	if err != nil || len(parts) != 3 {
		return c.answer(step, 501, "5.5.2 malformed credentials")
	}
	if password, known := c.server.o.Auth[parts[1]]; !known || password != parts[2] {
		return c.answer(step, 535, "5.7.8 wrong credentials")
	}
	code, err := c.reply(c.ask(step), 235, "2.7.0 welcome")
	if code == 235 {
		c.user = parts[1]
	}
	return err
}
