package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"toasoan/internal/media"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// settler settles moves at once, as the workflow does with its one activity; away, it only records them.
type settler struct {
	Dispatch
	store  *store.Store
	mu     sync.Mutex
	away   bool
	before func()   // happens between a door's look at the article and the move
	began  []string // articles and subscribers that are followed
}

func (d *settler) Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error) {
	if d.before != nil {
		d.before()
	}
	if err := d.store.RecordRequest(ctx, r); err != nil {
		return newsroom.Outcome{}, err
	}
	d.mu.Lock()
	away := d.away
	d.mu.Unlock()
	if away {
		return newsroom.Outcome{RequestID: r.ID, ArticleID: r.ArticleID, Move: r.Move, Pending: true}, nil
	}
	settled, err := d.store.RecordMove(ctx, r.ID)
	if err == nil && settled.Outcome.Refused != nil {
		return settled.Outcome, settled.Outcome.Refused
	}
	return settled.Outcome, err
}

func (d *settler) Follow(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.began = append(d.began, id)
	if d.away {
		return errors.New("temporal is away")
	}
	return nil
}

func (d *settler) Subscribed(ctx context.Context, id string) error { return d.Follow(ctx, id) }
func (d *settler) SubscriberChanged(context.Context, string) error { return nil }

// apiDesk is a newsroom on a real database with a token for each of its people.
type apiDesk struct {
	*Server
	t       *testing.T
	store   *store.Store
	moves   *settler
	admin   newsroom.Person
	app     string            // address of its database
	tokens  map[string]string // by role, and "leader-write" for a leader's token without decide
	persons map[string]newsroom.Person
}

const deskPIN = "836152"

func newAPIDesk(t *testing.T) *apiDesk {
	t.Helper()
	_, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	clock := &testClock{at: friday}
	kept, err := store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: clock.now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kept.Close)
	d := &apiDesk{t: t, store: kept, moves: &settler{store: kept}, app: app, tokens: map[string]string{}, persons: map[string]newsroom.Person{}}
	if d.Server, err = New(Options{
		Store: kept, Dispatch: d.moves, Bus: &testBus{}, Keys: keys, Log: log, URL: &url.URL{Scheme: "https", Host: "vankhe.example.vn"}, Secure: true, Now: clock.now,
	}); err != nil {
		t.Fatal(err)
	}
	d.add("admin", []newsroom.Role{newsroom.RoleAdmin}, newsroom.ScopeWrite, newsroom.ScopeAdmin)
	d.admin = d.persons["admin"]
	d.add("reporter", []newsroom.Role{newsroom.RoleReporter}, newsroom.ScopeWrite)
	d.add("other", []newsroom.Role{newsroom.RoleContributor}, newsroom.ScopeWrite)
	d.add("reviewer", []newsroom.Role{newsroom.RoleReviewer}, newsroom.ScopeWrite)
	d.add("leader", []newsroom.Role{newsroom.RoleLeader}, newsroom.ScopeWrite, newsroom.ScopeDecide)
	d.tokens["leader-write"] = d.token(d.persons["leader"], newsroom.ScopeWrite)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(kept.SaveSection(t.Context(), d.admin, newsroom.Section{ID: "kinh-te", NameVI: "Kinh tế", NameEN: "Economy"}))
	must(kept.SaveSection(t.Context(), d.admin, newsroom.Section{ID: "cu", NameVI: "Chuyên mục cũ", Retired: true, Position: 1}))
	must(kept.SaveOffice(t.Context(), d.admin, newsroom.Office{ID: "ban-bien-tap", Name: "Ban Biên tập", Position: 1}))
	must(nil, kept.Seat(t.Context(), d.admin, "ban-bien-tap", d.persons["leader"].ID, false))
	return d
}

func (d *apiDesk) add(name string, roles []newsroom.Role, scopes ...newsroom.Scope) {
	d.t.Helper()
	a, _, err := d.store.CreateUser(d.t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: name + "@vankhe.example", Name: "Người " + name, Roles: roles}, false)
	if err != nil {
		d.t.Fatal(err)
	}
	if slices.Contains(scopes, newsroom.ScopeDecide) {
		if err := d.store.SetPIN(d.t.Context(), a.ID, deskPIN); err != nil {
			d.t.Fatal(err)
		}
	}
	d.persons[name], d.tokens[name] = a.Person, d.token(a.Person, scopes...)
}

func (d *apiDesk) token(p newsroom.Person, scopes ...newsroom.Scope) string {
	d.t.Helper()
	value, _, err := d.store.IssueToken(d.t.Context(), newsroom.Person{}, p.ID, scopes, "test", deskPIN, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return value
}

// reply is an answer of the API.
type reply struct {
	*httptest.ResponseRecorder
	body map[string]any
}

func (r reply) code() string { s, _ := r.body["code"].(string); return s }
func (r reply) str(name string) string {
	s, _ := r.body[name].(string)
	return s
}

// call asks as who; headers are name, value pairs.
func (d *apiDesk) call(who, method, path string, body any, headers ...string) reply {
	d.t.Helper()
	var sent io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		sent = strings.NewReader(b)
	case io.Reader:
		sent = b
	default:
		sent = bytes.NewReader(jsonOf(b))
	}
	r := httptest.NewRequest(method, path, sent)
	if sent != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+d.tokens[who])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	out := reply{ResponseRecorder: w}
	if w.Body.Len() > 0 && strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &out.body); err != nil {
			d.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return out
}

// want checks status and, for a problem, its code and form.
func (d *apiDesk) want(r reply, status int, code string) reply {
	d.t.Helper()
	if r.Code != status || r.code() != code {
		d.t.Fatalf("%d %s, want %d %s: %s", r.Code, r.code(), status, code, r.Body)
	}
	if status >= 400 {
		if got := r.Header().Get("Content-Type"); got != "application/problem+json" {
			d.t.Errorf("problem as %s", got)
		}
		if r.str("detail") == "" || r.str("title") == "" || !strings.HasSuffix(r.str("type"), "#code-"+code) || r.body["status"] != float64(status) {
			d.t.Errorf("poor problem: %s", r.Body)
		}
	}
	return r
}

func apiStory() map[string]any {
	return map[string]any{
		"title": "Vân Khê mở  đợt ra quân", "lead": "Sapo.", "body": "<p>Nội dung bài.</p>", "section": "kinh-te",
		"authors": []map[string]any{{"pen_name": "Mai Lan"}, {"pen_name": "Văn Bình"}},
	}
}

func (d *apiDesk) write(who string) reply {
	d.t.Helper()
	return d.want(d.call(who, "POST", "/api/v1/articles", apiStory()), 201, "")
}

func move(name string, more ...any) map[string]any {
	m := map[string]any{"id": uuid.NewString(), "move": name}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

func (d *apiDesk) move(who, id string, m map[string]any, headers ...string) reply {
	d.t.Helper()
	return d.call(who, "POST", "/api/v1/articles/"+id+"/moves", m, headers...)
}

func TestAPIWalksAnArticleToItsPublication(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	made := d.write("reporter")
	id := made.str("id")
	if made.str("stage") != "draft" || made.body["revision"] != float64(0) || made.Header().Get("ETag") != made.str("etag") || made.Header().Get("Location") != "/api/v1/articles/"+id {
		t.Errorf("created: %s %v", made.Body, made.Header())
	}
	if made.str("title") != "Vân Khê mở đợt ra quân" {
		t.Errorf("title not cleaned: %q", made.str("title"))
	}
	if !slices.Contains(d.moves.began, id) {
		t.Error("the article is not followed")
	}
	d.want(d.move("reporter", id, move("submit")), 200, "")
	d.want(d.move("reviewer", id, move("claim")), 200, "")
	back := d.want(d.move("reviewer", id, move("return", "reason_code", "quality", "reason", "Bổ sung số liệu.")), 200, "")
	if back.str("stage") != "changes_requested" {
		t.Errorf("returned: %s", back.Body)
	}
	now := d.want(d.call("reporter", "GET", "/api/v1/articles/"+id, nil), 200, "")
	story := apiStory()
	story["body"] = "<p>Nội dung đã sửa.</p>"
	saved := d.want(d.call("reporter", "PUT", "/api/v1/articles/"+id, story, "If-Match", now.str("etag")), 200, "")
	if saved.str("etag") == now.str("etag") || saved.str("content_hash") == now.str("content_hash") {
		t.Errorf("saved: %s", saved.Body)
	}
	d.want(d.move("reporter", id, move("submit", "content_hash", saved.str("content_hash"))), 200, "")
	d.want(d.move("reviewer", id, move("claim")), 200, "")
	d.want(d.move("reviewer", id, move("forward", "comment", "Kính trình.")), 200, "")
	asked := d.want(d.call("leader", "GET", "/api/v1/articles/"+id, nil), 200, "")
	approve := move("approve", "content_hash", asked.str("content_hash"), "revision", asked.body["revision"])
	done := d.want(d.move("leader", id, approve), 200, "")
	if done.str("stage") != "released" || done.str("public") != "live" || !strings.HasPrefix(done.str("publication"), id+".") {
		t.Errorf("approved: %s", done.Body)
	}
	again := d.want(d.move("leader", id, approve), 200, "")
	if again.Body.String() != done.Body.String() {
		t.Errorf("a repeat of the same move answers\n%s, first\n%s", again.Body, done.Body)
	}
	for _, name := range []string{done.str("publication"), id} {
		p := d.want(d.call("reporter", "GET", "/api/v1/publications/"+name, nil), 200, "")
		if p.str("event") != "published" || len(p.body["receipts"].([]any)) != 5 || p.body["done"] != nil {
			t.Errorf("publication %s: %s", name, p.Body)
		}
	}
	history := d.want(d.call("reporter", "GET", "/api/v1/articles/"+id+"/history", nil), 200, "")
	var did []string
	for _, row := range history.body["items"].([]any) {
		did = append(did, row.(map[string]any)["action"].(string))
	}
	if want := []string{"create", "submit", "claim", "return", "submit", "claim", "forward", "approve", "release"}; !slices.Equal(did, want) {
		t.Errorf("history %v, want %v", did, want)
	}
	frozen := d.want(d.call("reviewer", "GET", "/api/v1/articles/"+id+"/revisions/1", nil), 200, "")
	if !strings.Contains(frozen.str("body"), "Nội dung bài.") {
		t.Errorf("revision 1: %s", frozen.Body)
	}
	shown := d.want(d.call("reporter", "GET", "/api/v1/articles/"+id, nil), 200, "")
	if want := "https://vankhe.example.vn/tin/van-khe-mo-dot-ra-quan-" + id; shown.str("url") != want {
		t.Errorf("url %q, want %q", shown.str("url"), want)
	}
}

func TestAPIAnswersPendingWhileTheWorkflowsAreAway(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	id := d.write("reporter").str("id")
	d.moves.away = true
	m := move("submit")
	r := d.want(d.move("reporter", id, m), 202, "")
	if r.body["pending"] != true {
		t.Errorf("%s", r.Body)
	}
	d.moves.away = false
	if r = d.want(d.move("reporter", id, m), 200, ""); r.str("stage") != "submitted" {
		t.Errorf("the same id later: %s", r.Body)
	}
	d.moves.away = true
	d.write("reporter") // what cannot be followed now is followed by the schedule
}

// Every refusal is told in the language asked for, and leaves nothing behind.
func TestAPIRefusals(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	id := d.write("reporter").str("id")
	incomplete := d.want(d.call("reporter", "POST", "/api/v1/articles", map[string]any{"title": "Chỉ có tiêu đề"}), 201, "").str("id")
	d.want(d.move("reporter", incomplete, move("submit")), 409, "incomplete")
	d.want(d.move("reviewer", id, move("claim")), 409, "wrong_stage")
	d.want(d.move("reporter", id, move("submit", "content_hash", strings.Repeat("0", 64))), 409, "stale_revision")
	d.want(d.move("reporter", id, move("dance")), 422, "unknown_move")
	d.want(d.move("reporter", id, move("not_me")), 422, "unknown_move")
	d.want(d.move("reporter", id, move("release")), 409, "wrong_stage")
	d.want(d.move("reporter", id, move("submit")), 200, "")
	d.want(d.move("reporter", id, move("claim")), 403, "not_allowed")
	d.want(d.move("reviewer", id, move("claim")), 200, "")
	if r := d.want(d.move("reviewer", id, move("return")), 422, "reason_required"); r.str("detail") != "Vui lòng chọn lý do và nhập ý kiến cụ thể." {
		t.Errorf("vi: %q", r.str("detail"))
	}
	if r := d.want(d.move("reviewer", id, move("return"), "Accept-Language", "en-GB,en;q=0.8"), 422, "reason_required"); r.str("detail") != "Choose a reason and say it in words." || r.Header().Get("Content-Language") != "en" {
		t.Errorf("en: %q", r.str("detail"))
	}
	d.want(d.move("reviewer", id, move("return", "reason_code", "mood", "reason", "x")), 422, "reason_unknown")
	d.want(d.move("reviewer", id, move("hand_over", "target", d.persons["reporter"].ID)), 422, "bad_target")
	d.want(d.move("reviewer", id, move("forward")), 200, "")
	d.want(d.move("leader", id, move("approve")), 422, "invalid")
	d.want(d.move("leader", id, move("approve", "content_hash", strings.Repeat("a", 64))), 409, "stale_revision")
	d.want(d.move("leader", id, move("approve", "content_hash", strings.Repeat("a", 64), "revision", 7)), 409, "stale_revision")
	d.want(d.call("reporter", "GET", "/api/v1/articles/zzzzzzzzzzzz", nil), 404, "not_found")
	d.want(d.move("reporter", "zzzzzzzzzzzz", move("submit")), 404, "not_found")
	d.want(d.call("reporter", "GET", "/api/v1/publications/"+id, nil), 404, "not_found")
	d.want(d.call("reporter", "GET", "/api/v1/publications/"+id+".x", nil), 404, "not_found")
	taken := move("comment", "comment", "Góp ý.")
	d.want(d.move("reporter", id, taken), 200, "")
	taken["move"] = "recall"
	d.want(d.move("reporter", id, taken), 409, "id_reused")
	history, err := d.store.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(history) != 5 { // create, submit, claim, forward, comment
		t.Errorf("%d rows of history: %+v", len(history), history)
	}
}

// who may ask what: the token's scope first, then the person's role.
func TestAPIScopes(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	id := d.write("reporter").str("id")
	d.want(d.move("reporter", id, move("submit")), 200, "")
	d.want(d.move("reviewer", id, move("claim")), 200, "")
	d.want(d.move("reviewer", id, move("forward")), 200, "")
	hash := d.call("leader", "GET", "/api/v1/articles/"+id, nil).str("content_hash")
	r := d.want(d.move("leader-write", id, move("approve", "content_hash", hash)), 403, "scope_missing")
	if !strings.Contains(r.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("%v", r.Header())
	}
	decisions := map[string]bool{}
	for _, m := range []string{"approve", "request_changes", "reject", "emergency_release"} {
		decisions[m] = d.move("leader-write", id, move(m, "content_hash", hash, "reason_code", "quality", "reason", "x")).code() == "scope_missing"
	}
	if len(decisions) != 4 || slices.Contains([]bool{decisions["approve"], decisions["request_changes"], decisions["reject"], decisions["emergency_release"]}, false) {
		t.Errorf("decided without the scope: %v", decisions)
	}
	for _, c := range []struct {
		method, path string
		body         any
		may          []string
	}{
		{"GET", "/api/v1/articles", nil, []string{"admin", "reporter", "other", "reviewer", "leader", "leader-write"}},
		{"GET", "/api/v1/counters", nil, []string{"admin", "reporter", "other", "reviewer", "leader", "leader-write"}},
		{"GET", "/api/v1/sections", nil, []string{"admin", "reporter", "other", "reviewer", "leader", "leader-write"}},
		{"GET", "/api/v1/articles/" + id, nil, []string{"admin", "reporter", "reviewer", "leader", "leader-write"}},
		{"GET", "/api/v1/articles/" + id + "/history", nil, []string{"admin", "reporter", "reviewer", "leader", "leader-write"}},
		{"GET", "/api/v1/subscribers", nil, []string{"admin"}},
		{"POST", "/api/v1/articles", apiStory(), []string{"reporter", "other", "reviewer"}},
	} {
		for _, who := range []string{"admin", "reporter", "other", "reviewer", "leader", "leader-write", ""} {
			got, want := d.call(who, c.method, c.path, c.body).Code, slices.Contains(c.may, who)
			if (got < 300) != want || (!want && got != 401 && got != 403 && got != 404) || (who == "" && got != 401) {
				t.Errorf("%s %s as %q: %d", c.method, c.path, who, got)
			}
		}
	}
	d.tokens["forged"] = "toasoan_" + strings.Repeat("A", 43)
	r = d.want(d.call("forged", "GET", "/api/v1/articles", nil), 401, "unauthorized")
	if !strings.HasPrefix(r.Header().Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("%v", r.Header())
	}
}

func TestAPIConditionalRequests(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	made := d.write("reporter")
	id, tag := made.str("id"), made.str("etag")
	path := "/api/v1/articles/" + id
	d.want(d.call("reporter", "PUT", path, apiStory()), 428, "if_match_required")
	r := d.want(d.call("reporter", "PUT", path, apiStory(), "If-Match", `"99"`), 412, "stale")
	if r.Header().Get("ETag") != tag {
		t.Errorf("412 names %q", r.Header().Get("ETag"))
	}
	if r := d.want(d.call("reporter", "PUT", path, apiStory(), "If-Match", tag), 200, ""); r.str("etag") != tag {
		t.Error("a save that changes nothing got a new etag")
	}
	changed := apiStory()
	changed["title"] = "Tiêu đề khác"
	d.want(d.call("reporter", "PUT", path, changed, "If-Match", strings.Trim(tag, `"`)), 200, "")
	d.want(d.call("reporter", "PUT", path, apiStory(), "If-Match", tag), 412, "stale")
	d.want(d.call("reviewer", "PUT", path, apiStory(), "If-Match", "*"), 403, "not_editor")
	kept := func() int {
		return len(d.want(d.call("reporter", "GET", path+"/kept", nil), 200, "").body["items"].([]any))
	}
	before := kept()
	d.want(d.call("reporter", "PUT", path, apiStory(), "If-Match", "*"), 200, "")
	d.want(d.call("reporter", "PUT", path, changed, "If-Match", "*"), 200, "")
	if n := kept() - before; n != 2 {
		t.Errorf("%d texts were put aside of two that were replaced unread", n)
	}
	fresh := d.call("reporter", "GET", path, nil)
	if got := d.call("reporter", "GET", path, nil, "If-None-Match", fresh.str("etag")); got.Code != 304 || got.Body.Len() != 0 {
		t.Errorf("If-None-Match: %d %s", got.Code, got.Body)
	}
	if fresh.str("slug") != "tieu-de-khac" {
		t.Errorf("slug %q", fresh.str("slug"))
	}
}

func TestAPIIdempotencyKeys(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	first := d.want(d.call("reporter", "POST", "/api/v1/articles", apiStory(), "Idempotency-Key", "k1"), 201, "")
	again := d.want(d.call("reporter", "POST", "/api/v1/articles", apiStory(), "Idempotency-Key", "k1"), 201, "")
	if first.str("id") != again.str("id") || again.Header().Get("Idempotent-Replayed") != "true" || first.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("%s, then %s", first.str("id"), again.str("id"))
	}
	other := apiStory()
	other["title"] = "Bài khác"
	d.want(d.call("reporter", "POST", "/api/v1/articles", other, "Idempotency-Key", "k1"), 422, "key_reused")
	if got := d.want(d.call("other", "POST", "/api/v1/articles", other, "Idempotency-Key", "k1"), 201, ""); got.str("id") == first.str("id") {
		t.Error("a key is not the person's own")
	}
	var wait sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wait.Go(func() {
			ids[i] = d.call("reporter", "POST", "/api/v1/articles", apiStory(), "Idempotency-Key", "k2").str("id")
		})
	}
	wait.Wait()
	if slices.Sort(ids); len(slices.Compact(ids)) != 1 || ids[0] == "" {
		t.Errorf("at once: %v", ids)
	}
	someone := map[string]any{"email": "ban.doc@example.vn", "sections": []string{"kinh-te"}, "consent": true}
	one := d.want(d.call("admin", "POST", "/api/v1/subscribers", someone, "Idempotency-Key", "s1"), 201, "")
	two := d.want(d.call("admin", "POST", "/api/v1/subscribers", someone, "Idempotency-Key", "s1"), 201, "")
	if one.str("id") != two.str("id") || one.str("state") != "requested" || two.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s %s", one.Body, two.Body)
	}
	someone["email"] = "khac@example.vn"
	d.want(d.call("admin", "POST", "/api/v1/subscribers", someone, "Idempotency-Key", "s1"), 422, "key_reused")
	someone["email"] = "không phải địa chỉ"
	bad := d.want(d.call("admin", "POST", "/api/v1/subscribers", someone, "Idempotency-Key", "s2"), 422, "invalid")
	if !strings.Contains(bad.Body.String(), `"field":"email"`) {
		t.Errorf("%s", bad.Body)
	}
	someone["email"] = "mai@example.vn"
	d.want(d.call("admin", "POST", "/api/v1/subscribers", someone, "Idempotency-Key", "s2"), 201, "") // a failed one leaves the key free
}

func TestAPIListsArePaged(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	var made []string
	for range 5 {
		made = append(made, d.write("reporter").str("id"))
	}
	d.write("other")
	var seen []string
	for after := ""; ; {
		page := d.want(d.call("reporter", "GET", "/api/v1/articles?limit=2&after="+url.QueryEscape(after), nil), 200, "")
		for _, item := range page.body["items"].([]any) {
			seen = append(seen, item.(map[string]any)["id"].(string))
		}
		if after = page.str("next"); after == "" {
			break
		}
	}
	slices.Sort(made)
	if slices.Sort(seen); !slices.Equal(seen, made) {
		t.Errorf("own articles %v, want %v", seen, made)
	}
	d.want(d.call("reporter", "GET", "/api/v1/articles?after=nonsense", nil), 422, "invalid")
	d.want(d.call("reporter", "GET", "/api/v1/articles?limit=100000", nil), 422, "invalid")
	if r := d.call("reviewer", "GET", "/api/v1/articles?stage=draft", nil); len(r.body["items"].([]any)) != 6 {
		t.Errorf("reviewer sees %s", r.Body)
	}
	if r := d.call("reviewer", "GET", "/api/v1/articles?mine=true", nil); len(r.body["items"].([]any)) != 0 {
		t.Errorf("mine: %s", r.Body)
	}
}

// upload posts a file as a form.
func (d *apiDesk) upload(who, name string, data []byte) reply {
	d.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		d.t.Fatal(err)
	}
	_, _ = part.Write(data)
	_ = w.Close()
	return d.call(who, "POST", "/api/v1/media", form.String(), "Content-Type", w.FormDataContentType())
}

func TestAPIUploads(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	photo := media.Fixture(media.VillageRoad, 1, 700, 400)
	r := d.want(d.upload("reporter", "Ảnh lễ ký.jpg", photo), 201, "")
	if r.str("kind") != "image" || r.body["width"] != float64(700) || len(r.body["urls"].([]any)) < 2 {
		t.Errorf("%s", r.Body)
	}
	if again := d.want(d.upload("reporter", "khac.jpg", photo), 201, ""); again.str("sha") != r.str("sha") {
		t.Error("the same bytes got another name")
	}
	story := apiStory()
	story["pictures"] = []map[string]any{{"sha": r.str("sha"), "alt": "Con đường mới", "caption": "Đường\u00a0liên thôn"}}
	made := d.want(d.call("reporter", "POST", "/api/v1/articles", story), 201, "")
	if !strings.Contains(made.Body.String(), `"caption":"Đường liên thôn"`) {
		t.Errorf("%s", made.Body)
	}
	story["pictures"] = []map[string]any{{"sha": strings.Repeat("0", 64)}}
	story["section"], story["also_in"] = "khong-co", []string{"cu"}
	story["source"] = map[string]any{"name": "Báo", "url": "javascript:alert(1)"}
	story["attachments"] = []map[string]any{{"sha": r.str("sha"), "date": "2/10/2026"}}
	story["release_at"], story["display_end"] = "2026-10-03T10:00:00+07:00", "2026-10-03T09:00:00+07:00"
	wrong := d.want(d.call("reporter", "POST", "/api/v1/articles", story), 422, "invalid")
	for _, field := range []string{"pictures.0.sha", "section", "also_in.0", "source.url", "attachments.0.sha", "attachments.0.date", "display_end"} {
		if !strings.Contains(wrong.Body.String(), `"field":"`+field+`"`) {
			t.Errorf("%s is not named: %s", field, wrong.Body)
		}
	}
	d.want(d.upload("reporter", "x.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)), 422, "name_and_content_differ")
	d.want(d.upload("reporter", "x.jpg", photo[:200]), 422, "damaged")
	d.want(d.upload("reporter", "x.txt", nil), 422, "empty")
	d.want(d.upload("leader", "x.jpg", photo), 403, "forbidden")
	d.want(d.upload("reporter", "to.pdf", make([]byte, uploadBytes+1)), 413, "too_large")
	d.want(d.call("reporter", "POST", "/api/v1/media", "no form", "Content-Type", "text/plain"), 422, "invalid")
}

func TestAPISubscribers(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	list := "email;name;sections;cadence;consent_at\nlan@example.vn;Chị Lan;kinh-te;instant;02/10/2025\nkhông;X;kinh-te;;\nbinh@example.vn;;Kinh tế;weekly;\n"
	preview := d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phi%E1%BA%BFu&preview=true", list, "Content-Type", "text/csv"), 200, "")
	if preview.str("state") != "preview" || preview.body["added"] != float64(2) || preview.body["failed"] != float64(1) {
		t.Errorf("preview: %s", preview.Body)
	}
	if page := d.call("admin", "GET", "/api/v1/subscribers", nil); len(page.body["items"].([]any)) != 0 {
		t.Errorf("a preview imported: %s", page.Body)
	}
	done := d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu", list, "Content-Type", "text/csv", "Idempotency-Key", "i1"), 200, "")
	if done.str("state") != "done" || done.body["added"] != float64(2) {
		t.Errorf("import: %s", done.Body)
	}
	again := d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu", list, "Content-Type", "text/csv", "Idempotency-Key", "i1"), 200, "")
	if again.str("id") != done.str("id") {
		t.Error("the same key imported twice")
	}
	d.want(d.call("admin", "GET", "/api/v1/imports/"+done.str("id"), nil), 200, "")
	d.want(d.call("admin", "GET", "/api/v1/imports/none", nil), 404, "not_found")
	page := d.want(d.call("admin", "GET", "/api/v1/subscribers?state=confirmed&section=kinh-te&limit=1", nil), 200, "")
	if len(page.body["items"].([]any)) != 1 || page.str("next") == "" {
		t.Errorf("%s", page.Body)
	}
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=x", "name,phone\nA,1\n", "Content-Type", "text/csv"), 422, "no_header")
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import", list, "Content-Type", "text/csv"), 422, "invalid")
	for _, who := range []string{"reporter", "reviewer", "leader"} {
		d.want(d.call(who, "POST", "/api/v1/subscribers:import?source=x", list, "Content-Type", "text/csv"), 403, "scope_missing")
		d.want(d.call(who, "POST", "/api/v1/subscribers", map[string]any{"email": "a@b.vn", "sections": []string{"kinh-te"}, "consent": true}), 403, "scope_missing")
	}
	noConsent := d.want(d.call("admin", "POST", "/api/v1/subscribers", map[string]any{"email": "a@b.vn", "sections": []string{"kinh-te"}, "consent": false}), 422, "invalid")
	if !strings.Contains(noConsent.Body.String(), `"field":"consent"`) {
		t.Errorf("%s", noConsent.Body)
	}
}

// Whatever is sent, the answer is a problem that repeats nothing of it, and nothing is written.
func TestAPIHostileInput(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	deep := strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)
	for _, c := range []struct {
		body   any
		status int
		code   string
	}{
		{"{", 400, "bad_request"},
		{"", 400, "bad_request"},
		{"null", 422, "invalid"},
		{"[]", 422, "invalid"},
		{`"<script>"`, 422, "invalid"},
		{`{"title": 5}`, 422, "invalid"},
		{`{"lead": "no title"}`, 422, "invalid"},
		{`{"title": "x", "stage": "released"}`, 422, "invalid"},
		{`{"title": "x", "authors": {"pen_name": "y"}}`, 422, "invalid"},
		{`{"title": "x", "release_at": "tomorrow"}`, 422, "invalid"},
		{`{"title": "x", "credits": [{"kind": "root", "name": "y"}]}`, 422, "invalid"},
		{deep, 422, "invalid"},
		{map[string]any{"title": strings.Repeat("a", newsroom.MaxTitle+1)}, 422, "invalid"},
		{map[string]any{"title": "x", "body": strings.Repeat("a", newsroom.MaxBody+1)}, 422, "invalid"},
		{`{"title": "` + strings.Repeat("a", articleBytes) + `"}`, 413, "too_large"},
	} {
		r := d.call("reporter", "POST", "/api/v1/articles", c.body)
		if r.Code != c.status || r.code() != c.code || strings.Contains(r.Body.String(), "<script>") || r.Body.Len() > 2000 {
			t.Errorf("%.60v: %d %.400s", c.body, r.Code, r.Body)
		}
	}
	d.want(d.call("reporter", "POST", "/api/v1/articles", "<a/>", "Content-Type", "application/xml"), 415, "unsupported_type")
	d.want(d.call("reporter", "POST", "/api/v1/articles", apiStory(), "Idempotency-Key", strings.Repeat("k", 201)), 422, "invalid")
	if list := d.call("reporter", "GET", "/api/v1/articles", nil); len(list.body["items"].([]any)) != 0 {
		t.Errorf("something was written: %s", list.Body)
	}
	nasty := apiStory()
	nasty["title"] = "NFD: Tie\u0302\u0301ng Vie\u0323\u0302t\u00a0\u200bcó\r\ndòng \u202e"
	nasty["body"] = `<p onclick="x()">An toàn</p><script>alert(1)</script><img src="https://evil.example/x.png"><iframe src="//evil"></iframe><a href="javascript:x">bấm</a>`
	made := d.want(d.call("reporter", "POST", "/api/v1/articles", nasty), 201, "")
	if got := made.str("title"); got != "NFD: Tiếng Việt có dòng" {
		t.Errorf("title %q", got)
	}
	for _, never := range []string{"script", "onclick", "iframe", "javascript", "evil"} {
		if strings.Contains(made.str("body"), never) {
			t.Errorf("body keeps %s: %s", never, made.str("body"))
		}
	}
	d.want(d.call("reporter", "POST", "/api/v1/articles/"+made.str("id")+"/moves", map[string]any{"id": "1", "move": "submit"}), 422, "invalid")
	d.want(d.call("reporter", "DELETE", "/api/v1/articles/"+made.str("id"), nil), 405, "method_not_allowed")
	if r := d.call("reporter", "DELETE", "/api/v1/articles", nil); r.Header().Get("Allow") != "GET, POST" {
		t.Errorf("Allow %q", r.Header().Get("Allow"))
	}
	d.want(d.call("reporter", "GET", "/api/v1/nothing", nil), 404, "not_found")
}

func TestAPILimitsEachToken(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	for i := range apiBurst {
		if r := d.call("other", "GET", "/api/v1/nothing-yet", nil); r.Code != 404 {
			t.Fatalf("request %d: %d", i, r.Code)
		}
	}
	for range apiBurst {
		d.call("other", "GET", "/api/v1/sections", nil)
	}
	r := d.want(d.call("other", "GET", "/api/v1/sections", nil), 429, "rate_limited")
	if r.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	d.want(d.call("reporter", "GET", "/api/v1/sections", nil), 200, "")
}

func TestAPICountersAndSections(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	r := d.want(d.call("reporter", "GET", "/api/v1/counters?article=aaaaaaaaaaaa,bbbbbbbbbbbb", nil), 200, "")
	if got := r.body["articles"].(map[string]any); len(got) != 2 || got["aaaaaaaaaaaa"] != float64(0) {
		t.Errorf("%s", r.Body)
	}
	r = d.want(d.call("reporter", "GET", "/api/v1/sections", nil), 200, "")
	if items := r.body["items"].([]any); len(items) != 2 || items[0].(map[string]any)["url"] != "https://vankhe.example.vn/chuyen-muc/kinh-te" {
		t.Errorf("%s", r.Body)
	}
}

func TestAPIIssues(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu&sections=kinh-te", "email\nlan@example.vn\nbinh@example.vn\n", "Content-Type", "text/csv"), 200, "")
	id := d.write("reporter").str("id")
	d.want(d.move("reporter", id, move("submit")), 200, "")
	d.want(d.move("reviewer", id, move("claim")), 200, "")
	d.want(d.move("reviewer", id, move("forward")), 200, "")
	hash := d.call("leader", "GET", "/api/v1/articles/"+id, nil).str("content_hash")
	done := d.want(d.move("leader", id, move("approve", "content_hash", hash)), 200, "")
	p := d.want(d.call("leader", "GET", "/api/v1/publications/"+done.str("publication"), nil), 200, "")
	opened, err := d.store.MailPublicChange(t.Context(), "event-1", id, int64(p.body["n"].(float64)), "published", newsroom.ChangeNew)
	if err != nil {
		t.Fatal(err)
	}
	p = d.want(d.call("leader", "GET", "/api/v1/publications/"+id, nil), 200, "")
	if issues := p.body["issues"].([]any); len(issues) != 1 || issues[0] != opened.Issues[0] {
		t.Fatalf("issues of the publication: %s", p.Body)
	}
	issue := opened.Issues[0]
	if err := d.store.KeepMaster(t.Context(), issue, "=HYPERLINK", "<p>x</p>", "x", strings.Repeat("0", 64)); err != nil {
		t.Fatal(err)
	}
	if err := d.store.FreezeRecipients(t.Context(), issue); err != nil {
		t.Fatal(err)
	}
	r := d.want(d.call("reviewer", "GET", "/api/v1/issues/"+issue, nil), 200, "")
	if counts := r.body["counts"].(map[string]any); counts["candidates"] != float64(2) || counts["waiting"] != float64(2) || r.body["balanced"] != true || r.str("publication") != done.str("publication") {
		t.Errorf("%s", r.Body)
	}
	table := d.call("admin", "GET", "/api/v1/issues/"+issue+".csv", nil)
	if table.Code != 200 || !strings.HasPrefix(table.Header().Get("Content-Type"), "text/csv") || strings.Count(table.Body.String(), "\n") != 3 || !strings.Contains(table.Body.String(), "lan@example.vn,pending") {
		t.Errorf("%d %s", table.Code, table.Body)
	}
	d.want(d.call("reporter", "GET", "/api/v1/issues/"+issue, nil), 404, "not_found")
	d.want(d.call("reviewer", "GET", "/api/v1/issues/"+issue+".csv", nil), 403, "scope_missing")
	d.want(d.call("admin", "GET", "/api/v1/issues/none", nil), 404, "not_found")
	d.want(d.call("admin", "GET", "/api/v1/issues/none.csv", nil), 404, "not_found")
}
