package consumers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"toasoan/events"
	"toasoan/internal/feed"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

var moment = time.Date(2026, 10, 2, 8, 30, 0, 0, time.UTC)

// notebook is a store that notes what it was asked, once per event.
type notebook struct {
	mu     sync.Mutex
	seen   map[string]int
	views  map[string][]newsroom.PageView
	parked []string
	fail   error
}

func newNotebook() *notebook {
	return &notebook{seen: map[string]int{}, views: map[string][]newsroom.PageView{}}
}

func (n *notebook) note(event string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen[event]++
	return n.fail
}

func (n *notebook) times(event string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[event]
}

func (n *notebook) WriteFeeds(_ context.Context, eventID, articleID string, _ int64, at time.Time, render func(newsroom.FeedSource) []newsroom.FeedFile) (int, error) {
	if err := n.note(eventID); err != nil {
		return 0, err
	}
	return len(render(newsroom.FeedSource{At: at, Lists: []newsroom.FeedList{{Items: []newsroom.PortalItem{{ID: articleID}}}}})), nil
}

func (n *notebook) RebuildFeeds(context.Context, func(newsroom.FeedSource) []newsroom.FeedFile, func(int, int)) error {
	return n.fail
}

func (n *notebook) ApplyViews(_ context.Context, id string, views []newsroom.PageView) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.views[id] = views
	return nil
}

func (n *notebook) ResetArticleCounter(_ context.Context, eventID, articleID string, _ int64, at time.Time) (newsroom.CounterReset, error) {
	return newsroom.CounterReset{Scope: articleID, Key: "4", At: at}, n.note(eventID)
}

func (n *notebook) Rollover(_ context.Context, now time.Time) ([]newsroom.CounterReset, error) {
	return []newsroom.CounterReset{{Scope: "day", Key: "2026-10-02", At: now}, {Scope: "week", Key: "2026-W40", At: now}}, nil
}

func (n *notebook) Park(_ context.Context, durable, eventID, _ string, _ []byte, cause string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parked = append(n.parked, durable+" "+eventID+" "+cause)
	return nil
}

// voice notes what is announced and who is nudged.
type voice struct {
	mu     sync.Mutex
	said   []string
	nudged []int64
	fail   error
}

func (v *voice) Publish(_ context.Context, e events.Event, _ int) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fail != nil {
		return v.fail
	}
	v.said = append(v.said, events.ID(e))
	return nil
}

func (v *voice) Nudge(_ context.Context, _ string, n int64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.nudged = append(v.nudged, n)
	return errors.New("no such run") // is only worth a line
}

func published(t *testing.T) events.Envelope {
	t.Helper()
	e, err := events.Wrap(events.Article{ArticleID: "0123456789ab", N: 4, Revision: 1, SectionID: "kinh-te", At: moment}.With("published"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func feedsWith(n *notebook, v *voice) Feeds {
	return Feeds{Store: n, Bus: v, Runs: v, Render: feed.Renderer{Base: "https://vankhe.example.vn"}, Log: quiet(), Now: func() time.Time { return moment }}
}

func TestFeedsAnnounceAndNudge(t *testing.T) {
	t.Parallel()
	n, v := newNotebook(), &voice{}
	f := feedsWith(n, v)
	for range 2 {
		if err := f.Handle(t.Context(), published(t)); err != nil {
			t.Fatal(err)
		}
	}
	const want = "newsroom.feed.regenerated.v1/0123456789ab/4"
	if len(v.said) != 2 || v.said[0] != want || v.said[1] != want || len(v.nudged) != 2 {
		t.Errorf("said %v, nudged %v", v.said, v.nudged)
	}
}

func TestFailureMeansAgainLater(t *testing.T) {
	t.Parallel()
	n, v := newNotebook(), &voice{}
	f := feedsWith(n, v)
	n.fail = errors.New("database away")
	if err := f.Handle(t.Context(), published(t)); err == nil || len(v.said) != 0 {
		t.Errorf("said %v, error %v", v.said, err)
	}
	n.fail, v.fail = nil, errors.New("nats away")
	if err := f.Handle(t.Context(), published(t)); err == nil {
		t.Error("an announcement that was not made counts as made")
	}
	if err := f.Handle(t.Context(), events.Envelope{ID: "x", Data: []byte("{")}); err == nil {
		t.Error("an event that cannot be read was handled")
	}
}

func TestEveryPublicChangeIsHeard(t *testing.T) {
	t.Parallel()
	n, v := newNotebook(), &voice{}
	c := feedsWith(n, v).Consumer()
	if len(c.Subjects) != len(events.PublicVerbs) || c.Durable != "feeds" {
		t.Errorf("consumer %+v", c)
	}
	if err := c.Park(t.Context(), "feeds", published(t), "s", nil, errors.New("why")); err != nil || len(n.parked) != 1 {
		t.Errorf("parked %v, %v", n.parked, err)
	}
}

func TestConsumersOnARealBus(t *testing.T) {
	t.Parallel()
	server := testkit.NewNATSServer(t)
	bus, err := events.Connect(server.URL(), 1, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	n, v := newNotebook(), &voice{}
	feeds := feedsWith(n, v)
	feeds.Bus = bus
	counters := Counters{Store: n, Bus: bus, Runs: v, Log: quiet()}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, run := range []func() error{
		func() error { return bus.Run(ctx, feeds.Consumer()) },
		func() error { return bus.Run(ctx, counters.Consumer()) },
		func() error { return bus.RunViews(ctx, CountersDurable, counters.Views) },
	} {
		group.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	defer func() { cancel(); group.Wait() }()
	event := events.Article{ArticleID: "0123456789ab", N: 4, Revision: 1, SectionID: "kinh-te", At: moment}.With("published")
	for attempt := 1; attempt <= 2; attempt++ {
		if err := bus.Publish(ctx, event, attempt); err != nil {
			t.Fatal(err)
		}
	}
	if err := bus.Publish(ctx, events.Article{ArticleID: "0123456789ab", N: 5, At: moment}.With("withdrawn"), 1); err != nil {
		t.Fatal(err)
	}
	if err := bus.PublishViews(ctx, events.ViewBatch{ID: "one", Views: []events.View{{ArticleID: "0123456789ab", Visitor: []byte{1}, At: moment}}}); err != nil {
		t.Fatal(err)
	}
	withdrawn := events.ArticleSubject("withdrawn") + "/0123456789ab/5"
	n.until(t, func() bool { return n.times(events.ID(event)) >= 4 && n.times(withdrawn) >= 1 && n.batches() == 1 })
	if n.times(withdrawn) != 1 {
		t.Error("the counters heard of a withdrawal")
	}

	server.Lose() // with whatever was in it: the publication announces itself again, the next views are other ones
	n.until(t, func() bool { return bus.Publish(ctx, event, 3) == nil })
	if err := bus.PublishViews(ctx, events.ViewBatch{ID: "two", Views: []events.View{{Visitor: []byte{1}, At: moment}}}); err != nil {
		t.Fatal(err)
	}
	n.until(t, func() bool { return n.times(events.ID(event)) >= 6 && n.batches() == 2 })
}

func (n *notebook) until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("heard %v, %d batches", n.seen, n.batches())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (n *notebook) batches() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.views)
}

func TestCountersAnnounceResets(t *testing.T) {
	t.Parallel()
	n, v := newNotebook(), &voice{}
	c := Counters{Store: n, Bus: v, Runs: v, Log: quiet()}
	if err := c.Handle(t.Context(), published(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.AnnounceRollover(t.Context(), moment); err != nil {
		t.Fatal(err)
	}
	want := []string{"newsroom.counter.reset.v1/0123456789ab/4", "newsroom.counter.reset.v1/day/2026-10-02", "newsroom.counter.reset.v1/week/2026-W40"}
	if len(v.said) != len(want) {
		t.Fatalf("said %v", v.said)
	}
	for i := range want {
		if v.said[i] != want[i] {
			t.Errorf("said %s, want %s", v.said[i], want[i])
		}
	}
}
