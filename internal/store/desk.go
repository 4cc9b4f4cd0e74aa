package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// cardColumns are the columns of newsroom.Card in the order of scanCard.
const cardColumns = `
	a.id, a.title, a.stage, a.public, a.section_id, a.author_id, u.name, a.holder_id, coalesce(h.name, ''), a.revision, a.live,
	a.clock_kind, a.clock_id, a.clock_start, a.clock_minutes, a.due_at, a.release_due, ` + embargo + `,
	a.expire_at, a.published_at, a.second_by, a.second_late, a.frozen, a.frozen_why, a.updated_at`

// embargo is the release time that counts: the one the office is asked about, or has approved; before that the working text's.
const embargo = `(CASE WHEN a.stage IN ('awaiting_approval', 'approved', 'scheduled')
	THEN (SELECT r.content->>'release_at' FROM revisions r WHERE r.article_id = a.id AND r.n = a.revision) ELSE a.draft->>'release_at' END)::timestamptz`

const cardFrom = ` FROM articles a JOIN users u ON u.id = a.author_id LEFT JOIN users h ON h.id = nullif(a.holder_id, '')`

func scanCard(row pgx.Row, more ...any) (c newsroom.Card, err error) {
	var start *time.Time
	into := []any{
		&c.ID, &c.Title, &c.Stage, &c.Public, &c.Section, &c.AuthorID, &c.Author, &c.HolderID, &c.Holder, &c.Revision, &c.Live,
		&c.Clock.Kind, &c.Clock.ID, &start, &c.Clock.Minutes, &c.Due, &c.ReleaseDue, &c.ReleaseAt, &c.ExpireAt, &c.PublishedAt,
		&c.SecondBy, &c.SecondLate, &c.Frozen, &c.FrozenWhy, &c.UpdatedAt,
	}
	err = row.Scan(append(into, more...)...)
	if start != nil {
		c.Clock.Start = *start
	}
	return c, err
}

func collectCard(row pgx.CollectableRow) (newsroom.Card, error) { return scanCard(row) }

// cardNarrow narrows a list to a newsroom.CardFilter; all its parameters are always given.
const cardNarrow = ` AND (@section = '' OR a.section_id = @section) AND (@author = '' OR a.author_id = @author)
	AND (@holder = '' OR a.holder_id = @holder) AND (@text = '' OR fold(a.title) LIKE '%' || fold(@text) || '%')
	AND (NOT @late OR (a.clock_kind <> '' AND a.due_at <= @now))`

// releasedFor is how long the board shows what was published.
const releasedFor = 7 * 24 * time.Hour

// The open stages are few; what is released is found by the time of its publication. So a board costs the same however large
// the archive is. Each column is cut on its own, its whole count beside it.
const (
	boardHead = `WITH found AS (
	SELECT a.id, a.stage, row_number() OVER w AS place, count(*) OVER (PARTITION BY a.stage) AS amount
	FROM articles a WHERE `
	boardTail = cardNarrow + `
	WINDOW w AS (PARTITION BY a.stage ORDER BY a.due_at NULLS LAST, coalesce(a.release_due, a.updated_at) DESC, a.id))
	SELECT ` + cardColumns + `, f.amount` + cardFrom + ` JOIN found f ON f.id = a.id WHERE f.place <= @limit
	ORDER BY f.stage, f.place`
	sqlBoardOpen     = boardHead + `a.stage = ANY (@stages)` + boardTail
	sqlBoardOwn      = boardHead + `a.author_id = @viewer AND a.stage = ANY (@stages)` + boardTail
	sqlBoardReleased = boardHead + `a.stage = 'released' AND a.published_at > @since` + boardTail
	sqlBoardOwnOut   = boardHead + `a.author_id = @viewer AND a.stage = 'released' AND a.published_at > @since` + boardTail
)

// Board lists what viewer sees of the newsroom by stage, each column cut at limit, the most urgent first; of what is released the last
// week only. Who does not see all sees the own articles.
func (s *Store) Board(ctx context.Context, viewer newsroom.Person, f newsroom.CardFilter, limit int) ([]newsroom.Column, error) {
	columns := make([]newsroom.Column, len(newsroom.BoardStages))
	place := map[newsroom.Stage]int{}
	for i, stage := range newsroom.BoardStages {
		columns[i].Stage, place[stage] = stage, i
	}
	open, released := sqlBoardOpen, sqlBoardReleased
	if !viewer.SeesAll() {
		open, released = sqlBoardOwn, sqlBoardOwnOut
	}
	for _, sql := range []string{open, released} {
		with := s.narrow(f)
		with["limit"] = limit
		if !viewer.SeesAll() {
			with["viewer"] = viewer.ID
		}
		if sql == open {
			with["stages"] = openStages
		} else {
			with["since"] = s.now().UTC().Add(-releasedFor)
		}
		rows, _ := s.db.Query(ctx, sql, with)
		for rows.Next() {
			var amount int
			c, err := scanCard(rows, &amount)
			if err != nil {
				rows.Close()
				return nil, fmt.Errorf("read board: %w", err)
			}
			if i, shown := place[c.Stage]; shown {
				columns[i].Cards, columns[i].Count = append(columns[i].Cards, c), amount
			}
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("read board: %w", err)
		}
	}
	return columns, nil
}

func (s *Store) narrow(f newsroom.CardFilter) args {
	return args{
		"section": f.Section, "author": f.Author, "holder": f.Holder, "text": likeText(f.Text), "late": f.Late, "now": s.now().UTC(),
	}
}

// likeText makes what somebody typed literal inside LIKE.
func likeText(typed string) string {
	var b []rune
	for _, r := range text.Line(typed) {
		if r == '%' || r == '_' || r == '\\' {
			b = append(b, '\\')
		}
		b = append(b, r)
	}
	return string(b)
}

// Lists by the newest change, page by page behind (before, beforeID).
const (
	cardsTail = cardNarrow + ` AND (@stage = '' OR a.stage = @stage) AND (a.updated_at, a.id) < (@before, @before_id)
	ORDER BY a.updated_at DESC, a.id DESC LIMIT @limit`
	sqlCardsAll = `SELECT ` + cardColumns + cardFrom + ` WHERE true` + cardsTail
	sqlCardsOwn = `SELECT ` + cardColumns + cardFrom + ` WHERE a.author_id = @viewer` + cardsTail
)

// Cards lists articles that viewer sees, the newest change first, behind the last of the page before (zero: from the start).
func (s *Store) Cards(ctx context.Context, viewer newsroom.Person, f newsroom.CardFilter, before time.Time, beforeID string, limit int) ([]newsroom.Card, error) {
	with := s.narrow(f)
	with["stage"], with["limit"] = f.Stage, limit
	with["before"], with["before_id"] = before, beforeID
	if before.IsZero() {
		with["before"], with["before_id"] = s.now().UTC().Add(24*time.Hour), ""
	}
	sql := sqlCardsAll
	if !viewer.SeesAll() {
		sql, with["viewer"] = sqlCardsOwn, viewer.ID
	}
	rows, _ := s.db.Query(ctx, sql, with)
	list, err := pgx.CollectRows(rows, collectCard)
	if err != nil {
		return nil, fmt.Errorf("list articles: %w", err)
	}
	return list, nil
}

const (
	sqlWorkMine = `
	SELECT ` + cardColumns + `, coalesce(n.reason_code, ''), coalesce(n.reason, '')` + cardFrom + `
	LEFT JOIN LATERAL (SELECT reason_code, reason FROM audit WHERE article_id = a.id AND to_stage = 'changes_requested'
	  ORDER BY n DESC LIMIT 1) n ON a.stage = 'changes_requested'
	WHERE a.author_id = @me AND a.stage = ANY (@stages) ORDER BY a.due_at NULLS LAST, a.updated_at DESC LIMIT 200`
	sqlWorkOut = `
	SELECT ` + cardColumns + `, (SELECT coalesce(sum(views), 0)::bigint FROM article_views v WHERE v.article_id = a.id) + a.baseline_views` + cardFrom + `
	WHERE a.author_id = @me AND a.published_at IS NOT NULL AND a.stage = 'released' ORDER BY a.updated_at DESC LIMIT 10`
	sqlWorkHeld = `
	SELECT ` + cardColumns + cardFrom + `
	WHERE a.holder_id = @me AND a.stage = ANY (@stages) ORDER BY a.due_at NULLS LAST, a.updated_at LIMIT 200`
	sqlWorkQueue = `
	SELECT ` + cardColumns + cardFrom + `
	WHERE a.stage = 'submitted' AND (@sections = '{}'::text[] OR a.section_id = ANY (@sections)) ORDER BY a.due_at NULLS LAST, a.updated_at LIMIT 200`
	sqlWorkDecide = `
	SELECT ` + cardColumns + `, k.id` + cardFrom + `
	JOIN asks k ON k.article_id = a.id AND k.round = a.round AND k.step = a.step
	WHERE k.user_id = @me AND k.kind = 'approval' AND k.closed_at IS NULL AND k.expires_at > @now AND a.stage = 'awaiting_approval'
	  AND NOT EXISTS (SELECT FROM asks o WHERE o.article_id = k.article_id AND o.round = k.round AND o.step = k.step AND o.user_id = k.user_id
	    AND o.kind = 'approval' AND o.closed_at IS NULL AND o.expires_at > @now
	    AND (o.escalation, o.on_behalf_of <> '', o.created_at, o.id) < (k.escalation, k.on_behalf_of <> '', k.created_at, k.id))
	ORDER BY a.due_at NULLS LAST, a.id LIMIT 200`
	sqlWorkSecond = `
	SELECT ` + cardColumns + cardFrom + `
	WHERE a.second_by IS NOT NULL AND a.first_signer <> @me AND (a.author_id <> @me OR a.id IN (SELECT article_id FROM asks WHERE user_id = @me AND kind = 'second' AND closed_at IS NULL))
	ORDER BY a.second_by LIMIT 50`
	sqlWorkFrozen = `
	SELECT ` + cardColumns + cardFrom + `
	WHERE a.frozen AND a.stage = ANY (@stages) ORDER BY a.updated_at LIMIT 50`
	sqlWorkCounts = `
	SELECT (SELECT count(*) FROM alerts WHERE cleared_at IS NULL),
	  (SELECT count(*) FROM parked_events WHERE retried_at IS NULL),
	  (SELECT count(*) FROM reader_reports WHERE handled_at IS NULL)`
)

// Work lists what waits for me, by my roles.
func (s *Store) Work(ctx context.Context, me newsroom.Person) (w newsroom.Work, err error) {
	now := s.now().UTC()
	if err := s.ownWork(ctx, me, &w); err != nil {
		return w, err
	}
	if me.Is(newsroom.RoleReviewer) {
		if w.Editing, err = s.cards(ctx, sqlWorkHeld, args{"me": me.ID, "stages": openStages}, "articles that I edit"); err != nil {
			return w, err
		}
		if w.Queue, err = s.cards(ctx, sqlWorkQueue, args{"sections": nonNil(me.Sections)}, "articles to claim"); err != nil {
			return w, err
		}
	}
	if me.HoldsPIN() {
		rows, _ := s.db.Query(ctx, sqlWorkDecide, args{"me": me.ID, "now": now})
		if w.Decide, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Card, error) {
			var ask string
			c, err := scanCard(row, &ask)
			c.AskID = ask
			return c, err
		}); err != nil {
			return w, fmt.Errorf("list articles to decide: %w", err)
		}
	}
	if me.Is(newsroom.RoleLeader) {
		if w.Second, err = s.cards(ctx, sqlWorkSecond, args{"me": me.ID}, "second signatures"); err != nil {
			return w, err
		}
		if w.Frozen, err = s.cards(ctx, sqlWorkFrozen, args{"stages": openStages}, "frozen articles"); err != nil {
			return w, err
		}
	}
	var alerts, parked, reports int
	if err := s.db.QueryRow(ctx, sqlWorkCounts).Scan(&alerts, &parked, &reports); err != nil {
		return w, fmt.Errorf("count alerts: %w", err)
	}
	if me.Is(newsroom.RoleAdmin) {
		w.Alerts, w.Parked = alerts, parked
	}
	if me.Is(newsroom.RoleAdmin) || me.Is(newsroom.RoleReviewer) {
		w.Reports = reports
	}
	return w, nil
}

// ownWork sorts a writer's own articles.
func (s *Store) ownWork(ctx context.Context, me newsroom.Person, w *newsroom.Work) error {
	rows, _ := s.db.Query(ctx, sqlWorkMine, args{"me": me.ID, "stages": openStages})
	mine, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Card, error) {
		var code newsroom.ReasonCode
		var note string
		c, err := scanCard(row, &code, &note)
		c.NoteCode, c.Note = code, note
		return c, err
	})
	if err != nil {
		return fmt.Errorf("list own articles: %w", err)
	}
	for _, c := range mine {
		switch c.Stage {
		case newsroom.StageChangesRequested:
			w.Returned = append(w.Returned, c)
		case newsroom.StageDraft:
			w.Drafts = append(w.Drafts, c)
		default:
			w.Waiting = append(w.Waiting, c)
		}
	}
	rows, _ = s.db.Query(ctx, sqlWorkOut, args{"me": me.ID})
	if w.Published, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Card, error) {
		var views int64
		c, err := scanCard(row, &views)
		c.Views = views
		return c, err
	}); err != nil {
		return fmt.Errorf("list own published articles: %w", err)
	}
	return nil
}

func (s *Store) cards(ctx context.Context, sql string, with args, what string) ([]newsroom.Card, error) {
	rows, _ := s.db.Query(ctx, sql, with)
	list, err := pgx.CollectRows(rows, collectCard)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	return list, nil
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// What has or wants a time between two moments: released then, due then, expiring then, or an embargo of something open.
const (
	plannedTimes = `((a.published_at >= @from AND a.published_at < @to) OR (a.release_due >= @from AND a.release_due < @to)
	OR (a.stage = ANY (@stages) AND ` + embargo + ` >= @from AND ` + embargo + ` < @to))`
	sqlPlannedAll = `SELECT ` + cardColumns + cardFrom + ` WHERE ` + plannedTimes + ` ORDER BY coalesce(a.release_due, a.published_at, a.updated_at), a.id LIMIT 1000`
	sqlPlannedOwn = `SELECT ` + cardColumns + cardFrom + ` WHERE a.author_id = @viewer AND ` + plannedTimes + ` ORDER BY coalesce(a.release_due, a.published_at, a.updated_at), a.id LIMIT 1000`
)

// Planned lists what viewer sees of the articles released, or to be released, from from until to.
func (s *Store) Planned(ctx context.Context, viewer newsroom.Person, from, to time.Time) ([]newsroom.Card, error) {
	with := args{"from": from.UTC(), "to": to.UTC(), "stages": openStages}
	sql := sqlPlannedAll
	if !viewer.SeesAll() {
		sql, with["viewer"] = sqlPlannedOwn, viewer.ID
	}
	return s.cards(ctx, sql, with, "planned articles")
}

const sqlComments = `
	SELECT c.id, c.revision, c.user_id, u.name, c.text, c.kind, c.at FROM comments c JOIN users u ON u.id = c.user_id
	WHERE c.article_id = @id ORDER BY c.at, c.id`

// Comments lists the remarks on an article, oldest first.
func (s *Store) Comments(ctx context.Context, articleID string) ([]newsroom.Comment, error) {
	rows, _ := s.db.Query(ctx, sqlComments, args{"id": articleID})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Comment])
	if err != nil {
		return nil, fmt.Errorf("comments on article %s: %w", articleID, err)
	}
	return list, nil
}

const sqlColleagues = `SELECT id, name, pen_name, title, roles, sections FROM users WHERE active ORDER BY name COLLATE "vi-x-icu", id`

// Colleagues lists the active accounts to choose from, by name in Vietnamese order.
func (s *Store) Colleagues(ctx context.Context) ([]newsroom.Colleague, error) {
	rows, _ := s.db.Query(ctx, sqlColleagues)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Colleague])
	if err != nil {
		return nil, fmt.Errorf("list colleagues: %w", err)
	}
	return list, nil
}

// Situation reads everything the rules look at for one person and one article, to offer moves; it changes nothing.
func (s *Store) Situation(ctx context.Context, articleID, actorID string) (sit newsroom.Situation, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		sit, err = s.situation(ctx, tx, newsroom.Request{ArticleID: articleID, ActorID: actorID}, s.now().UTC())
		return err
	})
	if err != nil {
		return sit, fmt.Errorf("situation of article %s: %w", articleID, err)
	}
	return sit, nil
}

const sqlKeepPasted = `INSERT INTO pasted (article_id, revision, by_id, original, at) VALUES (@id, @revision, @by, @original, @at)`

// KeepPasted keeps what somebody pasted or uploaded as it came, beside the cleaned text.
func (s *Store) KeepPasted(ctx context.Context, articleID string, revision int, by, original string) error {
	_, err := s.db.Exec(ctx, sqlKeepPasted, args{
		"id": articleID, "revision": revision, "by": by, "original": strings.ReplaceAll(strings.ToValidUTF8(original, ""), "\x00", ""), "at": s.now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("keep pasted text of article %s: %w", articleID, err)
	}
	return nil
}

const sqlWorkCount = `
	SELECT
	  (SELECT count(*) FROM articles WHERE author_id = @me AND stage = 'changes_requested')
	+ CASE WHEN @reviewer THEN (SELECT count(*) FROM articles WHERE holder_id = @me AND stage IN ('in_review', 'awaiting_approval'))
	    + (SELECT count(*) FROM articles WHERE stage = 'submitted' AND (@sections = '{}'::text[] OR section_id = ANY (@sections))) ELSE 0 END
	+ (SELECT count(DISTINCT k.article_id) FROM asks k JOIN articles a ON a.id = k.article_id AND a.round = k.round AND a.step = k.step
	    WHERE k.user_id = @me AND k.kind = 'approval' AND k.closed_at IS NULL AND k.expires_at > @now AND a.stage = 'awaiting_approval')
	+ CASE WHEN @leader THEN (SELECT count(*) FROM articles WHERE second_by IS NOT NULL AND first_signer <> @me
	    AND (author_id <> @me OR id IN (SELECT article_id FROM asks WHERE user_id = @me AND kind = 'second' AND closed_at IS NULL))) ELSE 0 END
	+ CASE WHEN @admin THEN (SELECT count(*) FROM alerts WHERE cleared_at IS NULL) + (SELECT count(*) FROM parked_events WHERE retried_at IS NULL) ELSE 0 END`

// WorkCount is how many things wait for me: the number beside "Việc của tôi".
func (s *Store) WorkCount(ctx context.Context, me newsroom.Person) (n int, err error) {
	err = s.db.QueryRow(ctx, sqlWorkCount, args{
		"me": me.ID, "reviewer": me.Is(newsroom.RoleReviewer), "leader": me.Is(newsroom.RoleLeader), "admin": me.Is(newsroom.RoleAdmin),
		"sections": nonNil(me.Sections), "now": s.now().UTC(),
	}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count work: %w", err)
	}
	return n, nil
}
