package web

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"toasoan/events"
)

// What NATS took and lost before it was counted goes again under its id, and is forgotten once it is counted.
func TestViewsThatNATSLostGoAgain(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.post("/xem", url.Values{}, http.StatusNoContent, "User-Agent", chromeAgent)
	n.handOver(t.Context())
	sent := func(want int) {
		t.Helper()
		if len(n.bus.batches) != want {
			t.Fatalf("%d batches were handed over, want %d", len(n.bus.batches), want)
		}
		for _, batch := range n.bus.batches {
			if batch.ID != n.bus.batches[0].ID || len(batch.Views) != 1 {
				t.Errorf("another batch: %+v", batch)
			}
		}
	}
	n.settleViews(t.Context()) // it may be on its way
	sent(1)
	n.clock.forward(viewsDoubt)
	n.bus.down = true
	n.settleViews(t.Context())
	n.bus.down = false
	sent(1)
	n.settleViews(t.Context())
	sent(2)
	n.settleViews(t.Context()) // not at once
	n.clock.forward(viewsDoubt)
	n.settleViews(t.Context())
	sent(2)
	n.clock.forward(viewsDoubt)
	n.settleViews(t.Context())
	sent(3)
	n.exec(`INSERT INTO view_batches (id, at) VALUES ('` + n.bus.batches[0].ID + `', now())`)
	n.clock.forward(viewsDoubtMost)
	n.settleViews(t.Context())
	n.clock.forward(viewsDoubtMost)
	n.settleViews(t.Context())
	if sent(3); len(n.portal.views.kept) != 0 {
		t.Errorf("a counted batch is kept: %d", len(n.portal.views.kept))
	}
}

func TestKeptViewsAreBounded(t *testing.T) {
	t.Parallel()
	var q viewQueue
	now := friday
	for k := range viewsKept/viewsBatch + 5 {
		q.keep(events.ViewBatch{ID: fmt.Sprint(k), Views: make([]events.View, viewsBatch)}, now)
	}
	if len(q.kept) != viewsKept/viewsBatch || q.kept[0].ID != "5" {
		t.Errorf("%d batches are kept, the first is %s", len(q.kept), q.kept[0].ID)
	}
	q.keep(events.ViewBatch{ID: "next day", Views: make([]events.View, 1)}, now.Add(viewsKeptFor+time.Second))
	if len(q.kept) != 1 {
		t.Errorf("%d batches are kept over a day", len(q.kept))
	}
	if got := q.doubtful(now.Add(48*time.Hour), 0); len(got) != 0 {
		t.Errorf("%d at once", len(got))
	}
}
