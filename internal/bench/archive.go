package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/internal/feed"
	"toasoan/internal/store"
	"toasoan/internal/text"
	"toasoan/migrations"
	"toasoan/newsroom"
)

// archive is a newsroom's database with many published articles, on the plant's PostgreSQL. Its articles were never written by
// anybody: their words are drawn from a vocabulary as language draws them, a few often and most seldom.
type archive struct {
	size  int
	db    *pgxpool.Pool
	store *store.Store
}

const (
	archiveSection = "tin-tuc-su-kien"
	archiveTexts   = 20_000 // different texts; a larger archive repeats their bodies under other titles and dates
	archiveOpen    = 300    // articles that are being worked on
	archiveRecent  = 90     // articles of the last month, however large the archive: an office writes no faster for having written long
)

// archive makes one of n articles, or returns the one that was made before.
func (b *bench) archiveOf(ctx context.Context, n int) (*archive, error) {
	p, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	if made := p.archives[n]; made != nil {
		return made, nil
	}
	began := time.Now()
	a, err := p.newArchive(ctx, fmt.Sprintf("archive_%d", n), n)
	if err != nil {
		return nil, err
	}
	p.archives[n] = a
	if err := a.fill(ctx); err != nil {
		return nil, fmt.Errorf("fill an archive of %d: %w", n, err)
	}
	var size int64
	err = a.db.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&size)
	say("an archive of %d articles is made in %s (%d MB)", n, time.Since(began).Round(time.Second), size>>20)
	return a, err
}

// newArchive makes an empty database of the product for n of something.
func (p *plant) newArchive(ctx context.Context, name string, n int) (*archive, error) {
	admin, err := pgx.Connect(ctx, p.stack.AdminURL)
	if err != nil {
		return nil, err
	}
	_, err = admin.Exec(ctx, "CREATE DATABASE "+name+" OWNER toasoan_owner")
	if err = errors.Join(err, admin.Close(ctx)); err != nil {
		return nil, err
	}
	owner, err := onDatabase(p.stack.OwnerURL, name)
	if err != nil {
		return nil, err
	}
	if _, err := migrations.Migrate(ctx, owner); err != nil {
		return nil, err
	}
	app, err := onDatabase(p.stack.AppURL, name)
	if err != nil {
		return nil, err
	}
	a := &archive{size: n}
	if a.db, err = pgxpool.New(ctx, owner); err != nil {
		return nil, err
	}
	a.store, err = store.New(ctx, store.Options{URL: app, Keys: p.keys, Log: slog.New(slog.DiscardHandler), BaseURL: p.url})
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func onDatabase(base, name string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func (a *archive) close() {
	if a.store != nil {
		a.store.Close()
	}
	a.db.Close()
}

// fill writes the rows without the large indexes, which are made afterwards.
func (a *archive) fill(ctx context.Context) error {
	for _, sql := range []string{
		`INSERT INTO users (id, email, email_key, name, roles) VALUES ('author000001', 'a@example.vn', 'a@example.vn', 'Lương Hải Yên', '{leader}')`,
		`INSERT INTO sections (id, name_vi, position) SELECT 'muc-' || i, 'Chuyên mục ' || i, i FROM generate_series(1, 11) i`,
		`INSERT INTO sections (id, name_vi, position) VALUES ('` + archiveSection + `', 'Tin tức – Sự kiện', 0)`,
		`CREATE UNLOGGED TABLE texts (k int PRIMARY KEY, title text, lead text, plain text, search tsvector)`,
	} {
		if _, err := a.db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	words := newWords(1)
	texts := min(a.size, archiveTexts)
	_, err := a.db.CopyFrom(ctx, pgx.Identifier{"texts"}, []string{"k", "title", "lead", "plain"}, pgx.CopyFromSlice(texts, func(k int) ([]any, error) {
		return []any{k, words.sentence(9), words.sentence(25), words.sentence(150)}, nil
	}))
	if err != nil {
		return err
	}
	indexes, err := a.dropIndexes(ctx, "live_articles")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`UPDATE texts SET search = article_search(title, lead, plain, 'Hải Yên', '')`, nil},
		{`INSERT INTO articles (id, author_id, draft, draft_hash, stage, public, section_id, title, slug, revision, live, published_at, created_at, updated_at)
		  SELECT lpad(to_hex(i), 12, '0'), 'author000001', '{}', '', 'released', 'live', CASE WHEN i % 12 = 0 THEN '` + archiveSection + `' ELSE 'muc-' || i % 12 END,
		    t.title || ' ' || i, 'bai-' || i, 1, 1, at, at, at
		  FROM (SELECT i, now() - CASE WHEN i > $1 - $3 THEN ($1 - i)::float8 / $3 * interval '30 days'
		      ELSE interval '31 days' + ($1 - $3 - i)::float8 / $1 * interval '20 years' END AS at FROM generate_series(1, $1::int) i) s
		  JOIN texts t ON t.k = s.i % $2`, []any{a.size, texts, archiveRecent}},
		{`INSERT INTO live_articles (article_id, revision, public, section_id, title, lead, plain, slug, byline, pen_names, content, hash, published_at, updated_at, changed_n, search)
		  SELECT a.id, 1, 'live', a.section_id, a.title, t.lead, t.plain, a.slug, 'Hải Yên', '{hai-yen}', '{}', '', a.published_at, a.updated_at, 1, t.search
		  FROM articles a JOIN texts t ON t.k = ('x' || right(a.id, 8))::bit(32)::int % $1 WHERE a.stage = 'released'`, []any{texts}},
		{`INSERT INTO articles (id, author_id, draft, draft_hash, stage, section_id, title, slug, due_at, clock_kind, clock_start, clock_minutes)
		  SELECT 'x' || lpad(to_hex(i), 11, '0'), 'author000001', '{}', '', (ARRAY['draft', 'submitted', 'in_review', 'awaiting_approval'])[i % 4 + 1], 'muc-1',
		    t.title, 'bai-' || i, now() + i * interval '1 minute', 'edit', now(), 240
		  FROM generate_series(1, $1::int) i JOIN texts t ON t.k = i % $2`, []any{archiveOpen, texts}},
		{`INSERT INTO revisions SELECT id, 1, jsonb_build_object('section', section_id), '', author_id, published_at FROM articles WHERE id = lpad(to_hex($1::int), 12, '0')`, []any{a.size}},
		{`DROP TABLE texts`, nil},
	} {
		if _, err := a.db.Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("%s: %w", strings.Fields(step.sql)[:3], err)
		}
	}
	for _, sql := range indexes {
		if _, err := a.db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	_, err = a.db.Exec(ctx, `VACUUM ANALYZE articles, live_articles`)
	return err
}

// dropIndexes drops what can be made anew and returns how.
func (a *archive) dropIndexes(ctx context.Context, table string) (again []string, err error) {
	rows, _ := a.db.Query(ctx, `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1 AND indexdef NOT LIKE 'CREATE UNIQUE%'`, table)
	var name, def string
	var drop []string
	if _, err := pgx.ForEachRow(rows, []any{&name, &def}, func() error {
		drop, again = append(drop, "DROP INDEX "+pgx.Identifier{name}.Sanitize()), append(again, def)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, sql := range drop {
		if _, err := a.db.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// words draws Vietnamese words: two syllables each, the nth about n times rarer than the first.
type words struct {
	rng  *rand.Rand
	zipf *rand.Zipf
	list []string
}

var syllables = strings.Fields(`xã thôn huyện tỉnh dân nhân công tác hội nghị triển khai nhiệm vụ kế hoạch nông mới đường liên trường học sinh viên
	đảng ủy ban chính quyền cải cách hành số chuyển đổi kinh tế văn hóa giáo dục y quốc phòng an ninh gương người tốt việc thông báo đất đai bán mua
	nhà ở rừng biển sông núi lúa gạo cây trồng vật nuôi chăn sản xuất tiêu dùng chợ phiên lễ hội truyền thống di tích lịch sử bảo tồn phát huy`)

func newWords(seed uint64) *words {
	w := &words{rng: rand.New(rand.NewPCG(seed, 2))} //nolint:gosec // no secret
	for range 8000 {
		w.list = append(w.list, syllables[w.rng.IntN(len(syllables))]+" "+syllables[w.rng.IntN(len(syllables))])
	}
	w.zipf = rand.NewZipf(w.rng, 1.2, 4, uint64(len(w.list)-1))
	return w
}

func (w *words) word() string { return w.list[w.zipf.Uint64()] }

func (w *words) sentence(n int) string {
	said := make([]string, n)
	for i := range said {
		said[i] = w.word()
	}
	return strings.Join(said, " ")
}

// measureSearch asks the large archive for one to three words, with and without accents.
func measureSearch(ctx context.Context, b *bench) error {
	a, err := b.archiveOf(ctx, b.archive)
	if err != nil {
		return err
	}
	queries := 600
	if b.quick {
		queries = 300
	}
	words := newWords(1) // the archive's vocabulary
	var waits []time.Duration
	found := 0
	for n := range queries + 20 {
		asked := words.sentence(1 + n%3)
		if n%2 == 0 {
			asked = strings.ReplaceAll(text.Slug(asked), "-", " ")
		}
		began := time.Now()
		got, err := a.store.Search(ctx, newsroom.SearchQuery{Text: asked, Page: 1, Size: 10})
		if err != nil {
			return err
		}
		if n >= 20 { // the first ones fill the caches
			waits = append(waits, time.Since(began))
			if got.Total > 0 {
				found++
			}
		}
	}
	note := fmt.Sprintf("%d articles, %d queries of 1 to 3 words, %d found something", a.size, queries, found)
	b.report.value("search.p50_ms_1m", quantile(waits, 0.5), "ms", note)
	b.report.value("search.p99_ms_1m", quantile(waits, 0.99), "ms", "")
	return nil
}

// measureBoard reads the board, and renders the feeds that one article touches, in a large archive and in one of a hundred.
func measureBoard(ctx context.Context, b *bench) error {
	large, err := b.archiveOf(ctx, b.archive)
	if err != nil {
		return err
	}
	small, err := b.archiveOf(ctx, 100)
	if err != nil {
		return err
	}
	boards := map[*archive][]time.Duration{}
	feeds := map[*archive][]time.Duration{}
	for n := range 200 { // in turn, since the machine may have other work
		for _, a := range []*archive{small, large} {
			began := time.Now()
			if _, err := a.store.Board(ctx, newsroom.Person{ID: "author000001", Active: true, Roles: []newsroom.Role{newsroom.RoleLeader}}, newsroom.CardFilter{}, 50); err != nil {
				return err
			}
			boards[a] = append(boards[a], time.Since(began))
			if n >= 60 {
				continue
			}
			took, err := a.regenerate(ctx, int64(n+1), b.plant.url)
			if err != nil {
				return err
			}
			feeds[a] = append(feeds[a], took)
		}
	}
	b.report.against("board.p99_ms_1m", quantile(boards[large], 0.99), quantile(boards[small], 0.99), "ms", fmt.Sprintf("%d articles, %d of them open; baseline: 100 articles", large.size, archiveOpen))
	b.report.against("board.growth", quantile(boards[large], 0.5), quantile(boards[small], 0.5), "ms", "medians; the ratio is what counts")
	b.report.against("feed.regen_growth", quantile(feeds[large], 0.5), quantile(feeds[small], 0.5), "ms", fmt.Sprintf("the files that one article touches, at %d and 100 archived", large.size))
	return nil
}

// regenerate is what the consumer "feeds" does when the newest article was published, for the nth time.
func (a *archive) regenerate(ctx context.Context, n int64, base string) (time.Duration, error) {
	id := fmt.Sprintf("%012x", a.size)
	if _, err := a.db.Exec(ctx, `INSERT INTO publications (article_id, n, event, revision, at) VALUES ($1, $2, 'published', 1, now())`, id, n); err != nil {
		return 0, err
	}
	began := time.Now()
	files, err := a.store.WriteFeeds(ctx, fmt.Sprintf("newsroom.article.published/%s/%d", id, n), id, n, time.Now(), feed.Renderer{Base: base}.Render)
	if err == nil && files == 0 {
		err = errors.New("no feed was written")
	}
	return time.Since(began), err
}
