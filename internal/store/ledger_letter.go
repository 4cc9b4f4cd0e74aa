package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

type letterLease = struct {
	View    newsroom.LetterView
	Lease   int64
	Attempt int
	Code    int
	State   newsroom.DeliveryState
	Next    *time.Time
}

const (
	sqlLockLetter  = sqlLetter + ` FOR UPDATE`
	sqlClaimLetter = `
	UPDATE letters SET state = 'claimed', lease = lease + 1, next_attempt = NULL, resent = resent OR state = 'in_doubt'
	WHERE id = @id RETURNING lease`
	sqlDoubtLetter = `
	UPDATE letters SET state = CASE WHEN resent THEN 'in_doubt_resent' ELSE 'in_doubt' END, lease = lease + 1, attempt = attempt + 1,
	  next_attempt = CASE WHEN NOT resent AND @resend::interval > interval '0' THEN dot_at + @resend::interval END,
	  done_at = CASE WHEN resent OR @resend::interval <= interval '0' THEN @now::timestamptz END
	WHERE id = @id RETURNING state, next_attempt, attempt`
	sqlDropLetter = `
	UPDATE letters SET state = CASE WHEN resent OR state = 'in_doubt' THEN 'in_doubt_resent' ELSE 'suppressed' END, lease = lease + 1,
	  next_attempt = NULL, done_at = @now WHERE id = @id RETURNING state`
)

// LeaseLetter takes a letter that is to be sent now and returns its view with fresh tokens. Where there is nothing to send the
// State says why: a final one, soft or in_doubt with Next, suppressed for a letter whose link died or whose addressee is gone.
// A letter that stands at its dot becomes in_doubt, due at dot_at + resendAfter, or in_doubt_resent.
func (s *Store) LeaseLetter(ctx context.Context, letterID string, now time.Time, resendAfter time.Duration) (letterLease, error) {
	var out letterLease
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = letterLease{}
		l, err := scanLetter(tx.QueryRow(ctx, sqlLockLetter, args{"id": letterID}))
		if err != nil {
			return err
		}
		out.State, out.Attempt, out.Code, out.Next, out.Lease = l.state, l.attempt, l.code, l.next, l.lease
		waits := l.state == newsroom.DeliverySoft || l.state == newsroom.DeliveryInDoubt
		switch {
		case l.state == newsroom.DeliveryDot:
			return tx.QueryRow(ctx, sqlDoubtLetter, args{"id": l.id, "resend": resendAfter, "now": now.UTC()}).Scan(&out.State, &out.Next, &out.Attempt)
		case waits && (l.next == nil || l.next.After(now)):
			return nil
		case !waits && l.state.Final():
			return nil
		}
		if out.View, err = s.letterView(ctx, tx, l); errors.Is(err, errNobody) {
			return tx.QueryRow(ctx, sqlDropLetter, args{"id": l.id, "now": now.UTC()}).Scan(&out.State)
		}
		if err != nil {
			return err
		}
		out.State, out.Next = newsroom.DeliveryClaimed, nil
		return tx.QueryRow(ctx, sqlClaimLetter, args{"id": l.id}).Scan(&out.Lease)
	})
	if err != nil {
		return letterLease{}, fmt.Errorf("lease letter %s: %w", letterID, err)
	}
	return out, nil
}

const (
	sqlGrantLetter = `
	UPDATE letters SET state = 'dot', dot_at = @at, body_hash = @hash WHERE id = @id AND lease = @lease AND state = 'claimed' RETURNING state`
	sqlSettleLetter = `
	UPDATE letters SET state = CASE WHEN resent AND @state IN ('sent', 'in_doubt') THEN 'in_doubt_resent' ELSE @state END,
	  attempt = attempt + CASE WHEN @state IN ('soft', 'in_doubt') THEN 1 ELSE 0 END - CASE state WHEN 'in_doubt' THEN 1 ELSE 0 END,
	  next_attempt = CASE WHEN @state = 'soft' OR (@state = 'in_doubt' AND NOT resent) THEN @next::timestamptz END,
	  done_at = CASE WHEN @state IN ('sent', 'hard', 'expired') OR (@state = 'in_doubt' AND (resent OR @next::timestamptz IS NULL)) THEN @at::timestamptz END,
	  smtp_code = @code, enhanced = @enhanced, reply = @reply, smtp_stage = @stage
	WHERE id = @id AND ((lease = @lease AND state IN ('claimed', 'dot'))
	  OR (lease = @lease + 1 AND state = 'in_doubt' AND next_attempt IS NOT NULL AND NOT resent
	    AND (@state = 'sent' OR (@stage = 'dot' AND @state IN ('soft', 'hard', 'expired'))))) RETURNING state`
	sqlLetterState = `SELECT state FROM letters WHERE id = @id AND (lease = @lease OR (lease = @lease + 1 AND state = @state AND @state <> 'dot'))`
)

// commitLetter writes one entry of a letter and returns its state now, "" where the lease no longer matches.
func (s *Store) commitLetter(ctx context.Context, tx pgx.Tx, e ledgerEntry) (state newsroom.DeliveryState, err error) {
	if e.State == newsroom.DeliveryDot {
		err = tx.QueryRow(ctx, sqlGrantLetter, args{"id": e.LetterID, "lease": e.Lease, "at": e.At.UTC(), "hash": e.BodyHash}).Scan(&state)
	} else {
		err = tx.QueryRow(ctx, sqlSettleLetter, args{
			"id": e.LetterID, "lease": e.Lease, "state": string(e.State), "at": e.At.UTC(), "next": e.Next, "code": e.Code,
			"enhanced": e.Enhanced, "reply": e.Reply, "stage": e.Stage,
		}).Scan(&state)
	}
	if errors.Is(err, pgx.ErrNoRows) { // a repeat, or another lease
		err = tx.QueryRow(ctx, sqlLetterState, args{"id": e.LetterID, "lease": e.Lease, "state": string(e.State)}).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("commit letter %s: %w", e.LetterID, err)
	}
	return state, nil
}
