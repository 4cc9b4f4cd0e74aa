package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sink is a relay that takes every mail and keeps none: for each it notes recipient and moment. It does as little as a relay can,
// so that the sender is what is measured.
type sink struct {
	o        sinkOptions
	listener net.Listener
	running  sync.WaitGroup

	letters chan taken // mails to addresses outside the list; those that nobody reads are dropped

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	list    string  // how the addresses of the list that is counted begin
	taken   []taken // mails to the list
	bytes   int64
	awaited int
	reached chan struct{} // closed when awaited mails are there
}

// taken is one accepted mail.
type taken struct {
	to string
	at time.Time
}

type sinkOptions struct {
	pipelining, chunking bool
	delay                time.Duration // before each reply; replies to pipelined commands share one, as over a long line
}

func startSink(o sinkOptions) (*sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s := &sink{o: o, listener: listener, open: map[net.Conn]struct{}{}, letters: make(chan taken, 1000)}
	s.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[conn] = struct{}{}
			s.mu.Unlock()
			s.running.Go(func() {
				_ = (&sinkSession{sink: s, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), out: bufio.NewWriter(conn)}).serve()
				s.mu.Lock()
				delete(s.open, conn)
				s.mu.Unlock()
				_ = conn.Close()
			})
		}
	})
	return s, nil
}

func (s *sink) addr() string { return s.listener.Addr().String() }

func (s *sink) url() string { return "smtp://" + s.addr() + "?tls=none" }

// close ends the sink and its connections.
func (s *sink) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// count forgets what was taken and counts the mails to a list from now on.
func (s *sink) count(list string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.taken, s.bytes = list, nil, 0
	for len(s.letters) > 0 {
		<-s.letters
	}
}

// letter waits for the next mail to an address outside the list.
func (s *sink) letter(ctx context.Context, to string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		select {
		case got := <-s.letters:
			if got.to == to {
				return got.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("no letter to %s: %w", to, context.Cause(ctx))
		}
	}
}

// mails are the accepted mails in the order of their dots.
func (s *sink) mails() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// size is the mean mail on the wire, in bytes.
func (s *sink) size() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.bytes) / float64(max(len(s.taken), 1))
}

func (s *sink) take(to string, size int) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(to, s.list) {
		select {
		case s.letters <- taken{to, now}:
		default:
		}
		return
	}
	s.taken = append(s.taken, taken{to, now})
	s.bytes += int64(size)
	if s.reached != nil && len(s.taken) >= s.awaited {
		close(s.reached)
		s.reached = nil
	}
}

// await waits until n mails were taken to the list that is counted.
func (s *sink) await(ctx context.Context, n int) error {
	s.mu.Lock()
	if len(s.taken) >= n {
		s.mu.Unlock()
		return nil
	}
	reached := make(chan struct{})
	s.awaited, s.reached = n, reached
	s.mu.Unlock()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d mails came: %w", len(s.mails()), n, context.Cause(ctx))
	}
}

// sinkSession is one connection.
type sinkSession struct {
	sink *sink
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	to   string
	size int // octets of the mail so far
}

var errQuit = errors.New("quit")

func (c *sinkSession) serve() error {
	if err := c.reply("220 sink ESMTP"); err != nil {
		return err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if err := c.command(line); err != nil {
			return err
		}
	}
}

// reply answers at once, or together with what the commands that already wait are answered.
func (c *sinkSession) reply(said string) error {
	_, _ = c.out.WriteString(said)
	_, _ = c.out.WriteString("\r\n")
	if c.in.Buffered() > 0 {
		return nil
	}
	if c.sink.o.delay > 0 {
		time.Sleep(c.sink.o.delay)
	}
	return c.out.Flush()
}

func (c *sinkSession) command(line []byte) error {
	if len(line) < 4 {
		return c.reply("500 5.5.2 what?")
	}
	switch string(bytes.ToUpper(line[:4])) {
	case "MAIL":
		c.to, c.size = "", 0
		return c.reply("250 2.1.0 OK")
	case "RCPT":
		if _, after, found := bytes.Cut(line, []byte("<")); found {
			to, _, _ := bytes.Cut(after, []byte(">"))
			c.to = string(to)
		}
		return c.reply("250 2.1.5 OK")
	case "DATA":
		if err := c.reply("354 go on"); err != nil {
			return err
		}
		if err := c.data(); err != nil {
			return err
		}
		return c.accept()
	case "BDAT":
		return c.bdat(line)
	case "EHLO":
		said := "250-sink\r\n250-8BITMIME\r\n"
		if c.sink.o.pipelining {
			said += "250-PIPELINING\r\n"
		}
		if c.sink.o.chunking {
			said += "250-CHUNKING\r\n"
		}
		return c.reply(said + "250 ENHANCEDSTATUSCODES")
	case "QUIT":
		_ = c.reply("221 2.0.0 bye")
		return errQuit
	default: // RSET, NOOP
		return c.reply("250 2.0.0 OK")
	}
}

func (c *sinkSession) accept() error {
	c.sink.take(c.to, c.size)
	return c.reply("250 2.0.0 taken")
}

// data swallows lines up to the dot.
func (c *sinkSession) data() error {
	const end = "\r\n.\r\n"
	var last [len(end)]byte // the end of what was swallowed
	for {
		if _, err := c.in.Peek(1); err != nil {
			return err
		}
		there, _ := c.in.Peek(c.in.Buffered())
		// The mark may have begun in what was swallowed before.
		var edge [2*len(end) - 1]byte
		n := copy(edge[:], last[:])
		n += copy(edge[n:], there)
		if i := bytes.Index(edge[:n], []byte(end)); i >= 0 {
			return c.swallow(i) // i octets of there belong to it, since last is as long as the mark
		}
		if i := bytes.Index(there, []byte(end)); i >= 0 {
			return c.swallow(i + len(end))
		}
		kept := copy(last[:], last[min(len(there), len(end)):])
		copy(last[kept:], there[max(0, len(there)-len(end)):])
		if err := c.swallow(len(there)); err != nil {
			return err
		}
	}
}

func (c *sinkSession) bdat(line []byte) error {
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return c.reply("501 5.5.4 size?")
	}
	size, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return c.reply("501 5.5.4 size?")
	}
	last := len(fields) > 2
	if err := c.swallow(size); err != nil {
		return err
	}
	if last {
		return c.accept()
	}
	return c.reply("250 2.0.0 chunk")
}

func (c *sinkSession) swallow(n int) error {
	c.size += n
	_, err := c.in.Discard(n)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
