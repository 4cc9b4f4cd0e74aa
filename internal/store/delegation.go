package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlCloseAsk = `UPDATE asks SET closed_at = @at, closed_why = @why WHERE id = @id AND closed_at IS NULL`

// reseat gives an article's open questions to whoever sits there now: where a delegation began, the deputy is asked and the holder's
// link dies; where it ended, the other way round. Each holder's seat keeps a question of its own, also while one person sits in
// several of them. by is who brought it about, "" the clock. It is harmless where nothing has changed.
func (s *Store) reseat(ctx context.Context, tx pgx.Tx, articleID, by string, now time.Time, out *Settled) error {
	sit, err := s.situation(ctx, tx, newsroom.Request{ArticleID: articleID, ActorID: by, Door: newsroom.DoorClock}, now)
	if err != nil {
		return err
	}
	a := sit.Article
	moves := newsroom.Reseats(sit)
	for _, m := range moves {
		why := "delegated"
		if m.To.OnBehalfOf == "" {
			why = "delegation_over"
		}
		if _, err := tx.Exec(ctx, sqlCloseAsk, args{"id": m.Ask.ID, "at": now, "why": why}); err != nil {
			return err
		}
		row := auditRow{
			ArticleID: a.ID, At: now, ActorID: by, ActorName: sit.Actor.Name, Capacity: newsroom.AsWorkflow, Door: newsroom.DoorClock,
			Action: "ask_" + why, From: a.Stage, To: a.Stage, Public: a.Public, Revision: a.Revision, Hash: sit.Frozen,
			Detail: map[string]any{"from": m.Ask.Seat.Person, "to": m.To.Person},
		}
		if by != "" {
			row.Door = newsroom.DoorPage
			row.Capacity = newsroom.AsLeader
			if sit.Actor.Is(newsroom.RoleAdmin) {
				row.Capacity = newsroom.AsAdmin
			}
		}
		if _, err := s.appendAudit(ctx, tx, row); err != nil {
			return err
		}
	}
	c := change{sit: sit, now: now, out: out, stage: a.Stage, public: a.Public, revision: a.Revision, hash: sit.Frozen, round: a.Round, step: a.Step, n: a.Clock.ID}
	for _, m := range moves {
		if err := s.ask(ctx, tx, &c, m.To, false); err != nil {
			return err
		}
	}
	for _, m := range moves { // whose link died may be asked for another seat
		if err := s.mailLink(ctx, tx, &c, m.Ask.Seat.Person); err != nil {
			return err
		}
	}
	return nil
}

const (
	sqlSnapshot   = `SELECT policy FROM articles WHERE id = @id`
	sqlNextSeated = `
	SELECT min(at) FROM (
	  SELECT from_at AS at FROM delegations WHERE office_id = @office AND ended_at IS NULL AND from_at > @now
	  UNION ALL SELECT to_at FROM delegations WHERE office_id = @office AND ended_at IS NULL AND to_at > @now) t`
)

// seatsWake is the sooner of wake and the next moment at which a delegation begins or ends for what is asked of a; now, where one
// has begun or ended and the open questions do not follow it yet.
func (s *Store) seatsWake(ctx context.Context, q querier, a newsroom.Article, wake *time.Time) (*time.Time, error) {
	now := s.now().UTC()
	sit := newsroom.Situation{Now: now, Article: a}
	var snapshot []byte
	if err := q.QueryRow(ctx, sqlSnapshot, args{"id": a.ID}).Scan(&snapshot); err != nil {
		return wake, fmt.Errorf("policy of running round: %w", err)
	}
	if snapshot == nil {
		return wake, nil
	}
	if err := json.Unmarshal(snapshot, &sit.Policy); err != nil {
		return wake, fmt.Errorf("decode policy of article %s: %w", a.ID, err)
	}
	if a.Step >= len(sit.Policy.Steps) {
		return wake, nil
	}
	office := sit.Policy.Steps[a.Step].Office
	var err error
	if sit.Seats, err = s.seats(ctx, q, []string{office}, now); err != nil {
		return wake, err
	}
	if sit.Asks, err = s.roundAsks(ctx, q, a); err != nil {
		return wake, err
	}
	if sit.Verdicts, err = s.verdicts(ctx, q, a); err != nil {
		return wake, err
	}
	if len(newsroom.Reseats(sit)) > 0 {
		return &now, nil
	}
	var next *time.Time
	if err := q.QueryRow(ctx, sqlNextSeated, args{"office": office, "now": now}).Scan(&next); err != nil {
		return wake, fmt.Errorf("next delegation of office %s: %w", office, err)
	}
	if next != nil && (wake == nil || next.Before(*wake)) {
		return next, nil
	}
	return wake, nil
}

const sqlAskedOfOffices = `
	SELECT id FROM articles WHERE stage = 'awaiting_approval' AND id IN (
	  SELECT article_id FROM asks WHERE office_id = ANY (@offices) AND kind = 'approval' AND closed_at IS NULL)
	ORDER BY id FOR UPDATE`

// reseatOffices reseats everything that is asked of some offices. It locks all of it first, since the audit chain's lock comes last.
func (s *Store) reseatOffices(ctx context.Context, tx pgx.Tx, offices []string, by string, now time.Time) error {
	rows, _ := tx.Query(ctx, sqlAskedOfOffices, args{"offices": offices})
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("articles that wait for offices: %w", err)
	}
	for _, id := range list {
		if err := s.reseat(ctx, tx, id, by, now, nil); err != nil {
			return err
		}
	}
	return nil
}

const sqlSatOffices = `
	SELECT office_id FROM delegations WHERE @user IN (from_user, to_user) AND to_at > @now AND ended_at IS NULL
	UNION SELECT office_id FROM office_holders WHERE user_id = @user AND (to_at IS NULL OR to_at > @now) ORDER BY office_id`

// reseatPerson reseats what is asked of the offices in which somebody sits whose account was just closed or opened, or who is a
// leader no more or again.
func (s *Store) reseatPerson(ctx context.Context, tx pgx.Tx, userID, by string) error {
	now := s.now().UTC()
	rows, _ := tx.Query(ctx, sqlSatOffices, args{"user": userID, "now": now})
	offices, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("offices of user %s: %w", userID, err)
	}
	return s.reseatOffices(ctx, tx, offices, by, now)
}

const (
	sqlAwaiting       = `SELECT id FROM articles WHERE stage = 'awaiting_approval' ORDER BY id LIMIT 1000`
	sqlFreshQuestions = `
	SELECT id FROM letters WHERE kind = 'approval_request' AND done_at IS NULL AND created_at > @since ORDER BY created_at, id LIMIT 1000`
)

// AfterDelegation names what a delegation that was just begun or ended concerns: the articles whose runs must learn when to wake,
// and the letters that must go out now.
func (s *Store) AfterDelegation(ctx context.Context) (articles, letters []string, err error) {
	rows, _ := s.db.Query(ctx, sqlAwaiting)
	if articles, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, nil, fmt.Errorf("articles that await approval: %w", err)
	}
	rows, _ = s.db.Query(ctx, sqlFreshQuestions, args{"since": s.now().UTC().Add(-time.Minute)})
	if letters, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, nil, fmt.Errorf("letters of a delegation: %w", err)
	}
	return articles, letters, nil
}

const sqlReseated = `
	SELECT DISTINCT k.article_id FROM asks k JOIN articles a ON a.id = k.article_id AND a.stage = 'awaiting_approval'
	JOIN delegations d ON d.office_id = k.office_id
	WHERE k.closed_at IS NULL AND k.kind = 'approval' AND (
	  d.from_at BETWEEN @since AND @now OR d.to_at BETWEEN @since AND @now OR d.ended_at BETWEEN @since AND @now)
	ORDER BY k.article_id`

// Reseated lists the waiting articles of offices where a delegation began or ended since a moment: the net under their own clocks.
func (s *Store) Reseated(ctx context.Context, since time.Time) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlReseated, args{"since": since.UTC(), "now": s.now().UTC()})
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("articles of changed seats: %w", err)
	}
	return list, nil
}
