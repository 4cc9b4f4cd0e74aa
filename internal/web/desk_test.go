package web

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/events"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// deskMoves settles moves at once and notes what else was asked of the workflows.
type deskMoves struct {
	*settler
	mu     sync.Mutex
	posted []string
	nudged []string
}

func (d *deskMoves) note(list *[]string, what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	*list = append(*list, what)
	return nil
}

func (d *deskMoves) Post(_ context.Context, id string) error { return d.note(&d.posted, id) }

func (d *deskMoves) Reload(_ context.Context, id string) error { return d.note(&d.nudged, id) }

func (d *deskMoves) Nudge(_ context.Context, id string, _ int64) error { return d.note(&d.nudged, id) }

func (d *deskMoves) Publish(_ context.Context, id string, _ int64) error {
	return d.note(&d.nudged, id)
}

// deskRoom is a newsroom with people who can sign in.
type deskRoom struct {
	*Server
	t      *testing.T
	store  *store.Store
	keys   *secret.Ring
	app    string
	moves  *deskMoves
	bus    *testBus
	clock  *testClock
	people map[string]newsroom.Person
	known  map[string]bool // who has the password
}

const deskPassword = "một mật khẩu dài"

// newDeskRoom has an admin, a reporter, a contributor, a commenter, two reviewers and two leaders; the first leader holds the office.
func newDeskRoom(t *testing.T, change ...func(*Options)) *deskRoom {
	t.Helper()
	_, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d := &deskRoom{t: t, keys: keys, app: app, clock: &testClock{at: friday}, bus: &testBus{}, people: map[string]newsroom.Person{}, known: map[string]bool{}}
	if d.store, err = store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: d.clock.now, Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.store.Close)
	d.moves = &deskMoves{settler: &settler{store: d.store}}
	o := Options{
		Store: d.store, Dispatch: d.moves, Bus: d.bus, Keys: keys, Log: log, URL: &url.URL{Scheme: "http", Host: "vankhe.example"}, Demo: true, Now: d.clock.now,
	}
	for _, one := range change {
		one(&o)
	}
	if d.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	return d
}

// peopled adds the people.
func (d *deskRoom) peopled() *deskRoom {
	d.t.Helper()
	ctx := d.t.Context()
	for name, roles := range map[string][]newsroom.Role{
		"admin": {newsroom.RoleAdmin}, "reporter": {newsroom.RoleReporter}, "contributor": {newsroom.RoleContributor}, "commenter": {newsroom.RoleCommenter},
		"reviewer": {newsroom.RoleReviewer}, "second": {newsroom.RoleReviewer}, "leader": {newsroom.RoleLeader}, "other": {newsroom.RoleLeader},
	} {
		a, _, err := d.store.CreateUser(ctx, newsroom.Person{}, newsroom.AccountInput{Email: name + "@vankhe.example", Name: "Người " + name, Roles: roles}, false)
		d.no(err)
		d.people[name] = a.Person
	}
	d.no(d.store.SetPIN(ctx, d.people["leader"].ID, deskPIN))
	_, err := d.store.SaveSection(ctx, d.people["admin"], newsroom.Section{ID: "kinh-te", NameVI: "Kinh tế"})
	d.no(err)
	_, err = d.store.SaveOffice(ctx, d.people["admin"], newsroom.Office{ID: "ban-bien-tap", Name: "Ban Biên tập"})
	d.no(err)
	d.no(d.store.Seat(ctx, d.people["admin"], "ban-bien-tap", d.people["leader"].ID, false))
	return d
}

func (d *deskRoom) no(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// deskBrowser is one browser with its cookies.
type deskBrowser struct {
	d       *deskRoom
	cookies map[string]string
	agent   string
	addr    string
}

func (d *deskRoom) browser() *deskBrowser {
	return &deskBrowser{d: d, cookies: map[string]string{}, agent: "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0", addr: "203.0.113.7:4000"}
}

// deskAnswer is an answer, unpacked.
type deskAnswer struct {
	*httptest.ResponseRecorder
	text string
}

func (b *deskBrowser) do(r *http.Request) deskAnswer {
	b.d.t.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("User-Agent", b.agent)
	r.RemoteAddr = b.addr
	w := httptest.NewRecorder()
	b.d.Handler().ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return deskAnswer{w, unpacked(b.d.t, w)}
}

func (b *deskBrowser) get(path string, headers ...string) deskAnswer {
	b.d.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

func (b *deskBrowser) post(path string, form url.Values, headers ...string) deskAnswer {
	b.d.t.Helper()
	return b.send(http.MethodPost, path, form, headers...)
}

func (b *deskBrowser) send(method, path string, form url.Values, headers ...string) deskAnswer {
	b.d.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

// password gives a person the password, once: hashing takes its time.
func (d *deskRoom) password(name string) {
	d.t.Helper()
	if !d.known[name] {
		d.no(d.store.SetPassword(d.t.Context(), d.people[name].ID, deskPassword, ""))
		d.known[name] = true
	}
}

// as signs in, on a new browser.
func (d *deskRoom) as(name string) *deskBrowser {
	d.t.Helper()
	d.password(name)
	b := d.browser()
	got := b.post("/desk/sign-in", url.Values{"email": {name + "@vankhe.example"}, "password": {deskPassword}})
	if got.Code != http.StatusSeeOther {
		d.t.Fatalf("%s cannot sign in: %d %s", name, got.Code, got.text)
	}
	return b
}

// want checks the status.
func (p deskAnswer) want(t *testing.T, status int) deskAnswer {
	t.Helper()
	if p.Code != status {
		t.Fatalf("status %d, want %d: %s", p.Code, status, firstWords(p.text))
	}
	return p
}

func firstWords(s string) string { return s[:min(len(s), 4000)] }

func (p deskAnswer) has(t *testing.T, texts ...string) deskAnswer {
	t.Helper()
	for _, one := range texts {
		if !strings.Contains(p.text, one) {
			t.Errorf("the page does not say %q", one)
		}
	}
	return p
}

func (p deskAnswer) lacks(t *testing.T, texts ...string) deskAnswer {
	t.Helper()
	for _, one := range texts {
		if strings.Contains(p.text, one) {
			t.Errorf("the page says %q", one)
		}
	}
	return p
}

// editorForm is the editor's form filled in.
func editorForm(etag string) url.Values {
	return url.Values{
		"etag": {etag}, "title": {"Vân Khê  mở đợt ra quân"}, "section": {"kinh-te"}, "lead": {"Sapo."}, "body": {"<p>Nội dung bài.</p><script>alert(1)</script>"},
		"author_name": {"Lê Thị Vân", "Đỗ Minh Khôi"}, "author_share": {"60", "40"}, "tags": {"hiến đất, đường thôn, hiến đất"},
	}
}

var editForm = regexp.MustCompile(`<input type="hidden" name="etag" value="&#34;(\d+)&#34;">`)

// draft begins an article as who and returns its id, saved with story.
func (d *deskRoom) draft(b *deskBrowser) string {
	d.t.Helper()
	made := b.post("/desk/articles", url.Values{"title": {"Vân Khê"}, "section": {"kinh-te"}}).want(d.t, http.StatusSeeOther)
	id := strings.Split(made.Header().Get("Location"), "/")[3]
	shown := b.get("/desk/articles/"+id+"/edit").want(d.t, http.StatusOK)
	found := editForm.FindStringSubmatch(shown.text)
	if found == nil {
		d.t.Fatalf("no etag in the editor: %s", firstWords(shown.text))
	}
	b.post("/desk/articles/"+id, withForm(editorForm(`"`+found[1]+`"`), "move", "save")).want(d.t, http.StatusSeeOther)
	return id
}

func withForm(form url.Values, pairs ...string) url.Values {
	form = maps.Clone(form)
	for i := 0; i+1 < len(pairs); i += 2 {
		form[pairs[i]] = []string{pairs[i+1]}
	}
	return form
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(id|revision|content_hash|kind|ask_id|public)" value="([^"]*)">`)

// moveForm reads the hidden fields of a move's form, as a browser would send them.
func (b *deskBrowser) moveForm(id, key string) url.Values {
	b.d.t.Helper()
	shown := b.get("/desk/articles/"+id).want(b.d.t, http.StatusOK)
	name, _, _ := strings.Cut(key, "-")
	form := url.Values{"move": {name}}
	// The form of the button, else the dialog.
	at := strings.Index(shown.text, `id="`+key+`" aria-labelledby`)
	if at < 0 {
		if at = strings.Index(shown.text, `name="move" value="`+name+`"`); at < 0 {
			b.d.t.Fatalf("no button %s on the page of %s", key, id)
		}
		at = strings.LastIndex(shown.text[:at], "<form")
	}
	whole, _, _ := strings.Cut(shown.text[at:], "</form>")
	for _, found := range hidden.FindAllStringSubmatch(whole, -1) {
		form.Set(found[1], found[2])
	}
	return form
}

// move presses a button, with what its form asks.
func (b *deskBrowser) move(id, key string, pairs ...string) deskAnswer {
	b.d.t.Helper()
	return b.post("/desk/articles/"+id+"/moves", withForm(b.moveForm(id, key), pairs...))
}

func (d *deskRoom) stage(id string) newsroom.Stage {
	d.t.Helper()
	a, err := d.store.Article(d.t.Context(), id)
	d.no(err)
	return a.Stage
}

// The way of one article from the reporter's draft to the portal, by the buttons of the desk only.
func TestDeskWalksAnArticleToItsPublication(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	id := d.draft(reporter)
	reporter.get("/desk/articles/"+id).want(t, 200).has(t, "Vân Khê mở đợt ra quân", "Lê Thị Vân – Đỗ Minh Khôi", "Bản nháp").lacks(t, "alert(1)")
	reporter.get("/desk").want(t, 200).has(t, "Vân Khê mở đợt ra quân")
	form := reporter.moveForm(id, "submit")
	for range 2 { // a double click is one move
		reporter.post("/desk/articles/"+id+"/moves", form).want(t, 303)
	}
	if d.stage(id) != newsroom.StageSubmitted {
		t.Fatalf("stage is %s", d.stage(id))
	}
	reporter.get("/desk/articles/"+id).want(t, 200).has(t, "Đã gửi duyệt. Hạn xử lý:")
	reviewer.get("/desk").want(t, 200).has(t, "Nhận biên tập", "Vân Khê mở đợt ra quân", "làm việc")
	reviewer.move(id, "claim").want(t, 303)
	again := reviewer.move(id, "return", "reason_code", "quality").want(t, 409)
	again.has(t, "Vui lòng chọn lý do và nhập ý kiến cụ thể.", `data-open`, `<option value="quality" selected>`)
	reviewer.move(id, "return", "reason_code", "quality", "reason", "Ghi rõ nguồn số liệu.").want(t, 303)
	reporter.get("/desk").want(t, 200).has(t, "Ghi rõ nguồn số liệu.", "Sửa bài")
	reporter.get("/desk/articles/"+id+"/edit").want(t, 200).has(t, "Bài được trả lại:")
	reporter.move(id, "submit").want(t, 303)
	reviewer.move(id, "claim").want(t, 303)
	reviewer.move(id, "forward", "comment", "Đã kiểm tra số liệu.").want(t, 303)
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("stage is %s", d.stage(id))
	}
	leader.get("/desk").want(t, 200).has(t, "Xem và quyết định")
	leader.move(id, "approve", "pin", "000000").want(t, 422).has(t, "Mã PIN không đúng.", "data-open")
	leader.move(id, "approve").want(t, 422)
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("without the PIN the stage is %s", d.stage(id))
	}
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	if d.stage(id) != newsroom.StageReleased {
		t.Fatalf("stage is %s", d.stage(id))
	}
	shown := reporter.get("/desk/articles/"+id).want(t, 200).has(t, "Đang hiển thị", "phê duyệt", "Đã kiểm tra số liệu.", "/desk/publications/"+id)
	n := regexp.MustCompile(`/desk/publications/` + id + `/(\d+)`).FindStringSubmatch(shown.text)[1]
	reporter.get("/desk/publications/"+id+"/"+n).want(t, 200).has(t, "Nguồn tin RSS", "Bộ đếm")
	reviewer.post("/desk/publications/"+id+"/"+n, nil).want(t, 303)
	if len(d.moves.nudged) != 2 {
		t.Errorf("a retry told the workflow %v", d.moves.nudged)
	}
	// A correction opens a new revision with its public note; the live text stays.
	reporter.move(id, "revise-correction", "old", "", "new", "").want(t, 303)
	reporter.get("/desk/articles/"+id+"/edit").want(t, 200).has(t, "note_old")
	history, err := d.store.History(t.Context(), id)
	d.no(err)
	for _, h := range history {
		if h.Action == "submit" && h.Door != newsroom.DoorPage {
			t.Errorf("door is %s", h.Door)
		}
	}
	if _, err := d.store.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAutosave(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	put := func(etag, title string) deskAnswer {
		return b.send(http.MethodPut, "/desk/articles/"+id, withForm(editorForm(""), "title", title), "If-Match", etag, "Accept", "application/json")
	}
	version := func() string {
		a, err := d.store.Article(t.Context(), id)
		d.no(err)
		return etag(a.Version)
	}
	first := version()
	got := put(first, "Tiêu đề mới").want(t, 200)
	var told struct {
		ETag  string `json:"etag"`
		Saved string `json:"saved_at"`
	}
	d.no(json.Unmarshal([]byte(got.text), &told))
	if told.ETag != version() || told.ETag == first || told.Saved == "" {
		t.Errorf("answer is %+v", told)
	}
	if put(told.ETag, "Tiêu đề mới").want(t, 200); version() != told.ETag {
		t.Error("a save that changes nothing makes a new version")
	}
	put(first, "Bản cũ").want(t, 412).has(t, "Bài viết đã có phiên bản mới")
	put("", "Không nói").want(t, 428)
	put(told.ETag, strings.Repeat("x", newsroom.MaxTitle+1)).want(t, 422).has(t, "Quá dài")
	if n := d.count(`SELECT count(*) FROM kept_drafts`); n != 1 {
		t.Errorf("%d texts were kept aside, want the stale one", n)
	}
	out := d.browser()
	out.send(http.MethodPut, "/desk/articles/"+id, editorForm(""), "If-Match", told.ETag, "Accept", "application/json").want(t, 401)
	d.as("contributor").send(http.MethodPut, "/desk/articles/"+id, editorForm(""), "If-Match", told.ETag, "Accept", "application/json").want(t, 404)
	d.as("reviewer").send(http.MethodPut, "/desk/articles/"+id, editorForm(""), "If-Match", told.ETag, "Accept", "application/json").want(t, 409)
}

func (d *deskRoom) count(sql string) (n int) {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.app)
	d.no(err)
	defer func() { _ = conn.Close(d.t.Context()) }()
	d.no(conn.QueryRow(d.t.Context(), sql).Scan(&n))
	return n
}

// What was typed is never lost when somebody else has saved meanwhile.
func TestEditorConflict(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	form := withForm(editorForm(`"1"`), "title", "Của tôi", "move", "save")
	b.post("/desk/articles/"+id, form).want(t, 409).has(t, "Của tôi", "overwrite", "Bài viết đã có phiên bản mới")
	if a, _ := d.store.Article(t.Context(), id); a.Title == "Của tôi" {
		t.Error("a stale save was written")
	}
	b.post("/desk/articles/"+id, withForm(form, "overwrite", "1")).want(t, 303)
	if a, _ := d.store.Article(t.Context(), id); a.Title != "Của tôi" {
		t.Errorf("title is %s", a.Title)
	}
}

func TestEditorWithoutScript(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	form := editorForm(`"2"`)
	b.post("/desk/articles/"+id, withForm(form, "row", "authors.1.up")).want(t, 200).has(t, "Chưa lưu")
	got := b.post("/desk/articles/"+id, withForm(form, "row", "authors.1.up"))
	if strings.Index(got.text, `value="Đỗ Minh Khôi"`) > strings.Index(got.text, `value="Lê Thị Vân"`) {
		t.Error("the second author did not move up")
	}
	if got := b.post("/desk/articles/"+id, withForm(form, "row", "authors.add")); strings.Count(got.text, `name="author_name"`) != 4 { // and the template
		t.Error("no row was added")
	}
	b.post("/desk/articles/"+id, withForm(form, "release_at", "gibberish", "move", "save")).want(t, 422).has(t, "Thời gian không hợp lệ")
	b.post("/desk/articles/"+id, withForm(form, "source_url", "javascript:alert(1)", "move", "save")).want(t, 422)
	for _, row := range []string{"figures.9.up", "authors.-1.remove", "x", "files.0.remove", "authors.0.explode"} {
		b.post("/desk/articles/"+id, withForm(form, "row", row)).want(t, 200)
	}
}

func TestSubmitSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	b.post("/desk/articles/"+id, withForm(editorForm(`"2"`), "body", "", "title", "", "move", "submit")).want(t, 409).has(t, `href="#title"`, `href="#body"`)
	if d.stage(id) != newsroom.StageDraft {
		t.Errorf("stage is %s", d.stage(id))
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	upload := func(name string, data []byte) deskAnswer {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("file", name)
		d.no(err)
		_, err = part.Write(data)
		d.no(err)
		d.no(form.Close())
		r := httptest.NewRequest(http.MethodPost, "/desk/media", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Accept", "application/json")
		return b.do(r)
	}
	var told struct {
		SHA, URL      string
		Width, Height int
	}
	got := upload("a.jpg", testPicture(t)).want(t, 201)
	d.no(json.Unmarshal([]byte(got.text), &told))
	if len(told.SHA) != 64 || !strings.HasPrefix(told.URL, "/anh/"+told.SHA) || told.Width == 0 || told.Height == 0 {
		t.Errorf("answer is %+v", told)
	}
	upload("a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)).want(t, 422).has(t, "Loại tệp này không được nhận")
	upload("a.jpg", nil).want(t, 422)
	b = d.as("leader")
	upload("a.jpg", testPicture(t)).want(t, 403)
}

// testPicture is a small JPEG, drawn here.
func testPicture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewRGBA(image.Rect(0, 0, 400, 300)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decode32(t *testing.T, text string) []byte {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Every address of the desk, for nobody and for each role: who is let in at all.
func TestWhoGetsIn(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter := d.as("reporter")
	id := d.draft(reporter)
	all := []string{"admin", "reporter", "contributor", "commenter", "reviewer", "leader"}
	readers := []string{"admin", "reporter", "commenter", "reviewer", "leader"} // of the reporter's article
	writers := []string{"reporter", "contributor", "reviewer"}
	bureau := []string{"admin", "reviewer", "leader"}
	admins := []string{"admin"}
	user := d.people["reporter"].ID
	browsers := map[string]*deskBrowser{}
	for _, name := range all {
		browsers[name] = d.as(name)
	}
	for path, allowed := range map[string][]string{
		"/desk": all, "/desk/board": all, "/desk/plan": all, "/desk/articles": all, "/desk/articles?format=csv": all, "/desk/account": all, "/desk/account/totp": all,
		"/desk/articles/new": writers, "/desk/articles/" + id: readers, "/desk/articles/" + id + "/preview": readers,
		"/desk/articles/" + id + "/compare?from=0&to=0": readers, "/desk/articles/" + id + "/edit": {"reporter"},
		"/desk/issues": bureau, "/desk/admin": admins, "/desk/admin/users": admins, "/desk/admin/users/new": admins, "/desk/admin/users/" + user: admins,
		"/desk/admin/sections": admins, "/desk/admin/offices": admins, "/desk/admin/calendar": admins, "/desk/admin/policies": admins,
		"/desk/admin/policies/-": admins, "/desk/admin/policies/kinh-te": admins, "/desk/admin/trouble": admins,
	} {
		if got := d.browser().get(path); got.Code != http.StatusSeeOther || !strings.HasPrefix(got.Header().Get("Location"), "/desk/sign-in") {
			t.Errorf("%s for nobody: %d %s", path, got.Code, got.Header().Get("Location"))
		}
		for _, name := range all {
			got := browsers[name].get(path)
			if (got.Code == http.StatusOK) != slices.Contains(allowed, name) {
				t.Errorf("%s for %s: %d", path, name, got.Code)
			}
			if got.Code >= 500 {
				t.Errorf("%s for %s fails", path, name)
			}
			if got.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s for %s may be cached: %s", path, name, got.Header().Get("Cache-Control"))
			}
		}
	}
	for path, allowed := range map[string][]string{
		"/desk/admin": admins, "/desk/admin/users": admins, "/desk/admin/users/" + user: admins, "/desk/admin/sections": admins, "/desk/admin/offices": admins,
		"/desk/admin/calendar": admins, "/desk/admin/policies/-": admins, "/desk/admin/trouble/alerts": admins, "/desk/admin/trouble/events": admins,
		"/desk/articles": writers, "/desk/media": writers,
	} {
		if got := d.browser().post(path, nil); got.Code != http.StatusUnauthorized {
			t.Errorf("POST %s for nobody: %d", path, got.Code)
		}
		for _, name := range all {
			got := browsers[name].post(path, url.Values{"form": {"nothing"}})
			if (got.Code == http.StatusForbidden) == slices.Contains(allowed, name) {
				t.Errorf("POST %s for %s: %d", path, name, got.Code)
			}
			if got.Code >= 500 {
				t.Errorf("POST %s for %s fails: %s", path, name, got.text)
			}
		}
	}
	for _, name := range all { // nobody makes somebody else's move, whatever the form says
		for _, move := range []string{"submit", "claim", "approve", "release", "expire", "create", "nonsense", "take_down"} {
			if name == "reporter" && move == "submit" {
				continue
			}
			got := browsers[name].post("/desk/articles/"+id+"/moves", url.Values{"move": {move}, "reason_code": {"other"}, "reason": {"x"}, "pin": {deskPIN}})
			if got.Code == http.StatusSeeOther || got.Code >= 500 {
				t.Errorf("%s makes %s: %d", name, move, got.Code)
			}
		}
	}
	if d.stage(id) != newsroom.StageDraft {
		t.Errorf("stage is %s", d.stage(id))
	}
}

func TestCrossOriginPostsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("admin")
	for _, path := range []string{"/desk/sign-in", "/desk/sign-out", "/desk/account", "/desk/admin/users", "/mat-khau/x"} {
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}} {
			b.post(path, url.Values{"form": {"sessions"}}, headers...).want(t, 403)
		}
	}
	b.get("/desk").want(t, 200)
}

func TestSignInLocksTheGuesserOnly(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	d.password("reporter")
	guesser := d.browser()
	guesser.addr = "198.51.100.9:1"
	wrong := url.Values{"email": {"reporter@vankhe.example"}, "password": {"x"}}
	unknown := guesser.post("/desk/sign-in", url.Values{"email": {"nobody@vankhe.example"}, "password": {"x"}}).want(t, 401)
	for range 5 {
		got := guesser.post("/desk/sign-in", wrong).want(t, 401)
		if strings.ReplaceAll(got.text, "reporter@", "nobody@") != unknown.text {
			t.Error("an unknown address is answered otherwise than a wrong password")
		}
	}
	got := guesser.post("/desk/sign-in", withForm(wrong, "password", deskPassword)).want(t, 429)
	if seconds, err := strconv.Atoi(got.Header().Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After is %q", got.Header().Get("Retry-After"))
	}
	d.as("reporter").get("/desk").want(t, 200)
	d.clock.forward(31 * time.Second)
	guesser.post("/desk/sign-in", withForm(wrong, "password", deskPassword)).want(t, 303)
	guesser.get("/desk").want(t, 200)
}

func TestSessionsAreRenewedAndEnded(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	// A planted session token is not taken over.
	planted := d.as("contributor")
	d.password("leader")
	victim := d.browser()
	victim.cookies["toasoan"] = planted.cookies["toasoan"]
	before := victim.cookies["toasoan"]
	victim.post("/desk/sign-in", url.Values{"email": {"leader@vankhe.example"}, "password": {deskPassword}, "next": {"//evil.example"}}).want(t, 303)
	if victim.cookies["toasoan"] == before {
		t.Fatal("the token stays over the sign-in")
	}
	planted.get("/desk").want(t, 303)
	victim.get("/desk/account").want(t, 200).has(t, "Người leader", "Firefox · Windows", "Máy này")
	// Signed out here; the token is worth nothing afterwards.
	token := victim.cookies["toasoan"]
	victim.post("/desk/sign-out", nil).want(t, 303)
	victim.cookies["toasoan"] = token
	victim.get("/desk").want(t, 303)
	// Signed out from elsewhere, and by the admin.
	one, two := d.as("leader"), d.as("leader")
	one.post("/desk/account", url.Values{"form": {"sessions"}}).want(t, 303)
	one.get("/desk").want(t, 200)
	two.get("/desk").want(t, 303)
	d.as("admin").post("/desk/admin/users/"+d.people["leader"].ID, url.Values{"form": {"sign_out"}}).want(t, 303)
	one.get("/desk").want(t, 303)
	// Idle.
	idle := d.as("leader")
	d.clock.forward(13 * time.Hour)
	idle.get("/desk").want(t, 303)
	// The cookie.
	in := d.browser().post("/desk/sign-in", url.Values{"email": {"leader@vankhe.example"}, "password": {deskPassword}})
	for _, c := range in.Result().Cookies() {
		if c.Name == "toasoan" && (!c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/") {
			t.Errorf("cookie is %+v", c)
		}
	}
	if loc := in.Header().Get("Location"); loc != "/desk" {
		t.Errorf("goes on to %s", loc)
	}
}

func TestSecureCookie(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t, func(o *Options) { o.Secure = true }).peopled()
	d.password("leader")
	got := d.browser().post("/desk/sign-in", url.Values{"email": {"leader@vankhe.example"}, "password": {deskPassword}})
	for _, c := range got.Result().Cookies() {
		if c.Name == "__Host-toasoan" && c.Secure && c.Path == "/" && c.Domain == "" {
			return
		}
	}
	t.Errorf("cookies are %v", got.Result().Cookies())
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t, func(o *Options) { o.Demo = false }).peopled()
	admin := d.as("admin")
	if got := admin.get("/desk/admin").want(t, 303); got.Header().Get("Location") != "/desk/account/totp" {
		t.Fatalf("an admin without a second factor is sent to %s", got.Header().Get("Location"))
	}
	shown := admin.get("/desk/account/totp").want(t, 200).has(t, "data:image/png;base64,")
	text := regexp.MustCompile(`<b class="num">([A-Z2-7]{32})</b>`).FindStringSubmatch(shown.text)[1]
	if again := admin.get("/desk/account/totp"); !strings.Contains(again.text, text) {
		t.Error("the secret changes with every look")
	}
	key := decode32(t, text)
	code := func() string { return secret.TOTPCode(key, d.clock.now().Unix()/secret.Period) }
	admin.post("/desk/account/totp", url.Values{"code": {code()}, "password": {"x"}}).want(t, 422)
	admin.post("/desk/account/totp", url.Values{"code": {"000000"}, "password": {deskPassword}}).want(t, 422)
	done := admin.post("/desk/account/totp", url.Values{"code": {code()}, "password": {deskPassword}}).want(t, 200)
	recovery := regexp.MustCompile(`<b>([a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4})</b>`).FindAllStringSubmatch(done.text, -1)
	if len(recovery) != 8 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	admin.get("/desk/admin").want(t, 200)
	half := d.browser()
	in := half.post("/desk/sign-in", url.Values{"email": {"admin@vankhe.example"}, "password": {deskPassword}}).want(t, 303)
	if !strings.HasPrefix(in.Header().Get("Location"), "/desk/code") {
		t.Fatalf("goes on to %s", in.Header().Get("Location"))
	}
	half.get("/desk").want(t, 303)
	half.get("/desk/admin/users").want(t, 303)
	half.post("/desk/code", url.Values{"code": {code()}}).want(t, 401) // was used to enrol
	d.clock.forward(time.Minute)
	used := code()
	half.post("/desk/code", url.Values{"code": {used}}).want(t, 303)
	half.get("/desk/admin/users").want(t, 200)
	other := d.browser()
	other.post("/desk/sign-in", url.Values{"email": {"admin@vankhe.example"}, "password": {deskPassword}}).want(t, 303)
	other.post("/desk/code", url.Values{"code": {used}}).want(t, 401) // a code works once
	other.post("/desk/code", url.Values{"code": {recovery[0][1]}}).want(t, 303)
	other.get("/desk/admin").want(t, 200)
	third := d.browser()
	third.post("/desk/code", url.Values{"code": {code()}}).want(t, 303)
	third.get("/desk").want(t, 303)
}

// link derives the token of the newest account link, as the mail room does.
func (d *deskRoom) link(purpose, userID string) string {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.app)
	d.no(err)
	defer func() { _ = conn.Close(d.t.Context()) }()
	var id string
	var version int
	d.no(conn.QueryRow(d.t.Context(), `SELECT id, key_version FROM account_links WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1`, userID).Scan(&id, &version))
	return d.keys.Token(purpose, id, version)
}

func TestForgottenPasswordPages(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.browser()
	known := b.post("/desk/forgot", url.Values{"email": {"reporter@vankhe.example"}}).want(t, 200)
	unknown := b.post("/desk/forgot", url.Values{"email": {"nobody@vankhe.example"}}).want(t, 200)
	if known.text != unknown.text {
		t.Error("the answer tells who has an account")
	}
	if len(d.moves.posted) != 1 || !strings.HasPrefix(d.moves.posted[0], "password_reset/") {
		t.Errorf("letters are %v", d.moves.posted)
	}
	signedIn := d.as("reporter")
	path := "/mat-khau/" + d.link(store.PurposeReset, d.people["reporter"].ID)
	for range 3 {
		got := b.get(path).want(t, 200).has(t, "Người reporter")
		if got.Header().Get("Referrer-Policy") != "strict-origin" || got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers are %v", got.Header())
		}
	}
	b.post(path, url.Values{"password": {"short"}, "password_again": {"short"}}).want(t, 422).has(t, "ít nhất 10 ký tự")
	b.post(path, url.Values{"password": {"một mật khẩu khác"}, "password_again": {"x"}}).want(t, 422).has(t, "không khớp")
	signedIn.get("/desk").want(t, 200)
	b.post(path, url.Values{"password": {"một mật khẩu khác"}, "password_again": {"một mật khẩu khác"}}).want(t, 200).has(t, "Đã đặt mật khẩu")
	signedIn.get("/desk").want(t, 303)
	b.post(path, url.Values{"password": {"mật khẩu thứ ba"}, "password_again": {"mật khẩu thứ ba"}}).want(t, 410)
	b.get(path).want(t, 410)
	b.get("/mat-khau/gibberish").want(t, 410)
	b.post("/desk/sign-in", url.Values{"email": {"reporter@vankhe.example"}, "password": {"một mật khẩu khác"}}).want(t, 303)
}

func TestPINPages(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	admin := d.as("admin")
	admin.post("/desk/admin/users/"+d.people["reporter"].ID, url.Values{"form": {"pin"}}).want(t, 303)
	if len(d.moves.posted) != 0 {
		t.Errorf("a reporter is invited to a PIN: %v", d.moves.posted)
	}
	admin.post("/desk/admin/users/"+d.people["other"].ID, url.Values{"form": {"pin"}}).want(t, 303)
	if len(d.moves.posted) != 1 || !strings.HasPrefix(d.moves.posted[0], "pin_invitation/") {
		t.Fatalf("letters are %v", d.moves.posted)
	}
	b, path := d.browser(), "/ma-pin/"+d.link(store.PurposePIN, d.people["other"].ID)
	b.get(path).want(t, 200)
	b.post(path, url.Values{"pin": {"123456"}, "pin_again": {"123456"}}).want(t, 422).has(t, "quá dễ đoán")
	b.post(path, url.Values{"pin": {"482913"}, "pin_again": {"482913"}}).want(t, 200).has(t, "Đã đặt mã PIN")
	b.post(path, url.Values{"pin": {"593024"}, "pin_again": {"593024"}}).want(t, 410)
	if ok, err := d.store.CheckPIN(t.Context(), d.people["other"].ID, "482913"); !ok || err != nil {
		t.Errorf("the PIN is not set: %v", err)
	}
}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t, func(o *Options) { o.Demo = false })
	b := d.browser()
	if got := b.get("/desk/sign-in").want(t, 303); got.Header().Get("Location") != "/desk/start" {
		t.Errorf("an empty newsroom goes to %s", got.Header().Get("Location"))
	}
	b.get("/desk/start").want(t, 200).lacks(t, "password")
	form := url.Values{
		"portal": {"Cổng thông tin điện tử xã Vân Khê"}, "unit": {"UBND xã Vân Khê"}, "name": {"Phạm Quang Huy"}, "email": {"admin@vankhe.example"},
		"password": {deskPassword}, "approver": {"Trưởng ban Biên tập"}, "sections": {"Tin tức\nThông báo\n"},
	}
	b.post("/desk/start", form).want(t, 401) // no code given yet
	b.post("/desk/start", url.Values{"code": {"0000-0000-0000"}}).want(t, 401)
	b.post("/desk/start", url.Values{"code": {" " + strings.ToUpper(d.store.SetupCode())}}).want(t, 303)
	b.get("/desk/start").want(t, 200).has(t, "Tin tức – Sự kiện")
	b.post("/desk/start", withForm(form, "unit", "", "password", "x")).want(t, 422).has(t, "Phạm Quang Huy", `href="#unit"`, `href="#password"`)
	b.post("/desk/start", form).want(t, 303)
	b.get("/desk").want(t, 200).has(t, "UBND xã Vân Khê")
	stranger := d.browser()
	if got := stranger.get("/desk/start").want(t, 303); got.Header().Get("Location") != "/desk/sign-in" {
		t.Error("the first start is offered again")
	}
	stranger.post("/desk/start", url.Values{"code": {d.store.SetupCode()}}).want(t, 303)
	stranger.post("/desk/start", withForm(form, "email", "evil@vankhe.example")).want(t, 303)
	if n := d.count(`SELECT count(*) FROM users`); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("admin")
	// People.
	b.post("/desk/admin/users", url.Values{"name": {""}, "email": {"x"}}).want(t, 422).has(t, `href="#name"`, `href="#email"`, `href="#roles"`)
	b.post("/desk/admin/users", url.Values{"name": {"Trần Quốc Hưng"}, "email": {"hung@vankhe.example"}, "role": {"leader"}, "section": {"kinh-te"}, "active": {"1"}}).want(t, 303)
	if len(d.moves.posted) != 2 {
		t.Errorf("a new leader gets %v", d.moves.posted)
	}
	b.post("/desk/admin/users", url.Values{"name": {"Khác"}, "email": {"HUNG@vankhe.example"}, "role": {"reporter"}}).want(t, 409)
	b.post("/desk/admin/users/"+d.people["admin"].ID, url.Values{"name": {"A"}, "email": {"admin@vankhe.example"}, "role": {"admin"}}).want(t, 409).has(t, "ít nhất một quản trị")
	b.get("/desk/admin/users").want(t, 200).has(t, "Trần Quốc Hưng", "Chưa đặt mã PIN")
	// Sections.
	b.post("/desk/admin/sections", url.Values{"name_vi": {"Chuyển đổi số"}, "position": {"3"}}).want(t, 303)
	b.post("/desk/admin/sections", url.Values{"name_vi": {"Chuyển  đổi số"}}).want(t, 422).has(t, "đã được dùng")
	b.get("/desk/admin/sections").want(t, 200).has(t, "/chuyen-muc/chuyen-doi-so")
	// Offices and delegations.
	b.post("/desk/admin/offices", url.Values{"form": {"seat"}, "office": {"ban-bien-tap"}, "user": {d.people["reporter"].ID}}).want(t, 422).has(t, "Phải là lãnh đạo")
	b.post("/desk/admin/offices", url.Values{"form": {"seat"}, "office": {"ban-bien-tap"}, "user": {d.people["other"].ID}, "deputy": {"1"}}).want(t, 303)
	b.post("/desk/admin/offices", url.Values{"form": {"seat"}, "office": {"ban-bien-tap"}, "user": {d.people["other"].ID}}).want(t, 422)
	day := func(days int) string { return d.clock.now().AddDate(0, 0, days).In(vietnam).Format("2006-01-02T15:04") }
	leader := d.as("leader")
	leader.post("/desk/account", url.Values{"form": {"delegate"}, "office": {"ban-bien-tap"}, "to": {d.people["other"].ID}, "start": {day(3)}, "end": {day(1)}}).want(t, 422)
	leader.post("/desk/account", url.Values{"form": {"delegate"}, "office": {"ban-bien-tap"}, "to": {d.people["reporter"].ID}, "start": {day(0)}, "end": {day(1)}}).want(t, 422)
	leader.post("/desk/account", url.Values{"form": {"delegate"}, "office": {"ban-bien-tap"}, "to": {d.people["other"].ID}, "start": {day(0)}, "end": {day(1)}}).want(t, 303)
	seats, err := d.store.Seats(t.Context(), []string{"ban-bien-tap"}, d.clock.now().Add(time.Minute))
	d.no(err)
	if len(seats) != 1 || seats[0].Person != d.people["other"].ID || seats[0].OnBehalfOf != d.people["leader"].ID {
		t.Errorf("seats are %+v", seats)
	}
	// The calendar.
	b.post("/desk/admin/calendar", url.Values{"form": {"day"}, "date": {"2026-09-02"}, "kind": {"off"}, "name": {"Quốc khánh"}}).want(t, 303)
	b.post("/desk/admin/calendar", url.Values{"form": {"day"}, "date": {"x"}, "kind": {"off"}}).want(t, 422)
	b.get("/desk/admin/calendar?year=2026").want(t, 200).has(t, "Quốc khánh", "02/09/2026", "07:30-11:30, 13:30-17:00")
	b.post("/desk/admin/calendar", url.Values{"form": {"hours"}, "hours1": {"08:00-12:00; 13:00 – 17:00"}}).want(t, 303)
	b.post("/desk/admin/calendar", url.Values{"form": {"hours"}, "hours1": {"12:00-08:00"}}).want(t, 422).has(t, "12:00-08:00")
	// The policy: every version stays.
	b.post("/desk/admin/policies/kinh-te", url.Values{"edit_minutes": {"240"}}).want(t, 422)
	policy := url.Values{"office0": {"ban-bien-tap"}, "quorum0": {"all"}, "edit_minutes": {"120"}, "approve_minutes": {"450"}, "second_sign_minutes": {"450"}, "cooling_off_minutes": {"0"}, "blocking": {"personal_id_number", "nonsense"}}
	for range 2 {
		b.post("/desk/admin/policies/kinh-te", policy).want(t, 303)
	}
	p, err := d.store.Policy(t.Context(), "kinh-te")
	d.no(err)
	if p.Version != 2 || p.Steps[0].Quorum != newsroom.QuorumAll || p.EditMinutes != 120 || !slices.Equal(p.BlockingChecks, []string{"personal_id_number"}) {
		t.Errorf("policy is %+v", p)
	}
	b.get("/desk/admin/policies/nope").want(t, 404)
	// Settings, on the portal at once.
	b.post("/desk/admin", url.Values{"portal": {"Cổng mới"}, "unit": {"UBND xã"}, "words": {"nổ lực = nỗ lực\n\n=x\n"}}).want(t, 303)
	b.get("/desk/admin").want(t, 200).has(t, "Cổng mới", "nổ lực = nỗ lực")
	if _, err := d.store.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
	if n := d.count(`SELECT count(*) FROM audit WHERE action IN ('user.create','section.save','office.seat','office.delegate','calendar.save','calendar.hours','policy.save','setting.save')`); n < 15 {
		t.Errorf("only %d acts are on record", n)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("admin")
	e := events.Article{ArticleID: "abcabcabcabc", N: 3, At: friday}.With("published")
	envelope, err := events.Wrap(e)
	d.no(err)
	payload, err := json.Marshal(envelope)
	d.no(err)
	d.no(d.store.Park(t.Context(), "mailer", envelope.ID, e.Type(), payload, "không đọc được"))
	d.no(d.store.Park(t.Context(), "feeds", "torn", "newsroom.x", []byte("{"), "không đọc được"))
	d.no(d.store.RaiseAlert(t.Context(), "a", "not_me", map[string]any{"article_id": "abcabcabcabc"}))
	b.get("/desk").want(t, 200).has(t, "Có 1 cảnh báo.", "Có 2 sự kiện chưa xử lý được.")
	d.no(d.store.RaiseAlert(t.Context(), "c", "content_refused", map[string]any{
		"issue_id": "abc", "stage": "dot", "reply": "5.7.1 <script>spam</script>", "why": "hard_failures", "missing": []string{"feeds", "page"}, "sent": 1200,
		"due": "2026-11-23T07:08:09Z", "counts": newsroom.IssueCounts{Candidates: 3, Sent: 2, Hard: 1}, "letter_id": "",
	}))
	b.get("/desk/admin/trouble").want(t, 200).has(t, "mailer", "không đọc được", "Không phải tôi", "Máy chủ thư trả lời: <b>5.7.1 &lt;script&gt;spam", "Bước gửi: <b>Câu trả lời sau khi giao thư",
		`<a href="/desk/issues/abc">abc</a>`, "Quá nhiều địa chỉ bị từ chối", "Nguồn tin RSS, Trang đăng", "<b>1.200</b>", "<b>23/11/2026 14:08</b>",
		"3 người nhận = 2 đã gửi &#43; 1 bị từ chối").lacks(t, `u003c`, "Candidates", "Mã thư")
	b.post("/desk/admin/trouble/events", url.Values{"id": {"1"}}).want(t, 303)
	b.post("/desk/admin/trouble/events", url.Values{"id": {"2"}}).want(t, 422)
	b.post("/desk/admin/trouble/events", url.Values{"id": {"99"}}).want(t, 404)
	if len(d.bus.said) != 1 || events.ID(d.bus.said[0]) != envelope.ID {
		t.Fatalf("sent again: %v", d.bus.said)
	}
	wrapped, err := events.Wrap(d.bus.said[0])
	d.no(err)
	if !bytes.Equal(bytes.TrimSpace(wrapped.Data), envelope.Data) || wrapped.Subject != envelope.Subject {
		t.Errorf("the event changed: %s", wrapped.Data)
	}
	b.post("/desk/admin/trouble/alerts", url.Values{"id": {"a"}}).want(t, 303)
	b.post("/desk/admin/trouble/alerts", url.Values{"id": {"a"}}).want(t, 404)
}

func TestTokensPage(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("leader")
	b.post("/desk/account", url.Values{"form": {"token"}}).want(t, 422)
	b.post("/desk/account", url.Values{"form": {"token"}, "scope": {"decide"}, "pin": {"000000"}}).want(t, 422).has(t, "Mã PIN không đúng.")
	b.post("/desk/account", url.Values{"form": {"token"}, "scope": {"admin"}, "pin": {deskPIN}}).want(t, 403)
	got := b.post("/desk/account", url.Values{"form": {"token"}, "scope": {"decide", "write"}, "pin": {deskPIN}, "label": {"máy"}}).want(t, 200)
	value := regexp.MustCompile(`toasoan_[A-Za-z0-9_-]{43}`).FindString(got.text)
	if _, token, err := d.store.Bearer(t.Context(), value); err != nil || !token.Has(newsroom.ScopeDecide) {
		t.Errorf("token %v, %v", token, err)
	}
	b.get("/desk/account").want(t, 200).lacks(t, value).has(t, "máy")
}

// Five wrong PINs stop one browser, not the leader.
func TestPINAtTheDesk(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, thief, leader := d.as("reporter"), d.as("reviewer"), d.as("leader"), d.as("leader")
	id := d.draft(reporter)
	reporter.move(id, "submit").want(t, 303)
	reviewer.move(id, "claim").want(t, 303)
	reviewer.move(id, "forward").want(t, 303)
	for range 5 {
		thief.move(id, "approve", "pin", "000000").want(t, 422).has(t, "Mã PIN không đúng.")
	}
	thief.move(id, "approve", "pin", deskPIN).want(t, 422).has(t, "nhập sai 5 lần")
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	if d.stage(id) != newsroom.StageReleased {
		t.Errorf("stage is %s", d.stage(id))
	}
}

// While Temporal is away a tap is recorded and the page says so.
func TestMoveWhileWorkflowsAreAway(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	d.moves.away = true
	b.move(id, "submit").want(t, 303)
	b.get("/desk/articles/"+id).want(t, 200).has(t, "Đã ghi nhận, đang xử lý.")
	if n := d.count(`SELECT count(*) FROM move_requests WHERE settled_at IS NULL`); n != 1 {
		t.Errorf("%d moves are recorded", n)
	}
}

// A refused move explains itself and leaves no trace.
func TestRefusedMoveExplainsItself(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, second := d.as("reporter"), d.as("reviewer"), d.as("second")
	id := d.draft(reporter)
	reporter.move(id, "submit").want(t, 303)
	claim := second.moveForm(id, "claim")
	reviewer.move(id, "claim").want(t, 303)
	second.post("/desk/articles/"+id+"/moves", claim).want(t, 409).has(t, "Chưa thực hiện được.", "trạng thái không cho phép")
	second.post("/desk/articles/"+id+"/moves", url.Values{"move": {"forward"}}).want(t, 409).has(t, "Bài đang được người khác biên tập.")
	second.get("/desk/articles/"+id+"/moves/forward").want(t, 303)
	history, err := d.store.History(t.Context(), id)
	d.no(err)
	if len(history) != 3 { // create, submit, claim
		t.Errorf("the record has %d lines", len(history))
	}
	english := d.as("second")
	english.post("/desk/account", url.Values{"form": {"profile"}, "locale": {"en"}}).want(t, 303)
	english.post("/desk/articles/"+id+"/moves", url.Values{"move": {"claim"}}).want(t, 409).has(t, `lang="en"`, "Not done.")
}

func TestLiveStream(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	server := httptest.NewServer(d.Handler())
	t.Cleanup(server.Close)
	b := d.as("reporter")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/desk/live", nil)
	d.no(err)
	nobody, err := server.Client().Do(r.Clone(ctx))
	d.no(err)
	_ = nobody.Body.Close()
	if nobody.StatusCode != http.StatusUnauthorized {
		t.Fatalf("the stream for nobody: %v", nobody.StatusCode)
	}
	r.AddCookie(&http.Cookie{Name: "toasoan", Value: b.cookies["toasoan"]})
	answer, err := server.Client().Do(r)
	d.no(err)
	defer func() { _ = answer.Body.Close() }()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %s", got)
	}
	read := make(chan string)
	go func() {
		var seen strings.Builder
		buffer := make([]byte, 1024)
		for {
			n, err := answer.Body.Read(buffer)
			seen.Write(buffer[:n])
			if strings.Contains(seen.String(), "\n\nevent: changed") && strings.HasSuffix(seen.String(), "\n\n") || err != nil {
				read <- seen.String()
				return
			}
		}
	}()
	e, err := events.Wrap(events.Article{ArticleID: "abcabcabcabc", N: 1, At: friday}.With("submitted"))
	d.no(err)
	for {
		d.desk.live.tell(liveTopics(e)...) // until the listener has joined
		select {
		case got := <-read:
			if !strings.Contains(got, `data: {"topics":["article:abcabcabcabc","board","plan","work"]}`) {
				t.Errorf("heard %q", got)
			}
			return
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("nothing was heard")
		}
	}
}

// A browser that never reads is given up once nothing more fits on the way to it.
func TestLiveStreamOfABrowserThatNeverReads(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	d.desk.live.stuck = 200 * time.Millisecond
	server := httptest.NewServer(d.Handler())
	t.Cleanup(server.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	d.no(err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /desk/live HTTP/1.1\r\nHost: x\r\nCookie: toasoan=%s\r\n\r\n", d.as("reporter").cookies["toasoan"])
	d.no(err)
	wait := func(what string, heard bool) {
		t.Helper()
		topic := strings.Repeat("board", 50_000)
		for deadline := time.Now().Add(30 * time.Second); d.desk.live.heard() != heard; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
			d.desk.live.tell(topic)
		}
	}
	wait("the browser listens", true)
	wait("it is given up", false)
}

// A browser that does not read cannot hold up the others, and learns that it missed something.
func TestLiveHubNeverBlocks(t *testing.T) {
	t.Parallel()
	hub := newLiveHub()
	slow := hub.join()
	for range 3 * liveBacklog {
		hub.tell("board")
	}
	var all []string
	for len(slow) > 0 {
		all = append(all, <-slow...)
	}
	if !slices.Contains(all, "*") {
		t.Errorf("heard %v", all)
	}
	hub.leave(slow)
	hub.tell("board")
	if len(slow) != 0 {
		t.Error("who has left is told")
	}
}

// Every page of the desk in both languages: no untranslated key, no inline script or style.
func TestDeskPagesAreCleanInBothLanguages(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter := d.as("reporter")
	id := d.draft(reporter)
	reporter.move(id, "submit").want(t, 303)
	d.as("reviewer").move(id, "claim").want(t, 303)
	inline := regexp.MustCompile(`(?i)<[a-z][^>]*\s(on[a-z]+|style)=|<style|<script>`)
	for _, who := range []string{"admin", "reviewer", "leader", "reporter"} {
		b := d.as(who)
		for _, lang := range []string{"vi", "en"} {
			b.post("/desk/account", url.Values{"form": {"profile"}, "locale": {lang}}).want(t, 303)
			for _, path := range []string{
				"/desk", "/desk/board", "/desk/articles", "/desk/articles?q=khongco", "/desk/plan", "/desk/articles/new", "/desk/articles/" + id, "/desk/articles/" + id + "/edit",
				"/desk/articles/" + id + "/preview", "/desk/articles/" + id + "/moves/return", "/desk/articles/" + id + "/revisions/1",
				"/desk/articles/" + id + "/compare?from=1&to=0", "/desk/issues", "/desk/account", "/desk/account/totp", "/desk/admin", "/desk/admin/users",
				"/desk/admin/users/new", "/desk/admin/sections", "/desk/admin/offices", "/desk/admin/calendar", "/desk/admin/policies", "/desk/admin/policies/-", "/desk/admin/trouble", "/desk/nowhere",
			} {
				got := b.get(path)
				if got.Code >= 500 {
					t.Errorf("%s as %s: %d", path, who, got.Code)
				}
				if found := inline.FindString(got.text); found != "" {
					t.Errorf("%s as %s has inline code: %s", path, who, found)
				}
				if got.Code == 200 && !strings.Contains(got.text, `lang="`+lang+`"`) && !strings.HasSuffix(path, "/preview") {
					t.Errorf("%s as %s is not in %s", path, who, lang)
				}
				if strings.Contains(got.text, "ZgotmplZ") {
					t.Errorf("%s as %s: a value was refused by the template", path, who)
				}
			}
		}
	}
}
