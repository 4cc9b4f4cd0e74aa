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

// A report that a mail came back looks at that mail's chunk alone: in a storm of them each would otherwise read the whole issue.
func TestAReportReadsOneChunk(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.exec(`INSERT INTO mail_issues (id, kind, list, period, status, opened_at) SELECT 'i' || k, 'digest', 'kinh-te', k, 'sending', now() FROM generate_series(1, 2) k`)
	h.exec(`INSERT INTO mail_deliveries (issue_id, subscriber_id, chunk_no, email, state, key_version, message_id, date, dot_at)
	  SELECT 'i' || k % 2 + 1, 's' || k, k / 2000, 'x', 'sent', 1, 'd', now(), now() FROM generate_series(1, 40000) k`)
	h.exec(`ANALYZE mail_deliveries`)
	found, _ := h.db.Query(t.Context(), "EXPLAIN "+sqlHardNearby, args{"id": "i1", "subscriber": "s20000"})
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if plan := strings.Join(lines, "\n"); !strings.Contains(plan, "chunk_no_idx") || strings.Contains(plan, "Seq Scan") {
		t.Errorf("the plan is\n%s", plan)
	}
}
