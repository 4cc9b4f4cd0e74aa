package deliverability

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	every   = time.Hour   // between looks
	soonest = time.Minute // a closed gate that is asked looks again no sooner: whoever mended a record need not wait for the hour
	longest = time.Minute // one look
)

// Gate says whether newsletters may go out. It is safe for concurrent use.
type Gate struct {
	look   func(context.Context) ([]Finding, error)
	refuse bool
	tell   func(ctx context.Context, failed []string)
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	looked time.Time
	failed map[string]bool
}

// GateOptions of NewGate.
type GateOptions struct {
	Look   func(context.Context) ([]Finding, error)
	Refuse bool                                       // false: failures are told and nothing else happens
	Tell   func(ctx context.Context, failed []string) // hears what fails after each look, none when all is well
	Log    *slog.Logger
	Now    func() time.Time
}

// NewGate makes a gate that has not looked yet.
func NewGate(o GateOptions) *Gate {
	return &Gate{look: o.Look, refuse: o.Refuse, tell: o.Tell, log: o.Log, now: o.Now, failed: map[string]bool{}}
}

// Watch looks at once and then every hour until ctx ends.
func (g *Gate) Watch(ctx context.Context) {
	for {
		g.mu.Lock()
		g.again(ctx)
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Closed names what keeps newsletters back, none: they may go out. It looks first where nobody has, and again where a closed gate
// was not looked at within the minute.
func (g *Gate) Closed(ctx context.Context) []string {
	if !g.refuse {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.looked.IsZero() || len(g.failures()) > 0 && g.now().Sub(g.looked) >= soonest {
		g.again(ctx)
	}
	return g.failures()
}

func (g *Gate) failures() []string {
	var names []string
	for _, name := range Checks {
		if g.failed[name] {
			names = append(names, name)
		}
	}
	return names
}

// again looks; what could not be looked at keeps its verdict.
func (g *Gate) again(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	before := g.failures()
	first := g.looked.IsZero()
	findings, err := g.look(limit)
	if err != nil || ctx.Err() != nil {
		if ctx.Err() == nil {
			g.log.WarnContext(ctx, "sender is not checked", "error", err)
		}
		return
	}
	g.looked = g.now()
	for _, f := range findings {
		switch f.State {
		case Failed:
			g.failed[f.Check] = true
		case Passed, Exempt:
			g.failed[f.Check] = false
		case Unknown:
		}
	}
	after := g.failures()
	if first || !slices.Equal(before, after) {
		g.report(ctx, findings, after)
	}
	g.tell(ctx, after)
}

func (g *Gate) report(ctx context.Context, findings []Finding, failed []string) {
	for _, f := range findings {
		switch f.State {
		case Failed:
			g.log.WarnContext(ctx, "receivers will hold this against us", "check", f.Check, "found", f.Said, "do", f.Do, "record", f.Record)
		case Unknown, Exempt:
			g.log.InfoContext(ctx, "sender is not fully checked", "check", f.Check, "found", f.Said, "do", f.Do)
		case Passed:
		}
	}
	if len(failed) > 0 && g.refuse {
		g.log.WarnContext(ctx, "newsletters wait: MAIL_GATE is refuse", "failed", strings.Join(failed, ","))
	}
}
