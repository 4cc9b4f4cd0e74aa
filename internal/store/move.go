package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Settled is what one settling transaction did: the answer for the person, what is to be announced, and when the article
// wants to be looked at again.
type Settled = newsroom.Settled

const sqlLockUser = `SELECT FROM users WHERE id = @id FOR NO KEY UPDATE`

const sqlLockRequest = `SELECT request, outcome FROM move_requests WHERE id = @id FOR UPDATE`

// RecordMove settles a recorded request in one transaction: it locks the article, asks newsroom.Rule, and writes decision,
// consumed token, stage, frozen revision, release, audit rows and letters, or nothing but the refusal. A repeat of the id
// returns the first answer and changes nothing. A refused move is no error: Outcome.Refused says why.
func (s *Store) RecordMove(ctx context.Context, requestID string) (Settled, error) {
	var out Settled
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = Settled{}
		var request, outcome []byte
		if err := tx.QueryRow(ctx, sqlLockRequest, args{"id": requestID}).Scan(&request, &outcome); err != nil {
			return notFound(err)
		}
		var r newsroom.Request
		if err := json.Unmarshal(request, &r); err != nil {
			return fmt.Errorf("decode request: %w", err)
		}
		now := s.now().UTC().Truncate(time.Microsecond)
		if outcome != nil {
			if err := json.Unmarshal(outcome, &out); err != nil {
				return fmt.Errorf("decode outcome: %w", err)
			}
			return s.standing(ctx, tx, r.ArticleID, &out)
		}
		if r.Move == newsroom.MoveNotMe { // it changes the account too, and accounts are locked before articles
			if _, err := tx.Exec(ctx, sqlLockUser, args{"id": r.ActorID}); err != nil {
				return err
			}
		}
		err := s.settle(ctx, tx, r, now, &out)
		if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
			out.Outcome.Refused, err = refused, nil
		}
		if err != nil {
			return err
		}
		if err := settleRequest(ctx, tx, r.ID, now, out); err != nil {
			return err
		}
		return s.standing(ctx, tx, r.ArticleID, &out)
	})
	if err != nil {
		return Settled{}, fmt.Errorf("record move %s: %w", requestID, err)
	}
	return out, nil
}

// SettleDue carries out whatever the clock has brought up for an article: release, expiry, reminders, escalation, a missed
// second signature; each once. It is harmless when nothing is due.
func (s *Store) SettleDue(ctx context.Context, articleID string) (Settled, error) {
	var out Settled
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = Settled{}
		now := s.now().UTC().Truncate(time.Microsecond)
		a, err := scanArticle(tx.QueryRow(ctx, sqlLockArticle, args{"id": articleID}))
		if err != nil {
			return err
		}
		clockMove := func(m newsroom.Move) error {
			return s.settle(ctx, tx, newsroom.Request{ArticleID: articleID, Move: m, Door: newsroom.DoorClock}, now, &out)
		}
		if a.ReleaseDue != nil && !a.ReleaseDue.After(now) && !a.Frozen && newsroom.Possible(newsroom.MoveRelease, a.Stage, a.Public) {
			err := clockMove(newsroom.MoveRelease)
			if err := s.refusedByClock(ctx, tx, a, err); err != nil {
				return err
			}
			if a, err = scanArticle(tx.QueryRow(ctx, sqlArticle, args{"id": articleID})); err != nil { // the release may have brought another end
				return err
			}
		}
		if a.ExpireAt != nil && !a.ExpireAt.After(now) && a.Public == newsroom.PublicLive {
			if err := clockMove(newsroom.MoveExpire); err != nil {
				return err
			}
		}
		if err := s.reseat(ctx, tx, articleID, "", now, &out); err != nil {
			return err
		}
		if err := s.remind(ctx, tx, articleID, now, &out); err != nil {
			return err
		}
		if err := s.missSecond(ctx, tx, articleID, now, &out); err != nil {
			return err
		}
		if err := s.unfinished(ctx, tx, articleID, &out); err != nil {
			return err
		}
		return s.standing(ctx, tx, articleID, &out)
	})
	if err != nil {
		return Settled{}, fmt.Errorf("settle what is due for article %s: %w", articleID, err)
	}
	return out, nil
}

// Standing returns an article as its workflow needs it, changing nothing.
func (s *Store) Standing(ctx context.Context, articleID string) (Settled, error) {
	var out Settled
	if err := s.standing(ctx, s.db, articleID, &out); err != nil {
		return out, fmt.Errorf("standing of article %s: %w", articleID, err)
	}
	return out, nil
}

const sqlMarks = `SELECT coalesce(array_agg(mark), '{}') FROM reminders WHERE article_id = @id AND clock_id = @clock`

// standing fills in where the article stands after whatever tx did.
func (s *Store) standing(ctx context.Context, q querier, articleID string, out *Settled) error {
	a, err := scanArticle(q.QueryRow(ctx, sqlArticle, args{"id": articleID}))
	if err != nil {
		return err
	}
	var marks []int
	if err := q.QueryRow(ctx, sqlMarks, args{"id": articleID, "clock": a.Clock.ID}).Scan(&marks); err != nil {
		return err
	}
	calendar, err := s.calendar(ctx, q)
	if err != nil {
		return err
	}
	out.Stage, out.Public, out.Revision, out.Section, out.Author = a.Stage, a.Public, a.Revision, a.Section, a.AuthorID
	out.Wake, out.Idle = a.NextWake(calendar, marks), a.Idle()
	if a.Stage == newsroom.StageAwaitingApproval {
		if out.Wake, err = s.seatsWake(ctx, q, a, out.Wake); err != nil {
			return err
		}
	}
	if a.Clock.Runs() {
		out.Due = new(a.Clock.Due(calendar, 100))
	}
	if out.Outcome.RequestID == "" {
		out.Outcome.ArticleID = articleID
	}
	return nil
}

const sqlLockArticle = sqlArticle + ` FOR UPDATE`

// settle applies one request, whole or not at all: a refusal that is found halfway (bytes that are not those approved, a second
// decision of the same person) leaves nothing but itself.
func (s *Store) settle(ctx context.Context, tx pgx.Tx, r newsroom.Request, now time.Time, out *Settled) error {
	before := *out
	err := pgx.BeginFunc(ctx, tx, func(part pgx.Tx) error { return s.settlePart(ctx, part, r, now, out) })
	if err == nil {
		return nil
	}
	answer := out.Outcome
	*out = before
	out.Outcome = answer
	if isConstraint(err, "decisions_article_id_revision_round_step_user_id_key") {
		return &newsroom.MoveError{Code: newsroom.RefusedDecided, Move: r.Move, Stage: answer.Stage}
	}
	return err
}

// settlePart applies one request under the article's lock.
func (s *Store) settlePart(ctx context.Context, tx pgx.Tx, r newsroom.Request, now time.Time, out *Settled) error {
	sit, err := s.situation(ctx, tx, r, now)
	if err != nil {
		return err
	}
	if newsroom.Decides(r.Move) && len(newsroom.Reseats(sit)) > 0 { // the clock may be late; a delegation that is over is over
		if err := s.reseat(ctx, tx, r.ArticleID, "", now, out); err != nil {
			return err
		}
		if sit, err = s.situation(ctx, tx, r, now); err != nil {
			return err
		}
	}
	a := sit.Article
	answer := newsroom.Outcome{
		RequestID: r.ID, ArticleID: a.ID, Move: r.Move, Stage: a.Stage, Public: a.Public, Revision: a.Revision, At: now,
	}
	out.Outcome = answer
	ruling, err := newsroom.Rule(sit, r)
	if err != nil || ruling.Nothing {
		return err
	}
	c := change{sit: sit, req: r, ruling: ruling, now: now, out: out}
	if err := s.apply(ctx, tx, &c); err != nil {
		return err
	}
	answer.Stage, answer.Public, answer.Revision, answer.N, answer.Publish = c.stage, c.public, c.revision, c.n, c.publish
	out.Outcome = answer
	return nil
}

// refusedByClock leaves a release that the rules refuse (a hash that does not match) for a person: an alert, no loop.
func (s *Store) refusedByClock(ctx context.Context, tx pgx.Tx, a newsroom.Article, err error) error {
	refused, ok := errors.AsType[*newsroom.MoveError](err)
	if !ok {
		return err // also nil: it was released
	}
	if err := s.alert(ctx, tx, "release/"+a.ID+"/"+fmt.Sprint(a.Revision), "release_refused", map[string]any{
		"article_id": a.ID, "revision": a.Revision, "code": refused.Code,
	}); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, sqlFreezeRelease, args{"id": a.ID})
	return err
}

const sqlFreezeRelease = `UPDATE articles SET frozen = true, frozen_why = 'refused' WHERE id = @id`

const (
	sqlUnfinishedPublications = `SELECT n FROM publications WHERE article_id = @id AND done_at IS NULL ORDER BY n`
	sqlUnfinishedLetters      = `SELECT id FROM letters WHERE article_id = @id AND done_at IS NULL ORDER BY created_at, id LIMIT 100`
)

// unfinished names everything of the article that should have a run, also what an earlier attempt of the same activity wrote
// before it died: starting what runs already is harmless.
func (s *Store) unfinished(ctx context.Context, tx pgx.Tx, articleID string, out *Settled) error {
	rows, _ := tx.Query(ctx, sqlUnfinishedPublications, args{"id": articleID})
	var err error
	if out.Publish, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return err
	}
	rows, _ = tx.Query(ctx, sqlUnfinishedLetters, args{"id": articleID})
	out.Letters, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}
