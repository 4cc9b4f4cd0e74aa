package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// rehearsalDays is how far back a policy is tried.
const rehearsalDays = 90

// The rounds of asking that began since a moment: who wrote and forwarded, when it was settled, and the text that was asked about. A
// section of "" means the sections without a policy of their own.
const sqlPastRounds = `
	WITH began AS (
	  SELECT article_id, round, min(created_at) AS at, max(closed_at) FILTER (WHERE closed_why = 'settled' OR closed_why = 'decided') AS closed,
	    max(revision) AS revision
	  FROM asks WHERE kind = 'approval' AND NOT escalation GROUP BY article_id, round HAVING min(created_at) >= @since)
	SELECT b.article_id, a.author_id, coalesce((
	    SELECT u.actor_id FROM audit u WHERE u.article_id = b.article_id AND u.action IN ('forward', 'resubmit') AND u.at <= b.at ORDER BY u.n DESC LIMIT 1), ''),
	  b.at, CASE WHEN EXISTS (SELECT FROM asks k WHERE k.article_id = b.article_id AND k.round = b.round AND k.closed_at IS NULL) THEN NULL ELSE b.closed END,
	  r.content
	FROM began b
	JOIN articles a ON a.id = b.article_id
	JOIN revisions r ON r.article_id = b.article_id AND r.n = b.revision
	WHERE CASE WHEN @section = '' THEN NOT EXISTS (SELECT FROM policies p WHERE p.section_id = r.content->>'section' AND p.section_id <> '')
	  ELSE r.content->>'section' = @section END
	ORDER BY b.at DESC, b.article_id, b.round LIMIT 5000`

// How long people took to answer what they were asked.
const sqlAnswers = `
	SELECT k.user_id, k.created_at, d.at FROM asks k
	JOIN decisions d ON d.article_id = k.article_id AND d.round = k.round AND d.step = k.step AND d.user_id = k.user_id
	WHERE k.kind = 'approval' AND k.created_at >= @since AND d.at >= k.created_at`

// RehearsePolicy says what p would have meant for a section ("" the whole office) over the last 90 days. It changes nothing.
// *newsroom.InvalidError for a policy that could not be saved either.
func (s *Store) RehearsePolicy(ctx context.Context, section string, p newsroom.Policy) (newsroom.Rehearsal, error) {
	var out newsroom.Rehearsal
	wrong, err := s.policyTrouble(ctx, s.db, p)
	if err != nil {
		return out, err
	}
	if len(wrong) > 0 {
		return out, &newsroom.InvalidError{Fields: wrong}
	}
	now, err := s.Policy(ctx, section)
	if err != nil {
		return out, err
	}
	calendar, err := s.calendar(ctx, s.db)
	if err != nil {
		return out, err
	}
	since := s.now().UTC().AddDate(0, 0, -rehearsalDays)
	rounds, err := s.pastRounds(ctx, section, since, calendar, now, p)
	if err != nil {
		return out, err
	}
	answers, err := s.answers(ctx, since, calendar)
	if err != nil {
		return out, err
	}
	out = newsroom.Rehearse(now, p, rounds, answers, time.Duration(p.ApproveMinutes)*time.Minute)
	out.Days = rehearsalDays
	return out, s.namePeople(ctx, out.Now.People, out.Then.People)
}

func (s *Store) pastRounds(ctx context.Context, section string, since time.Time, calendar newsroom.Calendar, policies ...newsroom.Policy) ([]newsroom.PastRound, error) {
	var offices, codes []string
	for _, p := range policies {
		codes = append(codes, p.BlockingChecks...)
		for _, step := range p.Steps {
			offices = append(offices, step.Office)
		}
	}
	rows, _ := s.db.Query(ctx, sqlPastRounds, args{"since": since, "section": section})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r newsroom.PastRound, err error) {
		var settled *time.Time
		var content newsroom.Content
		if err := row.Scan(&r.ArticleID, &r.Author, &r.Forwarder, &r.Start, &settled, &content); err != nil {
			return r, err
		}
		if settled != nil {
			r.Took = new(calendar.Between(r.Start, *settled))
		}
		if len(codes) > 0 {
			r.Findings = blocking(content, codes)
		}
		return r, nil
	})
	if err != nil {
		return nil, fmt.Errorf("rounds of the last %d days: %w", rehearsalDays, err)
	}
	for i := range list {
		if list[i].Seats, err = s.seats(ctx, s.db, offices, list[i].Start); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// answers is the median working time in which each person answers.
func (s *Store) answers(ctx context.Context, since time.Time, calendar newsroom.Calendar) (map[string]time.Duration, error) {
	rows, _ := s.db.Query(ctx, sqlAnswers, args{"since": since})
	paces := map[string][]time.Duration{}
	var person string
	var asked, decided time.Time
	if _, err := pgx.ForEachRow(rows, []any{&person, &asked, &decided}, func() error {
		paces[person] = append(paces[person], calendar.Between(asked, decided))
		return nil
	}); err != nil {
		return nil, fmt.Errorf("how long people take to answer: %w", err)
	}
	answers := map[string]time.Duration{}
	for person, list := range paces {
		slices.Sort(list)
		answers[person] = list[len(list)/2]
	}
	return answers, nil
}

const sqlNames = `SELECT id, name FROM users WHERE id = ANY (@ids)`

func (s *Store) namePeople(ctx context.Context, lists ...[]newsroom.TriedPerson) error {
	var ids []string
	for _, list := range lists {
		for _, p := range list {
			ids = append(ids, p.ID)
		}
	}
	rows, _ := s.db.Query(ctx, sqlNames, args{"ids": orEmpty(ids)})
	names := map[string]string{}
	var id, name string
	if _, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil }); err != nil {
		return fmt.Errorf("names of people asked: %w", err)
	}
	for _, list := range lists {
		for i := range list {
			list[i].Name = names[list[i].ID]
		}
	}
	return nil
}
