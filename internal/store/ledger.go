package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// The ledger of the newsletters (mail.md (c)). A row's state and lease change under the row's own lock only, so that every
// question "may this mail still go?" is answered by the one UPDATE that grants its dot: who leaves, suppresses an address,
// pauses or stops an issue changes the rows that have not reached their dot in the same transaction.

// issueCopy, letterLease and ledgerEntry are the plain structs that internal/mail's Ledger speaks in.
type (
	issueCopy = struct {
		Issue      newsroom.Issue
		HTML       string
		Text       string
		ListName   string
		ArchiveURL string
		Portal     string
	}
	ledgerEntry = struct {
		IssueID      string
		SubscriberID string
		LetterID     string
		Lease        int64
		State        newsroom.DeliveryState
		At           time.Time
		BodyHash     []byte
		Next         *time.Time
		Stage        string
		Code         int
		Enhanced     string
		Reply        string
		Suppress     bool
	}
)

const sqlIssueCopy = `
	SELECT ` + issueColumns + `, i.html, i.body_text, coalesce(c.name_vi, '')
	FROM mail_issues i LEFT JOIN sections c ON c.id = CASE WHEN i.kind <> 'digest' THEN i.list WHEN cardinality(i.sections) = 1 THEN i.sections[1] END
	WHERE i.id = @id AND i.content_hash <> ''`

// Issue returns the frozen master copy of an issue, newsroom.ErrNotFound where there is none (yet).
func (s *Store) Issue(ctx context.Context, issueID string) (issueCopy, error) {
	var c issueCopy
	i, err := scanIssue(s.db.QueryRow(ctx, sqlIssueCopy, args{"id": issueID}), &c.HTML, &c.Text, &c.ListName)
	if err != nil {
		return c, fmt.Errorf("issue %s: %w", issueID, err)
	}
	c.Issue = i
	c.ArchiveURL = s.base + newsroom.SectionPath(i.List)
	if i.Kind == newsroom.IssueDigest {
		c.ArchiveURL = s.base + archivePath
	}
	office, err := s.office(ctx, s.db)
	c.Portal = office.Portal
	return c, err
}

const (
	sqlLeaseChunk = `UPDATE mail_chunks SET lease = lease + 1 WHERE issue_id = @issue AND chunk_no = @chunk RETURNING lease`
	// Whoever held the chunk before may be at any step: what it claimed is given back under the new lease, what stood at its dot
	// is in doubt. Its own later commits name the old lease and match nothing.
	sqlFenceChunk = `
	UPDATE mail_deliveries SET lease = @lease,
	  state = CASE WHEN state = 'claimed' THEN 'pending' WHEN resent THEN 'in_doubt_resent' ELSE 'in_doubt' END,
	  attempt = attempt + CASE WHEN state = 'dot' THEN 1 ELSE 0 END,
	  next_attempt = CASE WHEN state = 'dot' AND NOT resent AND @resend::interval > interval '0' THEN dot_at + @resend::interval END,
	  done_at = CASE WHEN state = 'dot' AND (resent OR @resend::interval <= interval '0') THEN @now::timestamptz END
	WHERE issue_id = @issue AND chunk_no = @chunk AND state IN ('claimed', 'dot') AND lease < @lease`
	sqlIssueSending = `
	UPDATE mail_issues SET status = 'sending', started_at = coalesce(started_at, @now) WHERE id = @issue AND status = 'prepared'`
)

// LeaseChunk increments the chunk's lease and returns it: whoever held the chunk before can commit nothing more. Rows that
// still stand at their dot become in_doubt, due at dot_at + resendAfter (0: never), or in_doubt_resent.
func (s *Store) LeaseChunk(ctx context.Context, issueID string, chunk int, now time.Time, resendAfter time.Duration) (lease int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlLeaseChunk, args{"issue": issueID, "chunk": chunk}).Scan(&lease); err != nil {
			return notFound(err)
		}
		if _, err := tx.Exec(ctx, sqlFenceChunk, args{
			"issue": issueID, "chunk": chunk, "lease": lease, "resend": resendAfter, "now": now.UTC(),
		}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlIssueSending, args{"issue": issueID, "now": now.UTC()})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("lease chunk %d of issue %s: %w", chunk, issueID, err)
	}
	return lease, nil
}

const (
	sqlClaimable = `
	SELECT i.status, c.lease, c.recipients IS NOT NULL FROM mail_issues i JOIN mail_chunks c ON c.issue_id = i.id
	WHERE i.id = @issue AND c.chunk_no = @chunk FOR SHARE OF i, c`
	sqlClaim = `
	WITH due AS MATERIALIZED (
	  SELECT d.issue_id, d.subscriber_id, d.state AS was,
	    s.state = 'confirmed' AND d.email <> '' AND NOT EXISTS (SELECT FROM suppressions b WHERE b.email_mac = s.email_mac) AS wanted,
	    coalesce(s.key_version, 0) AS prefs_version
	  FROM mail_deliveries d LEFT JOIN subscribers s ON s.id = d.subscriber_id
	  WHERE d.issue_id = @issue AND d.chunk_no = @chunk AND (d.state = 'pending' OR (d.state = 'claimed' AND d.lease < @lease)
	    OR (d.state IN ('soft', 'in_doubt') AND d.next_attempt <= @now))
	  ORDER BY d.subscriber_id LIMIT @limit FOR UPDATE OF d SKIP LOCKED)
	UPDATE mail_deliveries d SET lease = @lease, next_attempt = NULL, resent = d.resent OR due.was = 'in_doubt',
	  state = CASE WHEN due.wanted THEN 'claimed' WHEN d.resent OR due.was = 'in_doubt' THEN 'in_doubt' ELSE 'suppressed' END,
	  done_at = CASE WHEN due.wanted THEN NULL ELSE @now END, first_at = coalesce(d.first_at, @now)
	FROM due WHERE d.issue_id = due.issue_id AND d.subscriber_id = due.subscriber_id
	RETURNING d.state, d.subscriber_id, d.name, d.email, coalesce(d.since, d.date), d.message_id, d.date, d.verp, d.attempt, d.key_version, due.prefs_version`
)

// Claim takes up to limit rows of the chunk for lease and returns them with their tokens, by subscriber id. Who left or was
// suppressed since the freeze becomes suppressed instead. No rows and no error: nothing is due, the issue is paused or
// stopped, or lease is no longer the newest.
func (s *Store) Claim(ctx context.Context, issueID string, chunk int, lease int64, limit int, now time.Time) ([]newsroom.Recipient, error) {
	var claimed []newsroom.Recipient
	for {
		taken := 0
		err := s.tx(ctx, func(tx pgx.Tx) error {
			claimed, taken = nil, 0
			var status string
			var newest int64
			var rolled bool
			if err := tx.QueryRow(ctx, sqlClaimable, args{"issue": issueID, "chunk": chunk}).Scan(&status, &newest, &rolled); err != nil {
				return notFound(err)
			}
			if newest != lease || (status != newsroom.IssueSending && status != newsroom.IssuePrepared) {
				return nil
			}
			if rolled {
				first, err := s.unroll(ctx, tx, issueID, chunk, lease, limit, now.UTC())
				claimed, taken = first, 1 // should nobody of them be wanted any more, look again
				return err
			}
			rows, _ := tx.Query(ctx, sqlClaim, args{"issue": issueID, "chunk": chunk, "lease": lease, "limit": limit, "now": now.UTC()})
			var state newsroom.DeliveryState
			var r newsroom.Recipient
			var leaveVersion, prefsVersion int
			_, err := pgx.ForEachRow(rows, []any{
				&state, &r.SubscriberID, &r.Name, &r.Email, &r.Since, &r.MessageID, &r.Date, &r.VERP, &r.Attempt, &leaveVersion, &prefsVersion,
			}, func() error {
				if taken++; state == newsroom.DeliveryClaimed {
					r.Since, r.Date = r.Since.UTC(), r.Date.UTC()
					r.LeaveURL = s.base + "/huy/" + s.leaveToken(issueID, r.SubscriberID, leaveVersion)
					r.PrefsURL = s.base + "/tuy-chon/" + s.keys.Token(PurposePrefs, r.SubscriberID, prefsVersion)
					claimed = append(claimed, r)
				}
				return nil
			})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("claim from chunk %d of issue %s: %w", chunk, issueID, err)
		}
		if len(claimed) > 0 || taken == 0 {
			sortRecipients(claimed)
			return claimed, nil
		}
	}
}

// The equation's terms: what will still change is waiting.
const countColumns = `count(*)::int, count(*) FILTER (WHERE state = 'sent')::int, count(*) FILTER (WHERE state = 'hard')::int,
	count(*) FILTER (WHERE state = 'expired')::int, count(*) FILTER (WHERE state = 'suppressed')::int,
	count(*) FILTER (WHERE state = 'cancelled')::int,
	count(*) FILTER (WHERE state = 'in_doubt_resent' OR (state = 'in_doubt' AND next_attempt IS NULL))::int,
	count(*) FILTER (WHERE state IN ('pending', 'claimed', 'dot', 'soft') OR (state = 'in_doubt' AND next_attempt IS NOT NULL))::int,
	count(*) FILTER (WHERE state IN ('hard', 'expired') AND smtp_stage = 'bounce')::int`

func countsInto(c *newsroom.IssueCounts) []any {
	return []any{&c.Candidates, &c.Sent, &c.Hard, &c.Expired, &c.Suppressed, &c.Cancelled, &c.InDoubt, &c.Waiting, &c.Bounced}
}

const sqlChunk = `
	SELECT ` + countColumns + `, min(next_attempt) FILTER (WHERE state IN ('soft', 'in_doubt')),
	  coalesce((SELECT status FROM mail_issues WHERE id = @issue), ''),
	  coalesce((SELECT total FROM mail_chunks WHERE issue_id = @issue AND chunk_no = @chunk AND recipients IS NOT NULL), 0)
	FROM mail_deliveries WHERE issue_id = @issue AND chunk_no = @chunk`

// Chunk counts the rows of the chunk as they stand, and says when the next waiting one is due and the issue's status.
func (s *Store) Chunk(ctx context.Context, issueID string, chunk int) (counts newsroom.IssueCounts, next *time.Time, status string, err error) {
	var unclaimed int
	into := append(countsInto(&counts), &next, &status, &unclaimed)
	if err := s.db.QueryRow(ctx, sqlChunk, args{"issue": issueID, "chunk": chunk}).Scan(into...); err != nil {
		return counts, nil, "", fmt.Errorf("chunk %d of issue %s: %w", chunk, issueID, err)
	}
	counts.Candidates += unclaimed
	counts.Waiting += unclaimed
	if status == "" {
		return counts, nil, "", fmt.Errorf("chunk %d of issue %s: %w", chunk, issueID, newsroom.ErrNotFound)
	}
	return counts, next, status, nil
}

// byKeyOnly are the settings of the connections that commit. A plan that was made while the ledger was small, or before anything
// was known of it, must not read a whole issue for each commit: with these the one way to a row is a lookup by its key. And
// planning a statement of two dozen rows costs as much as running it.
var byKeyOnly = map[string]string{
	"enable_seqscan": "off", "enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	"plan_cache_mode": "force_generic_plan",
}

// sqlByKeyOnly are the same for one transaction on any other connection.
const sqlByKeyOnly = `SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_indexscan', 'enable_indexonlyscan',
	'enable_hashjoin', 'enable_mergejoin']) AS name`

// One statement for results and dots: each costs the database as much to begin as a few rows.
const sqlCommitRows = `
	UPDATE mail_deliveries d SET
	  state = CASE WHEN d.resent AND e.state IN ('sent', 'in_doubt') THEN 'in_doubt_resent' ELSE e.state END,
	  dot_at = CASE WHEN e.state = 'dot' THEN e.at ELSE d.dot_at END,
	  body_hash = CASE WHEN e.state = 'dot' THEN e.hash ELSE d.body_hash END,
	  attempt = d.attempt + CASE WHEN e.state IN ('soft', 'in_doubt') THEN 1 ELSE 0 END,
	  next_attempt = CASE WHEN e.state = 'soft' OR (e.state = 'in_doubt' AND NOT d.resent) THEN e.next END,
	  done_at = CASE WHEN e.state IN ('sent', 'hard', 'expired') OR (e.state = 'in_doubt' AND (d.resent OR e.next IS NULL)) THEN e.at END,
	  smtp_code = CASE WHEN e.state IN ('dot', 'pending') THEN d.smtp_code ELSE e.code END,
	  enhanced = CASE WHEN e.state IN ('dot', 'pending') THEN d.enhanced ELSE e.enhanced END,
	  reply = CASE WHEN e.state IN ('dot', 'pending') THEN d.reply ELSE e.reply END,
	  smtp_stage = CASE WHEN e.state IN ('dot', 'pending') THEN d.smtp_stage ELSE e.stage END
	FROM unnest(@issues::text[], @subscribers::text[], @leases::bigint[], @states::text[], @ats::timestamptz[], @hashes::bytea[],
	  @nexts::timestamptz[], @stages::text[], @codes::int[], @enhanced::text[], @replies::text[])
	  AS e (issue_id, subscriber_id, lease, state, at, hash, next, stage, code, enhanced, reply)
	WHERE d.issue_id = e.issue_id AND d.subscriber_id = e.subscriber_id AND d.lease = e.lease
	  AND (d.state = 'claimed' OR (d.state = 'dot' AND e.state <> 'dot'))
	RETURNING d.issue_id, d.subscriber_id, d.state`

// Commit writes entries in one transaction, results before dots, and returns for each the state its row has now; "" where the
// lease no longer matches. Repeating the same entries answers the same.
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
		err = s.tx(ctx, func(tx pgx.Tx) error {
			clear(states)
			if _, err := tx.Exec(ctx, sqlByKeyOnly); err != nil {
				return err
			}
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

// batcher is a pool or a transaction that takes several statements at once; alone they are one transaction.
type batcher interface {
	querier
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// commitMails writes the entries at the places of which. What no statement changed (a repeat, a refused dot, a lost lease) is
// looked up afterwards: such a row does not change any more under its lease.
func (s *Store) commitMails(ctx context.Context, db batcher, entries []ledgerEntry, which []int, states []newsroom.DeliveryState) error {
	if len(which) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	changed := 0
	for _, rows := range statements(entries, which) {
		place := make(map[ledgerKey]int, len(rows))
		for _, i := range rows {
			place[keyOf(entries[i])] = i
		}
		batch.Queue(sqlCommitRows, commitArgs(entries, rows)).Query(func(answer pgx.Rows) error {
			var key ledgerKey
			var state newsroom.DeliveryState
			_, err := pgx.ForEachRow(answer, []any{&key.issue, &key.subscriber, &state}, func() error {
				states[place[key]] = state
				changed++
				return nil
			})
			return err
		})
	}
	if err := db.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if changed == len(which) {
		return nil
	}
	return s.lookUp(ctx, db, entries, which, states)
}

// ledgerKey names a row of the ledger.
type ledgerKey struct{ issue, subscriber string }

func keyOf(e ledgerEntry) ledgerKey { return ledgerKey{e.IssueID, e.SubscriberID} }

// statements sorts the places of which into what one statement each can write: no row twice, results before dots. There is seldom
// more than one.
func statements(entries []ledgerEntry, which []int) (list [][]int) {
	rest := slices.Clone(which)
	slices.SortStableFunc(rest, func(a, b int) int { return cmp.Compare(rank(entries[a]), rank(entries[b])) })
	for len(rest) > 0 {
		var rows, later []int
		seen := make(map[ledgerKey]bool, len(rest))
		for _, i := range rest {
			if key := keyOf(entries[i]); seen[key] {
				later = append(later, i)
			} else {
				seen[key] = true
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

func commitArgs(entries []ledgerEntry, rows []int) args {
	n := len(rows)
	var (
		issues                    = make([]string, n)
		subscribers, stated       = make([]string, n), make([]string, n)
		stages, enhanced, replies = make([]string, n), make([]string, n), make([]string, n)
		leases, codes             = make([]int64, n), make([]int32, n)
		ats, nexts                = make([]time.Time, n), make([]*time.Time, n)
		hashes                    = make([][]byte, n)
	)
	for k, i := range rows {
		e := &entries[i]
		issues[k], subscribers[k], leases[k], stated[k], ats[k], hashes[k], nexts[k] = e.IssueID, e.SubscriberID, e.Lease, string(e.State), e.At.UTC(), e.BodyHash, e.Next
		stages[k], codes[k], enhanced[k], replies[k] = e.Stage, int32(e.Code), e.Enhanced, e.Reply //nolint:gosec // three digits
	}
	return args{
		"issues": issues, "subscribers": subscribers, "leases": leases, "states": stated, "ats": ats, "hashes": hashes,
		"nexts": nexts, "stages": stages, "codes": codes, "enhanced": enhanced, "replies": replies,
	}
}

const sqlLookUp = `
	SELECT d.issue_id, d.subscriber_id, d.lease, d.state FROM unnest(@issues::text[], @subscribers::text[]) AS e (issue_id, subscriber_id)
	JOIN mail_deliveries d ON d.issue_id = e.issue_id AND d.subscriber_id = e.subscriber_id`

// lookUp answers the entries that changed nothing.
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
	}
	found := map[[2]string]standing{}
	rows, _ := q.Query(ctx, sqlLookUp, args{"issues": issues, "subscribers": subscribers})
	var key [2]string
	var now standing
	if _, err := pgx.ForEachRow(rows, []any{&key[0], &key[1], &now.lease, &now.state}, func() error {
		found[key] = now
		return nil
	}); err != nil {
		return err
	}
	for _, i := range which {
		e := entries[i]
		if now, ok := found[[2]string{e.IssueID, e.SubscriberID}]; ok && states[i] == "" && now.lease == e.Lease {
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

func sortRecipients(list []newsroom.Recipient) {
	slices.SortFunc(list, func(a, b newsroom.Recipient) int { return cmp.Compare(a.SubscriberID, b.SubscriberID) })
}
