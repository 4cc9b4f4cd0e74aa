package bounce

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"golang.org/x/time/rate"

	"toasoan/newsroom"
)

// till is a store that keeps what it is given when it is let.
type till struct {
	mu   sync.Mutex
	kept []newsroom.Bounce
	err  error
	wait chan struct{} // closed: commits go through
}

func (s *till) TakeBounce(ctx context.Context, b newsroom.Bounce, _ newsroom.BounceLimit) (newsroom.BounceResult, error) {
	if s.wait != nil {
		select {
		case <-s.wait:
		case <-ctx.Done():
			return newsroom.BounceResult{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return newsroom.BounceResult{}, s.err
	}
	s.kept = append(s.kept, b)
	return newsroom.BounceResult{Outcome: newsroom.BounceTaken}, nil
}

func (s *till) TallyBounce(context.Context, string) error { return s.err }

func (s *till) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

// listen starts a receiver and returns how to reach it.
func listen(t *testing.T, s *till, lmtp bool) (*Receiver, func() *smtp.Client) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	r := &Receiver{Handler: &Handler{Store: s, Domain: domain, Log: log}, LMTP: lmtp, Log: log}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r, func() *smtp.Client {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := smtp.NewClient(conn)
		if lmtp {
			c = smtp.NewClientLMTP(conn)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

func send(c *smtp.Client, from string, to []string, raw []byte) error {
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	for _, one := range to {
		if err := c.Rcpt(one, nil); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}

func code(err error) int {
	if refused, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return refused.Code
	}
	return 0
}

func TestReceiverTakesReportsAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, lmtp := range map[string]bool{"smtp": false, "lmtp": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &till{}
			_, dial := listen(t, s, lmtp)
			c := dial()
			own := "b+" + token(1) + "@" + domain
			for _, to := range []string{
				"lan@thuphong.example", "b+" + token(1) + "@evil.example", "postmaster@" + domain, "b+x@" + domain,
				"b+" + token(1) + "%evil.example@" + domain, "u+@" + domain,
			} {
				if err := send(c, "", []string{to}, dsn(1)); code(err) != 550 {
					t.Errorf("mail to %s: %v", to, err)
				}
				if err := c.Reset(); err != nil {
					t.Fatal(err)
				}
			}
			if err := send(c, "", []string{own}, dsn(1)); err != nil {
				t.Fatal(err)
			}
			if s.count() != 1 || s.kept[0].Kind != newsroom.BounceHard || s.kept[0].Via != "smtp" || s.kept[0].Tokens[0] != token(1) {
				t.Errorf("taken: %+v", s.kept)
			}
			// A wish to leave, and an answering machine's reply to the same address.
			leave := "u+" + token(2) + "@" + domain
			if err := send(c, "lan@thuphong.example", []string{leave}, []byte("From: lan@thuphong.example\r\nSubject: huy\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			if s.count() != 2 || s.kept[1].Kind != newsroom.BounceLeave || s.kept[1].Tokens[0] != token(2) {
				t.Errorf("taken: %+v", s.kept)
			}
			for _, from := range []string{"", "lan@thuphong.example"} {
				if err := send(c, from, []string{leave}, []byte("From: lan@thuphong.example\r\nAuto-Submitted: auto-replied\r\n\r\nAway.\r\n")); err != nil {
					t.Fatal(err)
				}
			}
			if s.count() != 2 {
				t.Errorf("an answering machine ends subscriptions: %+v", s.kept[2:])
			}
			// One mail for two of ours.
			if err := send(c, "", []string{own, "b+" + token(3) + "@" + domain}, dsn(1)); err != nil {
				t.Fatal(err)
			}
			if s.count() != 4 || s.kept[3].Tokens[0] != token(3) {
				t.Errorf("%d taken", s.count())
			}
		})
	}
}

func TestReceiverSaysYesAfterTheCommit(t *testing.T) {
	t.Parallel()
	s := &till{wait: make(chan struct{})}
	_, dial := listen(t, s, false)
	own := []string{"b+" + token(1) + "@" + domain}
	c, answer := dial(), make(chan error, 1)
	go func() { answer <- send(c, "", own, dsn(1)) }()
	other := dial() // the receiver lives, and the mail waits
	if err := other.Noop(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answer:
		t.Fatalf("answered before the commit: %v", err)
	default:
	}
	close(s.wait)
	if err := <-answer; err != nil || s.count() != 1 {
		t.Errorf("%v, %d taken", err, s.count())
	}
	s.mu.Lock()
	s.err = errors.New("the database is away")
	s.mu.Unlock()
	if err := send(other, "", own, dsn(2)); code(err) != 451 {
		t.Errorf("without the database: %v", err)
	}
	if err := send(other, "", own, []byte("From: a@b\r\n\r\nNot a report.\r\n")); code(err) != 451 {
		t.Errorf("what is only counted, without the database: %v", err)
	}
}

func TestReceiverHasLimits(t *testing.T) {
	t.Parallel()
	s := &till{}
	r, dial := listen(t, s, false)
	own := "b+" + token(1) + "@" + domain
	c := dial()
	if err := send(c, "", []string{own}, append(dsn(1), strings.Repeat("0123456789012345678901234567890123456789\r\n", maxMessage/42+1)...)); code(err) != 552 {
		t.Errorf("a large mail: %v", err)
	}
	c = dial()
	if err := c.Mail("", nil); err != nil {
		t.Fatal(err)
	}
	for k := range maxRecipients {
		if err := c.Rcpt("b+"+token(k)+"@"+domain, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Rcpt("b+"+token(99)+"@"+domain, nil); err == nil {
		t.Error("any number of recipients")
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	for network := range r.senders {
		r.senders[network] = rate.NewLimiter(0, 2)
	}
	r.mu.Unlock()
	var codes []int
	for range 4 {
		codes = append(codes, code(send(c, "", []string{own}, dsn(1))))
	}
	if codes[0] != 0 || codes[1] != 0 || codes[2] != 451 || codes[3] != 451 {
		t.Errorf("four mails where two are allowed: %v", codes)
	}
	// Cut off before its dot: nothing happened.
	before := s.count()
	r.mu.Lock()
	clear(r.senders)
	r.mu.Unlock()
	conn := dial()
	if err := conn.Mail("", nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.Rcpt(own, nil); err != nil {
		t.Fatal(err)
	}
	w, err := conn.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(dsn(1)[:100]); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := send(dial(), "", []string{own}, dsn(3)); err != nil {
		t.Fatal(err)
	}
	if got := s.count() - before; got != 1 {
		t.Errorf("%d mails taken, one was whole", got)
	}
}

func TestListenSettings(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"127.0.0.1:2525": "127.0.0.1:2525", "smtp://127.0.0.1:2525": "127.0.0.1:2525", "lmtp://127.0.0.1:2424/": "127.0.0.1:2424 lmtp", ":25": ":25",
	} {
		address, lmtp := ParseListen(setting)
		if lmtp {
			address += " lmtp"
		}
		if address != want {
			t.Errorf("%s is %s, want %s", setting, address, want)
		}
	}
}
