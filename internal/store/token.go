package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// tokenPrefix tells people and secret scanners what a leaked string is.
const tokenPrefix = "toasoan_"

const (
	sqlPINHash = `SELECT pin_hash FROM users WHERE id = @id`
	sqlLockPIN = sqlPINHash + ` FOR NO KEY UPDATE`
)

const sqlInsertToken = `
	INSERT INTO api_tokens (id, user_id, hash, scopes, label, created_at, expires_at)
	VALUES (@id, @user, @hash, @scopes, @label, @at, @expires)`

// IssueToken makes an API token for a person and returns its value, which is shown once and not kept. by is the person, an admin, or
// the zero person (the command line). Scope decide needs the person's own PIN; a scope beyond the person's roles is
// refused: newsroom.ErrForbidden.
func (s *Store) IssueToken(ctx context.Context, by newsroom.Person, userID string, scopes []newsroom.Scope, label, pin string, expires *time.Time) (value string, t newsroom.Token, err error) {
	p, err := s.Person(ctx, userID)
	if err != nil {
		return "", t, err
	}
	if len(scopes) == 0 || !p.Active {
		return "", t, fmt.Errorf("issue token: %w", newsroom.ErrForbidden)
	}
	proof := "" // hash of the PIN that was given
	for _, scope := range scopes {
		ok := false
		switch scope {
		case newsroom.ScopeWrite:
			ok = true
		case newsroom.ScopeDecide:
			if ok = p.Is(newsroom.RoleLeader) && (by.ID == "" || by.ID == userID); ok {
				if err := s.db.QueryRow(ctx, sqlPINHash, args{"id": userID}).Scan(&proof); err != nil {
					return "", t, fmt.Errorf("PIN of user %s: %w", userID, notFound(err))
				}
				if ok, err = s.CheckPIN(ctx, userID, pin); err != nil {
					return "", t, err
				}
			}
		case newsroom.ScopeAdmin, newsroom.ScopeBounces:
			ok = p.Is(newsroom.RoleAdmin)
		}
		if !ok {
			return "", t, fmt.Errorf("issue token of scope %s: %w", scope, newsroom.ErrForbidden)
		}
	}
	raw := make([]byte, 32)
	rand.Read(raw) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	value = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	now := s.now().UTC()
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	t = newsroom.Token{ID: newsroom.NewID(), UserID: userID, Scopes: scopes, Label: firstRunes(text.Line(label), 100), CreatedAt: now, ExpiresAt: expires}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if proof != "" { // whatever makes the PIN void ends its tokens: none comes after that
			var now string
			if err := tx.QueryRow(ctx, sqlLockPIN, args{"id": userID}).Scan(&now); err != nil {
				return notFound(err)
			}
			if now != proof {
				return newsroom.ErrForbidden
			}
		}
		if _, err := tx.Exec(ctx, sqlInsertToken, args{
			"id": t.ID, "user": userID, "hash": hashToken(value), "scopes": scopes, "label": t.Label, "at": now, "expires": expires,
		}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "token.issue", map[string]any{"user_id": userID, "token_id": t.ID, "scopes": scopes})
	})
	if err != nil {
		return "", t, fmt.Errorf("issue token: %w", err)
	}
	return value, t, nil
}

func firstRunes(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}

const sqlToken = `
	SELECT t.id, t.user_id, t.scopes, t.label, t.created_at, t.used_at, t.expires_at FROM api_tokens t
	WHERE t.hash = @hash AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > @now)`

const sqlTouchToken = `UPDATE api_tokens SET used_at = @now WHERE id = @id`

// Bearer finds the token whose value somebody brought, and its owner. newsroom.ErrNotFound when it is unknown, revoked or over, or
// the owner is not active. Its use is written down at most once a minute.
func (s *Store) Bearer(ctx context.Context, value string) (newsroom.Person, newsroom.Token, error) {
	if !strings.HasPrefix(value, tokenPrefix) {
		return newsroom.Person{}, newsroom.Token{}, fmt.Errorf("bearer token: %w", newsroom.ErrNotFound)
	}
	now := s.now().UTC()
	rows, _ := s.db.Query(ctx, sqlToken, args{"hash": hashToken(value), "now": now})
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.Token])
	if err != nil {
		return newsroom.Person{}, t, fmt.Errorf("bearer token: %w", notFound(err))
	}
	p, err := s.Person(ctx, t.UserID)
	if err != nil {
		return p, t, err
	}
	if !p.Active {
		return p, t, fmt.Errorf("bearer token: %w", newsroom.ErrNotFound)
	}
	if t.UsedAt == nil || now.Sub(*t.UsedAt) > sessionTouch {
		if _, err := s.db.Exec(ctx, sqlTouchToken, args{"id": t.ID, "now": now}); err != nil {
			return p, t, fmt.Errorf("touch token: %w", err)
		}
	}
	return p, t, nil
}

const sqlTokens = `
	SELECT id, user_id, scopes, label, created_at, used_at, expires_at FROM api_tokens
	WHERE user_id = @user AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > @now) ORDER BY created_at DESC`

// Tokens lists a person's API tokens that still work, newest first.
func (s *Store) Tokens(ctx context.Context, userID string) ([]newsroom.Token, error) {
	rows, _ := s.db.Query(ctx, sqlTokens, args{"user": userID, "now": s.now().UTC()})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Token])
	if err != nil {
		return nil, fmt.Errorf("tokens of user %s: %w", userID, err)
	}
	return list, nil
}

const sqlRevokeToken = `UPDATE api_tokens SET revoked_at = @at WHERE id = @id AND user_id = @user AND revoked_at IS NULL`

// RevokeToken ends one of a person's tokens at once; newsroom.ErrNotFound when there is none such.
func (s *Store) RevokeToken(ctx context.Context, by newsroom.Person, userID, id string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRevokeToken, args{"id": id, "user": userID, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		return s.adminAct(ctx, tx, by, "token.revoke", map[string]any{"user_id": userID, "token_id": id})
	})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

const sqlRevokeTokens = `UPDATE api_tokens SET revoked_at = @at WHERE user_id = @user AND revoked_at IS NULL`

const sqlRevokeDeciding = `
	UPDATE api_tokens SET revoked_at = @at WHERE user_id = @user AND revoked_at IS NULL AND 'decide' = ANY (scopes)`

// revokeDeciding ends a person's tokens that were issued with the PIN: what proves the leader goes with it.
func (s *Store) revokeDeciding(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, sqlRevokeDeciding, args{"user": userID, "at": s.now().UTC()})
	return err
}

func (s *Store) revokeTokens(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, sqlRevokeTokens, args{"user": userID, "at": s.now().UTC()})
	return err
}
