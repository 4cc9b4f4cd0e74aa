package mailbox

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	maxMessage    = 40 << 20 // bytes
	maxRecipients = 1000
	smtpIdle      = 5 * time.Minute
)

// receiver is the SMTP side. It takes mail for anybody from anybody: it listens on loopback and passes nothing on.
type receiver struct {
	box    *Box
	log    *slog.Logger
	server *smtp.Server
	inHand atomic.Int64 // messages between MAIL and the reply to their dot
	ending atomic.Bool
	done   chan struct{}
}

func newReceiver(box *Box, log *slog.Logger) *receiver {
	r := &receiver{box: box, log: log, done: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{receiver: r}, nil }))
	s.Domain, s.MaxMessageBytes, s.MaxRecipients = "mailbox.localhost", maxMessage, maxRecipients
	s.ReadTimeout, s.WriteTimeout = smtpIdle, smtpIdle
	s.EnableSMTPUTF8, s.EnableDSN = true, true
	s.ErrorLog = smtpLog{log}
	r.server = s
	return r
}

func (r *receiver) serve(listener net.Listener) {
	defer close(r.done)
	if err := r.server.Serve(listener); err != nil && !r.ending.Load() {
		r.log.Error("mailbox takes no mail any more", "err", err)
	}
}

// stop takes no new message, lets those in hand have their reply within the limit, and cuts the connections.
func (r *receiver) stop(ctx context.Context, listener net.Listener) {
	r.ending.Store(true)
	_ = listener.Close()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for r.inHand.Load() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
	_ = r.server.Close()
	<-r.done
}

// session is one connection's transactions.
type session struct {
	*receiver
	open bool
	from string
	to   []string
}

// Mail begins a message.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.Reset()
	if s.ending.Load() {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "the mailbox stops"}
	}
	s.inHand.Add(1)
	s.open, s.from = true, clean(from)
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, clean(to))
	return nil
}

// Data keeps the message; what it returns becomes the reply to the dot, 250 for nil.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // cut off before its dot, or too big
	}
	if _, err := s.box.Add(s.from, s.to, raw); err != nil {
		if !errors.Is(err, ErrClosed) {
			s.log.Error("message not kept", "err", err)
		}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not kept, try again later"}
	}
	return nil
}

// Reset forgets the message in hand; it also comes after the reply to a dot.
func (s *session) Reset() {
	if s.open {
		s.inHand.Add(-1)
	}
	s.open, s.from, s.to = false, "", nil
}

// Logout ends the connection.
func (s *session) Logout() error {
	s.Reset()
	return nil
}

// smtpLog hands the library's words to our log; they are about broken connections, which is no trouble of ours.
type smtpLog struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (l smtpLog) Printf(string, ...any) { l.log.Debug("smtp connection broke") }

// Println implements smtp.Logger.
func (l smtpLog) Println(...any) { l.log.Debug("smtp connection broke") }
