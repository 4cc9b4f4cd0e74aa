package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/secret"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// pepper binds what is hashed to the installation's keys: a copy of the database alone cannot be searched for six-digit PINs.
func (s *Store) pepper(kind, userID, plain string) string {
	return hex.EncodeToString(s.keys.MAC(kind+"/"+userID, plain))
}

// Wrong passwords: freeTries of them cost nothing, each further one doubles the wait from firstWait to longestWait. They
// count per account and network address and are forgotten after forgetAfter, so that nobody can lock somebody else out.
const (
	freeTries   = 5
	firstWait   = 30 * time.Second
	longestWait = time.Hour
	forgetAfter = 24 * time.Hour
)

// A try is counted before it is checked, and forgotten when it was right: of many at once no more than freeTries are checked.
const (
	sqlSignInTry = `
	INSERT INTO sign_in_failures AS f (account, source, failed, at) VALUES (@account, @source, 1, @at)
	ON CONFLICT (account, source) DO UPDATE SET at = @at,
	  failed = CASE WHEN f.at > @since THEN f.failed + 1 ELSE 1 END,
	  locked_until = CASE WHEN f.at > @since AND f.failed + 1 >= @free
	    THEN @at + least(@first * power(2, least(f.failed + 1 - @free, 20)), @longest) * interval '1 second' END
	WHERE f.locked_until IS NULL OR f.locked_until <= @at
	RETURNING failed`
	sqlSignInLocked = `SELECT locked_until FROM sign_in_failures WHERE account = @account AND source = @source`
	sqlSignInSecret = `SELECT id, password_hash, totp_secret IS NOT NULL FROM users WHERE email_key = @email AND active`
	sqlSignInClear  = `DELETE FROM sign_in_failures WHERE account = @account AND source = @source`
)

// CheckPassword says who signs in with email and password from a network address. newsroom.ErrForbidden for an unknown
// address, an account that is not active, and a wrong password alike, in the same time; *newsroom.LockedError, at once,
// while this account and address must wait.
func (s *Store) CheckPassword(ctx context.Context, email, password string, from netip.Addr) (newsroom.SignIn, error) {
	key := text.EmailKey(email)
	if key == "" {
		key = strings.ToLower(strings.TrimSpace(email)) // counts and fails like any other
	}
	pair := args{"account": s.keys.MAC("sign_in_account", key), "source": s.keys.MAC("sign_in_source", network(from))}
	tries, err := s.countTry(ctx, pair)
	if err != nil {
		return newsroom.SignIn{}, err
	}
	var id, hash string
	var wantsTOTP bool
	err = s.db.QueryRow(ctx, sqlSignInSecret, args{"email": key}).Scan(&id, &hash, &wantsTOTP)
	if err := ignoreNotFound(notFound(err)); err != nil {
		return newsroom.SignIn{}, fmt.Errorf("read account to sign in: %w", err)
	}
	right, err := secret.Verify(ctx, hash, s.pepper("password", id, password))
	if err != nil {
		return newsroom.SignIn{}, fmt.Errorf("check password: %w", err)
	}
	if !right {
		return newsroom.SignIn{}, fmt.Errorf("check password: %w", newsroom.ErrForbidden)
	}
	if _, err := s.db.Exec(ctx, sqlSignInClear, pair); err != nil {
		return newsroom.SignIn{}, fmt.Errorf("forget failed sign-ins: %w", err)
	}
	p, err := s.Person(ctx, id)
	return newsroom.SignIn{Person: p, WantsTOTP: wantsTOTP, FailedSince: tries - 1}, err
}

// countTry counts one more try of an account from an address, or says until when it must wait.
func (s *Store) countTry(ctx context.Context, pair args) (tries int, err error) {
	now := s.now().UTC()
	err = s.db.QueryRow(ctx, sqlSignInTry, args{
		"account": pair["account"], "source": pair["source"], "at": now, "since": now.Add(-forgetAfter),
		"free": freeTries, "first": firstWait.Seconds(), "longest": longestWait.Seconds(),
	}).Scan(&tries)
	if errors.Is(err, pgx.ErrNoRows) {
		var until time.Time
		if err := s.db.QueryRow(ctx, sqlSignInLocked, pair).Scan(&until); err != nil {
			return 0, fmt.Errorf("read lock of sign-in: %w", err)
		}
		return 0, &newsroom.LockedError{Until: until}
	}
	if err != nil {
		return 0, fmt.Errorf("count sign-in: %w", err)
	}
	return tries, nil
}

// network is what counts as one address: IPv6 hands whole /64s to one customer.
func network(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

const sqlForgetFailures = `DELETE FROM sign_in_failures WHERE at < @before`

// ForgetSignIns drops counts of wrong passwords that no longer count; the nightly sweep calls it.
func (s *Store) ForgetSignIns(ctx context.Context) error {
	_, err := s.db.Exec(ctx, sqlForgetFailures, args{"before": s.now().UTC().Add(-forgetAfter)})
	if err != nil {
		return fmt.Errorf("forget failed sign-ins: %w", err)
	}
	return nil
}

const sqlSecrets = `SELECT password_hash, pin_hash FROM users WHERE id = @id AND active`

// OwnPassword reports whether password is the one of a person who is already signed in: before changing a PIN or a second factor.
func (s *Store) OwnPassword(ctx context.Context, userID, password string) (bool, error) {
	return s.ownSecret(ctx, userID, "password", password)
}

// CheckPIN reports whether pin is the person's PIN; false where none is set. Wrong ones are counted by whoever asks, per link
// and browser, never against the account.
func (s *Store) CheckPIN(ctx context.Context, userID, pin string) (bool, error) {
	return s.ownSecret(ctx, userID, "pin", pin)
}

func (s *Store) ownSecret(ctx context.Context, userID, kind, plain string) (bool, error) {
	var password, pin string
	if err := s.db.QueryRow(ctx, sqlSecrets, args{"id": userID}).Scan(&password, &pin); err != nil {
		return false, fmt.Errorf("secrets of user %s: %w", userID, notFound(err))
	}
	hash := password
	if kind == "pin" {
		hash = pin
	}
	ok, err := secret.Verify(ctx, hash, s.pepper(kind, userID, plain))
	if err != nil {
		return false, fmt.Errorf("check %s of user %s: %w", kind, userID, err)
	}
	return ok, nil
}

const (
	sqlSetPassword = `UPDATE users SET password_hash = @hash, password_at = @at, updated_at = @at WHERE id = @id AND active`
	sqlSetPIN      = `UPDATE users SET pin_hash = @hash, pin_void = false, updated_at = @at WHERE id = @id AND active`
)

// SetPassword gives an account a new password and ends every session but keep ("" ends all). *newsroom.InvalidError when the
// password is refused, newsroom.ErrNotFound for an account that is not active.
func (s *Store) SetPassword(ctx context.Context, userID, password, keep string) error {
	p, err := s.Person(ctx, userID)
	if err != nil {
		return err
	}
	if code := newsroom.PasswordTrouble(password, p.Email, p.Name); code != "" {
		return &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "password", Code: code}}}
	}
	hash, err := secret.Hash(ctx, s.pepper("password", userID, password))
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error { return s.setPassword(ctx, tx, userID, hash, keep) })
	if err != nil {
		return fmt.Errorf("set password of user %s: %w", userID, err)
	}
	return nil
}

func (s *Store) setPassword(ctx context.Context, tx pgx.Tx, userID, hash, keep string) error {
	tag, err := tx.Exec(ctx, sqlSetPassword, args{"id": userID, "hash": hash, "at": s.now().UTC()})
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return newsroom.ErrNotFound
	}
	if err := s.endSessions(ctx, tx, userID, keep); err != nil {
		return err
	}
	return s.ownAct(ctx, tx, userID, "user.password", nil)
}

// SetPIN gives a person a new PIN and revokes every trusted phone and every API token that was issued with the old one. *newsroom.InvalidError when the PIN is refused.
func (s *Store) SetPIN(ctx context.Context, userID, pin string) error {
	if code := newsroom.PINTrouble(pin); code != "" {
		return &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "pin", Code: code}}}
	}
	hash, err := secret.Hash(ctx, s.pepper("pin", userID, pin))
	if err != nil {
		return fmt.Errorf("hash PIN: %w", err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error { return s.setPIN(ctx, tx, userID, hash) })
	if err != nil {
		return fmt.Errorf("set PIN of user %s: %w", userID, err)
	}
	return nil
}

func (s *Store) setPIN(ctx context.Context, tx pgx.Tx, userID, hash string) error {
	tag, err := tx.Exec(ctx, sqlSetPIN, args{"id": userID, "hash": hash, "at": s.now().UTC()})
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return newsroom.ErrNotFound
	}
	if err := s.revokeDevices(ctx, tx, userID); err != nil {
		return err
	}
	if err := s.revokeDeciding(ctx, tx, userID); err != nil {
		return err
	}
	if err := s.deskForget(ctx, tx, userID); err != nil {
		return err
	}
	return s.ownAct(ctx, tx, userID, "user.pin", nil)
}

const (
	sqlPINTry = `
	INSERT INTO pin_failures AS f (ask_id, browser, failed, at) VALUES (@place, @browser, 1, @at)
	ON CONFLICT (ask_id, browser) DO UPDATE SET failed = CASE WHEN f.at > @since THEN f.failed + 1 ELSE 1 END, at = @at
	WHERE f.failed < @most OR f.at <= @since
	RETURNING failed`
	sqlPINWhen  = `SELECT at FROM pin_failures WHERE ask_id = @place AND browser = @browser`
	sqlPINClear = `DELETE FROM pin_failures WHERE ask_id = @place AND browser = @browser`
)

// tryPIN counts a try at place from one browser and checks the PIN. left is how many tries remain there after a wrong one.
func (s *Store) tryPIN(ctx context.Context, place, userID, browser, pin string, rest time.Duration) (left int, err error) {
	now := s.now().UTC()
	where := args{"place": place, "browser": hex.EncodeToString(s.keys.MAC("browser", browser))}
	var failed int
	err = s.db.QueryRow(ctx, sqlPINTry, args{
		"place": place, "browser": where["browser"], "at": now, "since": now.Add(-rest), "most": pinTries,
	}).Scan(&failed)
	if errors.Is(err, pgx.ErrNoRows) {
		var at time.Time
		if err := s.db.QueryRow(ctx, sqlPINWhen, where).Scan(&at); err != nil {
			return 0, fmt.Errorf("read wrong PINs: %w", err)
		}
		return 0, &newsroom.LockedError{Until: at.Add(rest)}
	}
	if err != nil {
		return 0, fmt.Errorf("count PIN: %w", err)
	}
	right, err := s.CheckPIN(ctx, userID, pin)
	if err != nil {
		return 0, err
	}
	if !right {
		return pinTries - failed, fmt.Errorf("try PIN: %w", newsroom.ErrForbidden)
	}
	if _, err := s.db.Exec(ctx, sqlPINClear, where); err != nil {
		return 0, fmt.Errorf("forget wrong PINs: %w", err)
	}
	return 0, nil
}

// SetupCode is the one-time code of the first start, the same on every node: whoever can read the log of an empty newsroom may
// set it up. Once there is an account it opens nothing.
func (s *Store) SetupCode() string {
	code := hex.EncodeToString(s.keys.MAC("first_start", "code"))
	return code[:4] + "-" + code[4:8] + "-" + code[8:12]
}
