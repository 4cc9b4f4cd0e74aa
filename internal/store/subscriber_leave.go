package store

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// A mail belongs to the list of its section, a digest to its sections at its cadence. A correction belongs to whatever brought the wrong
// text to this reader, which need not be the section that the article is in by now.
const sqlLeaving = `
	WITH mail AS (
	  SELECT @subscriber::text AS subscriber_id, i.kind, CASE i.kind WHEN 'digest' THEN i.sections WHEN 'correction' THEN coalesce(
	      (SELECT array_agg(DISTINCT o.list) FROM mail_deliveries d JOIN mail_issues o ON o.id = d.issue_id
	        WHERE d.subscriber_id = @subscriber AND o.article_id = i.article_id AND o.kind = 'article'),
	      (SELECT ARRAY[l.section_id] FROM subscriptions l WHERE l.subscriber_id = @subscriber AND l.section_id = i.list),
	      (SELECT array_agg(DISTINCT told.id) FROM mail_deliveries d JOIN mail_issues o ON o.id = d.issue_id, unnest(o.sections) AS told (id)
	        WHERE d.subscriber_id = @subscriber AND o.kind = 'digest' AND o.items @> ARRAY[i.article_id]),
	      ARRAY[i.list]) ELSE ARRAY[i.list] END AS lists,
	    CASE i.kind WHEN 'digest' THEN split_part(i.period, '/', 1) ELSE '' END AS cadence
	  FROM mail_issues i WHERE i.id = @issue),
	own AS (
	  SELECT l.section_id = ANY (m.lists) AND m.cadence IN ('', l.cadence) AS of_it
	  FROM mail m JOIN subscriptions l ON l.subscriber_id = m.subscriber_id)
	SELECT m.subscriber_id, CASE WHEN cardinality(m.lists) = 1 AND m.kind <> 'digest' THEN m.lists[1] ELSE '' END, m.cadence, m.lists,
	  coalesce(s.state, 'erased'), coalesce(s.locale, ''), EXISTS (SELECT FROM own WHERE of_it), (SELECT count(*)::int FROM own WHERE NOT of_it)
	FROM mail m LEFT JOIN subscribers s ON s.id = m.subscriber_id`

// sealChars of a derived token prove a leave link: 132 bits.
const sealChars = 22

// leaveToken is the token of the leave link in one mail, issue-subscriber-version-seal. It says itself which mail it is of, so that
// it works for as long as there is a key of that version, whether or not the ledger still has the row.
func (s *Store) leaveToken(issueID, subscriberID string, version int) string {
	of := issueID + "-" + subscriberID
	seal := s.keys.Token(PurposeLeave, of, version)
	return of + "-" + strconv.FormatInt(int64(version), 36) + "-" + seal[:min(len(seal), sealChars)]
}

// leaveOf is the mail that a leave token is of; ok is false for one that we have not made.
func (s *Store) leaveOf(token string) (issueID, subscriberID string, ok bool) {
	parts := strings.SplitN(token, "-", 4)
	if len(parts) != 4 || len(parts[3]) != sealChars {
		return "", "", false
	}
	version, err := strconv.ParseInt(parts[2], 36, 32)
	if err != nil {
		return "", "", false
	}
	own := s.leaveToken(parts[0], parts[1], int(version))
	return parts[0], parts[1], subtle.ConstantTimeCompare([]byte(own), []byte(token)) == 1
}

// Leaving looks what a leave link stands for, changing nothing. newsroom.ErrNotFound for an unknown token.
func (s *Store) Leaving(ctx context.Context, token string) (l newsroom.Leaving, err error) {
	issueID, subscriberID, ok := s.leaveOf(token)
	if !ok {
		return l, fmt.Errorf("leave link: %w", newsroom.ErrNotFound)
	}
	return s.leavingMail(ctx, issueID, subscriberID)
}

func (s *Store) leavingMail(ctx context.Context, issueID, subscriberID string) (l newsroom.Leaving, err error) {
	err = s.db.QueryRow(ctx, sqlLeaving, args{"issue": issueID, "subscriber": subscriberID}).
		Scan(&l.SubscriberID, &l.Section, &l.Cadence, &l.Lists, &l.State, &l.Locale, &l.Still, &l.Rest)
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
	if err != nil || l.State != newsroom.SubscriberConfirmed {
		return l, err
	}
	if err := s.leaveMail(ctx, l, all, proof); err != nil {
		return l, err
	}
	return s.Leaving(ctx, token)
}

// leaveMail ends what one mail was of, for somebody who still subscribes to something.
func (s *Store) leaveMail(ctx context.Context, l newsroom.Leaving, all bool, proof newsroom.Proof) error {
	switch {
	case all:
		return s.leaveAll(ctx, l.SubscriberID, proof)
	case l.Still:
		return s.leaveLists(ctx, l.SubscriberID, l.Lists, l.Cadence, proof)
	default:
		return nil
	}
}

// LeaveAll ends the subscription of a preferences link; a repeat changes nothing.
func (s *Store) LeaveAll(ctx context.Context, token string, proof newsroom.Proof) (id string, err error) {
	u, err := s.SubscriberByToken(ctx, token)
	if err != nil {
		return "", err
	}
	return u.ID, s.leaveByLink(ctx, u.ID, proof)
}

// leaveLists ends lists, with a cadence those at it; with the last one the whole subscription. Which is the last is seen under the lock:
// another may have been confirmed meanwhile.
func (s *Store) leaveLists(ctx context.Context, id string, sections []string, cadence newsroom.Cadence, proof newsroom.Proof) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id})); err != nil {
			return err
		}
		var rest int
		if err := tx.QueryRow(ctx, sqlCountRest, args{"id": id, "sections": sections, "cadence": cadence}).Scan(&rest); err != nil {
			return err
		}
		if rest == 0 {
			_, err := s.leave(ctx, tx, id, proof)
			return err
		}
		rows, _ := tx.Query(ctx, sqlLeaveList, args{"id": id, "sections": sections, "cadence": cadence})
		left, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(left) == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, sqlChoseAnew, args{"id": id, "at": s.now().UTC()}); err != nil {
			return err
		}
		if err := s.suppressOpen(ctx, tx, id, left); err != nil {
			return err
		}
		return s.confirmLeft(ctx, tx, id, left, false, proof)
	})
	if err != nil {
		return fmt.Errorf("leave lists: %w", err)
	}
	return nil
}

func (s *Store) leaveAll(ctx context.Context, id string, proof newsroom.Proof) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		_, err := s.leave(ctx, tx, id, proof)
		return err
	})
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// leaveByLink is leaveAll by the preferences link, which is on the register of inquiries too.
func (s *Store) leaveByLink(ctx context.Context, id string, proof newsroom.Proof) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		left, err := s.leave(ctx, tx, id, proof)
		if err != nil || !left {
			return err
		}
		return s.ownInquiry(ctx, tx, id, newsroom.InquiryWithdrawal)
	})
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}

// leave ends the whole subscription and writes the letter that confirms it; left is false where it had ended before.
func (s *Store) leave(ctx context.Context, tx pgx.Tx, id string, proof newsroom.Proof) (left bool, err error) {
	u, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id}))
	if err != nil || (u.State != newsroom.SubscriberConfirmed && u.State != newsroom.SubscriberRequested) {
		return false, err
	}
	sections, err := s.endLists(ctx, tx, u)
	if err != nil {
		return false, err
	}
	return true, s.confirmLeft(ctx, tx, id, sections, true, proof)
}

// endLists ends every list of a subscriber at once and returns them.
func (s *Store) endLists(ctx context.Context, tx pgx.Tx, u sub) (sections []string, err error) {
	whole, err := s.whole(ctx, tx, u)
	if err != nil {
		return nil, err
	}
	for _, l := range whole.Lists {
		sections = append(sections, l.Section)
	}
	if _, err := tx.Exec(ctx, sqlLeaveLists, args{"id": u.ID, "keep": []string{}}); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, sqlLeaveSub, args{"id": u.ID, "at": s.now().UTC()}); err != nil {
		return nil, err
	}
	return sections, s.suppressOpen(ctx, tx, u.ID, nil)
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
	// What relays said may repeat half of the address.
	sqlEraseRows    = `UPDATE mail_deliveries SET email = '', name = '', reply = '' WHERE subscriber_id = @id`
	sqlEraseLetters = `UPDATE letters SET reply = '' WHERE subscriber_id = @id AND reply <> ''`
	sqlEraseBounces = `UPDATE bounces SET said = '' WHERE subscriber_id = @id AND subscriber_id <> ''`

	// What was asked and answered may name the person; that it was, when and with what outcome, stays.
	sqlEraseInquiries = `UPDATE inquiries SET words = '' WHERE subscriber_id = @id AND subscriber_id <> ''`
	sqlEraseAnswers   = `
	UPDATE inquiry_acts a SET note = '' FROM inquiries i WHERE i.id = a.inquiry_id AND i.subscriber_id = @id AND i.subscriber_id <> ''`
)

// Erase removes what names the person behind a preferences link, in every ledger row too; a keyed hash stays so that no list
// takes the address back. It cannot be undone.
func (s *Store) Erase(ctx context.Context, token string, proof newsroom.Proof) error {
	u, err := s.SubscriberByToken(ctx, token)
	if err != nil {
		return err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if err := s.erase(ctx, tx, u.ID, proof); err != nil {
			return err
		}
		return s.ownInquiry(ctx, tx, u.ID, newsroom.InquiryErasure)
	})
	if err != nil {
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
	for _, sql := range []string{sqlEraseConsents, sqlEraseRows, sqlEraseLetters, sqlEraseBounces, sqlEraseInquiries, sqlEraseAnswers} {
		if _, err := tx.Exec(ctx, sql, args{"id": id}); err != nil {
			return err
		}
	}
	proof.IP = ""
	_, err = s.consented(ctx, tx, id, actErased, now, proof, nil)
	return err
}
