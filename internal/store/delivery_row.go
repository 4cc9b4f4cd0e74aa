package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const deliveryColumns = `d.subscriber_id, d.email, d.state, d.attempt, d.smtp_code, d.enhanced, d.smtp_stage, d.reply, d.next_attempt, d.done_at, d.message_id`

const (
	sqlDeliveryRows = `
	SELECT ` + deliveryColumns + ` FROM mail_recipients d
	WHERE d.issue_id = @id AND (@state = '' OR d.state = @state) AND (@like = '' OR fold(d.email) LIKE @like) AND d.subscriber_id > @after
	ORDER BY d.subscriber_id LIMIT @limit`
	sqlExportDeliveries = `
	SELECT ` + deliveryColumns + ` FROM mail_recipients d WHERE d.issue_id = @id AND d.subscriber_id > @after ORDER BY d.subscriber_id LIMIT @limit`
)

func deliveryRow(row pgx.CollectableRow) (r newsroom.DeliveryRow, err error) {
	return r, row.Scan(&r.SubscriberID, &r.Email, &r.State, &r.Attempt, &r.Code, &r.Enhanced, &r.Stage, &r.Reply, &r.Next, &r.DoneAt, &r.MessageID)
}

// DeliveryRows lists an issue's recipients by subscriber id, a page at a time; next is the After of the page behind it, "" none.
func (s *Store) DeliveryRows(ctx context.Context, issueID string, f newsroom.DeliveryFilter) (list []newsroom.DeliveryRow, next string, err error) {
	limit := min(max(f.Limit, 1), 200)
	like, err := s.like(ctx, f.Query)
	if err != nil {
		return nil, "", err
	}
	rows, _ := s.db.Query(ctx, sqlDeliveryRows, args{"id": issueID, "state": f.State, "like": like, "after": f.After, "limit": limit + 1})
	list, err = pgx.CollectRows(rows, deliveryRow)
	if err != nil {
		return nil, "", fmt.Errorf("recipients of issue %s: %w", issueID, err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].SubscriberID
	}
	return list, next, nil
}

// exportPage is how many rows an export reads at once. It hands them over when it has given its connection back: who downloads a long
// list slowly would hold one for half an hour, and a few of them all there are.
const exportPage = 1000

// ExportDeliveries hands every recipient of an issue to each, one at a time, on record as by's act.
func (s *Store) ExportDeliveries(ctx context.Context, by newsroom.Person, issueID string, each func(newsroom.DeliveryRow) error) error {
	if err := s.issueAct(ctx, by, issueID, "issue.export", func(pgx.Tx, newsroom.Issue, map[string]any) error { return nil }); err != nil {
		return err
	}
	for after, more := "", true; more; {
		rows, _ := s.db.Query(ctx, sqlExportDeliveries, args{"id": issueID, "after": after, "limit": exportPage})
		page, err := pgx.CollectRows(rows, deliveryRow)
		if err != nil {
			return fmt.Errorf("export issue %s: %w", issueID, err)
		}
		for _, r := range page {
			if err := each(r); err != nil {
				return fmt.Errorf("export issue %s: %w", issueID, err)
			}
			after = r.SubscriberID
		}
		more = len(page) == exportPage
	}
	return nil
}
