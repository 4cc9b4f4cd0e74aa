package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	sqlComplaints = `
	SELECT (SELECT count(DISTINCT subscriber_id)::int FROM bounces WHERE issue_id = @id AND kind = 'complaint'),
	  (SELECT count(*)::int FROM mail_deliveries WHERE issue_id = @id AND dot_at IS NOT NULL),
	  EXISTS (SELECT FROM alerts WHERE id = 'complaints/' || @id)`
)

// guardComplaints pauses an issue the first time too many of its readers complain. A person may resume it; it is not paused for
// this again.
func (s *Store) guardComplaints(ctx context.Context, tx pgx.Tx, issue newsroom.Issue) error {
	var complaints, sent int
	var told bool
	if err := tx.QueryRow(ctx, sqlComplaints, args{"id": issue.ID}).Scan(&complaints, &sent, &told); err != nil {
		return fmt.Errorf("complaints of issue %s: %w", issue.ID, err)
	}
	if told || !newsroom.TooManyComplaints(complaints, sent) {
		return nil
	}
	if _, err := s.pause(ctx, tx, issue.ID, "", "complaints", s.now()); err != nil {
		return err
	}
	return s.alert(ctx, tx, "complaints/"+issue.ID, "complaints", map[string]any{"issue_id": issue.ID, "complaints": complaints, "sent": sent})
}

const (
	sqlHardTold = `SELECT EXISTS (SELECT FROM alerts WHERE id = 'hard_failures/' || @id)`
	// A thousand rows at most, by their index, however large the issue is: what goes out together stands in one chunk.
	sqlHardNearby = `
	SELECT count(*) FILTER (WHERE state = 'hard')::int, count(*)::int FROM mail_deliveries
	WHERE issue_id = @id AND dot_at IS NOT NULL
	  AND chunk_no = (SELECT chunk_no FROM mail_deliveries WHERE issue_id = @id AND subscriber_id = @subscriber)`
)

// guardHard pauses an issue that is still going out the first time too many of the mails that went out together with subscriber's were
// taken by the relay and came back refused for good: a relay that takes everything leaves it to the reports to say so. A person may
// resume it; it is not paused for this again.
func (s *Store) guardHard(ctx context.Context, tx pgx.Tx, issue newsroom.Issue, subscriber string) error {
	if issue.Status != newsroom.IssueSending && issue.Status != newsroom.IssuePrepared {
		return nil
	}
	var told bool
	if err := tx.QueryRow(ctx, sqlHardTold, args{"id": issue.ID}).Scan(&told); err != nil || told {
		return err
	}
	var hard, sent int
	if err := tx.QueryRow(ctx, sqlHardNearby, args{"id": issue.ID, "subscriber": subscriber}).Scan(&hard, &sent); err != nil {
		return fmt.Errorf("mails of issue %s that came back: %w", issue.ID, err)
	}
	if !newsroom.TooManyHard(hard, sent) {
		return nil
	}
	if _, err := s.pause(ctx, tx, issue.ID, "", "hard_failures", s.now()); err != nil {
		return err
	}
	return s.alert(ctx, tx, "hard_failures/"+issue.ID, "hard_failures", map[string]any{"issue_id": issue.ID, "hard": hard, "sent": sent})
}
