package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/secret"
	"toasoan/newsroom"
)

// How long mailed account links work.
const (
	resetLife  = 2 * time.Hour
	inviteLife = 14 * 24 * time.Hour
)

const (
	sqlCloseLinks = `UPDATE account_links SET used_at = @at WHERE user_id = @user AND kind = @kind AND used_at IS NULL`
	sqlInsertLink = `
	INSERT INTO account_links (id, kind, user_id, key_version, hash, created_at, expires_at)
	VALUES (@id, @kind, @user, @version, @hash, @at, @expires)`
)

// accountLink writes a letter with a fresh link of kind to a person and returns the letter's id. Links of that kind which
// were mailed before die. The letter's data name the link (link_id, key_version): whoever renders it derives the token.
func (s *Store) accountLink(ctx context.Context, tx pgx.Tx, kind newsroom.LinkKind, letterKind newsroom.LetterKind, userID string, life time.Duration) (letterID string, err error) {
	id, now, version := newsroom.NewID(), s.now().UTC(), s.keys.Version()
	if _, err := tx.Exec(ctx, sqlCloseLinks, args{"user": userID, "kind": kind, "at": now}); err != nil {
		return "", fmt.Errorf("close account links: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlInsertLink, args{
		"id": id, "kind": kind, "user": userID, "version": version, "hash": s.tokenHash(linkPurpose(kind), id, version),
		"at": now, "expires": now.Add(life),
	}); err != nil {
		return "", fmt.Errorf("write account link: %w", err)
	}
	letterID = string(letterKind) + "/" + id
	return letterID, s.writeLetter(ctx, tx, letter{
		ID: letterID, Kind: letterKind, UserID: userID, Data: map[string]any{"link_id": id, "key_version": version},
	}, nil)
}

func linkPurpose(kind newsroom.LinkKind) string {
	if kind == newsroom.LinkPIN {
		return PurposePIN
	}
	return PurposeReset
}

// ForgotPassword writes the letter with a reset link where email has an active account, and returns its id; "" and no error
// otherwise, so that nobody learns who has one.
func (s *Store) ForgotPassword(ctx context.Context, email string) (letterID string, err error) {
	a, err := s.AccountByEmail(ctx, email)
	if err != nil || !a.Active {
		return "", ignoreNotFound(err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		letterID, err = s.accountLink(ctx, tx, newsroom.LinkPassword, newsroom.LetterPasswordReset, a.ID, resetLife)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("forgotten password: %w", err)
	}
	return letterID, nil
}

// Invite mails a link to set the password (again) or the PIN to an account, on record as by's act.
func (s *Store) Invite(ctx context.Context, by newsroom.Person, userID string, kind newsroom.LinkKind) (letterID string, err error) {
	letterKind, action := newsroom.LetterAccountInvite, "user.invite"
	if kind == newsroom.LinkPIN {
		letterKind, action = newsroom.LetterPINInvite, "user.pin_invite"
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		p, err := s.person(ctx, tx, userID)
		if err != nil {
			return err
		}
		if !p.Active || (kind == newsroom.LinkPIN && !p.HoldsPIN()) {
			return newsroom.ErrForbidden
		}
		if letterID, err = s.accountLink(ctx, tx, kind, letterKind, userID, inviteLife); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, action, map[string]any{"user_id": userID})
	})
	if err != nil {
		return "", fmt.Errorf("invite user %s: %w", userID, err)
	}
	return letterID, nil
}

const sqlAccountLink = `
	SELECT id, user_id, expires_at FROM account_links
	WHERE hash = @hash AND kind = @kind AND used_at IS NULL AND expires_at > @now`

// AccountLink finds the link that a token of kind opens, changing nothing. newsroom.ErrNotFound for a token that is unknown, used,
// replaced or over, and for an account that is not active.
func (s *Store) AccountLink(ctx context.Context, kind newsroom.LinkKind, token string) (newsroom.AccountLink, error) {
	return s.openLink(ctx, s.db, sqlAccountLink, kind, token)
}

func (s *Store) openLink(ctx context.Context, q querier, sql string, kind newsroom.LinkKind, token string) (newsroom.AccountLink, error) {
	link := newsroom.AccountLink{Kind: kind}
	var userID string
	err := q.QueryRow(ctx, sql, args{"hash": hashToken(token), "kind": kind, "now": s.now().UTC()}).Scan(&link.ID, &userID, &link.ExpiresAt)
	if err != nil {
		return link, fmt.Errorf("account link: %w", notFound(err))
	}
	if link.Account, err = s.Account(ctx, userID); err != nil {
		return link, err
	}
	if !link.Account.Active {
		return link, fmt.Errorf("account link: %w", newsroom.ErrNotFound)
	}
	return link, nil
}

const (
	sqlLockLink = sqlAccountLink + ` FOR UPDATE`
	sqlUseLink  = `UPDATE account_links SET used_at = @at WHERE id = @id`
)

// UseLink sets the password or PIN that a mailed link of kind is for, and consumes it: a second use is newsroom.ErrNotFound. A refused
// secret (*newsroom.InvalidError) leaves the link as it is. A new password ends every session, a new PIN every trusted phone.
func (s *Store) UseLink(ctx context.Context, kind newsroom.LinkKind, token, plain string) (newsroom.Person, error) {
	link, err := s.AccountLink(ctx, kind, token)
	if err != nil {
		return newsroom.Person{}, err
	}
	p := link.Account.Person
	field, code := "password", newsroom.PasswordTrouble(plain, p.Email, p.Name)
	if kind == newsroom.LinkPIN {
		field, code = "pin", newsroom.PINTrouble(plain)
	}
	if code != "" {
		return p, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: field, Code: code}}}
	}
	hash, err := secret.Hash(ctx, s.pepper(field, p.ID, plain))
	if err != nil {
		return p, fmt.Errorf("hash %s: %w", field, err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		locked, err := s.openLink(ctx, tx, sqlLockLink, kind, token)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlUseLink, args{"id": locked.ID, "at": s.now().UTC()}); err != nil {
			return err
		}
		if kind == newsroom.LinkPIN {
			return s.setPIN(ctx, tx, p.ID, hash)
		}
		return s.setPassword(ctx, tx, p.ID, hash, "")
	})
	if err != nil {
		return p, fmt.Errorf("use account link: %w", err)
	}
	return p, nil
}
