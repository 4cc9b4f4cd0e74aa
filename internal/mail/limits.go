package mail

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"toasoan/newsroom"
)

// limits is how much may go to the relay: what the program was started with, what an admin has set since, and what the relay
// has asked for. While something is sent they are read anew every Waits.Follow.
type limits struct {
	c     *Courier
	pace  *pace // all newsletters
	seats *seats

	connections atomic.Int32
	round       atomic.Int64 // nanoseconds until each connection had its turn at the rate
	gates       atomic.Pointer[map[string]*gate]
	readAt      atomic.Int64 // unix nanoseconds

	mu      sync.Mutex
	at      int           // SendChunks under way
	kept    chan struct{} // keep runs until it is closed; nil: it does not
	nudge   chan struct{}
	slowed  map[string]time.Time // by key: halved last
	reading sync.Mutex
}

// gate is what newsletters to one domain have to pass.
type gate struct {
	domain string
	pace   *pace
	seats  *seats
	atOnce atomic.Int32 // 0: no bound
}

func newLimits(c *Courier) *limits {
	l := &limits{c: c, nudge: make(chan struct{}, 1), slowed: map[string]time.Time{}, seats: newSeats(c.ledger, c.o.Waits.Seat)}
	l.pace = &pace{ledger: c.ledger, skew: newSkew(), rate: float64(c.o.Rate)}
	l.connections.Store(int32(c.o.Connections)) //nolint:gosec // 64 at most
	l.gates.Store(&map[string]*gate{})
	return l
}

func (l *limits) most() int { return int(l.connections.Load()) }

// patient reports whether who waits for a place now may wait longer than a result should wait to be written down.
func (l *limits) patient() bool { return time.Duration(l.round.Load()) >= l.c.o.Waits.Hold }

// gate is the gate in front of an address, nil where its domain has none.
func (l *limits) gate(email string) *gate {
	gates := *l.gates.Load()
	if len(gates) == 0 {
		return nil
	}
	return gates[domainOf(email)]
}

// read reads the limits anew.
func (l *limits) read(ctx context.Context) error {
	l.reading.Lock()
	defer l.reading.Unlock()
	limit, cancel := context.WithTimeout(ctx, l.c.o.Waits.Commit)
	defer cancel()
	set, slowed, err := l.c.ledger.Paces(limit, l.c.o.Waits.Ease)
	if err != nil {
		return err
	}
	rate, connections := l.c.o.Rate, l.c.o.Connections
	if set.Rate != nil {
		rate = *set.Rate
	}
	if set.Connections != nil {
		connections = *set.Connections
	}
	l.connections.Store(int32(connections)) //nolint:gosec // 64 at most
	perSecond := lower(float64(rate), slowed[""])
	l.pace.set(perSecond)
	l.round.Store(0)
	if perSecond > 0 {
		l.round.Store(int64(float64(connections) / perSecond * float64(time.Second)))
	}
	bounds := make(map[string]newsroom.DomainLimit, len(set.Domains))
	for _, d := range set.Domains {
		bounds[d.Domain] = d
	}
	for key := range slowed {
		if _, ok := bounds[key]; !ok && key != "" {
			bounds[key] = newsroom.DomainLimit{Domain: key}
		}
	}
	before, gates := *l.gates.Load(), make(map[string]*gate, len(bounds))
	for domain, d := range bounds {
		g := before[domain]
		if g == nil {
			g = &gate{domain: domain, seats: l.seats, pace: &pace{ledger: l.c.ledger, key: domain, skew: l.pace.skew}}
		}
		g.pace.set(lower(float64(d.Rate), slowed[domain]))
		g.atOnce.Store(int32(d.AtOnce)) //nolint:gosec // 64 at most
		gates[domain] = g
	}
	l.gates.Store(&gates)
	l.readAt.Store(time.Now().UnixNano())
	return nil
}

// lower is the lower of two rates of which 0 is none.
func lower(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// attend keeps the limits fresh and the seats ours until leave is called. The limits were read a moment ago when it returns.
func (l *limits) attend(ctx context.Context) (leave func(), err error) {
	if time.Since(time.Unix(0, l.readAt.Load())) > l.c.o.Waits.Follow {
		if err := l.read(ctx); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at++
	if l.kept == nil {
		l.kept = make(chan struct{})
		go l.keep(context.WithoutCancel(ctx))
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.at--; l.at == 0 {
			select {
			case l.nudge <- struct{}{}:
			default:
			}
		}
	}, nil
}

// keep works while anybody attends. At the end the idle connections are closed and all seats go back.
func (l *limits) keep(ctx context.Context) {
	ticker := time.NewTicker(l.c.o.Waits.Follow)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := l.read(ctx); err != nil {
				l.c.o.Log.WarnContext(ctx, "mail limits not read", "error", err)
			}
		case <-l.nudge:
		}
		l.mu.Lock()
		over := l.at == 0
		l.mu.Unlock()
		if err := l.renew(ctx, over); err != nil {
			l.c.o.Log.WarnContext(ctx, "seats at the relay not renewed", "error", err)
		}
		l.mu.Lock()
		if over = over && l.at == 0; over { // who left meanwhile has nudged: their seats go back in the next round
			close(l.kept)
			l.kept = nil
		}
		l.mu.Unlock()
		if over {
			return
		}
	}
}

// renew learns this process's share of the seats, closes the idle connections that lie beyond it, all when nobody attends any more,
// and then gives their seats back.
func (l *limits) renew(ctx context.Context, over bool) error {
	ctx, cancel := context.WithTimeout(ctx, l.c.o.Waits.Commit)
	defer cancel()
	if over {
		l.c.bulk.trim(0)
	}
	spare, err := l.seats.ask(ctx, l.c.bulk.spare, over)
	if err != nil {
		return err
	}
	l.c.bulk.trim(spare)
	return l.seats.keep(ctx, l.c.bulk.spare)
}

// rest waits a moment for keep to give the seats back, so that whoever comes next need not wait until they lapse.
func (l *limits) rest() {
	l.mu.Lock()
	kept := l.kept
	l.mu.Unlock()
	if kept == nil {
		return
	}
	select {
	case <-kept:
	case <-time.After(2 * time.Second):
	}
}

// slow halves a pace for the whole installation, key "" all newsletters, at most once a second.
func (l *limits) slow(ctx context.Context, key string) {
	l.mu.Lock()
	wait := min(time.Second, l.c.o.Waits.Ease)
	again := time.Since(l.slowed[key]) < wait
	if !again {
		l.slowed[key] = time.Now()
	}
	l.mu.Unlock()
	if again {
		return
	}
	from := l.pace.reached()
	if g := (*l.gates.Load())[key]; g != nil {
		from = min(from, g.pace.reached())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.c.o.Waits.Commit)
	defer cancel()
	err := l.c.ledger.SlowDown(ctx, key, from, l.c.o.Waits.Ease)
	if err == nil {
		err = l.read(ctx)
	}
	if err != nil {
		l.c.o.Log.WarnContext(ctx, "mail not slowed down", "error", err)
		return
	}
	l.c.o.Log.InfoContext(ctx, "the relay asks for less: mail is slowed down", "domain", key, "from", from)
}

// pass is a mail's way through the gates: when it may go, and what it holds meanwhile.
type pass struct {
	at   time.Time // zero: at once
	gate *gate     // whose seat it holds, nil none
}

// leave gives back what the pass holds; only the first time.
func (p *pass) leave() {
	if p.gate != nil {
		p.gate.seats.leave(p.gate.domain, false)
		p.gate = nil
	}
}

// enter lets a mail to the domain go that may go within a while from now. Otherwise wait says how long to ask no more.
func (g *gate) enter(ctx context.Context, within time.Duration) (p pass, wait time.Duration, err error) {
	if most := int(g.atOnce.Load()); most > 0 {
		ok, err := g.seats.take(ctx, g.domain, most)
		if err != nil || !ok {
			return p, seatsAgain, err
		}
		p.gate = g
	}
	if p.at, wait, err = g.pace.soon(ctx, within); err != nil || wait > 0 {
		p.leave()
	}
	return p, wait, err
}
