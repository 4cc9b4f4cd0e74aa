package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/newsroom"
)

// byKeyOnly are the settings of the connections that commit. A plan that was made while the ledger was small, or before anything
// was known of it, must not read a whole issue for each commit: with these the one way to a row is a lookup by its key. And
// planning a statement of two dozen rows costs as much as running it.
var byKeyOnly = map[string]string{
	"enable_seqscan": "off", "enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	"plan_cache_mode": "force_generic_plan",
}

// One statement for results and dots: each costs the database as much to begin as a few rows. A result that comes when the next lease has
// put its mail in doubt already (its worker was stopped, and woke) ends that doubt, as long as no second copy is on its way: a lease doubts
// what stood at its dot under the one before it. What came before the dot is no such answer: another worker may have sent the mail since.
const sqlCommitRows = `
	UPDATE mail_deliveries d SET
	  state = CASE WHEN d.resent AND e.state IN ('sent', 'in_doubt') THEN 'in_doubt_resent' ELSE e.state END,
	  dot_at = CASE WHEN e.state = 'dot' THEN e.at ELSE d.dot_at END,
	  body_hash = CASE WHEN e.state = 'dot' THEN e.hash ELSE d.body_hash END,
	  attempt = d.attempt + CASE WHEN e.state IN ('soft', 'in_doubt') THEN 1 ELSE 0 END - CASE d.state WHEN 'in_doubt' THEN 1 ELSE 0 END,
	  next_attempt = CASE WHEN e.state = 'soft' OR (e.state = 'in_doubt' AND NOT d.resent) THEN e.next END,
	  done_at = CASE WHEN e.state IN ('sent', 'hard', 'expired') OR (e.state = 'in_doubt' AND (d.resent OR e.next IS NULL)) THEN e.at END,
	  smtp_code = CASE WHEN e.state IN ('dot', 'pending') THEN d.smtp_code ELSE e.code END,
	  enhanced = CASE WHEN e.state IN ('dot', 'pending') THEN d.enhanced ELSE e.enhanced END,
	  reply = CASE WHEN e.state IN ('dot', 'pending') THEN d.reply ELSE e.reply END,
	  smtp_stage = CASE WHEN e.state IN ('dot', 'pending') THEN d.smtp_stage ELSE e.stage END
	FROM unnest($1::mail_entry[]) WITH ORDINALITY
	  AS e (issue_id, subscriber_id, lease, state, at, hash, next, stage, code, enhanced, reply, place)
	WHERE d.issue_id = e.issue_id AND d.subscriber_id = e.subscriber_id
	  AND ((d.lease = e.lease AND (d.state = 'claimed' OR (d.state = 'dot' AND e.state <> 'dot')))
	    OR (d.lease = e.lease + 1 AND d.state = 'in_doubt' AND d.next_attempt IS NOT NULL AND NOT d.resent
	      AND (e.state = 'sent' OR (e.stage = 'dot' AND e.state IN ('soft', 'hard', 'expired')))))
	RETURNING e.place, d.state`

// Commit writes entries in one transaction, results before dots, and returns for each the state its row has now; "" where the
// lease no longer matches, or another connection was permitted the dot; the answer to a dot is taken also where the next lease has doubted
// it. Repeating the same entries answers the same.
func (s *Store) Commit(ctx context.Context, entries []ledgerEntry) ([]newsroom.DeliveryState, error) {
	states := make([]newsroom.DeliveryState, len(entries))
	var mails, letters, hard []int
	for i, e := range entries {
		switch {
		case e.LetterID != "":
			letters = append(letters, i)
		default:
			mails = append(mails, i)
		}
		if e.Suppress && e.State == newsroom.DeliveryHard && e.LetterID == "" {
			hard = append(hard, i)
		}
	}
	var err error
	if len(letters) == 0 && len(hard) == 0 {
		err = s.commitMails(ctx, s.ledger, entries, mails, states)
	} else {
		err = txOn(ctx, s.ledger, func(tx pgx.Tx) error {
			clear(states)
			if err := s.commitMails(ctx, tx, entries, mails, states); err != nil {
				return err
			}
			for _, i := range letters {
				if states[i], err = s.commitLetter(ctx, tx, entries[i]); err != nil {
					return err
				}
			}
			for _, i := range hard {
				if states[i] != newsroom.DeliveryHard {
					continue
				}
				if err := s.suppressSubscriber(ctx, tx, entries[i].SubscriberID, suppressedHard); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("commit %d rows of the ledger: %w", len(entries), err)
	}
	return states, nil
}

// commitMails writes the entries at the places of which. What no statement changed (a repeat, a refused dot, a lost lease) is
// looked up afterwards: such a row does not change any more under its lease.
func (s *Store) commitMails(ctx context.Context, db querier, entries []ledgerEntry, which []int, states []newsroom.DeliveryState) error {
	if len(which) == 0 {
		return nil
	}
	list := statements(entries, which)
	if len(list) > 1 { // a row twice: one transaction all the same
		if pool, ok := db.(*pgxpool.Pool); ok {
			return txOn(ctx, pool, func(tx pgx.Tx) error { return s.commitMails(ctx, tx, entries, which, states) })
		}
	}
	changed := 0
	for _, rows := range list {
		n, err := commitStatement(ctx, db, entries, rows, states)
		if err != nil {
			return err
		}
		changed += n
	}
	if changed == len(which) {
		return nil
	}
	return s.lookUp(ctx, db, entries, which, states)
}

// commitStatement writes entries of different rows, and says how many it changed.
func commitStatement(ctx context.Context, db querier, entries []ledgerEntry, rows []int, states []newsroom.DeliveryState) (changed int, err error) {
	answer, _ := db.Query(ctx, sqlCommitRows, entryRows{entries, rows})
	var place int
	var state newsroom.DeliveryState
	_, err = pgx.ForEachRow(answer, []any{&place, &state}, func() error {
		states[rows[place-1]] = state
		changed++
		return nil
	})
	return changed, err
}

// ledgerKey names a row of the ledger.
type ledgerKey struct{ issue, subscriber string }

func keyOf(e ledgerEntry) ledgerKey { return ledgerKey{e.IssueID, e.SubscriberID} }

// statements sorts the places of which into what one statement each can write: no row twice, results before dots, and each in the
// order in which rows are locked. There is seldom more than one.
func statements(entries []ledgerEntry, which []int) (list [][]int) {
	rest := slices.Clone(which)
	slices.SortStableFunc(rest, func(a, b int) int {
		return cmp.Or(cmp.Compare(entries[a].IssueID, entries[b].IssueID), cmp.Compare(entries[a].SubscriberID, entries[b].SubscriberID),
			cmp.Compare(rank(entries[a]), rank(entries[b])))
	})
	for len(rest) > 0 {
		var rows, later []int
		for _, i := range rest {
			if len(rows) > 0 && keyOf(entries[rows[len(rows)-1]]) == keyOf(entries[i]) {
				later = append(later, i)
			} else {
				rows = append(rows, i)
			}
		}
		list, rest = append(list, rows), later
	}
	return list
}

func rank(e ledgerEntry) int {
	if e.State == newsroom.DeliveryDot {
		return 1
	}
	return 0
}

const sqlLookUp = `
	SELECT d.issue_id, d.subscriber_id, d.lease, d.state, coalesce(d.dot_at, 'epoch') FROM unnest(@issues::text[], @subscribers::text[]) AS e (issue_id, subscriber_id)
	JOIN mail_deliveries d ON d.issue_id = e.issue_id AND d.subscriber_id = e.subscriber_id`

// lookUp answers the entries that changed nothing. A dot is answered to whoever was permitted it, known by its moment: a pause gives rows
// back that connections have in hand, and when it is over another connection of the same lease may have taken one of them.
func (s *Store) lookUp(ctx context.Context, q querier, entries []ledgerEntry, which []int, states []newsroom.DeliveryState) error {
	var issues, subscribers []string
	for _, i := range which {
		if states[i] == "" {
			issues, subscribers = append(issues, entries[i].IssueID), append(subscribers, entries[i].SubscriberID)
		}
	}
	type standing struct {
		lease int64
		state newsroom.DeliveryState
		dotAt time.Time
	}
	found := map[[2]string]standing{}
	rows, _ := q.Query(ctx, sqlLookUp, args{"issues": issues, "subscribers": subscribers})
	var key [2]string
	var now standing
	if _, err := pgx.ForEachRow(rows, []any{&key[0], &key[1], &now.lease, &now.state, &now.dotAt}, func() error {
		found[key] = now
		return nil
	}); err != nil {
		return err
	}
	for _, i := range which {
		e := entries[i]
		now, ok := found[[2]string{e.IssueID, e.SubscriberID}]
		anothers := e.State == newsroom.DeliveryDot && now.state == newsroom.DeliveryDot && now.dotAt.UnixMicro() != e.At.UnixMicro()
		late := now.lease == e.Lease+1 && now.state == e.State && e.State != newsroom.DeliveryDot // a repeat of one
		if ok && states[i] == "" && (now.lease == e.Lease && !anothers || late) {
			states[i] = now.state
		}
	}
	return nil
}

// suppressSubscriber is suppress for the address of a subscriber.
func (s *Store) suppressSubscriber(ctx context.Context, tx pgx.Tx, id, why string) error {
	u, err := scanSub(tx.QueryRow(ctx, sqlSubByID, args{"id": id}))
	if err != nil {
		return ignoreNotFound(err)
	}
	return s.suppress(ctx, tx, u.mac, scopeAll, why)
}
