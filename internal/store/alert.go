package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlAlerts = `
	SELECT id, code, detail, at, cleared_at FROM alerts
	WHERE cleared_at IS NULL OR cleared_at > @since ORDER BY cleared_at IS NOT NULL, at DESC LIMIT 200`

// Alerts lists what an operator must look at, and what was cleared within the last week.
func (s *Store) Alerts(ctx context.Context) ([]newsroom.Alert, error) {
	rows, _ := s.db.Query(ctx, sqlAlerts, args{"since": s.now().UTC().Add(-releasedFor)})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a newsroom.Alert, err error) {
		var detail []byte
		if err = row.Scan(&a.ID, &a.Code, &detail, &a.At, &a.ClearedAt); err != nil {
			return a, err
		}
		return a, json.Unmarshal(detail, &a.Detail)
	})
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	return list, nil
}

// RaiseAlert puts a trouble before the operator; the same id is one row however often it happens.
func (s *Store) RaiseAlert(ctx context.Context, id, code string, detail map[string]any) error {
	return s.tx(ctx, func(tx pgx.Tx) error { return s.alert(ctx, tx, id, code, detail) })
}

// SettleAlert closes a trouble that has gone by itself; one that is not open stays as it is.
func (s *Store) SettleAlert(ctx context.Context, id string) error {
	return s.tx(ctx, func(tx pgx.Tx) error { return s.clearAlert(ctx, tx, id) })
}

// ClearAlert says that somebody has dealt with a trouble, on record as by's act; newsroom.ErrNotFound when it is not open.
func (s *Store) ClearAlert(ctx context.Context, by newsroom.Person, id string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlClearAlert, args{"id": id, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		return s.adminAct(ctx, tx, by, "alert.clear", map[string]any{"alert_id": id})
	})
	if err != nil {
		return fmt.Errorf("clear alert %s: %w", id, err)
	}
	return nil
}
