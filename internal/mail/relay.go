package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// TLSMode says what happens before anything is said to the relay.
type TLSMode string

const (
	TLSNone     TLSMode = "none"     // plain; the default on loopback
	TLSStart    TLSMode = "starttls" // STARTTLS where the relay offers it, plain otherwise
	TLSRequired TLSMode = "required" // STARTTLS or nothing; the default everywhere else
	TLSImplicit TLSMode = "implicit" // from the first byte: smtps://
)

// Relay is where mails are handed in. Its methods are safe for concurrent use; its fields are set before the first Dial.
type Relay struct {
	Host    string
	Port    int
	User    string // "" no AUTH
	TLS     TLSMode
	Hello   string         // name in EHLO
	RootCAs *x509.CertPool // nil: the system's
	Limits  Limits

	password string
}

// Limits are the longest waits for one step of the conversation. The ones of DefaultLimits are RFC 5321 §4.5.3.2's.
type Limits struct {
	Dial    time.Duration // name, connection, banner, TLS, EHLO and AUTH together
	Command time.Duration // a reply to MAIL, RCPT, DATA or a chunk
	Body    time.Duration // writing the body
	Dot     time.Duration // the reply to the dot
	Grace   time.Duration // the reply to a dot that was sent when the work is stopped
}

// DefaultLimits hold for the internet at large.
var DefaultLimits = Limits{
	Dial: time.Minute, Command: 5 * time.Minute, Body: 5 * time.Minute, Dot: 10 * time.Minute, Grace: 20 * time.Second,
}

// ParseRelay reads an SMTP_URL: smtp://user:pass@host:port?tls=none|starttls|required, or smtps:// for TLS from the
// first byte; ?helo= names us in EHLO. No error carries any part of the URL, since it holds the password.
func ParseRelay(raw string) (*Relay, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("smtp url: not a url of the form smtp://user:pass@host:port")
	}
	r := &Relay{Host: u.Hostname(), Limits: DefaultLimits, Hello: u.Query().Get("helo")}
	if u.User != nil {
		r.User = u.User.Username()
		r.password, _ = u.User.Password()
	}
	port := "587"
	switch u.Scheme {
	case "smtp":
		r.TLS = TLSMode(u.Query().Get("tls"))
		if r.TLS == "" {
			r.TLS = TLSRequired
			if loopback(r.Host) {
				r.TLS = TLSNone
			}
		}
		if r.TLS != TLSNone && r.TLS != TLSStart && r.TLS != TLSRequired {
			return nil, errors.New("smtp url: tls is none, starttls or required")
		}
		if r.TLS == TLSNone {
			port = "25"
		}
	case "smtps":
		r.TLS, port = TLSImplicit, "465"
		if mode := u.Query().Get("tls"); mode != "" && mode != string(TLSRequired) {
			return nil, errors.New("smtp url: smtps is always encrypted; leave tls out")
		}
	default:
		return nil, errors.New("smtp url: begins with smtp:// or smtps://")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if r.Port, err = strconv.Atoi(port); err != nil || r.Port < 1 || r.Port > 65535 {
		return nil, errors.New("smtp url: bad port")
	}
	if r.Host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, errors.New("smtp url: host without a path is needed")
	}
	if r.Hello == "" {
		r.Hello = ownName()
	}
	if strings.ContainsFunc(r.Hello, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("smtp url: bad helo name")
	}
	return r, nil
}

// String is the relay without its password, for logs.
func (r *Relay) String() string {
	return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) + " tls=" + string(r.TLS)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func ownName() string {
	if name, err := os.Hostname(); err == nil && name != "" && !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return name
	}
	return "localhost"
}

// Dial connects, encrypts, greets and signs in. A failure is a *StepError whose stage says how far it came; nothing stays
// open then.
func (r *Relay) Dial(ctx context.Context) (*Conn, error) {
	limit, cancel := context.WithTimeout(ctx, r.Limits.Dial)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(limit, "tcp", net.JoinHostPort(r.Host, strconv.Itoa(r.Port)))
	if err != nil {
		return nil, &StepError{Stage: StageDial, Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := raw.SetDeadline(time.Now().Add(r.Limits.Dial)); err != nil {
		_ = raw.Close()
		return nil, &StepError{Stage: StageDial, Err: err}
	}
	c, failed := r.greet(raw)
	if failed != nil {
		_ = raw.Close()
		return nil, failed
	}
	return c, nil
}

func (r *Relay) greet(raw net.Conn) (*Conn, *StepError) {
	conn := raw
	config := &tls.Config{ServerName: r.Host, RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12}
	if r.TLS == TLSImplicit {
		secure := tls.Client(raw, config)
		if err := secure.Handshake(); err != nil { //nolint:noctx // the deadline of raw bounds it
			return nil, step(StageTLS, err)
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, r.Host)
	if err != nil {
		return nil, step(StageBanner, err)
	}
	client.SkipSMTPUTF8(true) // later hops bounce ASCII mail that was declared SMTPUTF8
	if err := client.Hello(r.Hello); err != nil {
		return nil, step(StageHello, err)
	}
	if r.TLS == TLSRequired || r.TLS == TLSStart {
		offered, _ := client.Extension("STARTTLS")
		if !offered && r.TLS == TLSRequired {
			return nil, &StepError{Stage: StageTLS, Err: errors.New("relay offers no STARTTLS")}
		}
		if offered {
			if err := client.StartTLS(config); err != nil {
				return nil, step(StageTLS, err)
			}
		}
	}
	if err := r.signIn(client); err != nil {
		return nil, step(StageAuth, err)
	}
	return newConn(client, raw, r.Limits), nil
}

// signIn uses the strongest mechanism that the relay offers. A password is only ever sent as it is over TLS, or where
// the settings ask for a plain connection.
func (r *Relay) signIn(client *smtp.Client) error {
	if r.User == "" {
		return nil
	}
	offered, mechanisms := client.Extension("AUTH")
	if !offered {
		return errors.New("relay offers no AUTH")
	}
	state, secure := client.TLSConnectionState()
	has := map[string]bool{}
	for m := range strings.FieldsSeq(mechanisms) {
		has[strings.ToUpper(m)] = true
	}
	clear := secure || r.TLS == TLSNone
	switch {
	case has["SCRAM-SHA-256-PLUS"] && secure:
		return client.Auth(smtp.ScramSHA256PlusAuth(r.User, r.password, &state))
	case has["SCRAM-SHA-256"]:
		return client.Auth(smtp.ScramSHA256Auth(r.User, r.password))
	case has["PLAIN"] && clear:
		return client.Auth(smtp.PlainAuth("", r.User, r.password, r.Host, true))
	case has["LOGIN"] && clear:
		return client.Auth(smtp.LoginAuth(r.User, r.password, r.Host, true))
	case has["CRAM-MD5"]:
		return client.Auth(smtp.CRAMMD5Auth(r.User, r.password))
	default:
		return fmt.Errorf("relay offers no mechanism that is safe here (%s)", strings.ToUpper(mechanisms))
	}
}

// step makes a StepError of what package smtp returns: a reply where there was one.
func step(stage Stage, err error) *StepError {
	var said *textproto.Error
	if errors.As(err, &said) {
		return &StepError{Stage: stage, Reply: newReply(said.Code, said.Msg)}
	}
	return &StepError{Stage: stage, Err: err}
}
