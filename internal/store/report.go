package store

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlInsertReport = `
	INSERT INTO reader_reports (id, article_id, kind, text, contact, at) VALUES (@id, nullif(@article, ''), @kind, @text, @contact, @at)`

// SaveReport keeps what a reader reported about an article (kind "error") or wrote to the office ("feedback"). It returns
// the report's id; the text and the contact must be clean already.
func (s *Store) SaveReport(ctx context.Context, kind, articleID, text, contact string) (string, error) {
	id := newsroom.NewID()
	if _, err := s.db.Exec(ctx, sqlInsertReport, args{
		"id": id, "article": articleID, "kind": kind, "text": text, "contact": contact, "at": s.now().UTC(),
	}); err != nil {
		return "", fmt.Errorf("save reader's report: %w", err)
	}
	return id, nil
}

// WriteToFriend writes the letter with which a reader sends an article on, and returns its id. The address is kept sealed in
// the letter, since nobody with that address asked us to know it; fromName is what the sender calls himself.
func (s *Store) WriteToFriend(ctx context.Context, articleID, toEmail, fromName, locale string) (string, error) {
	id := fmt.Sprintf("%s/%s/%s", newsroom.LetterToFriend, articleID, newsroom.NewID())
	err := s.tx(ctx, func(tx pgx.Tx) error {
		return s.writeLetter(ctx, tx, letter{
			ID: id, Kind: newsroom.LetterToFriend, ArticleID: articleID,
			Data: map[string]any{
				"to_sealed": base64.StdEncoding.EncodeToString(s.keys.Seal([]byte(toEmail))), "from_name": fromName, "locale": locale,
			},
		}, nil)
	})
	if err != nil {
		return "", fmt.Errorf("write letter to a friend: %w", err)
	}
	return id, nil
}
