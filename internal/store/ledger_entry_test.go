package store

import (
	"math/rand/v2"
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

// Whatever may stand in an entry comes out of the database as it went in: a few hundred at random, many of them in one value.
func TestEntriesOfAnyKindTravelWhole(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any will do
	random := rand.New(rand.NewPCG(seed, 7))
	words := func() string {
		letters := []rune(`aZ09 {}(),"'\;<>…đữẾ😀` + "\t\u00a0\ufffd\u2028\x7f\x01")
		said := make([]rune, random.IntN(300))
		for i := range said {
			said[i] = letters[random.IntN(len(letters))]
		}
		return string(said)
	}
	moment := func() time.Time { return time.UnixMicro(random.Int64N(4e16) - 2e16).UTC() } // some six hundred years either way
	for round := range 8 {
		entries := make([]ledgerEntry, 1+random.IntN(512))
		which := random.Perm(len(entries))[:1+random.IntN(len(entries))]
		for i := range entries {
			e := ledgerEntry{
				IssueID: words(), SubscriberID: words(), Lease: int64(random.Uint64()), State: newsroom.DeliveryState(words()), At: moment(), //nolint:gosec // any bits
				Stage: words(), Code: int(int32(random.Uint32())), Enhanced: words(), Reply: words(), //nolint:gosec // any bits
			}
			if random.IntN(2) == 0 {
				e.Next = new(moment())
			}
			if n := random.IntN(40); n > 0 {
				e.BodyHash = make([]byte, n-1)
				for k := range e.BodyHash {
					e.BodyHash[k] = byte(random.Uint32()) //nolint:gosec // any bits
				}
			}
			entries[i] = e
		}
		rows, _ := h.ledger.Query(t.Context(), `SELECT issue_id, subscriber_id, lease, state, at, hash, next, stage, code, enhanced, reply
			FROM unnest($1::mail_entry[])`, entryRows{entries, which})
		got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e ledgerEntry, err error) {
			err = row.Scan(&e.IssueID, &e.SubscriberID, &e.Lease, &e.State, &e.At, &e.BodyHash, &e.Next, &e.Stage, &e.Code, &e.Enhanced, &e.Reply)
			e.At = e.At.UTC()
			if e.Next != nil {
				e.Next = new(e.Next.UTC())
			}
			return e, err
		})
		if err != nil || len(got) != len(which) {
			t.Fatalf("seed %d, round %d: %d of %d, %v", seed, round, len(got), len(which), err)
		}
		for k, i := range which {
			if !reflect.DeepEqual(got[k], entries[i]) {
				t.Fatalf("seed %d, round %d: the database read\n%+v, want\n%+v", seed, round, got[k], entries[i])
			}
		}
	}
}
