package smtpfake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a Server behaves. The zero value is a plain relay on a free loopback port that offers 8BITMIME and
// enhanced status codes, takes everything, and wants no sign-in.
type Options struct {
	Addr     string // default 127.0.0.1:0
	Hostname string // in banner and EHLO, default relay.test

	Pipelining, Chunking, DSN, SMTPUTF8 bool
	No8BitMIME                          bool
	StartTLS                            bool
	ImplicitTLS                         bool              // TLS from the first byte, as on port 465
	Auth                                map[string]string // user → password: AUTH PLAIN is offered and, before MAIL, required
	MaxSize                             int               // SIZE in bytes, 0 offers none; a larger message is refused at its dot

	Latency time.Duration // before every reply, as a distant relay has it; replies to pipelined commands share one
	Script  Script        // nil: all goes well
	Discard bool          // for long runs: keep no message bytes (Accepted.Data is nil) and don't look for violations in them
}

// Accepted is a message that the server took.
type Accepted struct {
	Conn       int // number of the connection, from 1
	Message    int // number of the message on that connection, from 1
	From       string
	FromParams string // what followed the address in MAIL
	To         []string
	ToParams   []string // what followed each address in RCPT
	Data       []byte   // as a mail program would see it: dots unstuffed, CR LF as sent
	Size       int
	At         time.Time
	QueueID    string // named in the usual reply to the dot
	User       string // who signed in
	TLS        bool
	Chunked    bool // by BDAT
}

// Server is a running fake relay. Its methods may be called at any time from anywhere.
type Server struct {
	o    Options
	cert tls.Certificate
	pool *x509.CertPool
	addr string

	script atomic.Pointer[Script]

	mu         sync.Mutex
	listener   net.Listener
	open       map[net.Conn]struct{}
	opened     int
	stages     map[Stage]int
	accepted   []Accepted
	count      int
	unfinished int
	violations []string
	changed    chan struct{} // closed and replaced when accepted grows
	closed     bool

	quit    chan struct{}
	running sync.WaitGroup
}

// Start opens a server. Whoever starts it closes it.
func Start(o Options) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Hostname == "" {
		o.Hostname = "relay.test"
	}
	s := &Server{
		o: o, addr: o.Addr, open: map[net.Conn]struct{}{}, stages: map[Stage]int{},
		changed: make(chan struct{}), quit: make(chan struct{}),
	}
	s.SetScript(o.Script)
	if o.StartTLS || o.ImplicitTLS {
		var err error
		if s.cert, s.pool, err = selfSigned(o.Hostname); err != nil {
			return nil, fmt.Errorf("make certificate: %w", err)
		}
	}
	if err := s.Up(); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is host:port, the same after Down and Up.
func (s *Server) Addr() string { return s.addr }

// URL is the server as an SMTP_URL of the product, without credentials.
func (s *Server) URL() string {
	switch {
	case s.o.ImplicitTLS:
		return "smtps://" + s.addr
	case s.o.StartTLS:
		return "smtp://" + s.addr + "?tls=starttls"
	default:
		return "smtp://" + s.addr + "?tls=none"
	}
}

// CertPool trusts the server's own certificate (for 127.0.0.1, localhost and the host name); nil without TLS.
func (s *Server) CertPool() *x509.CertPool { return s.pool }

// SetScript changes what happens from the next step on; nil lets all go well.
func (s *Server) SetScript(script Script) {
	if script == nil {
		script = func(Step) Action { return Action{} }
	}
	s.script.Store(&script)
}

// Up listens again after Down. It does nothing while the server listens.
func (s *Server) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if s.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("fake relay: %w", err)
	}
	s.listener, s.addr = listener, listener.Addr().String()
	s.running.Go(func() { s.accept(listener) })
	return nil
}

// Down is the relay that is away: every connection is cut and new ones are refused until Up.
func (s *Server) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
		s.listener = nil
	}
	for conn := range s.open {
		_ = conn.Close()
	}
}

// Close ends the server and returns when nothing of it runs any more. What it accepted can still be read.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.quit)
	s.mu.Unlock()
	s.Down()
	s.running.Wait()
	return nil
}

func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // Down or Close
		}
		s.mu.Lock()
		if s.listener != listener { // came in while Down closed
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.open[conn] = struct{}{}
		s.opened++
		number := s.opened
		s.running.Go(func() {
			defer func() {
				s.mu.Lock()
				delete(s.open, conn)
				s.mu.Unlock()
				_ = conn.Close()
			}()
			s.serve(conn, number)
		})
		s.mu.Unlock()
	}
}

// Accepted lists the accepted messages in the order of acceptance.
func (s *Server) Accepted() []Accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// Count is how many messages were accepted.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Await waits until n messages were accepted, or says how many there were when ctx ended.
func (s *Server) Await(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		count, changed := s.count, s.changed
		s.mu.Unlock()
		if count >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d messages, got %d: %w", n, count, context.Cause(ctx))
		}
	}
}

// Connections tells how many connections were ever opened and how many are open now.
func (s *Server) Connections() (opened, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, len(s.open)
}

// Stages tells how often each stage came.
func (s *Server) Stages() map[Stage]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := make(map[Stage]int, len(s.stages))
	for stage, n := range s.stages {
		counted[stage] = n
	}
	return counted
}

// Unfinished is how many messages were begun (354 or BDAT) and cut off before their dot. None of them is accepted.
func (s *Server) Unfinished() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unfinished
}

// Violations lists what clients did against the protocol: a parameter, a command or pipelining that was not offered,
// a bare LF or CR, a line over 1,000 octets, 8-bit bytes without BODY=8BITMIME (RFC 5321, 2920, 3030, 6152). At most 1,000.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Forget drops what was accepted and noted so far, and counts stages from 1 again. Connections stay.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted, s.count, s.unfinished, s.violations = nil, 0, 0, nil
	clear(s.stages)
}

func (s *Server) violated(conn int, format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.violations) < 1000 {
		s.violations = append(s.violations, fmt.Sprintf("connection %d: %s", conn, fmt.Sprintf(format, values...)))
	}
}

// store counts a message as accepted.
func (s *Server) store(message Accepted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, message)
	s.count++
	close(s.changed)
	s.changed = make(chan struct{})
}

var errDropped = errors.New("the script ended the connection")
