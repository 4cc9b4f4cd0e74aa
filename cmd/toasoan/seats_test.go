package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/internal/mail"
	"toasoan/internal/testkit/smtpfake"
)

// seatsWorker is a courier that mails an issue over and over again, as the workers of a large newsletter do.
type seatsWorker struct {
	courier *mail.Courier
	relay   *smtpfake.Server // its own, so that its connections can be told from the other's
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// TestSeatsAreSharedFairly has two couriers with work for hours on one ledger: whoever comes second has its half within seconds, and
// gives it back; both together never have more than there are.
func TestSeatsAreSharedFairly(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	l.subscribe(4000)
	one, two := l.issue("article00001"), l.issue("article00002")
	const most = 6
	waits := mail.DefaultWaits().Scaled(20)
	waits.Budget = time.Minute
	worker := func(issue string, n int) *seatsWorker {
		server, err := smtpfake.Start(smtpfake.Options{Latency: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		relay, err := mail.ParseRelay(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		relay.RootCAs = server.CertPool()
		w := &seatsWorker{relay: server}
		w.courier = mail.NewCourier(l.store, laneComposer(), relay, mail.Options{
			Connections: n, Claim: 50, Waits: waits, Log: slog.New(slog.DiscardHandler),
		})
		ctx, stop := context.WithCancel(t.Context())
		w.stop = stop
		for chunk := range 4 { // all of them at once, as the workflow has them
			w.done.Go(func() {
				for ctx.Err() == nil {
					out, err := w.courier.SendChunk(ctx, issue, chunk, nil)
					if err != nil && ctx.Err() == nil {
						t.Errorf("chunk %d: %v", chunk, err)
						return
					}
					if err == nil && !out.More {
						return
					}
				}
			})
		}
		t.Cleanup(func() { stop(); w.done.Wait(); w.courier.Close() })
		return w
	}
	open := func(w *seatsWorker) int { _, n := w.relay.Connections(); return n }
	settle := func(what string, limit time.Duration, is func() bool) {
		t.Helper()
		began := time.Now()
		for !is() {
			if time.Since(began) > limit {
				t.Fatalf("%s: not within %s: %s", what, limit, l.text(`SELECT string_agg(holder || '#' || seat, ' ') FROM mail_seats WHERE until > now()`))
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
	}
	first := worker(one, most)
	settle("the first has all", 10*time.Second, func() bool { return open(first) == most })
	second := worker(two, most)
	var crowd atomic.Int32
	watching, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		for watching.Err() == nil {
			opened, one := first.relay.Connections()
			both := one + open(second)
			if o, n := first.relay.Connections(); o == opened && n == one { // both at the same moment
				crowd.Store(max(crowd.Load(), int32(both))) //nolint:gosec // a handful
			}
			time.Sleep(time.Millisecond)
		}
	})
	settle("the second has its half", 5*time.Second, func() bool { return open(second) == most/2 && open(first) == most/2 })
	before := [2]int{first.relay.Count(), second.relay.Count()}
	settle("both send", 20*time.Second, func() bool {
		return first.relay.Count() > before[0]+200 && second.relay.Count() > before[1]+200
	})
	sent := [2]int{first.relay.Count() - before[0], second.relay.Count() - before[1]}
	if sent[0] > 2*sent[1] || sent[1] > 2*sent[0] {
		t.Errorf("one sent %d meanwhile, the other %d", sent[0], sent[1])
	}
	if n := crowd.Load(); n > most {
		t.Errorf("%d connections at once, %d are allowed", n, most)
	}
	stop()
	watch.Wait()

	// The second ends: the first has all again. Then one dies without a word: its seats come back when they lapse.
	second.stop()
	second.done.Wait()
	second.courier.Close()
	settle("the first has all again", 5*time.Second, func() bool { return open(first) == most })
	l.exec(`INSERT INTO mail_seekers (key, holder, want, until) VALUES ('', 'dead', 9, clock_timestamp() + interval '2 seconds')`)
	settle("one that died is counted", 5*time.Second, func() bool { return open(first) == most/2 })
	settle("and forgotten", 10*time.Second, func() bool { return open(first) == most })

	if n := l.text(`SELECT count(*)::text FROM mail_seats WHERE seat > ` + fmt.Sprint(most)); n != "0" {
		t.Errorf("%s seats too many", n)
	}
}

// TestOneSeatGoesRound has two couriers share a single connection: neither waits for the other's newsletter to end.
func TestOneSeatGoesRound(t *testing.T) {
	t.Parallel()
	l := newLane(t, func(o *smtpfake.Options) { o.Latency = 5 * time.Millisecond })
	l.subscribe(1000)
	relay, err := mail.ParseRelay(l.relay.URL())
	if err != nil {
		t.Fatal(err)
	}
	relay.RootCAs = l.relay.CertPool()
	waits := mail.DefaultWaits().Scaled(20)
	waits.Budget = time.Minute
	ctx, stop := context.WithCancel(t.Context())
	var couriers sync.WaitGroup
	t.Cleanup(func() { stop(); couriers.Wait() })
	issues := []string{l.issue("article00001"), l.issue("article00002")}
	for _, issue := range issues {
		c := mail.NewCourier(l.store, laneComposer(), relay, mail.Options{Connections: 1, Claim: 50, Waits: waits, Log: slog.New(slog.DiscardHandler)})
		t.Cleanup(c.Close)
		couriers.Go(func() {
			for ctx.Err() == nil {
				if out, err := c.SendChunk(ctx, issue, 0, nil); err == nil && !out.More {
					return
				}
			}
		})
	}
	turns, last := 0, ""
	for began := time.Now(); turns < 4; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("the seat went round %d times", turns)
		}
		if _, open := l.relay.Connections(); open > 1 {
			t.Fatalf("%d connections", open)
		}
		holder := l.text(`SELECT coalesce(max(holder), '') FROM mail_seats WHERE key = '' AND until > clock_timestamp()`)
		if holder != "" && holder != last {
			turns, last = turns+1, holder
		}
	}
	for _, issue := range issues {
		if n := l.text(`SELECT count(*)::text FROM mail_deliveries WHERE issue_id = $1 AND state = 'sent'`, issue); n == "0" {
			t.Errorf("issue %s waits for the other", issue)
		}
	}
}
