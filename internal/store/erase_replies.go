package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	sqlEraseReplies       = `UPDATE mail_deliveries SET reply = '' WHERE subscriber_id = @id AND reply <> ''`
	sqlEraseLetterReplies = `UPDATE letters SET reply = '' WHERE subscriber_id = @id AND reply <> ''`
)

// eraseReplies forgets what relays said about the mails to somebody who is erased: it may repeat half of the address.
func (s *Store) eraseReplies(ctx context.Context, tx pgx.Tx, id string) error {
	for _, sql := range []string{sqlEraseReplies, sqlEraseLetterReplies} {
		if _, err := tx.Exec(ctx, sql, args{"id": id}); err != nil {
			return fmt.Errorf("erase replies about subscriber %s: %w", id, err)
		}
	}
	return nil
}
