package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"toasoan/internal/standalone"
	"toasoan/newsroom"
	"toasoan/workflows"
)

// inspector is somebody outside the office who gets the daily root.
const inspector = "giam-sat@tinh.example"

// wrongPINs: five wrong ones shut the link on that browser and alert; the right one does not open it there any more, and does
// everywhere else. Another leader's PIN is a wrong one.
func wrongPINs(t *testing.T, w *walk) {
	link := w.waiting(t, "Người lạ đoán mã PIN", w.leader)
	before := w.scalar(t, `SELECT count(*) FROM decisions WHERE article_id = $1`, w.article)
	stranger := newLinkPhone(t)
	for i, pin := range []string{w.as("chief").PIN, "111111", "222222", "333333"} {
		stranger.open(link)
		stranger.decide(link, url.Values{"move": {"approve"}, "pin": {pin}}).shows(403, fmt.Sprintf("Còn %d lần", 4-i))
	}
	for _, pin := range []string{"444444", w.leader.PIN} {
		stranger.open(link)
		stranger.decide(link, url.Values{"move": {"approve"}, "pin": {pin}}).shows(403, "khóa trên máy này")
	}
	if after := w.scalar(t, `SELECT count(*) FROM decisions WHERE article_id = $1`, w.article); after != before {
		t.Error("a guess decided")
	}
	w.until(time.Minute, "the alert", func() bool {
		told := 0
		for _, m := range w.mails(w.title) {
			if strings.Contains(m.Subject, "PIN") {
				told++
			}
		}
		return told >= 3 // the leader, the chief, the admin
	})
	own := newLinkPhone(t).open(link)
	own.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "đã phê duyệt lúc")
}

// policyChanges: a round that runs keeps the policy it began under, until an admin moves it, on record; then the steps follow in order.
func policyChanges(t *testing.T, w *walk) {
	admin, chief := w.as("admin"), w.as("chief")
	desk := newLinkPhone(t)
	desk.signIn(w.url, admin)
	save := func(offices ...string) {
		t.Helper()
		form := url.Values{"edit_minutes": {"240"}, "approve_minutes": {"450"}, "second_sign_minutes": {"450"}, "cooling_off_minutes": {"0"}}
		for i, office := range offices {
			form.Set(fmt.Sprintf("office%d", i), office)
			form.Set(fmt.Sprintf("quorum%d", i), "any")
		}
		form.Set("form", "rehearse")
		desk.send(http.MethodPost, w.url+"/desk/admin/policies/-", form).shows(200, "90 ngày")
		form.Del("form")
		desk.send(http.MethodPost, w.url+"/desk/admin/policies/-", form).shows(200, "")
	}
	first := w.waiting(t, "Trình trước khi đổi quy trình", w.leader)
	save(demoBoard, demoChairman)
	phone := newLinkPhone(t).open(first)
	phone.decide(first, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "đã phê duyệt lúc")
	w.until(time.Minute, "the release under the old policy", func() bool { return w.state() == "released/live" })
	save(demoBoard)
	second := w.waiting(t, "Chuyển sang quy trình mới", w.leader)
	save(demoBoard, demoChairman)
	if err := w.move(t.Context(), "adopt", "adopt_policy", admin, nil); err != nil {
		t.Fatal(err)
	}
	phone.open(second).shows(200, "Vui lòng mở thư mới nhất")
	fresh := w.linkTo(t, w.title, w.leader)
	phone.open(fresh).shows(200, "Bước 1/2")
	phone.decide(fresh, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "Còn chờ ý kiến của người khác")
	next := w.linkTo(t, w.title, chief)
	phone.open(next).shows(200, "Bước 2/2")
	phone.decide(next, url.Values{"move": {"approve"}, "pin": {chief.PIN}}).shows(200, "đã phê duyệt lúc")
	w.until(time.Minute, "the release under the new policy", func() bool { return w.state() == "released/live" })
	if got := w.scalar(t, `SELECT capacity FROM audit WHERE article_id = $1 AND action = 'adopt_policy'`, w.article); got != "admin" {
		t.Errorf("on record: %q", got)
	}
	save(demoBoard)
}

// calendarChanges: two weeks off, declared at the desk while the clock runs, move the due time, the link's page and the timer that the
// run waits for; taken back, all of them move back.
func calendarChanges(t *testing.T, w *walk) {
	link := w.waiting(t, "Hạn dời theo lịch", w.leader)
	run, err := standalone.ReadRun(w.data)
	if err != nil {
		t.Fatal(err)
	}
	temporal, err := client.Dial(client.Options{HostPort: run.TemporalAddress, Namespace: run.TemporalNamespace})
	if err != nil {
		t.Fatal(err)
	}
	defer temporal.Close()
	timer := func() (fires time.Time) { // the newest timer of the article's run
		history := temporal.GetWorkflowHistory(t.Context(), workflows.ArticleID(w.article), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				t.Fatal(err)
			}
			if started := event.GetTimerStartedEventAttributes(); started != nil {
				fires = event.EventTime.AsTime().Add(started.StartToFireTimeout.AsDuration())
			}
		}
		return fires
	}
	due := func() string { return w.scalar(t, `SELECT due_at FROM articles WHERE id = $1`, w.article) }
	was, fired := due(), time.Time{}
	w.until(time.Minute, "the run waits for its first mark", func() bool { fired = timer(); return !fired.IsZero() })
	desk := newLinkPhone(t)
	desk.signIn(w.url, w.as("admin"))
	// Working days of the next two weeks that are no exception already.
	var days []string
	for d := range 15 {
		at := time.Now().In(newsroom.Zone).AddDate(0, 0, d)
		if w.scalar(t, `SELECT kind FROM calendar_days WHERE date = $1`, at.Format(time.DateOnly)) == "" {
			days = append(days, at.Format(time.DateOnly))
		}
	}
	for _, day := range days {
		desk.send(http.MethodPost, w.url+"/desk/admin/calendar", url.Values{"form": {"day"}, "date": {day}, "kind": {"off"}, "name": {"Bão số 5"}}).shows(200, "")
	}
	later := time.Now().AddDate(0, 0, 10)
	w.until(time.Minute, "the timer moved", func() bool { return timer().After(later) })
	if now := due(); now <= was {
		t.Errorf("due %s, was %s", now, was)
	}
	var at time.Time
	if err := w.database(t).QueryRow(t.Context(), `SELECT due_at FROM articles WHERE id = $1`, w.article).Scan(&at); err != nil {
		t.Fatal(err)
	}
	newLinkPhone(t).open(link).shows(200, at.In(newsroom.Zone).Format("15 giờ 04, ngày 02/01/2006"))
	for _, day := range days {
		desk.send(http.MethodPost, w.url+"/desk/admin/calendar", url.Values{"form": {"drop"}, "date": {day}}).shows(200, "")
	}
	w.until(time.Minute, "the timer moved back", func() bool { return timer().Before(later) })
	if now := due(); now != was {
		t.Errorf("due %s, was %s", now, was)
	}
	for _, mark := range []string{"due_50", "due_80", "due_100"} {
		if got := w.scalar(t, `SELECT count(*) FROM audit WHERE article_id = $1 AND action = $2`, w.article, mark); got > "1" {
			t.Errorf("%s %s times", mark, got)
		}
	}
}

// emergencyRelease: one leader's signature and a reason make it public at once; the others sign by links of their own.
func emergencyRelease(t *testing.T, w *walk) {
	chief := w.as("chief")
	w.waiting(t, "Cảnh báo mưa lũ khẩn cấp", w.leader)
	hash := w.scalar(t, `SELECT hash FROM asks WHERE article_id = $1 LIMIT 1`, w.article)
	if err := w.move(t.Context(), "emergency", "emergency_release", w.leader, map[string]any{
		"reason_code": "other", "reason": "Mưa lũ về trong đêm.", "content_hash": hash,
	}); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "the page is public", func() bool { return w.state() == "released/live" })
	var link string
	w.until(time.Minute, "the mail that asks for the second signature", func() bool {
		for _, m := range w.mails(w.title) {
			if len(m.To) == 1 && strings.EqualFold(m.To[0].Address, chief.Email) {
				if found := linkForm.FindString(w.text(m.ID)); found != "" {
					link = found
				}
			}
		}
		return link != ""
	})
	w.links = append(w.links, link)
	phone := newLinkPhone(t).open(link)
	phone.shows(200, "Mưa lũ về trong đêm.")
	phone.decide(link, url.Values{"move": {"second_sign"}, "pin": {w.leader.PIN}}).shows(403, "Mã PIN chưa đúng")
	phone.open(link)
	phone.decide(link, url.Values{"move": {"second_sign"}, "pin": {chief.PIN}}).shows(200, "đã ký thứ hai lúc")
	if got := w.scalar(t, `SELECT second_by FROM articles WHERE id = $1`, w.article); got != "" {
		t.Errorf("still due %s", got)
	}
}

var (
	notMeForm  = regexp.MustCompile(`https?://[^\s"<>]+/khong-phai-toi/[A-Za-z0-9_-]+`)
	setPINForm = regexp.MustCompile(`https?://[^\s"<>]+/ma-pin/[A-Za-z0-9_-]+`)
)

// notMeAndANewPIN: the receipt's link voids PIN and phones and alerts; the admin invites to set a new PIN, and with that the next
// article is approved.
func notMeAndANewPIN(t *testing.T, w *walk) {
	link := w.waiting(t, "Không phải tôi duyệt", w.leader)
	phone := newLinkPhone(t).open(link)
	phone.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}, "trust": {"1"}}).shows(200, "đã phê duyệt lúc")
	find := func(part string, form *regexp.Regexp) (found string) {
		w.until(time.Minute, "the mail "+part, func() bool {
			for _, m := range w.mails(part) {
				if len(m.To) == 1 && strings.EqualFold(m.To[0].Address, w.leader.Email) && found == "" {
					found = form.FindString(w.text(m.ID))
				}
			}
			return found != ""
		})
		w.links = append(w.links, found)
		return found
	}
	receipt := find(w.title, notMeForm)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		newLinkPhone(t).send(method, receipt, nil)
	}
	page := newLinkPhone(t).open(receipt)
	page.shows(200, "không phải tôi")
	page.send(http.MethodPost, receipt, url.Values{"who": {"not_me"}, "number": {"12"}}).shows(422, "gõ đúng số")
	if got := w.scalar(t, `SELECT count(*) FROM audit WHERE action = 'not_me'`); got != "0" {
		t.Fatal("the decision was disowned by reading or by a wrong number")
	}
	_, rest, _ := strings.Cut(page.page, "gõ đúng số ")
	page.send(http.MethodPost, receipt, url.Values{"who": {"not_me"}, "number": {rest[:3]}}).shows(200, "Bài đã lên cổng từ trước")
	if got := w.state(); got != "released/live" {
		t.Errorf("the page went without a leader's decision: %s", got)
	}
	next := w.waiting(t, "Sau khi báo không phải tôi", w.leader)
	phone.open(next)
	phone.decide(next, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(403, "chưa có mã PIN")
	desk := newLinkPhone(t)
	desk.signIn(w.url, w.as("admin"))
	id := w.scalar(t, `SELECT id FROM users WHERE email = $1`, w.leader.Email)
	desk.send(http.MethodPost, w.url+"/desk/admin/users/"+id, url.Values{"form": {"pin"}}).shows(200, "")
	invitation := find("PIN", setPINForm)
	form := newLinkPhone(t).open(invitation)
	form.shows(200, "PIN")
	w.leader.PIN = "730514"
	form.send(http.MethodPost, invitation, url.Values{"pin": {w.leader.PIN}, "pin_again": {w.leader.PIN}}).shows(200, "")
	newLinkPhone(t).open(invitation).shows(410, "")
	phone.open(next)
	phone.decide(next, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "đã phê duyệt lúc")
}

// theRecord: the application's own role cannot touch what is on record; the export proves itself without any newsroom, against the
// root that the inspector was mailed; an altered byte, a missing row, swapped rows and a cut tail are found.
func theRecord(t *testing.T, w *walk) {
	run, err := standalone.ReadRun(w.data)
	if err != nil {
		t.Fatal(err)
	}
	app, err := pgx.Connect(t.Context(), run.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close(t.Context()) //nolint:errcheck // only read
	for _, sql := range []string{`UPDATE audit SET reason = ''`, `DELETE FROM audit`, `TRUNCATE audit`, `ALTER TABLE audit DISABLE TRIGGER ALL`, `DROP TABLE audit`} {
		_, err := app.Exec(t.Context(), sql)
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "42501" { // insufficient_privilege
			t.Errorf("%s by the application: %v", sql, err)
		}
	}
	file := filepath.Join(t.TempDir(), "nhat-ky.jsonl")
	tool := func(want int, says string, arguments ...string) string {
		t.Helper()
		out, err := exec.Command(w.binary, arguments...).CombinedOutput()
		code := 0
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			code = failed.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want || !strings.Contains(string(out), says) {
			t.Errorf("%v: exit %d, want %d and %q: %s", arguments, code, want, says, out)
		}
		return string(out)
	}
	tool(0, "", "audit", "export", "--data", w.data, "--out", file)
	said := tool(0, "the audit chain holds", "verify-audit", "--file", file)
	root := regexp.MustCompile(`[0-9a-f]{64}`).FindString(said)
	tool(0, "the audit chain holds", "verify-audit", "--file", file, "--root", root)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
	middle := len(lines) / 2
	swapped := slices.Clone(lines)
	swapped[middle], swapped[middle+1] = swapped[middle+1], swapped[middle]
	altered := bytes.Clone(whole)
	altered[len(altered)/2] ^= 1
	for name, forged := range map[string][]byte{
		"one altered byte": altered, "a missing row": bytes.Join(slices.Delete(slices.Clone(lines), middle, middle+1), nil),
		"swapped rows": bytes.Join(swapped, nil), "a cut tail": bytes.Join(lines[:len(lines)-3], nil),
	} {
		if err := os.WriteFile(file, forged, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		tool(1, "", "verify-audit", "--file", file, "--root", root)
	}
}

// noTraceOfATokenAnywhere searches everything that the newsroom has written, its database's files with Temporal's histories in them,
// NATS's streams and all logs, for the tokens that were mailed. Only the mailbox, which is the leaders', has them.
func noTraceOfATokenAnywhere(t *testing.T, w *walk) {
	var tokens [][]byte
	for _, link := range w.links {
		tokens = append(tokens, []byte(link[strings.LastIndexByte(link, '/')+1:]))
	}
	if len(tokens) < 10 {
		t.Fatalf("only %d links were mailed", len(tokens))
	}
	for _, token := range tokens {
		if strings.Contains(w.log.tail(1<<30), string(token)) {
			t.Error("a token stands in the log")
		}
	}
	seen := map[string]int64{}
	err := filepath.WalkDir(w.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.IsDir() && entry.Name() == "mailbox" {
				return fs.SkipDir
			}
			return ignoreGone(err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		top, _, _ := strings.Cut(strings.TrimPrefix(path, w.data+"/"), "/")
		seen[top] += int64(len(raw))
		for _, token := range tokens {
			if bytes.Contains(raw, token) {
				t.Errorf("a token stands in %s", strings.TrimPrefix(path, w.data))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen["nats"] == 0 || seen["postgres"] < 1<<20 || seen["logs"] == 0 {
		t.Errorf("looked through %v", seen)
	}
}

// ignoreGone forgives files that their server removed meanwhile.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
