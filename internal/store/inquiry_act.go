package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

const sqlInsertInquiryAct = `INSERT INTO inquiry_acts (inquiry_id, act, at, by_id, note) VALUES (@id, @act, @at, @by, @note)`

// inquiryAct notes one thing done about an inquiry, here and (without its words) in the audit.
func (s *Store) inquiryAct(ctx context.Context, tx pgx.Tx, by newsroom.Person, i newsroom.Inquiry, act newsroom.InquiryAct, note string) error {
	if _, err := tx.Exec(ctx, sqlInsertInquiryAct, args{"id": i.ID, "act": act, "at": s.now().UTC(), "by": by.ID, "note": note}); err != nil {
		return fmt.Errorf("note %s of inquiry %s: %w", act, i.ID, err)
	}
	detail := map[string]any{"inquiry_id": i.ID, "kind": i.Kind}
	if i.SubscriberID != "" {
		detail["subscriber_id"] = i.SubscriberID
	}
	if i.Outcome != "" {
		detail["outcome"] = i.Outcome
	}
	return s.adminAct(ctx, tx, by, "inquiry."+string(act), detail)
}

// onInquiry does one thing about an inquiry that is still open, in one transaction; newsroom.ErrConflict when it is closed.
func (s *Store) onInquiry(ctx context.Context, id string, do func(pgx.Tx, newsroom.Inquiry) error) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		i, err := scanInquiry(tx.QueryRow(ctx, sqlLockInquiry, args{"id": id}))
		if err != nil {
			return err
		}
		if i.ClosedAt != nil {
			return newsroom.ErrConflict
		}
		return do(tx, i)
	})
	if err != nil {
		return fmt.Errorf("inquiry %s: %w", id, err)
	}
	return nil
}

// answerWords is what was said to a person, as it is kept; *newsroom.InvalidError when nothing was.
func answerWords(said string) (string, error) {
	if said = firstRunes(text.MaskAddresses(text.Block(said)), newsroom.MaxInquiryWords); said == "" {
		return "", &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "answer", Code: "required"}}}
	}
	return said, nil
}

const sqlAnswerInquiry = `UPDATE inquiries SET answered_at = coalesce(answered_at, @at) WHERE id = @id`

// AnswerInquiry notes what was said to the person; the first answer stops the first clock. *newsroom.InvalidError without words.
func (s *Store) AnswerInquiry(ctx context.Context, by newsroom.Person, id, said string) error {
	said, err := answerWords(said)
	if err != nil {
		return err
	}
	return s.onInquiry(ctx, id, func(tx pgx.Tx, i newsroom.Inquiry) error {
		if _, err := tx.Exec(ctx, sqlAnswerInquiry, args{"id": id, "at": s.now().UTC()}); err != nil {
			return err
		}
		if err := s.clearAlert(ctx, tx, "inquiry/"+id+"/answer"); err != nil {
			return err
		}
		return s.inquiryAct(ctx, tx, by, i, newsroom.InquiryAnswered, said)
	})
}

const sqlCloseInquiry = `
	UPDATE inquiries SET closed_at = @at, outcome = @outcome, answered_at = coalesce(answered_at, @at) WHERE id = @id`

// CloseInquiry ends an inquiry with its outcome and what was answered. *newsroom.InvalidError without either.
func (s *Store) CloseInquiry(ctx context.Context, by newsroom.Person, id string, outcome newsroom.InquiryOutcome, said string) error {
	said, err := answerWords(said)
	if !slices.Contains(newsroom.InquiryOutcomes, outcome) {
		err = &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "outcome", Code: "required"}}}
	}
	if err != nil {
		return err
	}
	return s.onInquiry(ctx, id, func(tx pgx.Tx, i newsroom.Inquiry) error {
		if _, err := tx.Exec(ctx, sqlCloseInquiry, args{"id": id, "at": s.now().UTC(), "outcome": outcome}); err != nil {
			return err
		}
		for _, clock := range []string{"/answer", "/settle"} {
			if err := s.clearAlert(ctx, tx, "inquiry/"+id+clock); err != nil {
				return err
			}
		}
		i.Outcome = outcome
		return s.inquiryAct(ctx, tx, by, i, newsroom.InquiryClosed, said)
	})
}

const sqlInquiryMAC = `SELECT email_mac FROM inquiries WHERE id = @id`

// SettleInquiry does what a person asks for: exported notes that the data were handed out, left ends every list, blocked keeps the
// address from every newsletter and from letters that ask to confirm one, unblocked lifts every block (both also of an address that
// nobody has subscribed, or whose person was erased), erased removes the person's data. newsroom.ErrConflict when it is closed,
// newsroom.ErrNotFound where there is nobody to do it to.
func (s *Store) SettleInquiry(ctx context.Context, by newsroom.Person, id string, act newsroom.InquiryAct) error {
	return s.onInquiry(ctx, id, func(tx pgx.Tx, i newsroom.Inquiry) error {
		if act != newsroom.InquiryBlocked && act != newsroom.InquiryUnblocked && (i.State == "" || i.State == newsroom.SubscriberErased) {
			return newsroom.ErrNotFound
		}
		var err error
		switch act {
		case newsroom.InquiryExported:
		case newsroom.InquiryLeft:
			_, err = s.leave(ctx, tx, i.SubscriberID, newsroom.Proof{Source: "admin"})
		case newsroom.InquiryBlocked:
			var mac []byte
			if err = tx.QueryRow(ctx, sqlInquiryMAC, args{"id": id}).Scan(&mac); err == nil {
				err = s.suppress(ctx, tx, mac, scopeBulk, suppressedAdmin)
			}
		case newsroom.InquiryUnblocked:
			var mac []byte
			if err = tx.QueryRow(ctx, sqlInquiryMAC, args{"id": id}).Scan(&mac); err == nil {
				err = s.unblock(ctx, tx, i.SubscriberID, mac)
			}
		case newsroom.InquiryErased:
			err = s.erase(ctx, tx, i.SubscriberID, newsroom.Proof{Source: "admin"})
		default:
			err = newsroom.ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.inquiryAct(ctx, tx, by, i, act, "")
	})
}

// CorrectInquirer changes the name of the person who asks for it; a wrong address is not mended but confirmed anew, by its owner.
func (s *Store) CorrectInquirer(ctx context.Context, by newsroom.Person, id, name string) error {
	name = firstRunes(text.Line(name), 100)
	return s.onInquiry(ctx, id, func(tx pgx.Tx, i newsroom.Inquiry) error {
		if i.State == "" || i.State == newsroom.SubscriberErased {
			return newsroom.ErrNotFound
		}
		if _, err := tx.Exec(ctx, sqlRenameSub, args{"id": i.SubscriberID, "name": name}); err != nil {
			return err
		}
		return s.inquiryAct(ctx, tx, by, i, newsroom.InquiryCorrected, "")
	})
}

const sqlOwnInquiry = `
	INSERT INTO inquiries (id, subscriber_id, email_mac, kind, channel, received_at, answer_days, answer_due, settle_due, answered_at, closed_at, outcome)
	SELECT @id, s.id, s.email_mac, @kind, 'link', @at, 0, @at, @at, @at, @at, 'done' FROM subscribers s
	WHERE s.id = @subscriber AND NOT EXISTS (SELECT FROM inquiries i
	  WHERE i.subscriber_id = @subscriber AND i.kind = @kind AND i.channel = 'link' AND i.received_at > @since)`

// ownInquiry puts on the register what a person did by the preferences link, answered as it was asked; once a day of each kind.
func (s *Store) ownInquiry(ctx context.Context, tx pgx.Tx, subscriberID string, kind newsroom.InquiryKind) error {
	now := s.now().UTC()
	_, err := tx.Exec(ctx, sqlOwnInquiry, args{
		"id": newsroom.NewID(), "subscriber": subscriberID, "kind": kind, "at": now, "since": now.Add(-24 * time.Hour),
	})
	if err != nil {
		return fmt.Errorf("note what subscriber %s did: %w", subscriberID, err)
	}
	return nil
}
