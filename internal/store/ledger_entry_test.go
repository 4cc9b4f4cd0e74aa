package store

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// What the database reads is what was written, field by field, also where there is none.
func TestEntriesTravelWhole(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	at := time.Date(2026, 3, 1, 9, 30, 0, 123_456_000, time.UTC)
	before2000 := time.Date(1999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	entries := []ledgerEntry{
		{IssueID: "issue", SubscriberID: "đọc giả", Lease: 1 << 40, State: newsroom.DeliveryDot, At: at, BodyHash: []byte{0, 1, 255}},
		{IssueID: "not asked for"},
		{
			IssueID: "issue", SubscriberID: "b", Lease: -1, State: newsroom.DeliverySoft, At: before2000, Next: &at, Stage: "dot", Code: 451,
			Enhanced: "4.7.1", Reply: `chờ "một" chút, {a,b} \ NULL`,
		},
		{At: at, BodyHash: []byte{}},
	}
	which := []int{2, 0, 3}
	value := entryRows{entries, which}
	rows, _ := h.ledger.Query(t.Context(), `SELECT issue_id, subscriber_id, lease, state, at, hash, next, stage, code, enhanced, reply
		FROM unnest($1::mail_entry[])`, value)
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e ledgerEntry, err error) {
		err = row.Scan(&e.IssueID, &e.SubscriberID, &e.Lease, &e.State, &e.At, &e.BodyHash, &e.Next, &e.Stage, &e.Code, &e.Enhanced, &e.Reply)
		e.At = e.At.UTC()
		if e.Next != nil {
			e.Next = new(e.Next.UTC())
		}
		return e, err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []ledgerEntry{entries[2], entries[0], entries[3]}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the database read\n%+v, want\n%+v", got, want)
	}
	written, err := entriesCodec{}.Encode(value, nil)
	if err != nil || len(written) > value.size() || cap(written) > 2*value.size() || !slices.Equal(value.which, which) {
		t.Errorf("%d octets in %d, announced as %d: %v", len(written), cap(written), value.size(), err)
	}
}
