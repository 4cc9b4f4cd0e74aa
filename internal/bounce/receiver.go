package bounce

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"toasoan/internal/inbox"
)

// What one sender may do to the receiver.
const (
	maxMessage     = 2 << 20 // bytes: a report with the mail it is about
	maxRecipients  = 10
	maxConnections = 50
	maxSenders     = 10_000
	silence        = time.Minute
	perSecond      = 50 // mails of one network
	atOnce         = 500
	patience       = 30 * time.Second // for one mail's commit
)

// Receiver takes reports by SMTP or LMTP: from a mail server in front of it, or as the MX of the bounce domain. It takes mail for
// bounce and unsubscribe addresses alone and passes nothing on; 250 comes after the commit.
type Receiver struct {
	Handler     *Handler
	LMTP        bool
	Certificate *Certificate // nil: no STARTTLS. With one it is offered and not asked for: most senders of bounces take what there is
	Log         *slog.Logger

	ctx     context.Context //nolint:containedctx // Serve's: the sessions that the library makes end with it
	mu      sync.Mutex
	senders map[netip.Prefix]*rate.Limiter
}

// Serve answers until ctx ends.
func (r *Receiver) Serve(ctx context.Context, listener net.Listener) error {
	r.ctx, r.senders = ctx, map[netip.Prefix]*rate.Limiter{}
	s := smtp.NewServer(smtp.BackendFunc(r.session))
	s.Domain, s.LMTP = r.Handler.Domain, r.LMTP
	s.MaxMessageBytes, s.MaxRecipients, s.ReadTimeout, s.WriteTimeout = maxMessage, maxRecipients, silence, silence
	s.EnableSMTPUTF8 = true
	if r.Certificate != nil {
		s.TLSConfig = r.Certificate.config()
	}
	s.ErrorLog = quiet{r.Log}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(netutil.LimitListener(listener, maxConnections)); ctx.Err() == nil {
		return err
	}
	return nil
}

func refusal(code int, enhanced smtp.EnhancedCode, words string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: words}
}

var (
	errTooFast = refusal(451, smtp.EnhancedCode{4, 7, 0}, "too many mails, try again later")
	errNobody  = refusal(550, smtp.EnhancedCode{5, 1, 1}, "no such address here")
	errLater   = refusal(451, smtp.EnhancedCode{4, 3, 0}, "not taken, try again later")
)

func (r *Receiver) session(c *smtp.Conn) (smtp.Session, error) {
	from := netip.Prefix{}
	if at, err := netip.ParseAddrPort(c.Conn().RemoteAddr().String()); err == nil {
		from = network(at.Addr().Unmap())
	}
	return &session{r: r, network: from}, nil
}

// network is what one stranger commands: an IPv4 address, or the /64 of an IPv6 one. A local socket is the zero prefix.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// tooFast takes one mail from a network's allowance.
func (r *Receiver) tooFast(from netip.Prefix) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket, known := r.senders[from]
	if !known {
		if len(r.senders) >= maxSenders {
			clear(r.senders)
		}
		bucket = rate.NewLimiter(perSecond, atOnce)
		r.senders[from] = bucket
	}
	return !bucket.Allow()
}

// session is one connection's transactions.
type session struct {
	r       *Receiver
	network netip.Prefix
	null    bool
	to      []string
}

// Mail begins a mail. A report has no sender; a wish to leave has one.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.Reset()
	s.null = from == ""
	if s.r.tooFast(s.network) {
		return errTooFast
	}
	return nil
}

// Rcpt adds a recipient: an address that a mail of ours may have named.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !Own(to, s.r.Handler.Domain) {
		return errNobody
	}
	s.to = append(s.to, to)
	return nil
}

// Data takes the mail; what it returns becomes the reply to the dot, 250 for nil.
func (s *session) Data(body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err // cut off before its dot, or too big
	}
	ctx, cancel := context.WithTimeout(s.r.ctx, patience)
	defer cancel()
	for _, to := range s.to { // one mail may answer several of ours
		m := inbox.Mail{Raw: raw, To: []string{to}, Null: s.null, Via: "smtp"}
		if _, err := s.r.Handler.Take(ctx, m); err != nil {
			if !errors.Is(err, context.Canceled) {
				s.r.Log.WarnContext(ctx, "returned mail is not taken now", "error", err)
			}
			return errLater
		}
	}
	return nil
}

// Reset forgets the mail in hand.
func (s *session) Reset() { s.null, s.to = false, nil }

// Logout ends the connection.
func (s *session) Logout() error { return nil }

// quiet hands the library's words to our log; they are about broken connections, which is no trouble of ours, and may quote strangers.
type quiet struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (q quiet) Printf(string, ...any) { q.log.Debug("smtp connection broke") }

// Println implements smtp.Logger.
func (q quiet) Println(...any) { q.log.Debug("smtp connection broke") }
