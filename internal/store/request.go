package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlInsertRequest = `
	INSERT INTO move_requests (id, article_id, request, created_at, next_try) VALUES (@id, @article, @request, @at, @next)
	ON CONFLICT (id) DO NOTHING`

// FirstRetry is how long after its door a request is taken up by the sweep, if nobody has settled it.
const firstRetry = 20 * time.Second

// RecordRequest commits a move as its door received it: from here it is never lost. A repeat of the id writes nothing; the
// same id for another article, person or move is newsroom.ErrConflict. An unknown article is newsroom.ErrNotFound.
func (s *Store) RecordRequest(ctx context.Context, r newsroom.Request) error {
	now := s.now().UTC()
	tag, err := s.db.Exec(ctx, sqlInsertRequest, args{
		"id": r.ID, "article": r.ArticleID, "request": toJSON(r), "at": now, "next": now.Add(firstRetry),
	})
	switch {
	case isCode(err, "23503"): // foreign_key_violation
		return fmt.Errorf("record move for article %s: %w", r.ArticleID, newsroom.ErrNotFound)
	case err != nil:
		return fmt.Errorf("record move %s: %w", r.ID, err)
	case tag.RowsAffected() == 1:
		return nil
	}
	first, _, err := s.request(ctx, s.db, r.ID)
	if err != nil {
		return err
	}
	if first.ArticleID != r.ArticleID || first.ActorID != r.ActorID || first.Move != r.Move {
		return fmt.Errorf("record move %s: the id belongs to another move: %w", r.ID, newsroom.ErrConflict)
	}
	return nil
}

const sqlRequest = `SELECT request, outcome FROM move_requests WHERE id = @id`

// Request returns a recorded move and, once it is settled, its outcome.
func (s *Store) Request(ctx context.Context, id string) (newsroom.Request, *newsroom.Outcome, error) {
	return s.request(ctx, s.db, id)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *Store) request(ctx context.Context, q querier, id string) (r newsroom.Request, o *newsroom.Outcome, err error) {
	var request, outcome []byte
	if err := q.QueryRow(ctx, sqlRequest, args{"id": id}).Scan(&request, &outcome); err != nil {
		return r, nil, fmt.Errorf("move request %s: %w", id, notFound(err))
	}
	if err := json.Unmarshal(request, &r); err != nil {
		return r, nil, fmt.Errorf("decode move request %s: %w", id, err)
	}
	if outcome == nil {
		return r, nil, nil
	}
	var settled Settled
	if err := json.Unmarshal(outcome, &settled); err != nil {
		return r, nil, fmt.Errorf("decode outcome of %s: %w", id, err)
	}
	return r, &settled.Outcome, nil
}

const sqlUnanswered = `
	UPDATE move_requests SET tries = tries + 1, next_try = @now + least(interval '10 minutes', interval '20 seconds' * power(2, least(tries, 6)))
	WHERE id IN (SELECT id FROM move_requests WHERE settled_at IS NULL AND next_try <= @now ORDER BY next_try LIMIT @limit FOR UPDATE SKIP LOCKED)
	RETURNING id, article_id`

// Unanswered takes up to limit recorded moves that nobody has settled and whose next try is due, and puts that try off, so
// that several sweeps do not send the same one at once.
func (s *Store) Unanswered(ctx context.Context, limit int) ([]newsroom.Request, error) {
	rows, _ := s.db.Query(ctx, sqlUnanswered, args{"now": s.now().UTC(), "limit": limit})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r newsroom.Request, err error) {
		return r, row.Scan(&r.ID, &r.ArticleID)
	})
	if err != nil {
		return nil, fmt.Errorf("list unanswered moves: %w", err)
	}
	for i, r := range list {
		if list[i], _, err = s.Request(ctx, r.ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

const sqlSettleRequest = `UPDATE move_requests SET settled_at = @at, outcome = @outcome WHERE id = @id`

// settleRequest keeps the answer with everything that has to follow from it, so that a repeat can start it again.
func settleRequest(ctx context.Context, tx pgx.Tx, id string, at time.Time, settled Settled) error {
	_, err := tx.Exec(ctx, sqlSettleRequest, args{"id": id, "at": at, "outcome": toJSON(settled)})
	return err
}

// RefuseRequest settles a recorded move as refused, unless it is settled already, and returns its outcome either way.
func (s *Store) RefuseRequest(ctx context.Context, id string, refused *newsroom.MoveError) (newsroom.Outcome, error) {
	var out newsroom.Outcome
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var request, outcome []byte
		if err := tx.QueryRow(ctx, sqlLockRequest, args{"id": id}).Scan(&request, &outcome); err != nil {
			return notFound(err)
		}
		if outcome != nil {
			var first Settled
			err := json.Unmarshal(outcome, &first)
			out = first.Outcome
			return err
		}
		var r newsroom.Request
		if err := json.Unmarshal(request, &r); err != nil {
			return fmt.Errorf("decode request: %w", err)
		}
		a, err := scanArticle(tx.QueryRow(ctx, sqlArticle, args{"id": r.ArticleID}))
		if err != nil {
			return err
		}
		refused.Stage = a.Stage
		now := s.now().UTC()
		out = newsroom.Outcome{
			RequestID: id, ArticleID: a.ID, Move: r.Move, Stage: a.Stage, Public: a.Public, Revision: a.Revision, At: now, Refused: refused,
		}
		return settleRequest(ctx, tx, id, now, Settled{Outcome: out})
	})
	if err != nil {
		return out, fmt.Errorf("refuse move %s: %w", id, err)
	}
	return out, nil
}
