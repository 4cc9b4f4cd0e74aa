package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Why an address gets no mail, and how much of it.
const (
	suppressedLeft      = "left"
	suppressedHard      = "hard"
	suppressedSoft      = "soft"
	suppressedComplaint = "complaint"
	suppressedErased    = "erased"
	suppressedAdmin     = "admin"

	scopeBulk = "bulk" // newsletters
	scopeAll  = "all"  // letters too
)

// emailMAC is the keyed hash of an address: it survives erasure, so that nobody who was erased is taken back by a list.
func (s *Store) emailMAC(key string) []byte { return s.keys.MAC("email", key) }

// Who may lift a block: what servers said of an address (hard, soft) is disproved by its owner, who confirms a letter that arrived there;
// an erasure keeps lists from taking an address back, not its owner. Where a reader called our mail spam, or the office writes no more,
// a form that anybody can fill in causes no letter either: only the office lifts that.
const held = `(why IN ('complaint', 'admin') OR (scope = 'all' AND why <> 'hard'))`

const (
	// A block that only the office lifts takes the place of one that its reader lifts, never the other way round.
	sqlSuppress = `
	INSERT INTO suppressions AS b (email_mac, scope, why, at) VALUES (@mac, @scope, @why, @at)
	ON CONFLICT (email_mac, scope) DO UPDATE SET why = excluded.why, at = excluded.at
	WHERE array_position(ARRAY['complaint', 'admin'], excluded.why) > coalesce(array_position(ARRAY['complaint', 'admin'], b.why), 0)`
	// A suppressed row keeps why where others keep how far the relay went: its reader left, or the address is blocked.
	suppressedWhy = `coalesce((SELECT b.why FROM suppressions b JOIN subscribers s ON s.email_mac = b.email_mac
	  WHERE s.id = d.subscriber_id ORDER BY b.scope LIMIT 1), 'left')`
	sqlSuppressOpen = `
	UPDATE mail_deliveries d SET state = CASE WHEN resent OR state = 'in_doubt' THEN 'in_doubt' ELSE 'suppressed' END,
	  smtp_stage = CASE WHEN resent OR state = 'in_doubt' THEN smtp_stage ELSE ` + suppressedWhy + ` END,
	  next_attempt = NULL, done_at = @at
	WHERE subscriber_id = @subscriber AND (state IN ('pending', 'claimed', 'soft') OR (state = 'in_doubt' AND next_attempt IS NOT NULL))
	  AND (cardinality(@lists::text[]) = 0 OR issue_id IN (SELECT id FROM mail_issues i
	    WHERE i.id = issue_id AND CASE i.kind WHEN 'digest' THEN i.sections && @lists::text[] ELSE i.list = ANY (@lists::text[]) END))`
	sqlUnsuppress = `DELETE FROM suppressions WHERE email_mac = @mac AND NOT ` + held + ` RETURNING why`
	sqlHeld       = `SELECT why FROM suppressions WHERE email_mac = @mac AND ` + held + ` ORDER BY scope LIMIT 1`
	// What only the office lifts is told first.
	sqlWhy   = `SELECT why FROM suppressions WHERE email_mac = @mac AND (scope = 'all' OR @bulk) ORDER BY NOT ` + held + `, scope LIMIT 1`
	sqlByMAC = `SELECT id FROM subscribers WHERE email_mac = @mac AND state <> 'erased'`
)

// suppress stops newsletters (or with scopeAll every mail) to an address, what is on its way included: a row is either at
// its dot already or will never get there, since both change it under its lock.
func (s *Store) suppress(ctx context.Context, tx pgx.Tx, mac []byte, scope, why string) error {
	if _, err := tx.Exec(ctx, sqlSuppress, args{"mac": mac, "scope": scope, "why": why, "at": s.now().UTC()}); err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	rows, _ := tx.Query(ctx, sqlByMAC, args{"mac": mac})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("suppress: %w", err)
	}
	for _, id := range ids {
		if err := s.suppressOpen(ctx, tx, id, nil); err != nil {
			return err
		}
	}
	return nil
}

// suppressOpen takes back what has not reached its dot of a subscriber's newsletters: those of lists, none given: all. A mail
// that may exist already stays in doubt and is not sent again.
func (s *Store) suppressOpen(ctx context.Context, tx pgx.Tx, subscriberID string, lists []string) error {
	if _, err := tx.Exec(ctx, sqlShareUnroll); err != nil {
		return fmt.Errorf("wait for an unroll: %w", err)
	}
	if err := lockRows(ctx, tx, sqlLockOfSubscriber, underWay, args{"subscriber": subscriberID}); err != nil {
		return fmt.Errorf("stop mails to subscriber %s: %w", subscriberID, err)
	}
	if _, err := tx.Exec(ctx, sqlSuppressOpen, args{"subscriber": subscriberID, "lists": orEmpty(lists), "at": s.now().UTC()}); err != nil {
		return fmt.Errorf("stop mails to subscriber %s: %w", subscriberID, err)
	}
	return nil
}

// why says what suppresses an address, "" nothing. With bulk a block of newsletters counts too.
func (s *Store) why(ctx context.Context, q querier, mac []byte, bulk bool) (string, error) {
	return reason(q.QueryRow(ctx, sqlWhy, args{"mac": mac, "bulk": bulk}))
}

// held says why an address gets no letter that asks it to confirm, and what confirming would not lift: "" nothing does.
func (s *Store) held(ctx context.Context, q querier, mac []byte) (string, error) {
	return reason(q.QueryRow(ctx, sqlHeld, args{"mac": mac}))
}

func reason(row pgx.Row) (why string, err error) {
	if err = ignoreNotFound(notFound(row.Scan(&why))); err != nil {
		return "", fmt.Errorf("look for suppression: %w", err)
	}
	return why, nil
}

// lift takes away the blocks that a confirmation disproves, and returns what they were for. What came back before counts no more.
func (s *Store) lift(ctx context.Context, tx pgx.Tx, u sub) (lifted []string, err error) {
	rows, _ := tx.Query(ctx, sqlUnsuppress, args{"mac": u.mac})
	if lifted, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("lift blocks of subscriber %s: %w", u.ID, err)
	}
	if _, err := tx.Exec(ctx, sqlForgive, args{"id": u.ID}); err != nil {
		return nil, fmt.Errorf("forget what came back from subscriber %s: %w", u.ID, err)
	}
	return lifted, nil
}

// BlockSubscriber stops every newsletter to a subscriber on an admin's word; UnblockSubscriber takes it back, also a block that a
// hard bounce made.
func (s *Store) BlockSubscriber(ctx context.Context, by newsroom.Person, id string) error {
	return s.block(ctx, by, id, "subscriber.block", func(tx pgx.Tx, mac []byte) error {
		return s.suppress(ctx, tx, mac, scopeBulk, suppressedAdmin)
	})
}

const (
	sqlUnblock = `DELETE FROM suppressions WHERE email_mac = @mac`
	sqlForgive = `UPDATE bounces SET spent = true WHERE subscriber_id = @id AND subscriber_id <> '' AND NOT spent`
)

// UnblockSubscriber lets newsletters go to a subscriber again; what came back before counts no more.
func (s *Store) UnblockSubscriber(ctx context.Context, by newsroom.Person, id string) error {
	return s.block(ctx, by, id, "subscriber.unblock", func(tx pgx.Tx, mac []byte) error {
		return s.unblock(ctx, tx, id, mac)
	})
}

// unblock lifts every block of an address, and what came back from its subscriber, if there is one, counts no more.
func (s *Store) unblock(ctx context.Context, tx pgx.Tx, id string, mac []byte) error {
	if _, err := tx.Exec(ctx, sqlUnblock, args{"mac": mac}); err != nil {
		return fmt.Errorf("lift blocks: %w", err)
	}
	_, err := tx.Exec(ctx, sqlForgive, args{"id": id})
	return err
}

const sqlSubscriberMAC = `SELECT email_mac FROM subscribers WHERE id = @id AND state <> 'erased' FOR UPDATE`

func (s *Store) block(ctx context.Context, by newsroom.Person, id, action string, do func(pgx.Tx, []byte) error) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var mac []byte
		if err := tx.QueryRow(ctx, sqlSubscriberMAC, args{"id": id}).Scan(&mac); err != nil {
			return notFound(err)
		}
		if err := do(tx, mac); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, action, map[string]any{"subscriber_id": id})
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", action, id, err)
	}
	return nil
}
