package events_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"toasoan/events"
	"toasoan/internal/testkit"
)

// role is one process's bus; nothing but what it does itself makes streams.
func role(t *testing.T, url string) *events.Bus {
	t.Helper()
	bus, err := events.Connect(url, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

// ears count what consumers and followers of one process hear.
type ears struct{ feeds, views, live, lost atomic.Int64 }

func listen(t *testing.T, bus *events.Bus) *ears {
	t.Helper()
	e := &ears{}
	go bus.Run(t.Context(), events.Consumer{ //nolint:errcheck // ends with the test
		Durable: "feeds", Subjects: []string{events.ArticleSubject("published")},
		Handle: func(context.Context, events.Envelope) error { e.feeds.Add(1); return nil },
	})
	go bus.RunViews(t.Context(), "counters", func(_ context.Context, batch events.ViewBatch) error { //nolint:errcheck // ends with the test
		e.views.Add(int64(len(batch.Views)))
		return nil
	})
	go bus.Follow(t.Context(), []string{"newsroom.>"}, //nolint:errcheck // ends with the test
		func(events.Envelope) { e.live.Add(1) }, func() { e.lost.Add(1) })
	return e
}

func announce(t *testing.T, bus *events.Bus, n int64) {
	t.Helper()
	eventually(t, "the event is taken", func() bool { return bus.Publish(t.Context(), published(n), 1) == nil })
	eventually(t, "the views are taken", func() bool {
		return bus.PublishViews(t.Context(), events.ViewBatch{ID: events.ID(published(n)), Views: make([]events.View, 1)}) == nil
	})
}

// TestEverybodyGoesOnAfterNATSLostItsData has NATS restarted with an empty store under running roles, twice.
func TestEverybodyGoesOnAfterNATSLostItsData(t *testing.T) {
	t.Parallel()
	server := testkit.NewNATSServer(t)
	consumers, web := role(t, server.URL()), role(t, server.URL())
	heard := listen(t, consumers)
	eventually(t, "the follower listens", func() bool { return heard.lost.Load() == 1 })
	for n := int64(1); n <= 5; n++ { // a follower that remembers its place in the stream would wait for the sixth of the next one
		announce(t, web, n)
	}
	eventually(t, "everything is heard", func() bool {
		return heard.feeds.Load() == 5 && heard.views.Load() == 5 && heard.live.Load() == 5
	})
	for loss := int64(1); loss <= 2; loss++ {
		server.Lose()
		eventually(t, "the follower says that it may have missed something", func() bool { return heard.lost.Load() == loss+1 })
		announce(t, web, 5+loss)
		eventually(t, "what came after the loss is heard", func() bool {
			return heard.feeds.Load() == 5+loss && heard.views.Load() == 5+loss && heard.live.Load() == 5+loss
		})
	}
}

// TestPublishingMakesItsStreams is a role that only publishes, at a NATS that knows nothing.
func TestPublishingMakesItsStreams(t *testing.T) {
	t.Parallel()
	web := role(t, testkit.NATS(t))
	if err := web.Publish(t.Context(), published(1), 1); err != nil {
		t.Error(err)
	}
	if err := web.PublishViews(t.Context(), events.ViewBatch{ID: "one"}); err != nil {
		t.Error(err)
	}
}

// TestWhatIsDeletedIsMadeAgain deletes consumers and streams while NATS and the connections stand.
func TestWhatIsDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	server := testkit.NewNATSServer(t)
	bus := role(t, server.URL())
	heard := listen(t, bus)
	eventually(t, "the follower listens", func() bool { return heard.lost.Load() == 1 })
	announce(t, bus, 1)
	eventually(t, "the first is heard", func() bool { return heard.feeds.Load() == 1 && heard.views.Load() == 1 && heard.live.Load() == 1 })

	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), events.StreamNewsroom, "feeds"); err != nil {
		t.Fatal(err)
	}
	announce(t, bus, 2)
	// The new consumer begins with what the stream holds: that the first comes again is harmless.
	eventually(t, "the second is heard", func() bool { return heard.feeds.Load() == 3 && heard.live.Load() == 2 })
	for _, stream := range []string{events.StreamNewsroom, events.StreamViews} {
		if err := js.DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the follower says that it may have missed something", func() bool { return heard.lost.Load() == 2 })
	announce(t, bus, 3)
	eventually(t, "the third is heard", func() bool { return heard.feeds.Load() == 4 && heard.views.Load() == 3 && heard.live.Load() == 3 })
}
