package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlLockSituation = `SELECT ` + articleColumns + `, draft, policy,
	coalesce(r.hash, ''), r.content
	FROM articles LEFT JOIN LATERAL (SELECT hash, content FROM revisions WHERE article_id = articles.id AND n = articles.revision) r ON true
	WHERE id = @id FOR UPDATE OF articles`

// situation reads everything the rules look at, under the article's lock.
func (s *Store) situation(ctx context.Context, tx pgx.Tx, r newsroom.Request, now time.Time) (newsroom.Situation, error) {
	sit := newsroom.Situation{Now: now}
	var draft, sent, snapshot []byte
	a, err := scanArticle(tx.QueryRow(ctx, sqlLockSituation, args{"id": r.ArticleID}), &draft, &snapshot, &sit.Frozen, &sent)
	if err != nil {
		return sit, fmt.Errorf("lock article %s: %w", r.ArticleID, err)
	}
	sit.Article = a
	if err := json.Unmarshal(draft, &sit.Draft); err != nil {
		return sit, fmt.Errorf("decode draft of article %s: %w", a.ID, err)
	}
	if sent != nil {
		if err := json.Unmarshal(sent, &sit.Sent); err != nil {
			return sit, fmt.Errorf("decode revision %d of article %s: %w", a.Revision, a.ID, err)
		}
	}
	if r.ActorID != "" {
		if sit.Actor, err = s.person(ctx, tx, r.ActorID); err != nil {
			return sit, err
		}
	}
	if r.Target != "" {
		if sit.Target, err = s.person(ctx, tx, r.Target); err != nil && !errors.Is(err, newsroom.ErrNotFound) {
			return sit, err
		}
	}
	if sit.Policy, err = s.runningPolicy(ctx, tx, a, r.Move, snapshot); err != nil {
		return sit, err
	}
	steps := sit.Policy.Steps
	if a.Stage == newsroom.StageAwaitingApproval {
		newest, err := s.sectionPolicy(ctx, tx, sit.Sent.Section) // the working text may have moved to another one
		if err != nil {
			return sit, err
		}
		sit.Newest, steps = &newest, append(slices.Clone(steps), newest.Steps...)
	}
	var offices []string
	for _, step := range steps {
		offices = append(offices, step.Office)
	}
	if sit.Seats, err = s.seats(ctx, tx, offices, now); err != nil {
		return sit, err
	}
	if sit.Asks, err = s.roundAsks(ctx, tx, a); err != nil {
		return sit, err
	}
	if sit.Verdicts, err = s.verdicts(ctx, tx, a); err != nil {
		return sit, err
	}
	if a.SecondBy != nil {
		if _, sit.Unsigned, err = s.firstAct(ctx, tx, a.ID); err != nil {
			return sit, err
		}
		if sit.SecondAsk, err = s.secondAsk(ctx, tx, a.ID, r.ActorID); err != nil {
			return sit, err
		}
	}
	if sit.Live, err = s.liveText(ctx, tx, a); err != nil {
		return sit, err
	}
	if r.Move == newsroom.MoveNotMe {
		if err := s.disowned(ctx, tx, r, &sit); err != nil {
			return sit, err
		}
	}
	if len(sit.Policy.BlockingChecks) > 0 {
		sit.Blocking = blocking(sit.Draft, sit.Policy.BlockingChecks)
	}
	switch r.Move {
	case newsroom.MoveRelease, newsroom.MoveApprove, newsroom.MoveEmergencyRelease:
		if a.Revision > 0 {
			sit.Computed = sit.Sent.Hash()
		}
	case newsroom.MoveRevise:
		if a.Live > 0 {
			if sit.Shown, err = s.frozen(ctx, tx, a.ID, a.Live); err != nil {
				return sit, err
			}
		}
	}
	return sit, nil
}

const sqlLiveText = `
	SELECT section_id, coalesce((SELECT actor_id FROM audit
	  WHERE audit.article_id = @id AND action IN ('forward', 'resubmit') AND audit.revision <= @live ORDER BY n DESC LIMIT 1), '')
	FROM live_articles WHERE article_id = @id`

// liveText is what the text that readers see goes by; nil where nothing was ever published.
func (s *Store) liveText(ctx context.Context, q querier, a newsroom.Article) (*newsroom.Live, error) {
	var live newsroom.Live
	err := q.QueryRow(ctx, sqlLiveText, args{"id": a.ID, "live": a.Live}).Scan(&live.Section, &live.ForwardedBy)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // says so
	}
	if err != nil {
		return nil, fmt.Errorf("what readers see of article %s: %w", a.ID, err)
	}
	live.Policy, err = s.sectionPolicy(ctx, q, live.Section)
	return &live, err
}

const sqlDisownedDecision = `
	SELECT user_id, step, move, round FROM decisions WHERE request_id = @request AND article_id = @id`

// disowned loads the decision that a "not me" is about.
func (s *Store) disowned(ctx context.Context, q querier, r newsroom.Request, sit *newsroom.Situation) error {
	var v newsroom.Verdict
	var round int
	err := notFound(q.QueryRow(ctx, sqlDisownedDecision, args{"request": r.Decision, "id": r.ArticleID}).Scan(&v.Person, &v.Step, &v.Move, &round))
	if errors.Is(err, newsroom.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("disowned decision %s: %w", r.Decision, err)
	}
	sit.Disowned, sit.Round = &v, round == sit.Article.Round
	return nil
}

const sqlFrozen = `SELECT content FROM revisions WHERE article_id = @id AND n = @n`

func (s *Store) frozen(ctx context.Context, q querier, id string, n int) (c newsroom.Content, err error) {
	var content []byte
	if err := q.QueryRow(ctx, sqlFrozen, args{"id": id, "n": n}).Scan(&content); err != nil {
		return c, fmt.Errorf("revision %d of article %s: %w", n, id, notFound(err))
	}
	return c, json.Unmarshal(content, &c)
}

// runningPolicy is the snapshot while a round runs and what follows from it pends, the section's newest policy otherwise.
func (s *Store) runningPolicy(ctx context.Context, q querier, a newsroom.Article, move newsroom.Move, snapshot []byte) (p newsroom.Policy, err error) {
	switch a.Stage {
	case newsroom.StageAwaitingApproval, newsroom.StageApproved, newsroom.StageScheduled:
		if snapshot != nil && move != newsroom.MoveResubmit {
			return p, json.Unmarshal(snapshot, &p)
		}
	}
	return s.sectionPolicy(ctx, q, a.Section)
}

const sqlSectionPolicy = `
	SELECT policy FROM policies WHERE section_id IN (@section, '') ORDER BY section_id DESC, version DESC LIMIT 1`

// sectionPolicy is the newest policy of section, else of the whole office, else the default over the first office.
func (s *Store) sectionPolicy(ctx context.Context, q querier, section string) (p newsroom.Policy, err error) {
	var policy []byte
	err = notFound(q.QueryRow(ctx, sqlSectionPolicy, args{"section": section}).Scan(&policy))
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.defaultPolicy(ctx, q)
	}
	if err != nil {
		return p, fmt.Errorf("policy of section %s: %w", section, err)
	}
	return p, json.Unmarshal(policy, &p)
}

const sqlFirstOffice = `SELECT coalesce((SELECT id FROM offices ORDER BY position, id LIMIT 1), '')`

func (s *Store) defaultPolicy(ctx context.Context, q querier) (newsroom.Policy, error) {
	var office string
	if err := q.QueryRow(ctx, sqlFirstOffice).Scan(&office); err != nil {
		return newsroom.Policy{}, fmt.Errorf("first office: %w", err)
	}
	return newsroom.DefaultPolicy(office), nil
}

const sqlPerson = `SELECT id, email, name, title, locale, roles, sections, active FROM users WHERE id = @id`

func (s *Store) person(ctx context.Context, q querier, id string) (newsroom.Person, error) {
	rows, _ := q.Query(ctx, sqlPerson, args{"id": id})
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.Person])
	if err != nil {
		return p, fmt.Errorf("person %s: %w", id, notFound(err))
	}
	return p, nil
}

// A running delegation moves the holder's seat to the delegate while that is an active leader; otherwise the holder sits there. A
// holder whose account is closed has no seat, and nobody signs for them.
const sqlSeats = `
	SELECT h.office_id, coalesce(d.to_user, h.user_id), CASE WHEN d.to_user IS NULL THEN '' ELSE h.user_id END
	FROM office_holders h
	JOIN users u ON u.id = h.user_id AND u.active AND 'leader' = ANY (u.roles)
	LEFT JOIN LATERAL (
	  SELECT g.to_user FROM delegations g JOIN users t ON t.id = g.to_user AND t.active AND 'leader' = ANY (t.roles)
	  WHERE g.office_id = h.office_id AND g.from_user = h.user_id AND g.from_at <= @at AND g.to_at > @at
	    AND (g.ended_at IS NULL OR g.ended_at > @at)
	  ORDER BY g.created_at DESC LIMIT 1) d ON true
	WHERE h.office_id = ANY (@offices) AND NOT h.deputy AND h.from_at <= @at AND (h.to_at IS NULL OR h.to_at > @at)
	ORDER BY h.office_id, h.from_at, h.user_id`

// seats lists who may decide for offices at a moment.
func (s *Store) seats(ctx context.Context, q querier, offices []string, at time.Time) ([]newsroom.Seat, error) {
	rows, _ := q.Query(ctx, sqlSeats, args{"offices": offices, "at": at})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Seat])
	if err != nil {
		return nil, fmt.Errorf("seats of offices: %w", err)
	}
	return list, nil
}

const (
	sqlDeputies = `
	SELECT h.user_id FROM office_holders h JOIN users u ON u.id = h.user_id AND u.active AND 'leader' = ANY (u.roles)
	WHERE h.office_id = @office AND h.deputy AND h.from_at <= @at AND (h.to_at IS NULL OR h.to_at > @at) ORDER BY h.from_at, h.user_id`
	sqlChief = `SELECT id FROM offices WHERE chief`
)

// standIns lists who may be asked too when an office's time is over, one group after the other: its deputies, who sign for behalf;
// where none of them can, the chief; then the admins (domain.md §3).
func (s *Store) standIns(ctx context.Context, q querier, office, behalf string, at time.Time) ([][]newsroom.Seat, error) {
	rows, _ := q.Query(ctx, sqlDeputies, args{"office": office, "at": at})
	deputies, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("deputies of office %s: %w", office, err)
	}
	rows, _ = q.Query(ctx, sqlChief)
	offices, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("the chief's office: %w", err)
	}
	chiefs, err := s.seats(ctx, q, offices, at)
	if err != nil {
		return nil, err
	}
	admins, err := s.others(ctx, q, newsroom.RoleAdmin, "")
	if err != nil {
		return nil, fmt.Errorf("admins: %w", err)
	}
	groups := make([][]newsroom.Seat, 3)
	for _, person := range deputies {
		groups[0] = append(groups[0], newsroom.Seat{Office: office, Person: person, OnBehalfOf: behalf})
	}
	for _, seat := range chiefs {
		groups[1] = append(groups[1], newsroom.Seat{Office: office, Person: seat.Person, OnBehalfOf: seat.OnBehalfOf})
	}
	for _, person := range admins {
		groups[2] = append(groups[2], newsroom.Seat{Office: office, Person: person})
	}
	return groups, nil
}

// Who was asked since the time was over signs for the holder as the office's deputy, or for the chief by delegation; where that, or whom
// they would sign for, is over they are still asked, in their own name.
const sqlRoundAsks = `
	SELECT id, round, step, revision, hash, office_id, user_id,
	  CASE WHEN closed_at IS NOT NULL OR NOT escalation OR (
	      EXISTS (SELECT FROM users b WHERE b.id = asks.on_behalf_of AND b.active AND 'leader' = ANY (b.roles))
	      AND (EXISTS (SELECT FROM office_holders h WHERE h.office_id = asks.office_id AND h.user_id = asks.user_id AND h.deputy
	          AND h.from_at <= @now AND (h.to_at IS NULL OR h.to_at > @now))
	        OR EXISTS (SELECT FROM delegations g WHERE g.from_user = asks.on_behalf_of AND g.to_user = asks.user_id
	          AND g.from_at <= @now AND g.to_at > @now AND (g.ended_at IS NULL OR g.ended_at > @now))))
	    THEN on_behalf_of ELSE '' END,
	  escalation, closed_at IS NOT NULL OR expires_at <= @now, closed_at IS NOT NULL FROM asks
	WHERE article_id = @id AND round = @round AND kind = 'approval' AND (closed_at IS NULL OR closed_why = 'decided') ORDER BY created_at, id`

// roundAsks lists what is or was asked in the article's round; what was asked anew of somebody else does not count.
func (s *Store) roundAsks(ctx context.Context, q querier, a newsroom.Article) ([]newsroom.Ask, error) {
	rows, _ := q.Query(ctx, sqlRoundAsks, args{"id": a.ID, "round": a.Round, "now": s.now().UTC()})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k newsroom.Ask, err error) {
		return k, row.Scan(&k.ID, &k.Round, &k.Step, &k.Revision, &k.Hash, &k.Seat.Office, &k.Seat.Person, &k.Seat.OnBehalfOf, &k.Escalation, &k.Closed, &k.Answered)
	})
	if err != nil {
		return nil, fmt.Errorf("asks of article %s: %w", a.ID, err)
	}
	return list, nil
}

const sqlVerdicts = `
	SELECT user_id, step, move FROM decisions WHERE article_id = @id AND round = @round ORDER BY at`

func (s *Store) verdicts(ctx context.Context, q querier, a newsroom.Article) ([]newsroom.Verdict, error) {
	rows, _ := q.Query(ctx, sqlVerdicts, args{"id": a.ID, "round": a.Round})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Verdict])
	if err != nil {
		return nil, fmt.Errorf("decisions of article %s: %w", a.ID, err)
	}
	return list, nil
}

const sqlCalendarDays = `SELECT date, kind FROM calendar_days`

// calendar is the office's working time as it is now.
func (s *Store) calendar(ctx context.Context, q querier) (newsroom.Calendar, error) {
	c := newsroom.DefaultCalendar()
	var hours []byte
	switch err := notFound(q.QueryRow(ctx, sqlSetting, args{"key": "calendar_hours"}).Scan(&hours)); {
	case errors.Is(err, newsroom.ErrNotFound):
	case err != nil:
		return c, fmt.Errorf("working hours: %w", err)
	default:
		c.Hours = [7][]newsroom.Span{} // decoding into the default's slices would change it for everybody
		if err := json.Unmarshal(hours, &c.Hours); err != nil {
			return c, fmt.Errorf("decode working hours: %w", err)
		}
	}
	rows, _ := q.Query(ctx, sqlCalendarDays)
	var date time.Time
	var kind newsroom.DayKind
	if _, err := pgx.ForEachRow(rows, []any{&date, &kind}, func() error {
		c.Days[newsroom.Date{Year: date.Year(), Month: date.Month(), Day: date.Day()}] = kind
		return nil
	}); err != nil {
		return c, fmt.Errorf("calendar days: %w", err)
	}
	return c, nil
}

const sqlSetting = `SELECT value FROM settings WHERE key = @key`

const sqlAlert = `INSERT INTO alerts (id, code, detail, at) VALUES (@id, @code, @detail, @at)
	ON CONFLICT (id) DO UPDATE SET detail = excluded.detail, cleared_at = NULL`

// alert puts a trouble before the operator; the same id is one row however often it happens.
func (s *Store) alert(ctx context.Context, tx pgx.Tx, id, code string, detail map[string]any) error {
	if _, err := tx.Exec(ctx, sqlAlert, args{"id": id, "code": code, "detail": toJSON(detail), "at": s.now().UTC()}); err != nil {
		return fmt.Errorf("write alert %s: %w", id, err)
	}
	return nil
}
