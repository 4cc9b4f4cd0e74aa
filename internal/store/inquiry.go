package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// inquiryClocks is the setting's key.
const inquiryClocks = "inquiry_clocks"

// InquiryClocks are the limits under which new inquiries come.
func (s *Store) InquiryClocks(ctx context.Context) (newsroom.InquiryClocks, error) {
	c := newsroom.DefaultInquiryClocks
	return c, s.Setting(ctx, inquiryClocks, &c)
}

// SaveInquiryClocks changes the limits of inquiries that come from now on; *newsroom.InvalidError beyond 10 working days and 30 days.
func (s *Store) SaveInquiryClocks(ctx context.Context, by newsroom.Person, c newsroom.InquiryClocks) error {
	var wrong []newsroom.FieldError
	if c.AnswerDays < 1 || c.AnswerDays > 10 {
		wrong = append(wrong, newsroom.FieldError{Field: "answer_days", Code: "out_of_range"})
	}
	if c.SettleDays < 1 || c.SettleDays > 30 {
		wrong = append(wrong, newsroom.FieldError{Field: "settle_days", Code: "out_of_range"})
	}
	if len(wrong) > 0 {
		return &newsroom.InvalidError{Fields: wrong}
	}
	return s.SaveSetting(ctx, by, inquiryClocks, c)
}

const (
	// Who was erased is found by the keyed hash too: the record says that nothing is stored any more.
	sqlInquirer = `
	SELECT id FROM subscribers WHERE email_mac = @mac ORDER BY state = 'erased', requested_at DESC LIMIT 1`
	sqlInsertInquiry = `
	INSERT INTO inquiries (id, subscriber_id, email_mac, kind, channel, reference, words, received_at, received_by, answer_days, answer_due, settle_due)
	VALUES (@id, @subscriber, @mac, @kind, @channel, @reference, @words, @at, @by, @days, @answer, @settle)`
)

// AddInquiry enters what somebody asks about the own data, with the limits of its answer. *newsroom.InvalidError when the input is
// wrong.
func (s *Store) AddInquiry(ctx context.Context, by newsroom.Person, in newsroom.NewInquiry) (id string, err error) {
	in, wrong := s.cleanInquiry(in)
	if len(wrong) > 0 {
		return "", &newsroom.InvalidError{Fields: wrong}
	}
	clocks, err := s.InquiryClocks(ctx)
	if err != nil {
		return "", err
	}
	id = newsroom.NewID()
	err = s.tx(ctx, func(tx pgx.Tx) error {
		calendar, err := s.calendar(ctx, tx)
		if err != nil {
			return err
		}
		mac, subscriber := s.emailMAC(strings.ToLower(in.Email)), ""
		if err := ignoreNotFound(notFound(tx.QueryRow(ctx, sqlInquirer, args{"mac": mac}).Scan(&subscriber))); err != nil {
			return err
		}
		answer, settle := clocks.Due(calendar, in.ReceivedAt)
		if _, err := tx.Exec(ctx, sqlInsertInquiry, args{
			"id": id, "subscriber": subscriber, "mac": mac, "kind": in.Kind, "channel": in.Channel, "reference": in.Reference, "words": in.Words,
			"at": in.ReceivedAt, "by": by.ID, "days": clocks.AnswerDays, "answer": answer.UTC(), "settle": settle.UTC(),
		}); err != nil {
			return err
		}
		return s.inquiryAct(ctx, tx, by, newsroom.Inquiry{ID: id, SubscriberID: subscriber, Kind: in.Kind}, newsroom.InquiryReceived, "")
	})
	if err != nil {
		return "", fmt.Errorf("add inquiry: %w", err)
	}
	return id, nil
}

func (s *Store) cleanInquiry(in newsroom.NewInquiry) (newsroom.NewInquiry, []newsroom.FieldError) {
	var wrong []newsroom.FieldError
	bad := func(field, code string) { wrong = append(wrong, newsroom.FieldError{Field: field, Code: code}) }
	address, err := text.Email(in.Email)
	if err != nil {
		bad("email", "email")
	}
	in.Email = address
	if !slices.Contains(newsroom.InquiryKinds, in.Kind) {
		bad("kind", "required")
	}
	if !slices.Contains(newsroom.InquiryChannels, in.Channel) {
		bad("channel", "required")
	}
	now := s.now().UTC()
	if in.ReceivedAt = in.ReceivedAt.UTC(); in.ReceivedAt.IsZero() {
		in.ReceivedAt = now
	}
	if in.ReceivedAt.After(now.Add(time.Minute)) || in.ReceivedAt.Before(now.AddDate(-5, 0, 0)) {
		bad("received_at", "out_of_range")
	}
	in.Reference = firstRunes(text.MaskAddresses(text.Line(in.Reference)), newsroom.MaxInquiryReference)
	in.Words = firstRunes(text.MaskAddresses(text.Block(in.Words)), newsroom.MaxInquiryWords)
	return in, wrong
}

const (
	inquiryDue     = `coalesce(CASE WHEN i.answered_at IS NULL THEN i.answer_due END, i.settle_due)`
	inquiryColumns = `
	SELECT i.id, i.subscriber_id, coalesce(s.email, ''), coalesce(s.state, ''), i.kind, i.channel, i.reference, i.words, i.received_at,
	  coalesce(u.name, ''), i.answer_due, i.settle_due, i.answered_at, i.closed_at, i.outcome
	FROM inquiries i LEFT JOIN subscribers s ON s.id = i.subscriber_id LEFT JOIN users u ON u.id = i.received_by `
	sqlOpenInquiries = inquiryColumns + `
	WHERE i.closed_at IS NULL AND (NOT @overdue::bool OR ` + inquiryDue + ` <= @now)
	ORDER BY ` + inquiryDue + `, i.id LIMIT @limit`
	sqlInquiries = inquiryColumns + `
	WHERE (NOT @closed::bool OR i.closed_at IS NOT NULL) AND (@subscriber = '' OR i.subscriber_id = @subscriber)
	  AND (@after_id = '' OR (i.received_at, i.id) < (@after_at::timestamptz, @after_id))
	ORDER BY i.received_at DESC, i.id DESC LIMIT @limit`
	sqlInquiry     = inquiryColumns + `WHERE i.id = @id`
	sqlLockInquiry = sqlInquiry + ` FOR UPDATE OF i`
)

// mostOpen is how many open inquiries are listed: an office with more has another trouble.
const mostOpen = 500

func scanInquiry(row pgx.Row) (i newsroom.Inquiry, err error) {
	err = row.Scan(&i.ID, &i.SubscriberID, &i.Email, &i.State, &i.Kind, &i.Channel, &i.Reference, &i.Words, &i.ReceivedAt, &i.ReceivedBy,
		&i.AnswerDue, &i.SettleDue, &i.AnsweredAt, &i.ClosedAt, &i.Outcome)
	return i, notFound(err)
}

// Inquiries lists the register: what is open by what is due first, everything else newest first, a page at a time.
func (s *Store) Inquiries(ctx context.Context, f newsroom.InquiryFilter) (newsroom.InquiryPage, error) {
	var page newsroom.InquiryPage
	var rows pgx.Rows
	limit := min(max(f.Limit, 1), 200)
	if f.State == "open" || f.State == "overdue" {
		limit = mostOpen
		rows, _ = s.db.Query(ctx, sqlOpenInquiries, args{"overdue": f.State == "overdue", "now": s.now().UTC(), "limit": mostOpen})
	} else {
		afterAt, afterID, err := cursor(f.After)
		if err != nil {
			return page, err
		}
		rows, _ = s.db.Query(ctx, sqlInquiries, args{
			"closed": f.State == "closed", "subscriber": f.Subscriber, "after_at": afterAt, "after_id": afterID, "limit": limit + 1,
		})
	}
	var err error
	if page.List, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Inquiry, error) { return scanInquiry(row) }); err != nil {
		return page, fmt.Errorf("list inquiries: %w", err)
	}
	if len(page.List) > limit {
		page.List = page.List[:limit]
		last := page.List[limit-1]
		page.Next = last.ReceivedAt.UTC().Format(time.RFC3339Nano) + "_" + last.ID
	}
	return page, nil
}

// cursor reads the end of the page before: a time and an id.
func cursor(after string) (at time.Time, id string, err error) {
	when, id, ok := strings.Cut(after, "_")
	if !ok {
		return at, "", nil
	}
	if at, err = time.Parse(time.RFC3339Nano, when); err != nil {
		return at, "", newsroom.ErrNotFound
	}
	return at, id, nil
}

const sqlCountInquiries = `
	SELECT count(*), count(*) FILTER (WHERE ` + inquiryDue + ` <= @now) FROM inquiries i WHERE i.closed_at IS NULL`

// InquiryCounts says how many inquiries wait, and how many of them are overdue.
func (s *Store) InquiryCounts(ctx context.Context) (c newsroom.InquiryCounts, err error) {
	if err = s.db.QueryRow(ctx, sqlCountInquiries, args{"now": s.now().UTC()}).Scan(&c.Open, &c.Overdue); err != nil {
		return c, fmt.Errorf("count inquiries: %w", err)
	}
	return c, nil
}

const sqlInquiryActs = `
	SELECT a.act, a.at, coalesce(u.name, ''), a.note FROM inquiry_acts a LEFT JOIN users u ON u.id = a.by_id WHERE a.inquiry_id = @id ORDER BY a.id`

// Inquiry returns one with all that was done about it, or newsroom.ErrNotFound.
func (s *Store) Inquiry(ctx context.Context, id string) (newsroom.Inquiry, error) {
	i, err := scanInquiry(s.db.QueryRow(ctx, sqlInquiry, args{"id": id}))
	if err != nil {
		return i, fmt.Errorf("inquiry %s: %w", id, err)
	}
	var mac []byte
	if err := s.db.QueryRow(ctx, sqlInquiryMAC, args{"id": id}).Scan(&mac); err != nil {
		return i, fmt.Errorf("inquiry %s: %w", id, err)
	}
	if i.Blocked, err = s.why(ctx, s.db, mac, true); err != nil {
		return i, fmt.Errorf("inquiry %s: %w", id, err)
	}
	rows, _ := s.db.Query(ctx, sqlInquiryActs, args{"id": id})
	if i.Acts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.InquiryEntry]); err != nil {
		return i, fmt.Errorf("acts of inquiry %s: %w", id, err)
	}
	return i, nil
}

const sqlPersonalInquiries = `
	SELECT received_at, kind, channel, closed_at, outcome FROM inquiries WHERE subscriber_id = @id AND subscriber_id <> '' ORDER BY received_at, id`

// personalInquiries are a subscriber's own, for the data file.
func (s *Store) personalInquiries(ctx context.Context, id string) ([]newsroom.PersonalInquiry, error) {
	rows, _ := s.db.Query(ctx, sqlPersonalInquiries, args{"id": id})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.PersonalInquiry])
	if err != nil {
		return nil, fmt.Errorf("inquiries of subscriber %s: %w", id, err)
	}
	return list, nil
}

const (
	sqlWaitingInquiries = `SELECT id, received_at, answer_days, settle_due, answer_due FROM inquiries WHERE closed_at IS NULL AND answered_at IS NULL FOR UPDATE`
	sqlMoveInquiry      = `UPDATE inquiries SET answer_due = @due WHERE id = @id`
)

// moveInquiries gives inquiries that wait for their first answer the time that a changed calendar makes of it.
func (s *Store) moveInquiries(ctx context.Context, tx pgx.Tx, calendar newsroom.Calendar) error {
	rows, _ := tx.Query(ctx, sqlWaitingInquiries)
	type waiting struct {
		ID          string
		From        time.Time
		Days        int
		Settle, Due time.Time
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
	if err != nil {
		return fmt.Errorf("inquiries that wait: %w", err)
	}
	for _, w := range list {
		due, _ := newsroom.InquiryClocks{AnswerDays: w.Days, SettleDays: int(w.Settle.Sub(w.From).Hours() / 24)}.Due(calendar, w.From)
		if due.Equal(w.Due) {
			continue
		}
		if _, err := tx.Exec(ctx, sqlMoveInquiry, args{"id": w.ID, "due": due.UTC()}); err != nil {
			return fmt.Errorf("move inquiry %s: %w", w.ID, err)
		}
	}
	return nil
}

// An alert that an admin has cleared by hand is not raised again for the same limit.
const sqlRemindInquiries = `
	INSERT INTO alerts (id, code, detail, at)
	SELECT 'inquiry/' || i.id || CASE WHEN i.answered_at IS NULL THEN '/answer' ELSE '/settle' END, 'inquiry_overdue',
	  jsonb_build_object('inquiry_id', i.id, 'due', ` + inquiryDue + `), @now
	FROM inquiries i WHERE i.closed_at IS NULL AND ` + inquiryDue + ` <= @now
	ON CONFLICT (id) DO NOTHING`

// RemindInquiries puts inquiries that are overdue before the operator, each limit once.
func (s *Store) RemindInquiries(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, sqlRemindInquiries, args{"now": s.now().UTC()}); err != nil {
		return fmt.Errorf("remind of inquiries: %w", err)
	}
	return nil
}
