package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

const subscriberColumns = `s.id, s.email, s.name, s.locale, s.state, s.source, s.requested_at, s.confirmed_at, s.left_at`

// sub is a subscribers row with what stays inside the store.
type sub struct {
	newsroom.Subscriber
	mac     []byte
	version int
	confirm []byte // hash of the newest confirmation link's token
}

func scanSub(row pgx.Row) (u sub, err error) {
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.Locale, &u.State, &u.Source, &u.RequestedAt, &u.ConfirmedAt, &u.LeftAt, &u.mac, &u.version, &u.confirm)
	return u, notFound(err)
}

const (
	sqlSubs           = `SELECT ` + subscriberColumns + `, s.email_mac, s.key_version, s.confirm_hash FROM subscribers s `
	sqlSubByID        = sqlSubs + `WHERE s.id = @id`
	sqlSubByKey       = sqlSubs + `WHERE s.email_key = @key AND s.email_key <> '' FOR UPDATE`
	sqlSubByPrefs     = sqlSubs + `WHERE s.prefs_hash = @hash`
	sqlSubByConfirm   = sqlSubs + `WHERE s.confirm_hash = @hash`
	sqlLockSub        = sqlSubByID + ` FOR UPDATE`
	sqlLockSubConfirm = sqlSubByConfirm + ` FOR UPDATE`
)

const sqlLists = `
	SELECT l.section_id, l.cadence, l.since FROM subscriptions l JOIN sections c ON c.id = l.section_id
	WHERE l.subscriber_id = @id ORDER BY c.position, c.id`

// whole fills in the lists and the block of a subscriber.
func (s *Store) whole(ctx context.Context, q querier, u sub) (newsroom.Subscriber, error) {
	rows, _ := q.Query(ctx, sqlLists, args{"id": u.ID})
	var err error
	if u.Lists, err = pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Subscription]); err != nil {
		return u.Subscriber, fmt.Errorf("lists of subscriber %s: %w", u.ID, err)
	}
	u.Blocked, err = s.why(ctx, q, u.mac, true)
	return u.Subscriber, err
}

// Subscriber returns a subscriber for the admin, or newsroom.ErrNotFound.
func (s *Store) Subscriber(ctx context.Context, id string) (newsroom.Subscriber, error) {
	u, err := scanSub(s.db.QueryRow(ctx, sqlSubByID, args{"id": id}))
	if err != nil {
		return u.Subscriber, fmt.Errorf("subscriber %s: %w", id, err)
	}
	return s.whole(ctx, s.db, u)
}

// SubscriberByToken finds the person of a preferences link. newsroom.ErrNotFound for an unknown token and after erasure.
func (s *Store) SubscriberByToken(ctx context.Context, token string) (newsroom.Subscriber, error) {
	u, err := scanSub(s.db.QueryRow(ctx, sqlSubByPrefs, args{"hash": hashToken(token)}))
	if err != nil {
		return u.Subscriber, fmt.Errorf("subscriber by link: %w", err)
	}
	return s.whole(ctx, s.db, u)
}

// cleanSubscribe normalises what somebody typed and lists what is wrong with it.
func (s *Store) cleanSubscribe(ctx context.Context, r newsroom.SubscribeRequest) (newsroom.SubscribeRequest, error) {
	var wrong []newsroom.FieldError
	bad := func(field, code string) { wrong = append(wrong, newsroom.FieldError{Field: field, Code: code}) }
	address, err := text.Email(r.Email)
	if refused, ok := errors.AsType[*text.EmailError](err); ok {
		bad("email", "email."+refused.Code)
	}
	r.Email, r.Name = address, firstRunes(text.Line(r.Name), 100)
	if r.Locale != "en" {
		r.Locale = "vi"
	}
	if r.Sections, err = s.openSections(ctx, r.Sections); err != nil {
		return r, err
	}
	if len(r.Sections) == 0 {
		bad("sections", "required")
	}
	if r.Cadence == "" {
		r.Cadence = newsroom.CadenceInstant
	}
	if !slices.Contains(newsroom.Cadences, r.Cadence) {
		bad("cadence", "unknown")
	}
	if !r.Consent {
		bad("consent", "consent_required")
	}
	if len(wrong) > 0 {
		return r, &newsroom.InvalidError{Fields: wrong}
	}
	return r, nil
}

const sqlOpenSections = `SELECT id FROM sections WHERE id = ANY (@ids) AND NOT retired ORDER BY position, id`

// openSections keeps those of ids that exist and take articles.
func (s *Store) openSections(ctx context.Context, ids []string) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlOpenSections, args{"ids": orEmpty(ids)})
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for sections: %w", err)
	}
	return found, nil
}

const (
	sqlInsertSub = `
	INSERT INTO subscribers (id, email, email_key, email_mac, name, locale, state, source, requested_at, key_version, confirm_hash, prefs_hash)
	VALUES (@id, @email, @key, @mac, @name, @locale, 'requested', 'form', @at, @version, @confirm, @prefs)
	ON CONFLICT (email_key) WHERE email_key <> '' DO NOTHING`
	// left_at stays: the clock of erasure runs on until the person confirms.
	sqlAskAgain = `
	UPDATE subscribers SET state = CASE state WHEN 'confirmed' THEN state ELSE 'requested' END,
	  requested_at = CASE state WHEN 'confirmed' THEN requested_at ELSE @at END, reminded_at = NULL
	WHERE id = @id`
)

// Subscribe takes a citizen's request and writes the letter with the confirmation link; nothing else changes before that is
// pressed, so that nobody can change another's lists. It answers the same whether the address is known or not; the id is for the
// workflow only, "" where there is nothing to follow: its reader called our mail spam, or the office writes there no more. An address
// that servers refused is asked, since it may work again. *newsroom.InvalidError when the form is wrong.
func (s *Store) Subscribe(ctx context.Context, r newsroom.SubscribeRequest) (id string, err error) {
	if r, err = s.cleanSubscribe(ctx, r); err != nil {
		return "", err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		now, key := s.now().UTC(), strings.ToLower(r.Email)
		mac := s.emailMAC(key)
		if why, err := s.held(ctx, tx, mac); err != nil || why != "" {
			id = ""
			return err
		}
		if id, err = s.askFor(ctx, tx, r, key, mac, now); err != nil {
			return err
		}
		act, err := s.consented(ctx, tx, id, actRequested, now, r.Proof,
			asked{Sections: r.Sections, Cadence: r.Cadence, Name: r.Name, Locale: r.Locale})
		if err != nil {
			return err
		}
		if err := s.renewConfirm(ctx, tx, id, act); err != nil {
			return err
		}
		return s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s/%d", newsroom.LetterConfirm, id, act), Kind: newsroom.LetterConfirm, SubscriberID: id,
		}, nil)
	})
	if err != nil {
		return "", fmt.Errorf("subscribe: %w", err)
	}
	return id, nil
}

// askFor finds or makes the row of an address that asks. Whose data are to be erased by now is asked as somebody new: by their own link
// they could confirm nothing any more.
func (s *Store) askFor(ctx context.Context, tx pgx.Tx, r newsroom.SubscribeRequest, key string, mac []byte, now time.Time) (string, error) {
	id, err := s.askOf(ctx, tx, r, key, mac, now)
	if errors.Is(err, newsroom.ErrNotFound) { // found, and removed by the clock meanwhile
		id, err = s.askOf(ctx, tx, r, key, mac, now)
	}
	if err != nil {
		return "", err
	}
	erased, err := s.eraseLeft(ctx, tx, id, now.Add(-leftLife))
	if err != nil || !erased {
		return id, err
	}
	return s.askOf(ctx, tx, r, key, mac, now)
}

func (s *Store) askOf(ctx context.Context, tx pgx.Tx, r newsroom.SubscribeRequest, key string, mac []byte, now time.Time) (string, error) {
	id, version := newsroom.NewID(), s.keys.Version()
	tag, err := tx.Exec(ctx, sqlInsertSub, args{
		"id": id, "email": r.Email, "key": key, "mac": mac, "name": r.Name, "locale": r.Locale, "at": now, "version": version,
		"confirm": s.tokenHash(PurposeConfirm, id, version), "prefs": s.tokenHash(PurposePrefs, id, version),
	})
	if err != nil || tag.RowsAffected() == 1 {
		return id, err
	}
	u, err := scanSub(tx.QueryRow(ctx, sqlSubByKey, args{"key": key}))
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, sqlAskAgain, args{"id": u.ID, "at": now})
	return u.ID, err
}

const (
	sqlLeaveList = `
	DELETE FROM subscriptions WHERE subscriber_id = @id AND section_id = ANY (@sections) AND @cadence IN ('', cadence) RETURNING section_id`
	sqlLeaveLists = `DELETE FROM subscriptions WHERE subscriber_id = @id AND NOT (section_id = ANY (@keep))`
	sqlCountRest  = `
	SELECT count(*)::int FROM subscriptions WHERE subscriber_id = @id AND NOT (section_id = ANY (@sections) AND @cadence IN ('', cadence))`
	// What is left after a list was given up is another choice too: the digests of before are no longer this reader's. Mails at once are the
	// same ones as before, and nothing is owed of them but to whoever has changed to them of late (changedReach).
	sqlChoseAnew = `
	UPDATE subscriptions SET changed_at = @at WHERE subscriber_id = @id
	  AND (cadence <> 'instant' OR (changed_at > since AND changed_at > @at::timestamptz - interval '8 days'))`
	// Who left before and asked again without confirming left then: the clock of erasure runs on.
	sqlLeaveSub = `UPDATE subscribers SET state = 'left', left_at = coalesce(left_at, @at) WHERE id = @id`
)

// SetPreferences replaces the lists of the person behind a preferences link; no list at all is leaving. Only a confirmed
// subscriber may: newsroom.ErrForbidden otherwise, since who left confirms anew.
func (s *Store) SetPreferences(ctx context.Context, token string, lists []newsroom.Subscription, name string, proof newsroom.Proof) (newsroom.Subscriber, error) {
	u, err := s.SubscriberByToken(ctx, token)
	if err != nil {
		return u, err
	}
	if u.State != newsroom.SubscriberConfirmed {
		return u, newsroom.ErrForbidden
	}
	var ids []string
	for _, l := range lists {
		if slices.Contains(newsroom.Cadences, l.Cadence) {
			ids = append(ids, l.Section)
		}
	}
	if ids, err = s.openSections(ctx, ids); err != nil {
		return u, err
	}
	if len(ids) == 0 {
		return u, s.leaveByLink(ctx, u.ID, proof)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		locked, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": u.ID}))
		if err != nil {
			return err
		}
		if locked.State != newsroom.SubscriberConfirmed {
			return newsroom.ErrForbidden
		}
		before, err := s.whole(ctx, tx, locked) // under the lock: a list that was confirmed meanwhile has mails to stop too
		if err != nil {
			return err
		}
		now := s.now().UTC()
		if _, err := tx.Exec(ctx, sqlLeaveLists, args{"id": u.ID, "keep": ids}); err != nil {
			return err
		}
		chosen := slices.DeleteFunc(slices.Clone(lists), func(l newsroom.Subscription) bool { return !slices.Contains(ids, l.Section) })
		for _, l := range chosen {
			if _, err := tx.Exec(ctx, sqlWant, args{"id": u.ID, "section": l.Section, "cadence": l.Cadence, "at": now}); err != nil {
				return err
			}
		}
		var left []string
		for _, l := range before.Lists {
			if !slices.Contains(ids, l.Section) {
				left = append(left, l.Section)
			}
		}
		if len(left) > 0 {
			if _, err := tx.Exec(ctx, sqlChoseAnew, args{"id": u.ID, "at": now}); err != nil {
				return err
			}
			if err := s.suppressOpen(ctx, tx, u.ID, left); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sqlRenameSub, args{"id": u.ID, "name": firstRunes(text.Line(name), 100)}); err != nil {
			return err
		}
		_, err = s.consented(ctx, tx, u.ID, actChanged, now, proof, ofLists(chosen))
		return err
	})
	if err != nil {
		return u, fmt.Errorf("set preferences of subscriber %s: %w", u.ID, err)
	}
	return s.SubscriberByToken(ctx, token)
}

const sqlRenameSub = `UPDATE subscribers SET name = @name WHERE id = @id`
