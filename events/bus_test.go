package events_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/events"
	"toasoan/internal/testkit"
)

func connect(t *testing.T) *events.Bus {
	t.Helper()
	bus, err := events.Connect(testkit.NATS(t), 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	if err := bus.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	return bus
}

// eventually waits until ok, or fails.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func published(n int64) events.Article {
	return events.Article{ArticleID: "k3v9q2m7xa00", N: n, At: at}.With("published")
}

func TestReEmissionReachesConsumersAndARepeatDoesNot(t *testing.T) {
	t.Parallel()
	bus := connect(t)
	var mu sync.Mutex
	got := map[string]int{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- bus.Run(ctx, events.Consumer{
			Durable: "feeds", Subjects: []string{events.ArticleSubject("published")},
			Handle: func(_ context.Context, e events.Envelope) error {
				mu.Lock()
				defer mu.Unlock()
				got[e.ID]++
				return nil
			},
		})
	}()
	for _, attempt := range []int{1, 1, 2} { // the same attempt twice is one message
		if err := bus.Publish(t.Context(), published(7), attempt); err != nil {
			t.Fatal(err)
		}
	}
	if err := bus.Publish(t.Context(), published(8), 1); err != nil {
		t.Fatal(err)
	}
	seven, eight := events.ID(published(7)), events.ID(published(8))
	eventually(t, "both events", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return got[seven] == 2 && got[eight] == 1
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAnEventThatFailsComesAgain(t *testing.T) {
	t.Parallel()
	bus := connect(t)
	var tries atomic.Int32
	go bus.Run(t.Context(), events.Consumer{ //nolint:errcheck // ends with the test
		Durable: "counters", Subjects: []string{events.ArticleSubject("published")},
		Handle: func(context.Context, events.Envelope) error {
			if tries.Add(1) < 3 {
				return errors.New("database away")
			}
			return nil
		},
		Park: func(context.Context, string, events.Envelope, string, []byte, error) error {
			t.Error("parked although it could be handled")
			return nil
		},
	})
	if err := bus.Publish(t.Context(), published(7), 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the third try", func() bool { return tries.Load() == 3 })
}

func TestFollowersHearThatTheyMayHaveMissedSomething(t *testing.T) {
	t.Parallel()
	bus := connect(t)
	var lost, heard atomic.Int32
	go bus.Follow(t.Context(), []string{"newsroom.article.>"}, //nolint:errcheck // ends with the test
		func(events.Envelope) { heard.Add(1) }, func() { lost.Add(1) })
	eventually(t, "the first reset", func() bool { return lost.Load() == 1 })
	eventually(t, "an event", func() bool {
		if err := bus.Publish(t.Context(), published(int64(heard.Load()+1)), 1); err != nil {
			t.Fatal(err)
		}
		return heard.Load() > 0
	})
}

func TestViewsAreCountedBatchByBatch(t *testing.T) {
	t.Parallel()
	bus := connect(t)
	var mu sync.Mutex
	seen := map[string]int{}
	go bus.RunViews(t.Context(), "counters", func(_ context.Context, batch events.ViewBatch) error { //nolint:errcheck // ends with the test
		mu.Lock()
		defer mu.Unlock()
		seen[batch.ID] += len(batch.Views)
		return nil
	})
	for _, id := range []string{"one", "two", "three", "two"} { // a batch that is sent again is one message
		if err := bus.PublishViews(t.Context(), events.ViewBatch{ID: id, Views: []events.View{{ArticleID: "a", At: at}, {At: at}}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "three batches", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return seen["one"] == 2 && seen["two"] == 2 && seen["three"] == 2
	})
}
