package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// replyTag names a question in the reply address of its mails: keyed, so that nobody can guess one.
func (s *Store) replyTag(askID string) string {
	return hex.EncodeToString(s.keys.MAC("reply", askID))[:24]
}

// replyKey is what is kept of a mail's Message-ID, which may name its sender.
func (s *Store) replyKey(mailID string) string {
	return hex.EncodeToString(s.keys.MAC("reply_mail", mailID))
}

const sqlReplySeen = `SELECT EXISTS (SELECT FROM mail_replies WHERE id = @id)`

// ReplySeen reports whether a mailed answer was dealt with.
func (s *Store) ReplySeen(ctx context.Context, mailID string) (seen bool, err error) {
	if err := s.db.QueryRow(ctx, sqlReplySeen, args{"id": s.replyKey(mailID)}).Scan(&seen); err != nil {
		return false, fmt.Errorf("look for mailed answer: %w", err)
	}
	return seen, nil
}

const sqlAskOfLetter = `
	SELECT k.id, k.key_version FROM letters l JOIN asks k ON k.id = l.ask_id AND k.user_id = l.user_id
	WHERE l.message_id = ANY (@ids) AND l.kind IN ('approval_request', 'approval_reminder', 'approval_overdue')
	ORDER BY array_position(@ids::text[], l.message_id) LIMIT 1`

// AskByReply finds the question that one of our mails, named by message ids with the nearest first, asked of whoever got it; with the
// token of its link and the tag of its reply address, which only that mail held. newsroom.ErrNotFound where none is ours.
func (s *Store) AskByReply(ctx context.Context, refs []string) (ask newsroom.AskView, token, tag string, err error) {
	var ids []string
	for _, ref := range refs {
		if local, _, _ := strings.Cut(ref, "@"); strings.HasPrefix(local, "l.") {
			ids = append(ids, local)
		}
	}
	if len(ids) == 0 {
		return ask, "", "", newsroom.ErrNotFound
	}
	var id string
	var version int
	if err := s.db.QueryRow(ctx, sqlAskOfLetter, args{"ids": ids}).Scan(&id, &version); err != nil {
		return ask, "", "", fmt.Errorf("question of a mailed answer: %w", notFound(err))
	}
	token, tag = s.keys.Token(PurposeAsk, id, version), s.replyTag(id)
	ask, err = s.AskByToken(ctx, token)
	return ask, token, tag, err
}

const (
	sqlInsertReply = `
	INSERT INTO mail_replies (id, at, ask_id, request_id, what) VALUES (@id, @at, @ask, @request, @what) ON CONFLICT (id) DO NOTHING`
	sqlRefusedReplies = `SELECT count(*) FROM letters WHERE kind = 'reply_refused' AND ask_id = @ask`
)

// mostRefusals is how many letters about refused answers one question may cause: whatever answers them, it ends.
const mostRefusals = 5

// ReplyDone notes what became of a mailed answer, once. With a why its leader is told, by the letters whose ids come back. An answer
// without a valid signature is put before the operator besides: the sender's domain does not sign, or somebody pretends.
func (s *Store) ReplyDone(ctx context.Context, r newsroom.Replied) ([]string, error) {
	var out Settled
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = Settled{}
		key := s.replyKey(r.MailID)
		tag, err := tx.Exec(ctx, sqlInsertReply, args{"id": key, "at": s.now().UTC(), "ask": r.AskID, "request": r.RequestID, "what": r.What})
		if err != nil || tag.RowsAffected() == 0 || r.Why == "" {
			return err
		}
		var told int
		if err := tx.QueryRow(ctx, sqlRefusedReplies, args{"ask": r.AskID}).Scan(&told); err != nil || told >= mostRefusals {
			return err
		}
		id := fmt.Sprintf("%s/%s", newsroom.LetterReplyRefused, key)
		if r.What == "unsigned" {
			id = fmt.Sprintf("%s/unsigned/%s", newsroom.LetterReplyRefused, r.AskID)
			if err := s.alert(ctx, tx, "reply_unsigned/"+r.AskID, "reply_unsigned", map[string]any{"ask_id": r.AskID, "user_id": r.UserID, "article_id": r.ArticleID}); err != nil {
				return err
			}
		}
		return s.writeLetter(ctx, tx, letter{
			ID: id, Kind: newsroom.LetterReplyRefused, UserID: r.UserID, ArticleID: r.ArticleID, AskID: r.AskID, Data: map[string]any{"why": r.Why},
		}, &out)
	})
	if err != nil {
		return nil, fmt.Errorf("note mailed answer: %w", err)
	}
	return out.Letters, nil
}

const sqlByReply = `SELECT coalesce((SELECT (policy->>'decide_by_reply')::boolean AND NOT (policy->>'decide_totp')::boolean FROM articles WHERE id = @id), false)`

// letterTag names the question in the reply address of an approval mail, "" where its round does not let a reply decide.
func (s *Store) letterTag(ctx context.Context, q querier, articleID, askID string) (string, error) {
	var allowed bool
	err := q.QueryRow(ctx, sqlByReply, args{"id": articleID}).Scan(&allowed)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && !allowed) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("whether a reply decides: %w", err)
	}
	return s.replyTag(askID), nil
}
