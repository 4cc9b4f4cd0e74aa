package store

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// A commit finds its rows by their keys also on a fresh database, of which the planner knows nothing yet: reading the issue for
// each commit made a newsletter ten times slower.
func TestACommitLooksItsRowsUp(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.many(2_000, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(issue)
	lease, rows := h.take(issue, 500)
	var dots entryRows
	for i, r := range rows[:10] {
		dots.entries, dots.which = append(dots.entries, h.entry(issue, r, lease, newsroom.DeliveryDot)), append(dots.which, i)
	}
	found, _ := h.ledger.Query(t.Context(), "EXPLAIN "+sqlCommitRows, dots)
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if plan := strings.Join(lines, "\n"); !strings.Contains(plan, "mail_deliveries_pkey") || strings.Contains(plan, "chunk_no_idx") {
		t.Errorf("the plan is\n%s", plan)
	}
}
