package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// entryRows are entries of the ledger as one value of the database's type mail_entry[]: those at the places of which.
type entryRows struct {
	entries []ledgerEntry
	which   []int
}

// knowEntries teaches a connection how entries travel.
func knowEntries(ctx context.Context, conn *pgx.Conn) error {
	types, err := conn.LoadTypes(ctx, []string{"mail_entry", "_mail_entry"})
	if err != nil {
		return fmt.Errorf("load the type mail_entry: %w", err)
	}
	for _, t := range types {
		if array, ok := t.Codec.(*pgtype.ArrayCodec); ok {
			t.Codec = entriesCodec{Codec: array, element: array.ElementType.OID}
		}
	}
	conn.TypeMap().RegisterTypes(types)
	return nil
}

// entriesCodec writes entryRows itself, octet by octet: pgx's own way through reflection and a value of its own for each of eleven
// fields was a third of what a worker left behind for the garbage collector.
type entriesCodec struct {
	pgtype.Codec
	element uint32 // OID of mail_entry
}

// PlanEncode is part of pgtype.Codec.
func (c entriesCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ours := value.(entryRows); ours && format == pgtype.BinaryFormatCode {
		return c
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

// Encode is part of pgtype.EncodePlan: an array of one dimension, a record each (array_send and record_send in PostgreSQL's source).
func (c entriesCodec) Encode(value any, buf []byte) ([]byte, error) {
	rows, ok := value.(entryRows)
	if !ok {
		return nil, fmt.Errorf("cannot encode %T as mail_entry[]", value)
	}
	r := record{slices.Grow(buf, rows.size())}
	r.number(1) // dimensions
	r.number(0) // no NULL among them
	r.number(c.element)
	r.number(uint32(len(rows.which))) //nolint:gosec // mail.mostEntries
	r.number(1)                       // the first has the number 1
	for _, i := range rows.which {
		r.entry(&rows.entries[i])
	}
	return r.buf, nil
}

// size is at least as many octets as the rows take, and not many more.
func (rows entryRows) size() int {
	n := 20
	for _, i := range rows.which {
		e := &rows.entries[i]
		n += 4 + 4 + 11*8 + 4*8 + len(e.IssueID) + len(e.SubscriberID) + len(e.State) + len(e.BodyHash) + len(e.Stage) + len(e.Enhanced) + len(e.Reply)
	}
	return n
}

// record appends values in PostgreSQL's binary form: each field of a record is its type, its length and its octets.
type record struct{ buf []byte }

func (r *record) number(n uint32) { r.buf = binary.BigEndian.AppendUint32(r.buf, n) }

// entry appends one, its length in front: the fields in the order of the type's definition.
func (r *record) entry(e *ledgerEntry) {
	at := len(r.buf)
	r.number(0)
	r.number(11)
	r.text(e.IssueID)
	r.text(e.SubscriberID)
	r.field(pgtype.Int8OID, 8)
	r.buf = binary.BigEndian.AppendUint64(r.buf, uint64(e.Lease)) //nolint:gosec // the same bits
	r.text(string(e.State))
	r.moment(&e.At)
	r.octets(e.BodyHash)
	r.moment(e.Next)
	r.text(e.Stage)
	r.field(pgtype.Int4OID, 4)
	r.number(uint32(e.Code)) //nolint:gosec // three digits
	r.text(e.Enhanced)
	r.text(e.Reply)
	binary.BigEndian.PutUint32(r.buf[at:], uint32(len(r.buf)-at-4)) //nolint:gosec // a few hundred octets
}

// field begins a field that is not NULL.
func (r *record) field(oid uint32, size int) {
	r.number(oid)
	r.number(uint32(size)) //nolint:gosec // of one value
}

// null is a field without a value.
func (r *record) null(oid uint32) {
	r.number(oid)
	r.number(1<<32 - 1)
}

func (r *record) text(s string) {
	r.field(pgtype.TextOID, len(s))
	r.buf = append(r.buf, s...)
}

func (r *record) octets(b []byte) {
	if b == nil {
		r.null(pgtype.ByteaOID)
		return
	}
	r.field(pgtype.ByteaOID, len(b))
	r.buf = append(r.buf, b...)
}

// moment is in microseconds since 2000 began.
func (r *record) moment(t *time.Time) {
	if t == nil {
		r.null(pgtype.TimestamptzOID)
		return
	}
	r.field(pgtype.TimestamptzOID, 8)
	r.buf = binary.BigEndian.AppendUint64(r.buf, uint64(t.UnixMicro()-year2000.UnixMicro())) //nolint:gosec // the same bits
}

var year2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
