package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// load asks a server again and again over kept connections, each connection one request after the other, for as long or as often as
// it says. It parses no more of an answer than it must.
type load struct {
	addr        string
	connections int
	span        time.Duration      // how long; 0: until requests are sent
	requests    int                // how many altogether; 0: until span is over
	request     func(n int) []byte // the nth request, from 0; called by one goroutine per connection
	status      string             // that every answer must have: "200"
}

// answered is what came of a load.
type answered struct {
	requests int
	took     time.Duration
	waits    []time.Duration
	bytes    int64
}

func (a answered) rate() float64 { return float64(a.requests) / a.took.Seconds() }

func (a *answered) add(b answered) {
	a.requests += b.requests
	a.took += b.took
	a.bytes += b.bytes
	a.waits = append(a.waits, b.waits...)
}

// get is a request for a path as a browser that knows gzip asks.
func get(addr, path, encoding string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: text/html,*/*\r\nAccept-Encoding: %s\r\nAccept-Language: vi\r\n\r\n",
		path, addr, encoding)
}

// run makes the load. An answer with another status ends it.
func (l load) run(ctx context.Context) (answered, error) {
	began := time.Now()
	all := make([]answered, l.connections)
	group, ctx := errgroup.WithContext(ctx)
	for c := range l.connections {
		group.Go(func() error { return l.connection(ctx, c, began, &all[c]) })
	}
	err := group.Wait()
	sum := answered{took: time.Since(began)}
	for _, one := range all {
		one.took = 0
		sum.add(one)
	}
	return sum, err
}

func (l load) connection(ctx context.Context, c int, began time.Time, out *answered) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // only read from
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	in := bufio.NewReaderSize(conn, 64<<10)
	for n := c; ; n += l.connections {
		if l.requests > 0 && n >= l.requests || l.span > 0 && time.Since(began) >= l.span {
			return nil
		}
		asked := time.Now()
		if _, err := conn.Write(l.request(n)); err != nil {
			return err
		}
		size, err := readAnswer(in, l.status)
		if err != nil {
			return err
		}
		out.requests++
		out.bytes += int64(size)
		out.waits = append(out.waits, time.Since(asked))
	}
}

// readAnswer reads one answer with a Content-Length, or without a body, and returns the size of its body.
func readAnswer(in *bufio.Reader, status string) (size int, err error) {
	first, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(first) < 12 || string(first[9:12]) != status {
		return 0, fmt.Errorf("answer %q, want status %s", bytes.TrimSpace(first), status)
	}
	known := status == "204" || status == "304"
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if size, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
			known = true
		}
	}
	if !known {
		return 0, errors.New("answer without a length")
	}
	_, err = in.Discard(size)
	return size, err
}
