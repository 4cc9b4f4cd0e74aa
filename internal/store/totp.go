package store

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/secret"
	"toasoan/newsroom"
)

// recoveryCodes is how many one-time codes somebody gets who enrols an authenticator.
const recoveryCodes = 8

const (
	sqlLockTOTP = `SELECT totp_secret, totp_step, recovery FROM users WHERE id = @id AND active FOR UPDATE`
	sqlTOTPStep = `UPDATE users SET totp_step = @step WHERE id = @id`
)

// CheckTOTP reports whether code is the person's current time-based code, or one of their recovery codes. Each works once: a code that
// was accepted is refused from then on, on every node.
func (s *Store) CheckTOTP(ctx context.Context, userID, code string) (ok bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		ok = false
		var sealed []byte
		var last int64
		var recovery [][]byte
		if err := tx.QueryRow(ctx, sqlLockTOTP, args{"id": userID}).Scan(&sealed, &last, &recovery); err != nil {
			return notFound(err)
		}
		if sealed == nil {
			return nil
		}
		key, err := s.keys.Open(sealed)
		if err != nil {
			return err
		}
		if step, right := secret.TOTPStep(key, code, s.now(), last); right {
			ok = true
			_, err := tx.Exec(ctx, sqlTOTPStep, args{"id": userID, "step": step})
			return err
		}
		hash := s.recoveryHash(userID, code)
		tag, err := tx.Exec(ctx, sqlUseRecovery, args{"id": userID, "hash": hash})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		ok = true
		return s.ownAct(ctx, tx, userID, "user.recovery_code", nil)
	})
	if err != nil {
		return false, fmt.Errorf("check one-time code of user %s: %w", userID, err)
	}
	return ok, nil
}

const sqlUseRecovery = `UPDATE users SET recovery = array_remove(recovery, @hash) WHERE id = @id AND @hash = ANY (recovery)`

func (s *Store) recoveryHash(userID, code string) []byte {
	code = strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
	return s.keys.MAC("recovery/"+userID, code)
}

// NewTOTP is a fresh secret for an authenticator; TOTPWords is it as people type it and as the QR code says it.
func (s *Store) NewTOTP() []byte { return secret.NewTOTP() }

func (s *Store) TOTPWords(key []byte, issuer, account string) (text, url string) {
	return secret.TOTPText(key), secret.TOTPURL(key, issuer, account)
}

// SealTOTP and OpenTOTP carry a secret that is not yet enrolled through the session.
func (s *Store) SealTOTP(key []byte) []byte             { return s.keys.Seal(key) }
func (s *Store) OpenTOTP(sealed []byte) ([]byte, error) { return s.keys.Open(sealed) }

const sqlEnrol = `UPDATE users SET totp_secret = @sealed, totp_step = @step, recovery = @recovery, updated_at = @at WHERE id = @id AND active`

// EnrolTOTP makes key the person's second factor once code proves that their authenticator has it, and returns fresh recovery codes,
// which are shown once. newsroom.ErrForbidden when the code is wrong.
func (s *Store) EnrolTOTP(ctx context.Context, userID string, key []byte, code string) (recovery []string, err error) {
	step, ok := secret.TOTPStep(key, code, s.now(), 0)
	if !ok {
		return nil, fmt.Errorf("enrol one-time codes: %w", newsroom.ErrForbidden)
	}
	var hashes [][]byte
	for range recoveryCodes {
		raw := make([]byte, 10)
		rand.Read(raw) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
		code := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		code = code[:4] + "-" + code[4:8] + "-" + code[8:12] + "-" + code[12:]
		recovery = append(recovery, code)
		hashes = append(hashes, s.recoveryHash(userID, code))
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlEnrol, args{"id": userID, "sealed": s.keys.Seal(key), "step": step, "recovery": hashes, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		return s.ownAct(ctx, tx, userID, "user.totp", nil)
	})
	if err != nil {
		return nil, fmt.Errorf("enrol one-time codes of user %s: %w", userID, err)
	}
	return recovery, nil
}

const sqlDropTOTP = `UPDATE users SET totp_secret = NULL, totp_step = 0, recovery = '{}', updated_at = @at WHERE id = @id`

// DropTOTP removes somebody's second factor and signs them out everywhere: a lost authenticator, on record as by's act.
func (s *Store) DropTOTP(ctx context.Context, by newsroom.Person, userID string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlDropTOTP, args{"id": userID, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		if err := s.endSessions(ctx, tx, userID, ""); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "user.totp_reset", map[string]any{"user_id": userID})
	})
	if err != nil {
		return fmt.Errorf("drop one-time codes of user %s: %w", userID, err)
	}
	return nil
}
