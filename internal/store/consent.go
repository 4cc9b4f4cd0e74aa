package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Acts of consent.
const (
	actRequested = "requested"
	actConfirmed = "confirmed"
	actChanged   = "changed"
	actLeft      = "left"
	actErased    = "erased"
	actImported  = "imported"
)

// asked is what a request wants, kept in its consent row until the mailed link is pressed: a stranger's request for a known
// address changes nothing before.
type asked struct {
	Sections []string         `json:"sections"`
	Cadence  newsroom.Cadence `json:"cadence"`
	Name     string           `json:"name,omitempty"`
	Locale   string           `json:"locale,omitempty"`
}

// ofLists is what an act about lists keeps: the sections, and each with its cadence.
func ofLists(lists []newsroom.Subscription) map[string]any {
	kept := make([]map[string]any, len(lists))
	for i, l := range lists {
		kept[i] = map[string]any{"section": l.Section, "cadence": l.Cadence}
	}
	return map[string]any{"sections": sectionIDs(lists), "lists": kept}
}

const sqlInsertConsent = `
	INSERT INTO consents (subscriber_id, act, at, ip, form_version, source, detail)
	VALUES (@subscriber, @act, @at, @ip, @form, @source, @detail) RETURNING id`

// consented puts an act of consent or withdrawal on record and returns its number.
func (s *Store) consented(ctx context.Context, tx pgx.Tx, subscriberID, act string, at time.Time, p newsroom.Proof, detail any) (id int64, err error) {
	if detail == nil {
		detail = map[string]any{}
	}
	err = tx.QueryRow(ctx, sqlInsertConsent, args{
		"subscriber": subscriberID, "act": act, "at": at, "ip": firstRunes(p.IP, 64), "form": firstRunes(p.Form, 64),
		"source": firstRunes(p.Source, 200), "detail": toJSON(detail),
	}).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("record consent of subscriber %s: %w", subscriberID, err)
	}
	return id, nil
}

const sqlNewestAct = `
	SELECT id, act, at FROM consents WHERE subscriber_id = @subscriber ORDER BY id DESC LIMIT 1`

// newestAct returns the last act of a subscriber.
func (s *Store) newestAct(ctx context.Context, q querier, subscriberID string) (id int64, act string, at time.Time, err error) {
	if err = q.QueryRow(ctx, sqlNewestAct, args{"subscriber": subscriberID}).Scan(&id, &act, &at); err != nil {
		return 0, "", at, fmt.Errorf("newest consent of subscriber %s: %w", subscriberID, notFound(err))
	}
	return id, act, at, nil
}

const sqlConsents = `
	SELECT act, at, ip, form_version, source, detail FROM consents WHERE subscriber_id = @subscriber ORDER BY id`

// Consents lists every act of a subscriber, oldest first: the proof that can be handed out.
func (s *Store) Consents(ctx context.Context, subscriberID string) ([]newsroom.Consent, error) {
	rows, _ := s.db.Query(ctx, sqlConsents, args{"subscriber": subscriberID})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c newsroom.Consent, err error) {
		var detail []byte
		if err = row.Scan(&c.Act, &c.At, &c.IP, &c.Form, &c.Source, &detail); err != nil {
			return c, err
		}
		return c, json.Unmarshal(detail, &c.Detail)
	})
	if err != nil {
		return nil, fmt.Errorf("consents of subscriber %s: %w", subscriberID, err)
	}
	return list, nil
}

const sqlPersonalMails = `
	SELECT i.subject, d.date, d.state FROM mail_deliveries d JOIN mail_issues i ON i.id = d.issue_id
	WHERE d.subscriber_id = @subscriber ORDER BY d.date DESC LIMIT 1000`

// PersonalData is everything that is stored about the person whose preferences link is given (Law 91/2025: answered at once), and
// notes on the register that it was asked.
func (s *Store) PersonalData(ctx context.Context, token string) (newsroom.PersonalData, error) {
	sub, err := s.SubscriberByToken(ctx, token)
	if err != nil {
		return newsroom.PersonalData{}, err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error { return s.ownInquiry(ctx, tx, sub.ID, newsroom.InquiryAccess) })
	if err != nil {
		return newsroom.PersonalData{}, err
	}
	return s.personalData(ctx, sub)
}

// SubscriberData is PersonalData for the admin who answers a person's letter.
func (s *Store) SubscriberData(ctx context.Context, id string) (newsroom.PersonalData, error) {
	sub, err := s.Subscriber(ctx, id)
	if err != nil {
		return newsroom.PersonalData{}, err
	}
	return s.personalData(ctx, sub)
}

func (s *Store) personalData(ctx context.Context, sub newsroom.Subscriber) (d newsroom.PersonalData, err error) {
	d = newsroom.PersonalData{
		ID: sub.ID, Email: sub.Email, Name: sub.Name, Locale: sub.Locale, State: sub.State, Source: sub.Source,
		RequestedAt: sub.RequestedAt, ConfirmedAt: sub.ConfirmedAt, LeftAt: sub.LeftAt, Lists: sub.Lists,
	}
	if d.Consents, err = s.Consents(ctx, sub.ID); err != nil {
		return d, err
	}
	rows, _ := s.db.Query(ctx, sqlPersonalMails, args{"subscriber": sub.ID})
	if d.Mails, err = pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.PersonalMail]); err != nil {
		return d, fmt.Errorf("mails of subscriber %s: %w", sub.ID, err)
	}
	if d.Bounces, err = s.SubscriberBounces(ctx, sub.ID); err != nil {
		return d, err
	}
	d.Inquiries, err = s.personalInquiries(ctx, sub.ID)
	return d, err
}
