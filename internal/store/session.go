package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Session times: a session ends sessionIdle after its last use; the use is written down at most once per sessionTouch.
const (
	sessionIdle  = 12 * time.Hour
	sessionTouch = time.Minute
)

const sqlFindSession = `SELECT data, seen_at FROM sessions WHERE token = @token AND expiry > @now AND seen_at > @idle`

const sqlTouchSession = `UPDATE sessions SET seen_at = @now WHERE token = @token`

// FindSession returns the data of a session by the hash of its token; found is false when it never was, is over, was idle for
// too long or was ended from elsewhere.
func (s *Store) FindSession(ctx context.Context, tokenHash string) (data []byte, found bool, err error) {
	now := s.now().UTC()
	var seen time.Time
	err = s.db.QueryRow(ctx, sqlFindSession, args{"token": tokenHash, "now": now, "idle": now.Add(-sessionIdle)}).Scan(&data, &seen)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil && now.Sub(seen) > sessionTouch {
		_, err = s.db.Exec(ctx, sqlTouchSession, args{"token": tokenHash, "now": now})
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	return data, true, nil
}

const sqlSaveSession = `
	INSERT INTO sessions (token, data, user_id, device, created_at, seen_at, expiry)
	VALUES (@token, @data, nullif(@user, ''), @device, @now, @now, @expiry)
	ON CONFLICT (token) DO UPDATE SET data = @data, user_id = nullif(@user, ''), device = @device, expiry = @expiry`

// SaveSession keeps a session under the hash of its token; userID is "" before anybody has signed in on it.
func (s *Store) SaveSession(ctx context.Context, tokenHash string, data []byte, userID, device string, expiry time.Time) error {
	_, err := s.db.Exec(ctx, sqlSaveSession, args{
		"token": tokenHash, "data": data, "user": userID, "device": device, "now": s.now().UTC(), "expiry": expiry,
	})
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

const sqlDeleteSession = `DELETE FROM sessions WHERE token = @token`

// DeleteSession ends one session; an unknown one is no error.
func (s *Store) DeleteSession(ctx context.Context, tokenHash string) error {
	if _, err := s.db.Exec(ctx, sqlDeleteSession, args{"token": tokenHash}); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

const sqlSessions = `
	SELECT token, device, created_at, seen_at FROM sessions
	WHERE user_id = @user AND expiry > @now AND seen_at > @idle ORDER BY seen_at DESC`

// Sessions lists a person's signed-in browsers, the newest use first. current is the token hash of the one that asks.
func (s *Store) Sessions(ctx context.Context, userID, current string) ([]newsroom.SessionInfo, error) {
	now := s.now().UTC()
	rows, _ := s.db.Query(ctx, sqlSessions, args{"user": userID, "now": now, "idle": now.Add(-sessionIdle)})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i newsroom.SessionInfo, err error) {
		var token string
		if err = row.Scan(&token, &i.Device, &i.CreatedAt, &i.SeenAt); err != nil {
			return i, err
		}
		i.ID, i.Current = sessionID(token), token == current
		return i, nil
	})
	if err != nil {
		return nil, fmt.Errorf("sessions of user %s: %w", userID, err)
	}
	return list, nil
}

// sessionID names a session on its owner's page: a hash of the hash.
func sessionID(tokenHash string) string {
	sum := sha256.Sum256([]byte(tokenHash))
	return hex.EncodeToString(sum[:8])
}

// EndSession ends one of a person's sessions by its SessionInfo.ID; newsroom.ErrNotFound when they have no such session.
func (s *Store) EndSession(ctx context.Context, userID, id string) error {
	now := s.now().UTC()
	rows, _ := s.db.Query(ctx, sqlSessions, args{"user": userID, "now": now, "idle": now.Add(-sessionIdle)})
	var token, device string
	var created, seen time.Time
	var found string
	if _, err := pgx.ForEachRow(rows, []any{&token, &device, &created, &seen}, func() error {
		if sessionID(token) == id {
			found = token
		}
		return nil
	}); err != nil {
		return fmt.Errorf("sessions of user %s: %w", userID, err)
	}
	if found == "" {
		return fmt.Errorf("end session: %w", newsroom.ErrNotFound)
	}
	return s.DeleteSession(ctx, found)
}

// EndSessions signs a person out everywhere but on the session keep ("" everywhere), on record as by's act.
func (s *Store) EndSessions(ctx context.Context, by newsroom.Person, userID, keep string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := s.endSessions(ctx, tx, userID, keep); err != nil {
			return err
		}
		if by.ID == userID {
			return s.ownAct(ctx, tx, userID, "user.sign_out_everywhere", nil)
		}
		return s.adminAct(ctx, tx, by, "user.sign_out_everywhere", map[string]any{"user_id": userID})
	})
	if err != nil {
		return fmt.Errorf("end sessions of user %s: %w", userID, err)
	}
	return nil
}

const sqlEndSessions = `DELETE FROM sessions WHERE user_id = @user AND token <> @keep`

func (s *Store) endSessions(ctx context.Context, tx pgx.Tx, userID, keep string) error {
	_, err := tx.Exec(ctx, sqlEndSessions, args{"user": userID, "keep": keep})
	return err
}

// revokeAll takes from an account what it could act with: sessions and trusted phones, and with tokens its API tokens too.
func (s *Store) revokeAll(ctx context.Context, tx pgx.Tx, userID, keep string, tokens bool) error {
	if err := s.endSessions(ctx, tx, userID, keep); err != nil {
		return err
	}
	if err := s.revokeDevices(ctx, tx, userID); err != nil {
		return err
	}
	if tokens {
		return s.revokeTokens(ctx, tx, userID)
	}
	return nil
}

const sqlSweepSessions = `DELETE FROM sessions WHERE expiry < @now OR seen_at < @idle`

// SweepSessions deletes what is over; the nightly sweep calls it.
func (s *Store) SweepSessions(ctx context.Context) error {
	now := s.now().UTC()
	if _, err := s.db.Exec(ctx, sqlSweepSessions, args{"now": now, "idle": now.Add(-sessionIdle)}); err != nil {
		return fmt.Errorf("sweep sessions: %w", err)
	}
	return nil
}

// ignoreNotFound turns newsroom.ErrNotFound into no error.
func ignoreNotFound(err error) error {
	if errors.Is(err, newsroom.ErrNotFound) {
		return nil
	}
	return err
}
