package store

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Whoever stops, pauses or takes over what is being sent waits for the commits under way, and they for nobody: PostgreSQL never has
// to end one of them for a deadlock.
func TestStoppingDoesNotDeadlockWithCommits(t *testing.T) {
	t.Parallel()
	const rows, commits, batch = 800, 2, 20
	for name, stop := range map[string]func(h *mailHouse, tx pgx.Tx, issue string) error{
		"stop": func(h *mailHouse, tx pgx.Tx, issue string) error {
			return h.abort(t.Context(), tx, issue, "", "person")
		},
		"pause": func(h *mailHouse, tx pgx.Tx, issue string) error {
			_, err := h.pause(t.Context(), tx, issue, "", "person", h.now())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, issue := onePublished(t, rows)
			lease, claimed := h.take(issue, rows)
			rand.Shuffle(len(claimed), func(i, j int) { claimed[i], claimed[j] = claimed[j], claimed[i] })
			begun := make(chan struct{}, rows)
			var all sync.WaitGroup
			for part := range slices.Chunk(claimed, rows/commits) {
				all.Go(func() {
					for some := range slices.Chunk(part, batch) {
						var dots []ledgerEntry
						for _, r := range some {
							dots = append(dots, h.entry(issue, r, lease, newsroom.DeliveryDot))
						}
						if _, err := h.Commit(t.Context(), dots); err != nil {
							t.Error(err)
						}
						begun <- struct{}{}
					}
				})
			}
			<-begun
			if err := pgx.BeginFunc(t.Context(), h.db, func(tx pgx.Tx) error { return stop(h, tx, issue) }); err != nil {
				t.Error(err)
			}
			all.Wait()
			if n := h.value(`SELECT count(*) FROM mail_deliveries WHERE state = 'claimed'`); n != 0 {
				t.Errorf("%d rows are claimed still", n)
			}
		})
	}
}
