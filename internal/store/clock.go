package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlMark = `
	INSERT INTO reminders (article_id, clock_id, mark, at) VALUES (@id, @clock, @mark, @at) ON CONFLICT DO NOTHING`

// remind serves the marks of the running clock that have passed, each once: the reminder, the warning to both sides, and at
// the end the deputy is asked too. After an outage that skipped several marks only the last one is told.
func (s *Store) remind(ctx context.Context, tx pgx.Tx, id string, now time.Time, out *Settled) error {
	sit, err := s.situation(ctx, tx, newsroom.Request{ArticleID: id, Door: newsroom.DoorClock}, now)
	if err != nil {
		return err
	}
	a := sit.Article
	if !a.Clock.Runs() {
		return nil
	}
	calendar, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	passed := 0
	for _, mark := range newsroom.Marks {
		if due := a.Clock.Due(calendar, mark); due.IsZero() || due.After(now) {
			break
		}
		tag, err := tx.Exec(ctx, sqlMark, args{"id": id, "clock": a.Clock.ID, "mark": mark, "at": now})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 1 {
			passed = mark
		}
	}
	if passed == 0 {
		return nil
	}
	c := change{
		sit: sit, now: now, out: out, stage: a.Stage, public: a.Public, revision: a.Revision, hash: sit.Frozen, round: a.Round, step: a.Step,
	}
	if c.n, err = s.appendAudit(ctx, tx, auditRow{
		ArticleID: id, At: now, Capacity: newsroom.AsWorkflow, Door: newsroom.DoorClock, Action: fmt.Sprintf("due_%d", passed),
		From: a.Stage, To: a.Stage, Public: a.Public, Revision: a.Revision,
	}); err != nil {
		return err
	}
	out.Announce = append(out.Announce, newsroom.Announcement{
		Verb: "due", N: a.Clock.ID, Mark: passed, Revision: a.Revision, Stage: a.Stage, Public: a.Public, Section: a.Section, At: now,
	})
	if a.Clock.Kind == newsroom.ClockReview {
		return s.remindBureau(ctx, tx, &c, passed)
	}
	return s.remindOffice(ctx, tx, &c, passed)
}

// remindBureau tells the reviewer who holds the article, or all of the section's; at 80 % the author too; at 100 % those who
// hear of trouble.
func (s *Store) remindBureau(ctx context.Context, tx pgx.Tx, c *change, mark int) error {
	a := c.sit.Article
	people := []string{a.HolderID}
	if a.HolderID == "" {
		var err error
		if people, err = s.reviewers(ctx, tx, a.Section); err != nil {
			return err
		}
	}
	kind := newsroom.LetterReviewSoon
	if mark >= 80 {
		people = append(people, a.AuthorID)
	}
	if mark >= 100 {
		kind = newsroom.LetterReviewOverdue
		alarmed, err := s.alarmed(ctx, tx)
		if err != nil {
			return err
		}
		people = append(people, alarmed...)
	}
	return s.dueLetters(ctx, tx, c, kind, mark, people, nil)
}

// remindOffice tells whoever is asked, with their working link; at 80 % the reviewer who forwarded too; at 100 % the deputies
// get a link of their own while the first ones stay valid.
func (s *Store) remindOffice(ctx context.Context, tx pgx.Tx, c *change, mark int) error {
	asks := map[string]string{}
	var people []string
	for _, ask := range c.sit.Links() {
		asks[ask.Seat.Person] = ask.ID
		people = append(people, ask.Seat.Person)
	}
	kind := newsroom.LetterApprovalSoon
	if mark >= 80 {
		people = append(people, c.sit.Article.ForwardedBy)
	}
	if mark >= 100 {
		kind = newsroom.LetterApprovalOverdue
		if err := s.escalate(ctx, tx, c, asks); err != nil {
			return err
		}
	}
	return s.dueLetters(ctx, tx, c, kind, mark, people, asks)
}

// escalate asks the deputies too, where none of them can answer the chief, then the admins; the links of those who were asked first
// stay good, and the first decision wins. Where nobody at all is left, chief and admins are told.
func (s *Store) escalate(ctx context.Context, tx pgx.Tx, c *change, asked map[string]string) error {
	groups, err := s.standIns(ctx, tx, c.sit.Policy.Steps[c.step].Office, c.sit.Waiting(), c.now)
	if err != nil {
		return err
	}
	asking := *c
	asking.n = c.sit.Article.Clock.ID // the letter says when it was sent up
	for _, group := range groups {
		seats := slices.DeleteFunc(group, func(seat newsroom.Seat) bool {
			return asked[seat.Person] != "" || slices.ContainsFunc(c.sit.Verdicts, func(v newsroom.Verdict) bool {
				return v.Person == seat.Person && v.Step == c.step
			})
		})
		seats = c.sit.Policy.StandIns(seats, c.sit.Article.AuthorID, c.sit.Article.ForwardedBy)
		for _, seat := range seats {
			if err := s.ask(ctx, tx, &asking, seat, true); err != nil {
				return err
			}
		}
		if len(seats) > 0 {
			return nil
		}
	}
	alarmed, err := s.alarmed(ctx, tx)
	if err != nil {
		return err
	}
	return s.dueLetters(ctx, tx, c, newsroom.LetterApprovalOverdue, 100, alarmed, asked)
}

func (s *Store) dueLetters(ctx context.Context, tx pgx.Tx, c *change, kind newsroom.LetterKind, mark int, people []string, asks map[string]string) error {
	a := c.sit.Article
	for _, person := range unique(people) {
		if err := s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s/%d.%d/%s", kind, a.ID, a.Clock.ID, mark, person), Kind: kind, UserID: person, ArticleID: a.ID,
			AskID: asks[person], N: a.Clock.ID, Data: map[string]any{"mark": mark}, // it says when the clock began: sent up, submitted
		}, c.out); err != nil {
			return err
		}
	}
	return nil
}
