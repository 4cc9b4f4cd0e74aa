package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlPark = `
	INSERT INTO parked_events (durable, event_id, subject, payload, error, parked_at) VALUES (@durable, @event, @subject, @payload, @error, @at)
	ON CONFLICT (durable, event_id) DO UPDATE SET error = @error, parked_at = @at, retried_at = NULL`

// Park keeps an event that a consumer could not handle on its last delivery, until a person has it tried again.
func (s *Store) Park(ctx context.Context, durable, eventID, subject string, payload []byte, cause string) error {
	_, err := s.db.Exec(ctx, sqlPark, args{
		"durable": durable, "event": eventID, "subject": subject, "payload": payload, "error": firstRunes(cause, 2000), "at": s.now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("park event %s of %s: %w", eventID, durable, err)
	}
	return nil
}

const sqlParked = `
	SELECT id, durable, event_id, subject, payload, error, parked_at, retried_at FROM parked_events
	ORDER BY retried_at IS NOT NULL, parked_at DESC LIMIT @limit`

// ParkedEvents lists parked events, those that nobody has retried first.
func (s *Store) ParkedEvents(ctx context.Context, limit int) ([]newsroom.ParkedEvent, error) {
	rows, _ := s.db.Query(ctx, sqlParked, args{"limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.ParkedEvent])
	if err != nil {
		return nil, fmt.Errorf("list parked events: %w", err)
	}
	return list, nil
}

const sqlParkedEvent = `SELECT id, durable, event_id, subject, payload, error, parked_at, retried_at FROM parked_events WHERE id = @id`

// ParkedEvent returns one parked event, or newsroom.ErrNotFound.
func (s *Store) ParkedEvent(ctx context.Context, id int64) (newsroom.ParkedEvent, error) {
	rows, _ := s.db.Query(ctx, sqlParkedEvent, args{"id": id})
	e, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.ParkedEvent])
	if err != nil {
		return e, fmt.Errorf("parked event %d: %w", id, notFound(err))
	}
	return e, nil
}

const sqlRetried = `UPDATE parked_events SET retried_at = @at WHERE id = @id`

// Retried notes that a parked event was sent again, on record as by's act. Call it after the sending.
func (s *Store) Retried(ctx context.Context, by newsroom.Person, id int64) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlRetried, args{"id": id, "at": s.now().UTC()}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "parked.retry", map[string]any{"parked_id": id})
	})
	if err != nil {
		return fmt.Errorf("note retry of parked event %d: %w", id, err)
	}
	return nil
}
