package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// DeviceLife is how long a phone stays trusted after its PIN was given (mail.md (c)).
const DeviceLife = 30 * 24 * time.Hour

const sqlInsertDevice = `
	INSERT INTO devices (id, user_id, hash, label, created_at, used_at, expires_at) VALUES (@id, @user, @hash, @label, @at, @at, @expires)`

// TrustDevice remembers the phone on which a leader has just given the PIN; the value goes into its cookie and is not kept.
func (s *Store) TrustDevice(ctx context.Context, userID, label string) (value string, expires time.Time, err error) {
	raw := make([]byte, 32)
	rand.Read(raw) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	value = base64.RawURLEncoding.EncodeToString(raw)
	now := s.now().UTC()
	expires = now.Add(DeviceLife)
	err = s.tx(ctx, func(tx pgx.Tx) error {
		id := newsroom.NewID()
		if _, err := tx.Exec(ctx, sqlInsertDevice, args{
			"id": id, "user": userID, "hash": hashToken(value), "label": firstRunes(text.Line(label), 100), "at": now, "expires": expires,
		}); err != nil {
			return err
		}
		return s.ownAct(ctx, tx, userID, "device.trust", map[string]any{"device_id": id})
	})
	if err != nil {
		return "", expires, fmt.Errorf("trust device of user %s: %w", userID, err)
	}
	return value, expires, nil
}

const sqlTrusted = `
	UPDATE devices SET used_at = @now WHERE hash = @hash AND user_id = @user AND revoked_at IS NULL AND expires_at > @now`

// Trusted reports whether value is the cookie of a phone that this very leader trusts, and notes its use.
func (s *Store) Trusted(ctx context.Context, userID, value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	tag, err := s.db.Exec(ctx, sqlTrusted, args{"hash": hashToken(value), "user": userID, "now": s.now().UTC()})
	if err != nil {
		return false, fmt.Errorf("look for trusted device of user %s: %w", userID, err)
	}
	return tag.RowsAffected() == 1, nil
}

const sqlDevices = `
	SELECT id, user_id, label, created_at, used_at, expires_at FROM devices
	WHERE user_id = @user AND revoked_at IS NULL AND expires_at > @now ORDER BY used_at DESC`

// Devices lists the phones that a leader trusts.
func (s *Store) Devices(ctx context.Context, userID string) ([]newsroom.Device, error) {
	rows, _ := s.db.Query(ctx, sqlDevices, args{"user": userID, "now": s.now().UTC()})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Device])
	if err != nil {
		return nil, fmt.Errorf("devices of user %s: %w", userID, err)
	}
	return list, nil
}

const sqlRevokeDevice = `UPDATE devices SET revoked_at = @at WHERE id = @id AND user_id = @user AND revoked_at IS NULL`

// RevokeDevice takes the trust back from one phone; newsroom.ErrNotFound when the person has none such.
func (s *Store) RevokeDevice(ctx context.Context, userID, id string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRevokeDevice, args{"id": id, "user": userID, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		return s.ownAct(ctx, tx, userID, "device.revoke", map[string]any{"device_id": id})
	})
	if err != nil {
		return fmt.Errorf("revoke device %s: %w", id, err)
	}
	return nil
}

const sqlRevokeDevices = `UPDATE devices SET revoked_at = @at WHERE user_id = @user AND revoked_at IS NULL`

func (s *Store) revokeDevices(ctx context.Context, tx pgx.Tx, userID string) error {
	_, err := tx.Exec(ctx, sqlRevokeDevices, args{"user": userID, "at": s.now().UTC()})
	return err
}
