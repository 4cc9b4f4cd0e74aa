package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	sqlRootRow    = `SELECT id, hash FROM audit WHERE at < @before ORDER BY id DESC LIMIT 1`
	sqlInsertRoot = `INSERT INTO audit_roots (day, last_id, hash, at) VALUES (@day, @id, @hash, @at) ON CONFLICT (day) DO NOTHING`
	sqlToldRoot   = `SELECT EXISTS (SELECT FROM letters WHERE id = @id AND done_at IS NOT NULL)`
	sqlRoot       = `SELECT day, last_id, hash, at FROM audit_roots WHERE day = @day`
)

// RootOfDay keeps the newest row of the chain of a local day that is over, once, and writes the letter that tells it to the inspector
// (an address outside the office; "" none). It returns the letters' ids, the same for every repeat until they were sent; none where
// nothing has ever happened. Whoever has the mails can prove later that the chain was neither cut nor made anew (verify-audit --root).
func (s *Store) RootOfDay(ctx context.Context, day newsroom.Date, inspector string) ([]string, error) {
	if a, err := mail.ParseAddress(inspector); err == nil {
		inspector = a.Address
	}
	var out Settled
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = Settled{}
		var at newsroom.AuditPoint
		err := tx.QueryRow(ctx, sqlRootRow, args{"before": day.Next().Start().UTC()}).Scan(&at.ID, &at.Hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlInsertRoot, args{"day": dayTime(day), "id": at.ID, "hash": at.Hash, "at": s.now().UTC()}); err != nil {
			return err
		}
		var told bool
		id := fmt.Sprintf("%s/%s", newsroom.LetterAuditRoot, day)
		if err := tx.QueryRow(ctx, sqlToldRoot, args{"id": id}).Scan(&told); err != nil || told || inspector == "" {
			return err
		}
		return s.writeLetter(ctx, tx, letter{
			ID: id, Kind: newsroom.LetterAuditRoot,
			Data: map[string]any{"to_sealed": s.keys.Seal([]byte(inspector)), "day": dayTime(day)},
		}, &out)
	})
	if err != nil {
		return nil, fmt.Errorf("audit root of %s: %w", day, err)
	}
	return out.Letters, nil
}

const sqlRoots = `SELECT day, last_id, hash, at FROM audit_roots ORDER BY day DESC LIMIT @limit`

// AuditRoots lists the newest daily roots.
func (s *Store) AuditRoots(ctx context.Context, limit int) ([]newsroom.AuditRoot, error) {
	rows, _ := s.db.Query(ctx, sqlRoots, args{"limit": limit})
	list, err := pgx.CollectRows(rows, scanRoot)
	if err != nil {
		return nil, fmt.Errorf("list audit roots: %w", err)
	}
	return list, nil
}

func scanRoot(row pgx.CollectableRow) (r newsroom.AuditRoot, err error) {
	var day time.Time
	var hash []byte
	err = row.Scan(&day, &r.LastID, &hash, &r.At)
	r.Day, r.Hash = newsroom.Date{Year: day.Year(), Month: day.Month(), Day: day.Day()}, hex.EncodeToString(hash)
	return r, err
}

// aboutRoot loads the root that a letter tells.
func (s *Store) aboutRoot(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	if l.data.Day == nil {
		return errNobody
	}
	rows, _ := q.Query(ctx, sqlRoot, args{"day": *l.data.Day})
	root, err := pgx.CollectExactlyOneRow(rows, scanRoot)
	if err != nil {
		return notFound(err)
	}
	v.Root = &root
	return nil
}
