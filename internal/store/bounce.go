package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// What comes back about mails. A report is believed as far as it names a mail by what only that mail's reader and the servers on its
// way have seen; the worst that a forger of an own mail can do is to stop the own mails.

const (
	sqlMailOfToken = `
	SELECT issue_id, subscriber_id FROM mail_deliveries WHERE verp = ANY (@tokens) AND verp <> '' ORDER BY array_position(@tokens::text[], verp) LIMIT 1`
	sqlMailOfMessage = `
	SELECT issue_id, subscriber_id FROM mail_deliveries WHERE issue_id = ANY (@issues) AND message_id = ANY (@ids) LIMIT 1`
	sqlLetterOfReport = `
	SELECT id, kind, coalesce(user_id, ''), coalesce(subscriber_id, ''), coalesce(article_id, ''), coalesce(ask_id, '') FROM letters
	WHERE (verp = ANY (@tokens) AND verp <> '') OR message_id = ANY (@ids) LIMIT 1`
)

// reported is the mail that a report is about: a newsletter's delivery, or a letter to a user or a reader.
type reported struct {
	issue, subscriber                          string
	letter, kind, user, reader, article, askID string
}

// TakeBounce acts on one report, once: the same report again changes nothing. A failed mail is no longer counted as sent; an
// address that does not exist, or that fails in limit.Issues issues within limit.Days, gets no more newsletters; a complaint ends the
// subscription, and no form that a stranger fills in has us write to that address again. Letters to the newsroom's people are put before
// the operator and block nothing.
func (s *Store) TakeBounce(ctx context.Context, b newsroom.Bounce, limit newsroom.BounceLimit) (r newsroom.BounceResult, err error) {
	about, err := s.reported(ctx, b)
	switch {
	case errors.Is(err, newsroom.ErrNotFound):
		return newsroom.BounceResult{Outcome: newsroom.BounceUnknown}, s.TallyBounce(ctx, string(newsroom.BounceUnknown))
	case err != nil:
		return r, fmt.Errorf("look for the mail of a report: %w", err)
	case b.Kind == newsroom.BounceLeave && about.letter == "":
		r, err = s.leaveByMail(ctx, about)
		return s.orUnknown(ctx, r, err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		r = newsroom.BounceResult{Outcome: newsroom.BounceTaken, SubscriberID: about.subscriber}
		taken := false
		if about.letter != "" {
			taken, err = s.letterBounced(ctx, tx, about, b)
		} else {
			taken, err = s.mailBounced(ctx, tx, about, b, limit)
		}
		if err != nil {
			return err
		}
		if !taken {
			r.Outcome = newsroom.BounceAgain
			return nil
		}
		return s.tally(ctx, tx, string(b.Kind))
	})
	if err != nil {
		err = fmt.Errorf("take %s report: %w", b.Kind, err)
	}
	return s.orUnknown(ctx, r, err)
}

// orUnknown is for a mail that the ledger has forgotten: what it said of itself was true, and is not news any more.
func (s *Store) orUnknown(ctx context.Context, r newsroom.BounceResult, err error) (newsroom.BounceResult, error) {
	if errors.Is(err, newsroom.ErrNotFound) {
		return newsroom.BounceResult{Outcome: newsroom.BounceUnknown}, s.TallyBounce(ctx, string(newsroom.BounceUnknown))
	}
	return r, err
}

// reported finds the mail that a report names; newsroom.ErrNotFound where it is none of ours, or forged.
func (s *Store) reported(ctx context.Context, b newsroom.Bounce) (about reported, err error) {
	issues := make([]string, 0, len(b.MessageIDs))
	ids := make([]string, 0, len(b.MessageIDs))
	for _, id := range b.MessageIDs {
		local, _, _ := strings.Cut(id, "@")
		ids = append(ids, local)
		if rest, ok := strings.CutPrefix(local, "d."); ok {
			if end := strings.LastIndexByte(rest, '.'); end > 0 {
				issues = append(issues, rest[:end])
			}
		}
	}
	for _, token := range b.Tokens {
		if issue, subscriber, ok := s.mailOfVERP(token); ok {
			return reported{issue: issue, subscriber: subscriber}, nil
		}
	}
	err = pgx.ErrNoRows
	if len(b.Tokens) > 0 { // of a mail from before its return address said so
		err = s.db.QueryRow(ctx, sqlMailOfToken, args{"tokens": b.Tokens}).Scan(&about.issue, &about.subscriber)
	}
	if errors.Is(err, pgx.ErrNoRows) && len(issues) > 0 {
		err = s.db.QueryRow(ctx, sqlMailOfMessage, args{"issues": issues, "ids": ids}).Scan(&about.issue, &about.subscriber)
	}
	if errors.Is(err, pgx.ErrNoRows) && len(b.Tokens)+len(ids) > 0 {
		err = s.db.QueryRow(ctx, sqlLetterOfReport, args{"tokens": orEmpty(b.Tokens), "ids": ids}).
			Scan(&about.letter, &about.kind, &about.user, &about.reader, &about.article, &about.askID)
	}
	return about, notFound(err)
}

const sqlKeepBounce = `
	INSERT INTO bounces (issue_id, subscriber_id, letter_id, kind, report, at, via, status, code, said)
	VALUES (@issue, @subscriber, @letter, @kind, @report, @at, @via, @status, @code, @said)
	ON CONFLICT (issue_id, subscriber_id, letter_id, kind, report) DO NOTHING`

// keep writes a report down; false: it was there already.
func (s *Store) keep(ctx context.Context, tx pgx.Tx, about reported, b newsroom.Bounce) (bool, error) {
	tag, err := tx.Exec(ctx, sqlKeepBounce, args{
		"issue": about.issue, "subscriber": about.subscriber, "letter": about.letter, "kind": b.Kind, "report": b.Report, "at": s.now().UTC(),
		"via": b.Via, "status": firstRunes(b.Status, 20), "code": b.Code, "said": b.Said,
	})
	return tag.RowsAffected() == 1, err
}

const (
	// Whether the reader has confirmed since, by a letter that arrived: what is told of the mail then says nothing of the address now.
	sqlReportedMail = `
	SELECT email, EXISTS (SELECT FROM consents c WHERE c.subscriber_id = d.subscriber_id AND c.act = 'confirmed' AND c.at > d.dot_at)
	FROM mail_deliveries d WHERE issue_id = @issue AND subscriber_id = @subscriber FOR UPDATE`
	sqlMailBounced = `
	UPDATE mail_deliveries d SET state = @state, next_attempt = NULL, done_at = coalesce(d.done_at, @at), smtp_stage = 'bounce',
	  smtp_code = @code, enhanced = @status, reply = @said
	FROM (SELECT state FROM mail_deliveries WHERE issue_id = @issue AND subscriber_id = @subscriber) was
	WHERE d.issue_id = @issue AND d.subscriber_id = @subscriber AND d.state IN ('dot', 'sent', 'in_doubt', 'in_doubt_resent')
	RETURNING was.state`
	sqlSoftIssues = `
	SELECT count(DISTINCT issue_id)::int FROM bounces
	WHERE subscriber_id = @subscriber AND kind = 'soft' AND NOT spent AND at > @since`
)

// mailBounced acts on a report about a newsletter; false: it was there already. The subscriber is locked first, then the issue, then
// the row: as everybody does who changes them together.
func (s *Store) mailBounced(ctx context.Context, tx pgx.Tx, about reported, b newsroom.Bounce, limit newsroom.BounceLimit) (bool, error) {
	u, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": about.subscriber}))
	if ignoreNotFound(err) != nil {
		return false, err
	}
	issue, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": about.issue}))
	if err != nil {
		return false, err
	}
	var email string
	var since bool
	if err := tx.QueryRow(ctx, sqlReportedMail, args{"issue": about.issue, "subscriber": about.subscriber}).Scan(&email, &since); err != nil {
		return false, notFound(err)
	}
	b.Said = saidAbout(b, email)
	if b.Kind == newsroom.BounceHard && elsewhere(b.Recipient, email) {
		b.Kind = newsroom.BounceSoft // where the mail was forwarded to does not exist: the address itself does
	}
	if taken, err := s.keep(ctx, tx, about, b); err != nil || !taken {
		return false, err
	}
	refused := false
	if b.Kind.Failed() {
		if refused, err = s.uncount(ctx, tx, about, b); err != nil {
			return false, err
		}
	}
	if u.ID != "" && (!since || !b.Kind.Failed()) { // otherwise the person is gone from the books
		if err := s.holdAgainst(ctx, tx, u, issue, b.Kind, limit); err != nil {
			return false, err
		}
	}
	if refused {
		err = s.guardHard(ctx, tx, issue, about.subscriber)
	}
	return true, err
}

// holdAgainst does what a report means for the person whom the mail went to.
func (s *Store) holdAgainst(ctx context.Context, tx pgx.Tx, u sub, issue newsroom.Issue, kind newsroom.BounceKind, limit newsroom.BounceLimit) (err error) {
	switch kind { //nolint:exhaustive // the others say nothing about the person
	case newsroom.BounceHard:
		err = s.suppress(ctx, tx, u.mac, scopeAll, suppressedHard)
	case newsroom.BounceSoft:
		var failed int
		since := s.now().UTC().AddDate(0, 0, -limit.Days)
		err = tx.QueryRow(ctx, sqlSoftIssues, args{"subscriber": u.ID, "since": since}).Scan(&failed)
		if err == nil && limit.Issues > 0 && failed >= limit.Issues {
			err = s.suppress(ctx, tx, u.mac, scopeBulk, suppressedSoft)
		}
	case newsroom.BounceComplaint:
		if err = s.complained(ctx, tx, u); err == nil {
			err = s.guardComplaints(ctx, tx, issue)
		}
	}
	return err
}

// saidAbout is a report's words without the names of its recipient and of whom the mail went to. Where nobody knows any more who that
// was, no words are kept.
func saidAbout(b newsroom.Bounce, email string) string {
	if email == "" {
		return ""
	}
	return firstRunes(text.HideName(text.HideName(text.Line(b.Said), email), b.Recipient), 300)
}

// elsewhere reports whether a report is about another address than the mail went to.
func elsewhere(recipient, email string) bool {
	return recipient != "" && email != "" && text.EmailKey(recipient) != text.EmailKey(email)
}

const (
	sqlLockedCounts = `SELECT counts FROM mail_issues WHERE id = @id`
	sqlKeepCounts   = `UPDATE mail_issues SET counts = @counts WHERE id = @id`
)

// uncount moves a mail that came back to where the equation of its issue has it, in the closed issue's counts too. What has not
// reached its dot stays as it is. refused: it counts as refused for good from now on.
func (s *Store) uncount(ctx context.Context, tx pgx.Tx, about reported, b newsroom.Bounce) (refused bool, err error) {
	to := newsroom.DeliveryHard
	if strings.HasPrefix(b.Status, "4.") {
		to = newsroom.DeliveryExpired // given up elsewhere
	}
	var was newsroom.DeliveryState
	err = tx.QueryRow(ctx, sqlMailBounced, args{
		"issue": about.issue, "subscriber": about.subscriber, "state": string(to), "at": s.now().UTC(), "code": b.Code,
		"status": firstRunes(b.Status, 20), "said": b.Said,
	}).Scan(&was)
	if err != nil {
		return false, ignoreNotFound(notFound(err))
	}
	refused = to == newsroom.DeliveryHard
	var counts *newsroom.IssueCounts
	if err := tx.QueryRow(ctx, sqlLockedCounts, args{"id": about.issue}).Scan(&counts); err != nil || counts == nil {
		return refused, err
	}
	if was == newsroom.DeliverySent {
		counts.Sent--
	} else {
		counts.InDoubt--
	}
	if refused {
		counts.Hard++
	} else {
		counts.Expired++
	}
	counts.Bounced++
	_, err = tx.Exec(ctx, sqlKeepCounts, args{"id": about.issue, "counts": toJSON(counts)})
	return refused, err
}

// complained ends a subscription without a word, since the reader calls our mails spam. Of somebody who never confirmed nothing is kept
// but the block.
func (s *Store) complained(ctx context.Context, tx pgx.Tx, u sub) error {
	if u.ConfirmedAt == nil && u.State == newsroom.SubscriberRequested {
		if err := s.suppress(ctx, tx, u.mac, scopeBulk, suppressedComplaint); err != nil {
			return err
		}
		return s.erase(ctx, tx, u.ID, newsroom.Proof{Source: "complaint"})
	}
	if u.State == newsroom.SubscriberConfirmed || u.State == newsroom.SubscriberRequested {
		sections, err := s.endLists(ctx, tx, u)
		if err != nil {
			return err
		}
		proof := newsroom.Proof{Source: "complaint"}
		if _, err := s.consented(ctx, tx, u.ID, actLeft, s.now().UTC(), proof, map[string]any{"sections": orEmpty(sections), "all": true}); err != nil {
			return err
		}
	}
	return s.suppress(ctx, tx, u.mac, scopeBulk, suppressedComplaint)
}

const (
	sqlLetterAddress = `
	SELECT coalesce(u.email, s.email, ''), coalesce(decode(l.data->>'to_sealed', 'base64'), '') FROM letters l LEFT JOIN users u ON u.id = l.user_id LEFT JOIN subscribers s ON s.id = l.subscriber_id
	WHERE l.id = @id`
	sqlLetterBounced = `
	UPDATE letters SET state = @state, next_attempt = NULL, done_at = coalesce(done_at, @at), smtp_stage = 'bounce', smtp_code = @code,
	  enhanced = @status, reply = @said
	WHERE id = @id AND state IN ('dot', 'sent', 'in_doubt', 'in_doubt_resent')`
)

// letterBounced acts on a report about a letter; false: it was there already. Whom the newsroom's work waits for must not be cut off
// by a report: somebody is told instead.
func (s *Store) letterBounced(ctx context.Context, tx pgx.Tx, about reported, b newsroom.Bounce) (bool, error) {
	reader, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": about.reader}))
	if ignoreNotFound(err) != nil {
		return false, err
	}
	var email string
	var sealed []byte
	if err := tx.QueryRow(ctx, sqlLetterAddress, args{"id": about.letter}).Scan(&email, &sealed); err != nil {
		return false, notFound(err)
	}
	friend := s.unsealed(sealed)
	email = cmp.Or(email, friend)
	b.Said = saidAbout(b, email)
	if taken, err := s.keep(ctx, tx, about, b); err != nil || !taken {
		return false, err
	}
	if b.Kind.Failed() {
		to := newsroom.DeliveryHard
		if strings.HasPrefix(b.Status, "4.") {
			to = newsroom.DeliveryExpired
		}
		if _, err := tx.Exec(ctx, sqlLetterBounced, args{
			"id": about.letter, "state": string(to), "at": s.now().UTC(), "code": b.Code, "status": firstRunes(b.Status, 20),
			"said": b.Said,
		}); err != nil {
			return false, err
		}
	}
	if reader.ID != "" && b.Kind == newsroom.BounceComplaint {
		return true, s.complained(ctx, tx, reader)
	}
	if about.kind == string(newsroom.LetterToFriend) && friend != "" && b.Kind == newsroom.BounceComplaint {
		return true, s.friendComplained(ctx, tx, friend)
	}
	if about.user == "" || (!b.Kind.Failed() && b.Kind != newsroom.BounceComplaint) {
		return true, nil
	}
	return true, s.alert(ctx, tx, "letter_bounced/"+about.letter, "letter_bounced", map[string]any{
		"letter": about.kind, "user_id": about.user, "article_id": about.article, "ask_id": about.askID, "kind": b.Kind, "status": b.Status,
	})
}

const sqlConfirmedMAC = `SELECT EXISTS (SELECT FROM subscribers WHERE email_mac = @mac AND state = 'confirmed')`

// friendComplained ends what strangers' forms send to an address whose owner calls it spam. Newsletters that this person asked for are
// another matter, and go on.
func (s *Store) friendComplained(ctx context.Context, tx pgx.Tx, address string) error {
	mac, confirmed := s.emailMAC(text.EmailKey(address)), false
	if err := tx.QueryRow(ctx, sqlConfirmedMAC, args{"mac": mac}).Scan(&confirmed); err != nil || confirmed {
		return err
	}
	return s.suppress(ctx, tx, mac, scopeBulk, suppressedComplaint)
}

// leaveByMail does what the leave link of the same mail does: the mail programs that know no link write to an address instead.
func (s *Store) leaveByMail(ctx context.Context, about reported) (newsroom.BounceResult, error) {
	r := newsroom.BounceResult{Outcome: newsroom.BounceAgain, SubscriberID: about.subscriber}
	before, err := s.leavingMail(ctx, about.issue, about.subscriber)
	if err != nil {
		return r, err
	}
	if before.State != newsroom.SubscriberConfirmed || !before.Still {
		return r, nil
	}
	if err := s.leaveMail(ctx, before, false, newsroom.Proof{Source: "mail"}); err != nil {
		return r, err
	}
	r.Outcome = newsroom.BounceTaken
	return r, s.TallyBounce(ctx, string(newsroom.BounceLeave))
}

const sqlTally = `
	INSERT INTO bounce_days (day, what, n) VALUES (@day, @what, 1) ON CONFLICT (day, what) DO UPDATE SET n = bounce_days.n + 1`

func (s *Store) tally(ctx context.Context, tx pgx.Tx, what string) error {
	_, err := tx.Exec(ctx, sqlTally, args{"day": s.now().UTC(), "what": what})
	return err
}

// TallyBounce counts a mail that came back and caused nothing: unknown, ignored.
func (s *Store) TallyBounce(ctx context.Context, what string) error {
	if err := s.tx(ctx, func(tx pgx.Tx) error { return s.tally(ctx, tx, what) }); err != nil {
		return fmt.Errorf("count returned mail: %w", err)
	}
	return nil
}
