package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Wrong PINs at the desk: pinTries in one session, then none there for pinRest; linkTries of them from all sessions together and the
// desk takes no PIN of that person until a new one is set: whoever knows the password can sign in as often as they like, and a
// six-digit PIN must not be worth guessing. They count at the desk only; mailed links go by counts of their own.
const (
	pinTries = 5
	pinRest  = 15 * time.Minute
)

// A try is counted before it is checked, in the session and, under the browser "", for the person. A right PIN takes back what its
// own session counted: the leader's slips, never somebody else's guesses.
const (
	sqlDeskTry = `
	INSERT INTO pin_failures AS f (ask_id, browser, failed, at) VALUES (@place, @browser, 1, @at)
	ON CONFLICT (ask_id, browser) DO UPDATE SET failed = f.failed + 1, at = @at WHERE f.failed % @rest_after <> 0 OR f.at <= @since
	RETURNING failed`
	sqlDeskTryAll = `
	INSERT INTO pin_failures AS f (ask_id, browser, failed, at) VALUES (@place, '', 1, @at)
	ON CONFLICT (ask_id, browser) DO UPDATE SET failed = f.failed + 1, at = @at WHERE f.failed < @most
	RETURNING failed`
	sqlDeskRight = `
	WITH own AS (DELETE FROM pin_failures WHERE ask_id = @place AND browser = @browser RETURNING failed)
	UPDATE pin_failures SET failed = greatest(failed - coalesce((SELECT failed FROM own), 0), 0) WHERE ask_id = @place AND browser = ''`
	sqlDeskForget = `DELETE FROM pin_failures WHERE ask_id = @place`
)

func deskPlace(userID string) string { return "desk/" + userID }

// TryPIN checks a person's PIN at the desk in one session (an opaque name of it). newsroom.ErrForbidden when it is wrong;
// *newsroom.LockedError after five wrong ones there, and, with no time, when the desk takes no PIN of this person before a new one
// is set. Each lock is told to the person, the chief and the admins by the letters whose ids come back. The mailed links are not
// concerned.
func (s *Store) TryPIN(ctx context.Context, userID, session, pin string) (letters []string, err error) {
	now := s.now().UTC()
	where := args{"place": deskPlace(userID), "browser": hex.EncodeToString(s.keys.MAC("browser", session))}
	var failed, all int
	err = s.db.QueryRow(ctx, sqlDeskTry, args{
		"place": where["place"], "browser": where["browser"], "at": now, "since": now.Add(-pinRest), "rest_after": pinTries,
	}).Scan(&failed)
	if errors.Is(err, pgx.ErrNoRows) {
		var at time.Time
		if err := s.db.QueryRow(ctx, sqlPINWhen, where).Scan(&at); err != nil {
			return nil, fmt.Errorf("read wrong PINs at the desk: %w", err)
		}
		return nil, &newsroom.LockedError{Until: at.Add(pinRest)}
	}
	if err != nil {
		return nil, fmt.Errorf("count PIN at the desk: %w", err)
	}
	err = s.db.QueryRow(ctx, sqlDeskTryAll, args{"place": where["place"], "at": now, "most": linkTries}).Scan(&all)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &newsroom.LockedError{}
	}
	if err != nil {
		return nil, fmt.Errorf("count PIN of user %s: %w", userID, err)
	}
	right, err := s.CheckPIN(ctx, userID, pin)
	if err != nil {
		return nil, err
	}
	if right {
		if _, err := s.db.Exec(ctx, sqlDeskRight, where); err != nil {
			return nil, fmt.Errorf("forget wrong PINs at the desk: %w", err)
		}
		return nil, nil
	}
	if failed%pinTries == 0 || all >= linkTries {
		if letters, err = s.tellDeskLocked(ctx, userID, now, all >= linkTries); err != nil {
			return nil, err
		}
	}
	return letters, fmt.Errorf("try PIN at the desk: %w", newsroom.ErrForbidden)
}

// tellDeskLocked tells the person, the chief and the admins that the desk takes no PIN in a session, or none at all.
func (s *Store) tellDeskLocked(ctx context.Context, userID string, now time.Time, shut bool) ([]string, error) {
	var out Settled
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out.Letters = nil
		people, err := s.alarmed(ctx, tx)
		if err != nil {
			return err
		}
		for _, person := range unique(append([]string{userID}, people...)) {
			if err := s.writeLetter(ctx, tx, letter{
				ID:   fmt.Sprintf("%s/%s/%d/%s", newsroom.LetterDeskLocked, userID, now.UnixMilli(), person),
				Kind: newsroom.LetterDeskLocked, UserID: person, Data: map[string]any{"actor_id": userID, "shut": shut},
			}, &out); err != nil {
				return err
			}
		}
		return s.alert(ctx, tx, "desk_pin_locked/"+userID, "desk_pin_locked", map[string]any{"user_id": userID, "shut": shut})
	})
	if err != nil {
		return nil, fmt.Errorf("tell of wrong PINs at the desk: %w", err)
	}
	return out.Letters, nil
}

// deskForget lets the desk take PINs of a person again: a new one was set.
func (s *Store) deskForget(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, sqlDeskForget, args{"place": deskPlace(userID)})
	return err
}
