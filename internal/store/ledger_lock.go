package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Whoever changes several rows of the ledger locks them by issue and subscriber: two that take the same rows each in an order of
// their own would wait for each other, and PostgreSQL would end one of them.
const (
	sqlLockOfIssue = `
	SELECT count(*) FROM (SELECT FROM mail_deliveries WHERE issue_id = @issue AND state = ANY (@states)
	  ORDER BY subscriber_id COLLATE "C" FOR UPDATE) AS locked`
	sqlLockOfChunk = `
	SELECT count(*) FROM (SELECT FROM mail_deliveries WHERE issue_id = @issue AND chunk_no = @chunk AND state = ANY (@states)
	  ORDER BY subscriber_id COLLATE "C" FOR UPDATE) AS locked`
	sqlLockOfSubscriber = `
	SELECT count(*) FROM (SELECT FROM mail_deliveries WHERE subscriber_id = @subscriber AND state = ANY (@states)
	  ORDER BY issue_id COLLATE "C" FOR UPDATE) AS locked`
)

// under are the states of rows that a connection may be about to change, underWay those that leave still takes back.
var (
	under    = []newsroom.DeliveryState{newsroom.DeliveryClaimed, newsroom.DeliveryDot}
	underWay = []newsroom.DeliveryState{newsroom.DeliveryPending, newsroom.DeliveryClaimed, newsroom.DeliverySoft, newsroom.DeliveryInDoubt}
)

// lockRows locks rows with one of the statements above before another statement changes them.
func lockRows(ctx context.Context, tx pgx.Tx, sql string, states []newsroom.DeliveryState, of args) error {
	of["states"] = states
	if _, err := tx.Exec(ctx, sql, of); err != nil {
		return fmt.Errorf("lock rows of the ledger: %w", err)
	}
	return nil
}
