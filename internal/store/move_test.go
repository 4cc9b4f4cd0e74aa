package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// newsdesk is a newsroom of one author, one reviewer, two leaders and a deputy, with one section and one office.
type newsdesk struct {
	*people
	author, reviewer, leader, second, deputy newsroom.Person
	db                                       *pgx.Conn
}

func newNewsdesk(t *testing.T) *newsdesk {
	t.Helper()
	p := newPeople(t)
	d := &newsdesk{people: p}
	d.author = p.add(t, "phong-vien@vankhe.example", newsroom.RoleReporter)
	d.reviewer = p.add(t, "bien-tap@vankhe.example", newsroom.RoleReviewer)
	d.leader = p.add(t, "lanh-dao@vankhe.example", newsroom.RoleLeader)
	d.second = p.add(t, "chu-tich@vankhe.example", newsroom.RoleLeader)
	d.deputy = p.add(t, "pho@vankhe.example", newsroom.RoleLeader)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.SaveSection(t.Context(), p.admin, newsroom.Section{ID: "kinh-te", NameVI: "Kinh tế"}))
	must(p.SaveOffice(t.Context(), p.admin, newsroom.Office{ID: "ubnd", Name: "Ban Biên tập", Position: 1}))
	must(p.SaveOffice(t.Context(), p.admin, newsroom.Office{ID: "chu-tich", Name: "Chủ tịch", Position: 2, Chief: true}))
	must(nil, p.Seat(t.Context(), p.admin, "ubnd", d.leader.ID, false))
	must(nil, p.Seat(t.Context(), p.admin, "ubnd", d.deputy.ID, true))
	must(nil, p.Seat(t.Context(), p.admin, "chu-tich", d.second.ID, false))
	var err error
	if d.db, err = pgx.Connect(t.Context(), p.app); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close(context.Background()) })
	return d
}

func story(title string) newsroom.Content {
	return newsroom.Content{
		Title: title, Lead: "Sapo của bài.", Body: "<p>Nội dung nông thôn mới.</p>", Section: "kinh-te",
		Authors: []newsroom.Author{{PenName: "Mai Lan"}, {PenName: "Văn Bình"}},
	}
}

func (d *newsdesk) create(t *testing.T, c newsroom.Content) string {
	t.Helper()
	draft, err := d.CreateArticle(t.Context(), d.author, c)
	if err != nil {
		t.Fatal(err)
	}
	return draft.Article.ID
}

// ask records and settles a move, as a door and the workflow do, and returns what was settled.
func (d *newsdesk) ask(t *testing.T, who newsroom.Person, id string, move newsroom.Move, bend ...func(*newsroom.Request)) newsroom.Settled {
	t.Helper()
	a, err := d.Article(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r := newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move,
		Code: newsroom.ReasonQuality, Reason: "Đề nghị bổ sung số liệu.",
	}
	if a.Revision > 0 {
		frozen, err := d.Revision(t.Context(), id, a.Revision)
		if err != nil {
			t.Fatal(err)
		}
		if move == newsroom.MoveApprove || move == newsroom.MoveRequestChanges {
			r.Hash = frozen.Hash
		}
	}
	for _, b := range bend {
		b(&r)
	}
	if err := d.RecordRequest(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	settled, err := d.RecordMove(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return settled
}

func (d *newsdesk) allowed(t *testing.T, who newsroom.Person, id string, move newsroom.Move, bend ...func(*newsroom.Request)) newsroom.Settled {
	t.Helper()
	settled := d.ask(t, who, id, move, bend...)
	if settled.Outcome.Refused != nil {
		t.Fatalf("%s by %s: %v", move, who.Name, settled.Outcome.Refused)
	}
	return settled
}

func (d *newsdesk) refused(t *testing.T, want newsroom.Refusal, who newsroom.Person, id string, move newsroom.Move, bend ...func(*newsroom.Request)) {
	t.Helper()
	before := d.countHistory(t, id)
	settled := d.ask(t, who, id, move, bend...)
	if settled.Outcome.Refused == nil || settled.Outcome.Refused.Code != want {
		t.Errorf("%s by %s: %v, want refusal %s", move, who.Name, settled.Outcome.Refused, want)
	}
	if after := d.countHistory(t, id); after != before {
		t.Errorf("a refused %s left %d rows in the history", move, after-before)
	}
}

func (d *newsdesk) countHistory(t *testing.T, id string) int {
	t.Helper()
	rows, err := d.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return len(rows)
}

// upTo walks an article to stage.
func (d *newsdesk) upTo(t *testing.T, c newsroom.Content, stage newsroom.Stage) string {
	t.Helper()
	id := d.create(t, c)
	for _, step := range []struct {
		stage newsroom.Stage
		who   newsroom.Person
		move  newsroom.Move
	}{
		{newsroom.StageSubmitted, d.author, newsroom.MoveSubmit},
		{newsroom.StageInReview, d.reviewer, newsroom.MoveClaim},
		{newsroom.StageAwaitingApproval, d.reviewer, newsroom.MoveForward},
		{newsroom.StageReleased, d.leader, newsroom.MoveApprove},
	} {
		settled := d.allowed(t, step.who, id, step.move)
		if settled.Stage != step.stage && step.stage != newsroom.StageReleased {
			t.Fatalf("after %s: %s, want %s", step.move, settled.Stage, step.stage)
		}
		if settled.Stage == stage {
			return id
		}
	}
	return id
}

func (d *newsdesk) scalar(t *testing.T, sql string, values ...any) string {
	t.Helper()
	var v any
	if err := d.db.QueryRow(t.Context(), sql, values...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return fmt.Sprint(v)
}

func (d *newsdesk) letters(t *testing.T, id string) []string {
	t.Helper()
	rows, _ := d.db.Query(t.Context(), `SELECT l.kind || ' ' || u.email FROM letters l JOIN users u ON u.id = l.user_id WHERE l.article_id = $1 ORDER BY l.kind, u.email`, id)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOneArticleFromDraftToPublic(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.create(t, story("Lễ ký kết giao ước thi đua"))
	d.allowed(t, d.author, id, newsroom.MoveSubmit)
	d.allowed(t, d.reviewer, id, newsroom.MoveClaim)
	d.allowed(t, d.reviewer, id, newsroom.MoveReturn)
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	mended := draft.Content
	mended.Lead = "Sapo đã bổ sung số liệu."
	if _, err := d.SaveDraft(t.Context(), id, d.author, draft.Article.Version, mended); err != nil {
		t.Fatal(err)
	}
	d.allowed(t, d.author, id, newsroom.MoveSubmit)
	d.allowed(t, d.reviewer, id, newsroom.MoveClaim)
	if s := d.allowed(t, d.reviewer, id, newsroom.MoveForward); s.Revision != 2 || s.Due == nil || s.Wake == nil || len(s.Letters) != 1 {
		t.Errorf("forwarded: %+v", s)
	}
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if s.Stage != newsroom.StageReleased || s.Public != newsroom.PublicLive || !s.Idle || len(s.Publish) != 1 || s.Outcome.Publish != s.Publish[0] {
		t.Errorf("approved: %+v", s)
	}
	var verbs []string
	for _, a := range s.Announce {
		verbs = append(verbs, a.Verb)
	}
	if !slices.Equal(verbs, []string{"approved", "published"}) {
		t.Errorf("announced %v", verbs)
	}
	if got := d.scalar(t, `SELECT title || '|' || revision || '|' || public || '|' || byline FROM live_articles WHERE article_id = $1`, id); got != "Lễ ký kết giao ước thi đua|2|live|Mai Lan – Văn Bình" {
		t.Errorf("live: %s", got)
	}
	if got := d.scalar(t, `SELECT string_agg(effect, ' ' ORDER BY effect) FROM receipts WHERE article_id = $1`, id); got != "counters feeds mail page sitemap" {
		t.Errorf("expected receipts: %s", got)
	}
	want := []string{
		"approval_request lanh-dao@vankhe.example", "changes_requested phong-vien@vankhe.example", "decision_receipt lanh-dao@vankhe.example",
		"published phong-vien@vankhe.example", "submitted bien-tap@vankhe.example", "submitted bien-tap@vankhe.example",
	}
	if got := d.letters(t, id); !slices.Equal(got, want) {
		t.Errorf("letters %q, want %q", got, want)
	}
	if rows, err := d.VerifyAudit(t.Context()); err != nil || rows.ID < 9 {
		t.Errorf("audit: %d rows, %v", rows.ID, err)
	}
}

func TestRepeatedRequestIsOneMove(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài một"), newsroom.StageAwaitingApproval)
	first := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	history := d.countHistory(t, id)
	again, err := d.RecordMove(t.Context(), first.Outcome.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if again.Outcome.N != first.Outcome.N || len(again.Announce) != 2 || !slices.Equal(again.Publish, first.Publish) || !slices.Equal(again.Letters, first.Letters) {
		t.Errorf("the repeat says %+v, the first %+v", again, first)
	}
	if got := d.countHistory(t, id); got != history {
		t.Errorf("the repeat wrote %d rows", got-history)
	}
	other := newsroom.Request{ID: first.Outcome.RequestID, ArticleID: id, ActorID: d.second.ID, Move: newsroom.MoveWithdraw}
	if err := d.RecordRequest(t.Context(), other); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("another move under the same id: %v", err)
	}
}

func TestFiftyDecisionsAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	policy := newsroom.DefaultPolicy("ubnd")
	if err := d.Seat(t.Context(), d.admin, "ubnd", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SavePolicy(t.Context(), d.admin, "", policy); err != nil {
		t.Fatal(err)
	}
	id := d.upTo(t, story("Hai lãnh đạo"), newsroom.StageAwaitingApproval)
	frozen, err := d.Revision(t.Context(), id, 1)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	settled, refused := 0, 0
	for i := range 50 {
		wg.Go(func() {
			who, move := d.leader, newsroom.MoveApprove
			if i%2 == 1 {
				who, move = d.second, newsroom.MoveReject
			}
			r := newsroom.Request{
				ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorLink, Move: move, Hash: frozen.Hash,
				Code: newsroom.ReasonDuplicate, Reason: "Trùng.",
			}
			err := d.RecordRequest(t.Context(), r)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := d.RecordMove(t.Context(), r.ID)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if s.Outcome.Refused == nil {
				settled++
			} else {
				refused++
			}
		})
	}
	wg.Wait()
	if settled != 1 || refused != 49 {
		t.Errorf("%d settled, %d refused", settled, refused)
	}
	if got := d.scalar(t, `SELECT count(*) FROM decisions WHERE article_id = $1`, id); got != "1" {
		t.Errorf("%s decisions", got)
	}
	if got := d.scalar(t, `SELECT count(*) FROM asks WHERE article_id = $1 AND closed_at IS NULL`, id); got != "0" {
		t.Errorf("%s links still open", got)
	}
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTamperedRevisionIsNotPublished(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	at := d.clock.now().Add(3 * time.Hour)
	c := story("Tin hẹn giờ")
	c.ReleaseAt = &at
	id := d.upTo(t, c, newsroom.StageAwaitingApproval)
	if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Stage != newsroom.StageScheduled || s.Wake == nil || !s.Wake.Equal(at) {
		t.Fatalf("scheduled: %+v", s)
	}
	if s, err := d.SettleDue(t.Context(), id); err != nil || s.Stage != newsroom.StageScheduled {
		t.Fatalf("before its time: %+v, %v", s, err)
	}
	// The app's role cannot touch a revision; somebody with the owner's rights might.
	if _, err := d.db.Exec(t.Context(), `UPDATE revisions SET content = content || '{"title":"Khác"}' WHERE article_id = $1`, id); err == nil {
		t.Fatal("the app's role changed a frozen revision")
	}
	owner := d.owner(t)
	for _, sql := range []string{
		`ALTER TABLE revisions DISABLE TRIGGER revisions_append_only`,
		`UPDATE revisions SET content = content || '{"title":"Khác"}' WHERE article_id = '` + id + `'`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	d.clock.forward(4 * time.Hour)
	s, err := d.SettleDue(t.Context(), id)
	if err != nil || s.Stage != newsroom.StageScheduled || len(s.Publish) != 0 || s.Wake != nil {
		t.Errorf("tampered: %+v, %v", s, err)
	}
	if got := d.scalar(t, `SELECT code FROM alerts`); got != "release_refused" {
		t.Errorf("alert %s", got)
	}
}

func TestEmbargoIsReleasedOnce(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	at := d.clock.now().Add(time.Hour)
	end := at.Add(24 * time.Hour)
	c := story("Thông báo có hạn")
	c.ReleaseAt, c.DisplayEnd = &at, &end
	id := d.upTo(t, c, newsroom.StageAwaitingApproval)
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	d.clock.forward(time.Hour)
	s, err := d.SettleDue(t.Context(), id)
	if err != nil || s.Stage != newsroom.StageReleased || len(s.Publish) != 1 || s.Idle || !s.Wake.Equal(end) {
		t.Fatalf("released: %+v, %v", s, err)
	}
	if again, err := d.SettleDue(t.Context(), id); err != nil || len(again.Announce) != 0 || !slices.Equal(again.Publish, s.Publish) {
		t.Errorf("once more: %+v, %v", again, err)
	}
	d.clock.forward(24 * time.Hour)
	if s, err = d.SettleDue(t.Context(), id); err != nil || s.Public != newsroom.PublicExpired || !s.Idle {
		t.Errorf("expired: %+v, %v", s, err)
	}
	if got := d.scalar(t, `SELECT count(*) FROM audit WHERE article_id = $1 AND action IN ('release', 'expire')`, id); got != "2" {
		t.Errorf("%s acts of the clock", got)
	}
}

func TestRemindersComeOnceAndTheDeputyIsAskedToo(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Chờ duyệt"), newsroom.StageAwaitingApproval) // 09:00 Friday 02/10/2026; one working day
	kinds := func() string {
		list := d.letters(t, id)
		return strings.Join(slices.DeleteFunc(list, func(l string) bool { return strings.HasPrefix(l, "submitted") }), ", ")
	}
	step := func(forward time.Duration) newsroom.Settled {
		t.Helper()
		d.clock.forward(forward)
		s, err := d.SettleDue(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := d.SettleDue(t.Context(), id); err != nil || len(again.Announce) > 0 {
			t.Errorf("the same mark twice: %+v, %v", again, err)
		}
		return s
	}
	if s := step(time.Minute); len(s.Announce) != 0 {
		t.Errorf("too early: %+v", s)
	}
	step(5 * time.Hour) // 14:01: 3 h 01 min worked … not yet 50 %
	step(time.Hour)     // 15:01: 4 h 01 min: past 50 %
	if got := kinds(); got != "approval_reminder lanh-dao@vankhe.example, approval_request lanh-dao@vankhe.example" {
		t.Errorf("at 50 %%: %s", got)
	}
	step(2 * time.Hour) // 17:01: 6 h: 80 %
	if got := kinds(); !strings.Contains(got, "approval_reminder bien-tap@vankhe.example") {
		t.Errorf("at 80 %%: %s", got)
	}
	s := step(3 * 24 * time.Hour) // Monday 17:01: over
	if got := kinds(); !strings.Contains(got, "approval_request pho@vankhe.example") || !strings.Contains(got, "approval_overdue lanh-dao@vankhe.example") {
		t.Errorf("at 100 %%: %s", got)
	}
	if s.Wake != nil {
		t.Errorf("nothing more to remind of, but wake at %s", s.Wake)
	}
	d.allowed(t, d.deputy, id, newsroom.MoveApprove)
	if got := kinds(); !strings.Contains(got, "decided_elsewhere lanh-dao@vankhe.example") {
		t.Errorf("the first one asked is not told: %s", got)
	}
	if got := d.scalar(t, `SELECT capacity || ' ' || on_behalf_of FROM decisions WHERE article_id = $1`, id); got != "deputy "+d.leader.ID {
		t.Errorf("on record: %s", got)
	}
}

func TestRefusalsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.create(t, newsroom.Content{Title: "Thiếu"})
	d.refused(t, newsroom.RefusedIncomplete, d.author, id, newsroom.MoveSubmit)
	d.refused(t, newsroom.RefusedRole, d.leader, id, newsroom.MoveSubmit)
	d.refused(t, newsroom.RefusedStage, d.leader, id, newsroom.MoveApprove)
	id = d.upTo(t, story("Đủ"), newsroom.StageAwaitingApproval)
	d.refused(t, newsroom.RefusedNotAsked, d.second, id, newsroom.MoveApprove)
	d.refused(t, newsroom.RefusedStale, d.leader, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.Hash = "" })
	d.refused(t, newsroom.RefusedReason, d.leader, id, newsroom.MoveRequestChanges, func(r *newsroom.Request) { r.Reason = "" })
	if err := d.RecordRequest(t.Context(), newsroom.Request{ID: uuid.NewString(), ArticleID: "khong-co", Move: newsroom.MoveSubmit}); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("unknown article: %v", err)
	}
}

func TestRecallKillsTheLinks(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Rút lại"), newsroom.StageAwaitingApproval)
	ask := d.scalar(t, `SELECT id FROM asks WHERE article_id = $1`, id)
	d.allowed(t, d.author, id, newsroom.MoveRecall)
	d.refused(t, newsroom.RefusedStage, d.leader, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.AskID = ask })
	if got := d.scalar(t, `SELECT closed_why FROM asks WHERE id = $1`, ask); got != "recalled" {
		t.Errorf("closed because %q", got)
	}
}

func TestCorrectionStaysLiveUntilReleased(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Tuyến đường 850 m"), newsroom.StageReleased)
	d.allowed(t, d.author, id, newsroom.MoveRevise, func(r *newsroom.Request) {
		r.Kind, r.Note = newsroom.ChangeCorrection, newsroom.Correction{Old: "850 m", New: "580 m"}
	})
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c := draft.Content
	c.Title = "Tuyến đường 580 m"
	if _, err := d.SaveDraft(t.Context(), id, d.author, draft.Article.Version, c); err != nil {
		t.Fatal(err)
	}
	d.allowed(t, d.author, id, newsroom.MoveSubmit)
	d.allowed(t, d.reviewer, id, newsroom.MoveClaim)
	d.allowed(t, d.reviewer, id, newsroom.MoveForward)
	if got := d.scalar(t, `SELECT title FROM live_articles WHERE article_id = $1`, id); got != "Tuyến đường 850 m" {
		t.Errorf("before approval readers see %s", got)
	}
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if got := d.scalar(t, `SELECT title || '|' || public FROM live_articles WHERE article_id = $1`, id); got != "Tuyến đường 580 m|live" {
		t.Errorf("after approval readers see %s", got)
	}
	if got := d.scalar(t, `SELECT event || ' ' || kind FROM publications WHERE article_id = $1 AND n = $2`, id, s.Outcome.Publish); got != "corrected correction" {
		t.Errorf("published as %s", got)
	}
	d.allowed(t, d.leader, id, newsroom.MoveWithdraw)
	if got := d.scalar(t, `SELECT public || ' ' || (SELECT version FROM portal_version) FROM live_articles WHERE article_id = $1`, id); !strings.HasPrefix(got, "withdrawn ") {
		t.Errorf("withdrawn: %s", got)
	}
	d.refused(t, newsroom.RefusedSameSigner, d.leader, id, newsroom.MoveSecondSign)
	d.allowed(t, d.second, id, newsroom.MoveSecondSign)
	d.allowed(t, d.leader, id, newsroom.MoveRestore)
}

func TestUnansweredRequestsAreTakenOneSweepAtATime(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.create(t, story("Tap"))
	r := newsroom.Request{ID: uuid.NewString(), ArticleID: id, ActorID: d.author.ID, Door: newsroom.DoorPage, Move: newsroom.MoveSubmit}
	if err := d.RecordRequest(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	sweep := func(want int) {
		t.Helper()
		got, err := d.Unanswered(t.Context(), 10)
		if err != nil || len(got) != want {
			t.Fatalf("swept %v, %v; want %d", got, err, want)
		}
	}
	sweep(0)
	d.clock.forward(21 * time.Second)
	sweep(1)
	sweep(0)
	d.clock.forward(21 * time.Second)
	sweep(1)
	if _, err := d.RecordMove(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(time.Hour)
	sweep(0)
}

func TestAuditShowsAnAlteredRow(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Nhật ký"), newsroom.StageReleased)
	if _, err := d.db.Exec(t.Context(), `DELETE FROM audit WHERE article_id = $1`, id); err == nil {
		t.Error("the app's role deleted audit rows")
	}
	owner := d.owner(t)
	for _, sql := range []string{
		`ALTER TABLE audit DISABLE TRIGGER audit_append_only`,
		`UPDATE audit SET reason = 'khác' WHERE article_id = '` + id + `' AND n = 2`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.VerifyAudit(t.Context()); err == nil || !strings.Contains(err.Error(), "altered") {
		t.Errorf("an altered row passes: %v", err)
	}
}

// owner is a connection with the owner's rights.
func (d *newsdesk) owner(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.ownerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
