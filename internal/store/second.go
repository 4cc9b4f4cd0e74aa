package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	sqlCloseSecond = `UPDATE asks SET closed_at = @at, closed_why = @why WHERE article_id = @id AND kind = 'second' AND closed_at IS NULL`
	sqlShownHash   = `SELECT hash FROM revisions WHERE article_id = @id AND n = @n`
)

// second follows a move that needs a second signature, or brings it: the other leaders are asked by a link of their own, and the
// links of an earlier question die.
func (s *Store) second(ctx context.Context, tx pgx.Tx, c *change) error {
	a := c.sit.Article
	if c.ruling.SecondDue == 0 && !c.ruling.SecondDone {
		return nil
	}
	why := "settled"
	if c.ruling.SecondDue > 0 {
		why = "superseded"
	}
	if _, err := tx.Exec(ctx, sqlCloseSecond, args{"id": a.ID, "at": c.now, "why": why}); err != nil {
		return err
	}
	if c.ruling.SecondDue == 0 {
		return nil
	}
	calendar, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	leaders, err := s.others(ctx, tx, newsroom.RoleLeader, c.req.ActorID)
	if err != nil {
		return err
	}
	leaders = c.sit.Countersigners(leaders, c.req.ActorID, c.ruling.Release)
	asked := *c
	if !c.ruling.Release {
		asked.revision = a.Live
	}
	if err := tx.QueryRow(ctx, sqlShownHash, args{"id": a.ID, "n": asked.revision}).Scan(&asked.hash); err != nil {
		return fmt.Errorf("revision %d that was signed for: %w", asked.revision, notFound(err))
	}
	due := calendar.Add(c.now, c.ruling.SecondDue)
	for _, person := range leaders {
		id, err := s.openAsk(ctx, tx, &asked, newsroom.Seat{Person: person}, "second", false, due)
		if err != nil {
			return err
		}
		if err := s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s/%d/%s", newsroom.LetterSecondSign, a.ID, c.n, person), Kind: newsroom.LetterSecondSign, UserID: person,
			ArticleID: a.ID, AskID: id, N: c.n,
		}, c.out); err != nil {
			return err
		}
	}
	return nil
}

const (
	sqlSecondLate = `UPDATE articles SET second_late = true WHERE id = @id`
	sqlFirstAct   = `
	SELECT u.n, u.action FROM audit u JOIN articles a ON a.id = u.article_id
	WHERE u.article_id = @id AND u.action IN ('emergency_release', 'withdraw', 'take_down') AND u.at <= coalesce(a.second_start, u.at)
	ORDER BY u.n DESC LIMIT 1`
	sqlOpenSecond = `SELECT id FROM asks WHERE article_id = @id AND user_id = @user AND kind = 'second' AND closed_at IS NULL LIMIT 1`
)

// firstAct is the act whose second signature is waited for, by its audit sequence; 0 where none is on record. A withdrawal of what
// was released in an emergency is not it: the release still is.
func (s *Store) firstAct(ctx context.Context, q querier, articleID string) (n int64, move newsroom.Move, err error) {
	err = q.QueryRow(ctx, sqlFirstAct, args{"id": articleID}).Scan(&n, &move)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, "", fmt.Errorf("act of article %s that waits for a second signature: %w", articleID, err)
	}
	return n, move, nil
}

// secondAsk is a person's open question for the second signature; "" where there is none. Each act that waits for one asks anew.
func (s *Store) secondAsk(ctx context.Context, q querier, articleID, person string) (id string, err error) {
	err = q.QueryRow(ctx, sqlOpenSecond, args{"id": articleID, "user": person}).Scan(&id)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("question of user %s for the second signature: %w", person, err)
	}
	return id, nil
}

// missSecond puts on record that a second signature did not come in time: the page says so from now on, chief and admins are told.
// The links that ask for it stay good.
func (s *Store) missSecond(ctx context.Context, tx pgx.Tx, articleID string, now time.Time, out *Settled) error {
	a, err := scanArticle(tx.QueryRow(ctx, sqlArticle, args{"id": articleID}))
	if err != nil {
		return err
	}
	if a.SecondBy == nil || a.SecondLate || a.SecondBy.After(now) {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlSecondLate, args{"id": a.ID}); err != nil {
		return err
	}
	n, err := s.appendAudit(ctx, tx, auditRow{
		ArticleID: a.ID, At: now, Capacity: newsroom.AsWorkflow, Door: newsroom.DoorClock, Action: "second_sign_late",
		From: a.Stage, To: a.Stage, Public: a.Public, Revision: a.Revision,
	})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlBumpPortal); err != nil {
		return err
	}
	first, _, err := s.firstAct(ctx, tx, a.ID) // the letter is about the act that was not signed
	if err != nil {
		return err
	}
	if first == 0 {
		first = n
	}
	alarmed, err := s.alarmed(ctx, tx)
	if err != nil {
		return err
	}
	for _, person := range alarmed {
		ask, err := s.secondAsk(ctx, tx, a.ID, person)
		if err != nil {
			return err
		}
		if err := s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s/%d/%s", newsroom.LetterSecondSign, a.ID, n, person), Kind: newsroom.LetterSecondSign, UserID: person,
			ArticleID: a.ID, AskID: ask, N: first, Data: map[string]any{"late": true},
		}, out); err != nil {
			return err
		}
	}
	return nil
}

const (
	sqlRunningSeconds = `
	SELECT id, second_start, second_minutes, second_by FROM articles
	WHERE second_by IS NOT NULL AND NOT second_late AND second_minutes > 0 ORDER BY id FOR UPDATE`
	sqlMoveSecond = `UPDATE articles SET second_by = @by WHERE id = @id`
	sqlMoveAsks   = `
	UPDATE asks SET due_at = @due, expires_at = greatest(created_at, @due::timestamptz) + @life
	WHERE article_id = @id AND closed_at IS NULL AND kind = @kind`
)

// moveSeconds gives what waits for a second signature its new time under a changed calendar, and returns whose.
func (s *Store) moveSeconds(ctx context.Context, tx pgx.Tx, calendar newsroom.Calendar) ([]string, error) {
	type waiting struct {
		ID      string
		Start   time.Time
		Minutes int
		By      time.Time
	}
	rows, _ := tx.Query(ctx, sqlRunningSeconds)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
	if err != nil {
		return nil, fmt.Errorf("second signatures that are due: %w", err)
	}
	var moved []string
	for _, w := range list {
		by := calendar.Add(w.Start, w.Minutes)
		if by.Equal(w.By) {
			continue
		}
		if _, err := tx.Exec(ctx, sqlMoveSecond, args{"id": w.ID, "by": by}); err != nil {
			return nil, err
		}
		if err := s.moveAsks(ctx, tx, w.ID, "second", by); err != nil {
			return nil, err
		}
		moved = append(moved, w.ID)
	}
	return moved, nil
}

// moveAsks gives the open links of an article their new due time; they outlive it as long as ever.
func (s *Store) moveAsks(ctx context.Context, tx pgx.Tx, articleID, kind string, due time.Time) error {
	_, err := tx.Exec(ctx, sqlMoveAsks, args{"id": articleID, "kind": kind, "due": due, "life": linkLife})
	return err
}
