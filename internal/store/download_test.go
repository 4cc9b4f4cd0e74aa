package store

import (
	"testing"

	"toasoan/newsroom"
)

// Who downloads a long list may be as slow as they like: no connection waits for them, and each row is in it once.
func TestADownloadHoldsNoConnection(t *testing.T) {
	t.Parallel()
	const readers = exportPage + 5
	h, issue := onePublished(t, readers)
	seen := map[string]int{}
	row := func(id string) error {
		seen[id]++
		if held := h.db.Stat().AcquiredConns(); held > 0 {
			t.Fatalf("%d connections are held at row %d", held, len(seen))
		}
		return nil
	}
	for name, export := range map[string]func() error{
		"subscribers": func() error {
			return h.ExportSubscribers(t.Context(), h.admin, "", func(u newsroom.Subscriber) error { return row(u.Email) })
		},
		"recipients": func() error {
			return h.ExportDeliveries(t.Context(), h.admin, issue, func(d newsroom.DeliveryRow) error { return row(d.SubscriberID) })
		},
	} {
		clear(seen)
		if err := export(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(seen) != readers {
			t.Errorf("%s: %d, want %d", name, len(seen), readers)
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("%s: %s came %d times", name, id, times)
			}
		}
	}
}
