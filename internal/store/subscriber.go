package store

import (
	"context"
	"crypto/rand"
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
}

func scanSub(row pgx.Row) (u sub, err error) {
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.Locale, &u.State, &u.Source, &u.RequestedAt, &u.ConfirmedAt, &u.LeftAt, &u.mac, &u.version)
	return u, notFound(err)
}

const (
	sqlSubs           = `SELECT ` + subscriberColumns + `, s.email_mac, s.key_version FROM subscribers s `
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
	sqlAskAgain = `
	UPDATE subscribers SET state = CASE state WHEN 'confirmed' THEN state ELSE 'requested' END,
	  requested_at = CASE state WHEN 'confirmed' THEN requested_at ELSE @at END, reminded_at = NULL
	WHERE id = @id`
)

// Subscribe takes a citizen's request and writes the letter with the confirmation link; nothing else changes before that is
// pressed, so that nobody can change another's lists. It answers the same whether the address is known or not; the id is for the
// workflow only, "" where there is nothing to follow (an address that wants no mail of any kind). *newsroom.InvalidError when
// the form is wrong.
func (s *Store) Subscribe(ctx context.Context, r newsroom.SubscribeRequest) (id string, err error) {
	if r, err = s.cleanSubscribe(ctx, r); err != nil {
		return "", err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		now, key := s.now().UTC(), strings.ToLower(r.Email)
		mac := s.emailMAC(key)
		if why, err := s.why(ctx, tx, mac, false); err != nil || why != "" {
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
		return s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s/%d", newsroom.LetterConfirm, id, act), Kind: newsroom.LetterConfirm, SubscriberID: id,
		}, nil)
	})
	if err != nil {
		return "", fmt.Errorf("subscribe: %w", err)
	}
	return id, nil
}

// askFor finds or makes the row of an address that asks.
func (s *Store) askFor(ctx context.Context, tx pgx.Tx, r newsroom.SubscribeRequest, key string, mac []byte, now time.Time) (string, error) {
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

// Confirmation looks what a confirmation link stands for, changing nothing: the subscriber with the lists that pressing it
// brings, and whether it was pressed already. newsroom.ErrNotFound for a link that is unknown or older than ConfirmLife.
func (s *Store) Confirmation(ctx context.Context, token string) (u newsroom.Subscriber, done bool, err error) {
	found, err := scanSub(s.db.QueryRow(ctx, sqlSubByConfirm, args{"hash": hashToken(token)}))
	if err != nil {
		return u, false, fmt.Errorf("confirmation: %w", err)
	}
	want, _, done, err := s.pending(ctx, s.db, found)
	if err != nil {
		return u, false, fmt.Errorf("confirmation: %w", err)
	}
	if u, err = s.whole(ctx, s.db, found); err != nil {
		return u, false, err
	}
	for _, section := range want.Sections {
		if u.Wants(section) == "" {
			u.Lists = append(u.Lists, newsroom.Subscription{Section: section, Cadence: want.Cadence})
		}
	}
	return u, done, nil
}

// pending returns what a subscriber has asked for and not confirmed yet. done: the newest request was confirmed already.
func (s *Store) pending(ctx context.Context, q querier, u sub) (want asked, act int64, done bool, err error) {
	act, kind, at, want, err := s.newestAct(ctx, q, u.ID)
	switch {
	case err != nil:
		return want, 0, false, err
	case kind == actRequested && s.now().Sub(at) <= newsroom.ConfirmLife:
		return want, act, false, nil
	case u.State == newsroom.SubscriberConfirmed && kind != actRequested:
		return want, act, true, nil
	default:
		return want, 0, false, newsroom.ErrNotFound
	}
}

const (
	sqlConfirmSub = `
	UPDATE subscribers SET state = 'confirmed', confirmed_at = coalesce(CASE state WHEN 'confirmed' THEN confirmed_at END, @at), left_at = NULL,
	  name = CASE WHEN @name = '' THEN name ELSE @name END, locale = CASE WHEN @locale = '' THEN locale ELSE @locale END
	WHERE id = @id`
	sqlWant = `
	INSERT INTO subscriptions (subscriber_id, section_id, cadence, since) VALUES (@id, @section, @cadence, @at)
	ON CONFLICT (subscriber_id, section_id) DO UPDATE SET cadence = excluded.cadence`
)

// Confirm carries out what a confirmation link stands for, on record with proof. A second press changes nothing and answers the
// same. newsroom.ErrNotFound as for Confirmation.
func (s *Store) Confirm(ctx context.Context, token string, proof newsroom.Proof) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		u, err := scanSub(tx.QueryRow(ctx, sqlLockSubConfirm, args{"hash": hashToken(token)}))
		if err != nil {
			return err
		}
		id = u.ID
		want, _, done, err := s.pending(ctx, tx, u)
		if err != nil || done {
			return err
		}
		now := s.now().UTC()
		if _, err := tx.Exec(ctx, sqlConfirmSub, args{"id": u.ID, "name": want.Name, "locale": want.Locale, "at": now}); err != nil {
			return err
		}
		for _, section := range want.Sections {
			if _, err := tx.Exec(ctx, sqlWant, args{"id": u.ID, "section": section, "cadence": want.Cadence, "at": now}); err != nil {
				return err
			}
		}
		// Who proves again that the address works and wants mail is free of what stood against it.
		if _, err := tx.Exec(ctx, sqlUnsuppress, args{"mac": u.mac}); err != nil {
			return err
		}
		_, err = s.consented(ctx, tx, u.ID, actConfirmed, now, proof, map[string]any{"sections": want.Sections, "cadence": want.Cadence})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("confirm subscription: %w", err)
	}
	return id, nil
}

const (
	sqlLeaveList  = `DELETE FROM subscriptions WHERE subscriber_id = @id AND section_id = @section`
	sqlLeaveLists = `DELETE FROM subscriptions WHERE subscriber_id = @id AND NOT (section_id = ANY (@keep))`
	sqlCountLists = `SELECT count(*) FROM subscriptions WHERE subscriber_id = @id`
	sqlLeaveSub   = `UPDATE subscribers SET state = 'left', left_at = @at WHERE id = @id`
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
		return u, s.leaveAll(ctx, u.ID, proof)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		locked, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": u.ID}))
		if err != nil {
			return err
		}
		if locked.State != newsroom.SubscriberConfirmed {
			return newsroom.ErrForbidden
		}
		now := s.now().UTC()
		if _, err := tx.Exec(ctx, sqlLeaveLists, args{"id": u.ID, "keep": ids}); err != nil {
			return err
		}
		for _, l := range lists {
			if !slices.Contains(ids, l.Section) {
				continue
			}
			if _, err := tx.Exec(ctx, sqlWant, args{"id": u.ID, "section": l.Section, "cadence": l.Cadence, "at": now}); err != nil {
				return err
			}
		}
		for _, l := range u.Lists {
			if !slices.Contains(ids, l.Section) {
				if err := s.suppressOpen(ctx, tx, u.ID, l.Section); err != nil {
					return err
				}
			}
		}
		if _, err := tx.Exec(ctx, sqlRenameSub, args{"id": u.ID, "name": firstRunes(text.Line(name), 100)}); err != nil {
			return err
		}
		_, err = s.consented(ctx, tx, u.ID, actChanged, now, proof, map[string]any{"sections": ids})
		return err
	})
	if err != nil {
		return u, fmt.Errorf("set preferences of subscriber %s: %w", u.ID, err)
	}
	return s.SubscriberByToken(ctx, token)
}

const sqlRenameSub = `UPDATE subscribers SET name = @name WHERE id = @id`

const sqlLeaving = `
	SELECT d.subscriber_id, CASE i.kind WHEN 'digest' THEN '' ELSE i.list END, coalesce(s.state, 'erased'),
	  EXISTS (SELECT FROM subscriptions l WHERE l.subscriber_id = d.subscriber_id AND l.section_id = i.list),
	  (SELECT count(*)::int FROM subscriptions l WHERE l.subscriber_id = d.subscriber_id AND l.section_id <> i.list)
	FROM mail_deliveries d JOIN mail_issues i ON i.id = d.issue_id LEFT JOIN subscribers s ON s.id = d.subscriber_id
	WHERE d.leave_hash = @hash`

// Leaving looks what a leave link stands for, changing nothing. newsroom.ErrNotFound for an unknown token.
func (s *Store) Leaving(ctx context.Context, token string) (l newsroom.Leaving, err error) {
	err = s.db.QueryRow(ctx, sqlLeaving, args{"hash": hashToken(token)}).Scan(&l.SubscriberID, &l.Section, &l.State, &l.Still, &l.Rest)
	if err != nil {
		return l, fmt.Errorf("leave link: %w", notFound(err))
	}
	return l, nil
}

// Leave ends the list of a leave link, or with all the whole subscription, at once: whatever has not reached its dot is not
// sent any more. Repeats, and links of erased people, are answered the same and change nothing (RFC 8058: the post is
// idempotent). newsroom.ErrNotFound for an unknown token.
func (s *Store) Leave(ctx context.Context, token string, all bool, proof newsroom.Proof) (newsroom.Leaving, error) {
	l, err := s.Leaving(ctx, token)
	if err != nil {
		return l, err
	}
	switch {
	case l.State != newsroom.SubscriberConfirmed:
		return l, nil
	case all || l.Section == "" || (l.Still && l.Rest == 0):
		err = s.leaveAll(ctx, l.SubscriberID, proof)
	case l.Still:
		err = s.leaveList(ctx, l.SubscriberID, l.Section, proof)
	}
	if err != nil {
		return l, err
	}
	return s.Leaving(ctx, token)
}

// LeaveAll ends the subscription of a preferences link; a repeat changes nothing.
func (s *Store) LeaveAll(ctx context.Context, token string, proof newsroom.Proof) (id string, err error) {
	u, err := s.SubscriberByToken(ctx, token)
	if err != nil {
		return "", err
	}
	return u.ID, s.leaveAll(ctx, u.ID, proof)
}

func (s *Store) leaveList(ctx context.Context, id, section string, proof newsroom.Proof) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id})); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlLeaveList, args{"id": id, "section": section})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := s.suppressOpen(ctx, tx, id, section); err != nil {
			return err
		}
		return s.confirmLeft(ctx, tx, id, []string{section}, false, proof)
	})
	if err != nil {
		return fmt.Errorf("leave list %s: %w", section, err)
	}
	return nil
}

func (s *Store) leaveAll(ctx context.Context, id string, proof newsroom.Proof) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		u, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id}))
		if err != nil || (u.State != newsroom.SubscriberConfirmed && u.State != newsroom.SubscriberRequested) {
			return err
		}
		whole, err := s.whole(ctx, tx, u)
		if err != nil {
			return err
		}
		var sections []string
		for _, l := range whole.Lists {
			sections = append(sections, l.Section)
		}
		if _, err := tx.Exec(ctx, sqlLeaveLists, args{"id": id, "keep": []string{}}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlLeaveSub, args{"id": id, "at": s.now().UTC()}); err != nil {
			return err
		}
		if err := s.suppressOpen(ctx, tx, id, ""); err != nil {
			return err
		}
		return s.confirmLeft(ctx, tx, id, sections, true, proof)
	})
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// confirmLeft records a withdrawal and writes the one letter that confirms it (Decree 91/2020).
func (s *Store) confirmLeft(ctx context.Context, tx pgx.Tx, id string, sections []string, all bool, proof newsroom.Proof) error {
	act, err := s.consented(ctx, tx, id, actLeft, s.now().UTC(), proof, map[string]any{"sections": orEmpty(sections), "all": all})
	if err != nil {
		return err
	}
	return s.writeLetter(ctx, tx, letter{
		ID: fmt.Sprintf("%s/%s/%d", newsroom.LetterLeft, id, act), Kind: newsroom.LetterLeft, SubscriberID: id,
		Data: map[string]any{"sections": orEmpty(sections), "all": all},
	}, nil)
}

const (
	sqlEraseSub = `
	UPDATE subscribers SET state = 'erased', email = '', email_key = '', name = '', left_at = coalesce(left_at, @at),
	  confirm_hash = @noise, prefs_hash = @noise WHERE id = @id`
	sqlEraseConsents = `UPDATE consents SET ip = '', detail = '{}' WHERE subscriber_id = @id`
	sqlEraseRows     = `UPDATE mail_deliveries SET email = '', name = '' WHERE subscriber_id = @id`
)

// Erase removes what names the person behind a preferences link, in every ledger row too; a keyed hash stays so that no list
// takes the address back. It cannot be undone.
func (s *Store) Erase(ctx context.Context, token string, proof newsroom.Proof) error {
	u, err := s.SubscriberByToken(ctx, token)
	if err != nil {
		return err
	}
	if err := s.tx(ctx, func(tx pgx.Tx) error { return s.erase(ctx, tx, u.ID, proof) }); err != nil {
		return fmt.Errorf("erase subscriber %s: %w", u.ID, err)
	}
	return nil
}

// EraseSubscriber is Erase by an admin who answers a person's letter, on record.
func (s *Store) EraseSubscriber(ctx context.Context, by newsroom.Person, id string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := s.erase(ctx, tx, id, newsroom.Proof{Source: "admin"}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "subscriber.erase", map[string]any{"subscriber_id": id})
	})
	if err != nil {
		return fmt.Errorf("erase subscriber %s: %w", id, err)
	}
	return nil
}

func (s *Store) erase(ctx context.Context, tx pgx.Tx, id string, proof newsroom.Proof) error {
	u, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id}))
	if err != nil || u.State == newsroom.SubscriberErased {
		return err
	}
	now := s.now().UTC()
	if err := s.suppress(ctx, tx, u.mac, scopeBulk, suppressedErased); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlLeaveLists, args{"id": id, "keep": []string{}}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlEraseSub, args{"id": id, "at": now, "noise": []byte(rand.Text())}); err != nil {
		return err
	}
	for _, sql := range []string{sqlEraseConsents, sqlEraseRows} {
		if _, err := tx.Exec(ctx, sql, args{"id": id}); err != nil {
			return err
		}
	}
	proof.IP = ""
	_, err = s.consented(ctx, tx, id, actErased, now, proof, nil)
	return err
}
