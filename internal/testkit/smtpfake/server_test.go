package smtpfake

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// client speaks raw SMTP.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, s *Server) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatal(err)
	}
}

// want reads one reply line and compares its beginning.
func (c *client) want(prefix string) {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, prefix) {
		c.t.Fatalf("got %q, %v; want %q…", line, err, prefix)
	}
}

// wantReply reads a whole reply of several lines.
func (c *client) wantReply(code string) (lines []string) {
	c.t.Helper()
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, code) {
			c.t.Fatalf("got %q, %v; want %s", line, err, code)
		}
		lines = append(lines, strings.TrimRight(line[4:], "\r\n"))
		if line[3] == ' ' {
			return lines
		}
	}
}

func (c *client) wantClosed() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	if len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("got %q, %v; want the connection closed", rest, err)
	}
}

func (c *client) say(line, want string) {
	c.t.Helper()
	c.send(line + "\r\n")
	c.want(want)
}

func (c *client) greet() {
	c.t.Helper()
	c.want("220 ")
	c.send("EHLO test\r\n")
	c.wantReply("250")
}

// mail brings a message to the point before its body.
func (c *client) mail(from, to string) {
	c.t.Helper()
	c.say("MAIL FROM:<"+from+">", "250")
	c.say("RCPT TO:<"+to+">", "250")
	c.say("DATA", "354")
}

func await(t *testing.T, s *Server, n int) {
	t.Helper()
	if err := s.Await(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// eventually polls what another goroutine brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestKeepsWhatItAccepts(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := dial(t, s)
	c.greet()
	c.say("MAIL FROM:<a@x.test> BODY=8BITMIME", "250")
	c.say("RCPT TO:<b@x.test>", "250")
	c.say("RCPT TO:<\"odd >\"@x.test>", "250")
	c.say("DATA", "354")
	c.say("Subject: Tiếng Việt\r\n\r\n..one dot\r\n....\r\nend\r\n.", "250 2.0.0 queued as F1.1")
	c.mail("c@x.test", "d@x.test")
	c.say("second\r\n.", "250")
	c.say("QUIT", "221")
	c.wantClosed()

	got := s.Accepted()
	if len(got) != 2 || s.Count() != 2 {
		t.Fatalf("accepted %d, want 2", len(got))
	}
	first := got[0]
	if want := "Subject: Tiếng Việt\r\n\r\n.one dot\r\n...\r\nend\r\n"; string(first.Data) != want {
		t.Errorf("message is %q, want %q", first.Data, want)
	}
	if first.From != "a@x.test" || first.FromParams != "BODY=8BITMIME" || !slices.Equal(first.To, []string{"b@x.test", `"odd >"@x.test`}) {
		t.Errorf("envelope is %+v", first)
	}
	if first.Conn != 1 || first.Message != 1 || got[1].Message != 2 || first.QueueID != "F1.1" || first.At.IsZero() {
		t.Errorf("numbers are %+v, %+v", first, got[1])
	}
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %v", v)
	}
}

func TestOffersWhatItIsTold(t *testing.T) {
	t.Parallel()
	s := start(t, Options{
		Pipelining: true, Chunking: true, DSN: true, SMTPUTF8: true, StartTLS: true,
		Auth: map[string]string{"u": "p"}, MaxSize: 1000, No8BitMIME: true,
	})
	c := dial(t, s)
	c.want("220 relay.test")
	c.send("EHLO test\r\n")
	got := c.wantReply("250")
	want := []string{"relay.test", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "DSN", "SMTPUTF8", "STARTTLS", "AUTH PLAIN", "SIZE 1000"}
	if !slices.Equal(got, want) {
		t.Errorf("offers %v, want %v", got, want)
	}
}

func TestRefusesWrongOrder(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, Options{}))
	c.want("220")
	c.say("MAIL FROM:<a@x.test>", "503")
	c.send("EHLO test\r\n")
	c.wantReply("250")
	c.say("RCPT TO:<a@x.test>", "503")
	c.say("DATA", "503")
	c.say("MAIL FROM:a@x.test", "501")
	c.say("MAIL FROM:<>", "250")
	c.say("MAIL FROM:<a@x.test>", "503")
	c.say("DATA", "554")
	c.say("RCPT TO:<>", "501")
	c.say("RSET", "250")
	c.say("RCPT TO:<a@x.test>", "503")
	c.say("VRFY a", "502")
	c.say("NOOP", "250")
}

func TestPipelinedConversation(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Pipelining: true, Script: Nth(RCPT, 2, Reply(550, "5.1.1 unknown"))})
	c := dial(t, s)
	c.greet()
	c.send("MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
	c.want("250")
	c.want("250")
	c.want("354")
	c.send("one\r\n.\r\n")
	c.want("250")
	c.send("MAIL FROM:<a@x.test>\r\nRCPT TO:<c@x.test>\r\nDATA\r\n")
	c.want("250")
	c.want("550 5.1.1 unknown")
	c.want("554")
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %v", v)
	}
	if s.Count() != 1 {
		t.Errorf("accepted %d, want 1", s.Count())
	}
}

func Test354WithoutRecipientsIsAnsweredByALoneDot(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Script: func(step Step) Action {
		switch step.Stage {
		case RCPT:
			return Reply(550, "5.1.1 no")
		case DATA:
			return Reply(354, "go on")
		default:
			return Action{}
		}
	}})
	c := dial(t, s)
	c.greet()
	c.say("MAIL FROM:<a@x.test>", "250")
	c.say("RCPT TO:<b@x.test>", "550")
	c.say("DATA", "354")
	c.say(".", "554")
	if s.Count() != 0 {
		t.Error("a message without a recipient was accepted")
	}
}

func TestChunking(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Pipelining: true, Chunking: true})
	c := dial(t, s)
	c.greet()
	c.send("MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nBDAT 6\r\n.one\r\nBDAT 5\r\ntwo\r\nBDAT 0 LAST\r\n")
	for range 4 {
		c.want("250")
	}
	c.want("250 2.0.0 queued")
	c.say("MAIL FROM:<a@x.test>", "250")
	c.send("BDAT 3\r\nabc")
	c.want("503")
	c.say("BDAT 0 LAST", "554")
	c.say("BDAT x", "501")
	c.wantClosed()
	got := s.Accepted()
	if len(got) != 1 || string(got[0].Data) != ".one\r\ntwo\r\n" || !got[0].Chunked {
		t.Errorf("accepted %+v", got)
	}
}

func TestScriptedReplies(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		stage Stage
		lines int // good replies before
	}{{Banner, 0}, {EHLO, 1}, {MAIL, 2}, {RCPT, 3}, {DATA, 4}, {Dot, 5}} {
		t.Run(string(at.stage), func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{Script: At(at.stage, Reply(451, "4.7.1 later\nplease"))})
			c := dial(t, s)
			for n, line := range []string{"", "HELO test", "MAIL FROM:<a@x.test>", "RCPT TO:<b@x.test>", "DATA", "text\r\n."} {
				if line != "" {
					c.send(line + "\r\n")
				}
				if n == at.lines {
					if got := c.wantReply("451"); !slices.Equal(got, []string{"4.7.1 later", "please"}) {
						t.Errorf("reply is %q", got)
					}
					break
				}
				c.wantReply("")
			}
			if s.Count() != 0 {
				t.Error("a refused message was accepted")
			}
		})
	}
}

func TestDropAtTheDot(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]struct {
		action   Action
		accepted int
		reply    string
	}{
		"before, lost":         {Action{Drop: DropBefore}, 0, ""},
		"before, taken":        {Action{Drop: DropBefore, Store: StoreAlways}, 1, ""},
		"before, taken, reset": {Action{Drop: DropBefore, Store: StoreAlways, Abort: true}, 1, ""},
		"after":                {Action{Drop: DropAfter}, 1, "250"},
		"a lie":                {Action{Store: StoreNever}, 0, "250"},
		"taken but refused":    {Action{Code: 451, Text: "4.0.0 x", Store: StoreAlways}, 1, "451"},
		"garbage":              {Action{Raw: []byte("\x00\xff no reply\r\n"), Store: StoreNever}, 0, "\x00"},
		"byte by byte":         {Action{ByteDelay: 1}, 1, "250"},
		"delayed":              {Action{Delay: time.Millisecond}, 1, "250"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{Script: At(Dot, check.action)})
			c := dial(t, s)
			c.greet()
			c.mail("a@x.test", "b@x.test")
			c.send("text\r\n.\r\n")
			if check.reply == "" {
				c.wantClosed()
			} else {
				c.want(check.reply)
			}
			if got := s.Count(); got != check.accepted {
				t.Errorf("accepted %d, want %d", got, check.accepted)
			}
		})
	}
}

func TestCutInTheBody(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Chunking: true, Script: At(Body, Action{CutAfter: 5})})
	c := dial(t, s)
	c.greet()
	c.mail("a@x.test", "b@x.test")
	c.send("a long line\r\n")
	c.wantClosed()
	c = dial(t, s)
	c.greet()
	c.say("MAIL FROM:<a@x.test>", "250")
	c.say("RCPT TO:<b@x.test>", "250")
	c.send("BDAT 10 LAST\r\n0123456789")
	c.wantClosed()
	s.SetScript(nil)
	c = dial(t, s)
	c.greet()
	c.mail("a@x.test", "b@x.test")
	c.send("half")
	_ = c.conn.Close()
	eventually(t, "three unfinished messages", func() bool { return s.Unfinished() == 3 })
	if s.Count() != 0 {
		t.Errorf("accepted %d of the cut messages", s.Count())
	}
}

func TestHangEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Script: At(MAIL, Action{Hang: true})})
	c := dial(t, s)
	c.greet()
	c.send("MAIL FROM:<a@x.test>\r\n")
	eventually(t, "MAIL arrives", func() bool { return s.Stages()[MAIL] == 1 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.wantClosed()
}

func TestDownAndUp(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	addr := s.Addr()
	c := dial(t, s)
	c.greet()
	s.Down()
	c.wantClosed()
	if conn, err := net.Dial("tcp", addr); err == nil {
		_ = conn.Close()
		t.Error("a relay that is down takes connections")
	}
	if err := s.Up(); err != nil {
		t.Fatal(err)
	}
	c = dial(t, s)
	c.greet()
	if opened, open := s.Connections(); s.Addr() != addr || opened != 2 || open != 1 {
		t.Errorf("at %s, %d opened, %d open; want %s, 2, 1", s.Addr(), opened, open, addr)
	}
}

func TestStartTLSAndAuth(t *testing.T) {
	t.Parallel()
	s := start(t, Options{StartTLS: true, Auth: map[string]string{"user": "secret"}})
	c, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.StartTLS(&tls.Config{RootCAs: s.CertPool(), ServerName: "relay.test"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("a@x.test"); err == nil || !strings.HasPrefix(err.Error(), "530") {
		t.Errorf("MAIL without sign-in: %v", err)
	}
	if err := c.Auth(smtp.PlainAuth("", "user", "wrong", "relay.test")); err == nil {
		t.Error("a wrong password is accepted")
	}
	raw := dial(t, s)
	raw.greet()
	raw.say("AUTH PLAIN", "334")
	raw.say(base64.StdEncoding.EncodeToString([]byte("\x00user\x00secret")), "235")
	raw.mail("a@x.test", "b@x.test")
	raw.say(".", "250")
	if got := s.Accepted(); len(got) != 1 || got[0].User != "user" || got[0].TLS {
		t.Errorf("accepted %+v", got)
	}
}

func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	s := start(t, Options{ImplicitTLS: true})
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: s.CertPool()})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t, conn, bufio.NewReader(conn)}
	c.greet()
	c.mail("a@x.test", "b@x.test")
	c.say(".", "250")
	if got := s.Accepted(); len(got) != 1 || !got[0].TLS {
		t.Errorf("accepted %+v", got)
	}
	if !strings.HasPrefix(s.URL(), "smtps://127.0.0.1:") {
		t.Errorf("URL is %s", s.URL())
	}
}

func TestNotesViolations(t *testing.T) {
	t.Parallel()
	s := start(t, Options{No8BitMIME: true})
	c := dial(t, s)
	c.greet()
	c.send("MAIL FROM:<a@x.test> BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<b@x.test> NOTIFY=NEVER\r\n")
	c.want("250")
	c.want("250")
	c.say("DATA", "354")
	c.send("bare\nLF\r\n" + strings.Repeat("x", 999) + "\r\n\n.\nstill inside\r\n.\r\n")
	c.want("250")
	c.mail("a@x.test", "b@x.test")
	c.say("ơ\r\n.", "250")
	c.send("BDAT 1 LAST\r\nx")
	c.want("554")
	all := strings.Join(s.Violations(), "\n")
	for _, want := range []string{
		"parameter BODY=8BITMIME", "parameter SMTPUTF8", "parameter NOTIFY=NEVER", "PIPELINING is not offered",
		"bare LF", "over 1,000 octets", "8-bit bytes", "BDAT is not offered",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not noted: %s\nnoted:\n%s", want, all)
		}
	}
	if got := s.Accepted(); len(got) != 2 || !strings.Contains(string(got[0].Data), "still inside") {
		t.Error("a bare LF ended the message")
	}
	s.Forget()
	if len(s.Violations()) > 0 || s.Count() != 0 || len(s.Accepted()) != 0 {
		t.Error("not forgotten")
	}
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	const clients, each = 20, 25
	s := start(t, Options{Discard: true})
	var running sync.WaitGroup
	for n := range clients {
		running.Go(func() {
			c, err := smtp.Dial(s.Addr())
			if err != nil {
				t.Error(err)
				return
			}
			for i := range each {
				if err := send(c, fmt.Sprintf("%d.%d@x.test", n, i)); err != nil {
					t.Error(err)
				}
			}
			_ = c.Quit()
		})
	}
	await(t, s, clients*each)
	running.Wait()
	seen := map[string]bool{}
	for _, message := range s.Accepted() {
		seen[message.To[0]] = true
		if message.Data != nil || message.Size == 0 {
			t.Fatalf("kept %d bytes of %d", len(message.Data), message.Size)
		}
	}
	if len(seen) != clients*each {
		t.Errorf("%d different recipients, want %d", len(seen), clients*each)
	}
}

func send(c *smtp.Client, to string) error {
	if err := errors.Join(c.Mail("a@x.test"), c.Rcpt(to)); err != nil {
		return err
	}
	body, err := c.Data()
	if err != nil {
		return err
	}
	_, err = io.WriteString(body, "Subject: x\r\n\r\ntext\r\n")
	return errors.Join(err, body.Close())
}

func TestSlowReaderTakesItsTimeAndTheWholeMail(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Chunking: true, Script: At(Body, Action{PerByte: 2 * time.Millisecond})})
	c := dial(t, s)
	c.greet()
	began := time.Now()
	c.mail("a@x.test", "b@x.test")
	c.send("0123456789\r\n.\r\n")
	c.want("250")
	c.say("MAIL FROM:<a@x.test>", "250")
	c.say("RCPT TO:<b@x.test>", "250")
	c.send("BDAT 12 LAST\r\n0123456789\r\n")
	c.want("250")
	if took, least := time.Since(began), 2*(12+3+12)*time.Millisecond; took < least {
		t.Errorf("27 bytes after %s, want %s at least", took, least)
	}
	for _, m := range s.Accepted() {
		if string(m.Data) != "0123456789\r\n" {
			t.Errorf("accepted %q", m.Data)
		}
	}
}
