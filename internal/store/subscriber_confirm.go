package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// pending is what an address has asked for and nobody has confirmed yet. A request renews those before it whose links still worked, so
// that one link stands for all of them: each section once, as it was asked for last. Leaving everything ends them, leaving a list does not.
type pending struct {
	lists  []newsroom.Subscription
	name   string // as it was typed last, "" never
	locale string
	at     time.Time // of the newest request
	first  int64     // number of the oldest request, by which their link is known
}

const sqlOpenRequests = `
	SELECT id, at, detail FROM consents WHERE subscriber_id = @subscriber AND act = 'requested'
	  AND id > coalesce((SELECT max(id) FROM consents WHERE subscriber_id = @subscriber
	    AND (act IN ('confirmed', 'erased') OR (act = 'left' AND detail->>'all' = 'true'))), 0)
	ORDER BY id`

// pending returns what u has asked for and not confirmed yet. done: there is nothing to confirm any more.
func (s *Store) pending(ctx context.Context, q querier, u sub) (p pending, done bool, err error) {
	rows, _ := q.Query(ctx, sqlOpenRequests, args{"subscriber": u.ID})
	var act int64
	var at time.Time
	var detail []byte
	_, err = pgx.ForEachRow(rows, []any{&act, &at, &detail}, func() error {
		var want asked
		if err := json.Unmarshal(detail, &want); err != nil {
			return err
		}
		if at.Sub(p.at) > newsroom.ConfirmLife {
			p = pending{}
		}
		if p.first == 0 {
			p.first = act
		}
		p.add(want, at)
		return nil
	})
	switch {
	case err != nil:
		return p, false, fmt.Errorf("requests of subscriber %s: %w", u.ID, err)
	case p.at.IsZero() && u.State == newsroom.SubscriberConfirmed:
		return p, true, nil
	case s.now().After(p.until(u)):
		return p, false, newsroom.ErrNotFound
	}
	return p, false, nil
}

func (p *pending) add(want asked, at time.Time) {
	p.at = at
	for _, section := range want.Sections {
		p.lists = slices.DeleteFunc(p.lists, func(l newsroom.Subscription) bool { return l.Section == section })
		p.lists = append(p.lists, newsroom.Subscription{Section: section, Cadence: want.Cadence})
	}
	if want.Name != "" {
		p.name = want.Name
	}
	if want.Locale != "" {
		p.locale = want.Locale
	}
}

const sqlRenewConfirm = `UPDATE subscribers SET confirm_hash = @hash WHERE id = @id`

// confirmToken is the token of the link that stands for the requests from act first on. Each such link is another one: whoever keeps an
// old mail cannot press what somebody asks for later.
func (s *Store) confirmToken(u sub, first int64) string {
	return s.keys.Token(PurposeConfirm, u.ID+"-"+strconv.FormatInt(first, 10), u.version)
}

// confirmLink is the token of p's link. A link of before each had its own stands until the next request that begins anew.
func (s *Store) confirmLink(u sub, p pending) string {
	token := s.confirmToken(u, p.first)
	if !bytes.Equal(hashToken(token), u.confirm) {
		return s.keys.Token(PurposeConfirm, u.ID, u.version)
	}
	return token
}

// renewConfirm makes the link of request act the one that works, unless it adds to requests whose link works still.
func (s *Store) renewConfirm(ctx context.Context, tx pgx.Tx, id string, act int64) error {
	u, err := scanSub(tx.QueryRow(ctx, sqlSubByID, args{"id": id}))
	if err != nil {
		return err
	}
	p, _, err := s.pending(ctx, tx, u)
	if err != nil || p.first != act {
		return err
	}
	_, err = tx.Exec(ctx, sqlRenewConfirm, args{"id": id, "hash": hashToken(s.confirmToken(u, act))})
	return err
}

// until is when the link of p stops working: after its life, or when the data of somebody who had left are erased.
func (p pending) until(u sub) time.Time {
	end := p.at.Add(newsroom.ConfirmLife)
	if u.LeftAt != nil && u.LeftAt.Add(leftLife).Before(end) {
		return u.LeftAt.Add(leftLife)
	}
	return end
}

// nameOf is what u is called once p is confirmed: nobody renames a subscriber by a form.
func (p pending) nameOf(u sub) string {
	if p.name == "" || (u.State == newsroom.SubscriberConfirmed && u.Name != "") {
		return u.Name
	}
	return p.name
}

// localeOf is the language of u once p is confirmed, and of what asks for it.
func (p pending) localeOf(u sub) string {
	if p.locale == "" {
		return u.Locale
	}
	return p.locale
}

// Confirmation looks what a confirmation link stands for, changing nothing. newsroom.ErrNotFound for a link that is unknown or older
// than its mail said.
func (s *Store) Confirmation(ctx context.Context, token string) (c newsroom.Confirmation, err error) {
	found, err := scanSub(s.db.QueryRow(ctx, sqlSubByConfirm, args{"hash": hashToken(token)}))
	if err != nil {
		return c, fmt.Errorf("confirmation: %w", err)
	}
	p, done, err := s.pending(ctx, s.db, found)
	if err != nil {
		return c, fmt.Errorf("confirmation: %w", err)
	}
	if c.Subscriber, err = s.whole(ctx, s.db, found); err != nil {
		return c, err
	}
	if c.Blocked, err = s.held(ctx, s.db, found.mac); err != nil {
		return c, err
	}
	c.Done, c.Before = done, c.Lists
	c.Name, c.Locale = p.nameOf(found), p.localeOf(found)
	c.Lists, err = s.inOrder(ctx, s.db, append(slices.DeleteFunc(slices.Clone(c.Before), func(l newsroom.Subscription) bool {
		return slices.ContainsFunc(p.lists, func(asked newsroom.Subscription) bool { return asked.Section == l.Section })
	}), p.lists...))
	return c, err
}

const sqlInOrder = `SELECT id FROM sections WHERE id = ANY (@ids) ORDER BY position, id`

// inOrder puts lists in the order of their sections.
func (s *Store) inOrder(ctx context.Context, q querier, lists []newsroom.Subscription) ([]newsroom.Subscription, error) {
	rows, _ := q.Query(ctx, sqlInOrder, args{"ids": sectionIDs(lists)})
	order, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("order of sections: %w", err)
	}
	slices.SortStableFunc(lists, func(a, b newsroom.Subscription) int {
		return slices.Index(order, a.Section) - slices.Index(order, b.Section)
	})
	return lists, nil
}

func sectionIDs(lists []newsroom.Subscription) []string {
	ids := make([]string, len(lists))
	for i, l := range lists {
		ids[i] = l.Section
	}
	return ids
}

const sqlConfirmSub = `
	UPDATE subscribers SET state = 'confirmed', confirmed_at = coalesce(CASE state WHEN 'confirmed' THEN confirmed_at END, @at), left_at = NULL,
	  name = @name, locale = @locale
	WHERE id = @id`

const sqlWant = `
	INSERT INTO subscriptions (subscriber_id, section_id, cadence, since, changed_at) VALUES (@id, @section, @cadence, @at, @at)
	ON CONFLICT (subscriber_id, section_id) DO UPDATE SET cadence = excluded.cadence,
	  changed_at = CASE subscriptions.cadence WHEN excluded.cadence THEN subscriptions.changed_at ELSE excluded.changed_at END`

// Confirm carries out what a confirmation link stands for, on record with proof: what Confirmation shows. A second press changes
// nothing and answers the same. Blocks that it disproves are lifted and named on record. newsroom.ErrNotFound as for Confirmation.
func (s *Store) Confirm(ctx context.Context, token string, proof newsroom.Proof) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		u, err := scanSub(tx.QueryRow(ctx, sqlLockSubConfirm, args{"hash": hashToken(token)}))
		if err != nil {
			return err
		}
		id = u.ID
		p, done, err := s.pending(ctx, tx, u)
		if err != nil || done {
			return err
		}
		now := s.now().UTC()
		if _, err := tx.Exec(ctx, sqlConfirmSub, args{"id": u.ID, "name": p.nameOf(u), "locale": p.localeOf(u), "at": now}); err != nil {
			return err
		}
		for _, l := range p.lists {
			if _, err := tx.Exec(ctx, sqlWant, args{"id": u.ID, "section": l.Section, "cadence": l.Cadence, "at": now}); err != nil {
				return err
			}
		}
		lifted, err := s.lift(ctx, tx, u)
		if err != nil {
			return err
		}
		about := ofLists(p.lists)
		if len(lifted) > 0 {
			about["lifted"] = lifted
		}
		_, err = s.consented(ctx, tx, u.ID, actConfirmed, now, proof, about)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("confirm subscription: %w", err)
	}
	return id, nil
}
