package mailbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var arrival = time.Date(2026, 10, 2, 8, 30, 0, 0, time.UTC)

func start(t *testing.T, folder string, change ...func(*Options)) *Mailbox {
	t.Helper()
	o := Options{Folder: folder, SMTP: listen(t), Web: listen(t), Throwaway: true, Now: func() time.Time { return arrival }}
	for _, set := range change {
		set(&o)
	}
	m, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, m) })
	return m
}

func stop(t *testing.T, m *Mailbox) {
	t.Helper()
	if err := m.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func smtpAddr(m *Mailbox) string {
	return strings.TrimSuffix(strings.TrimPrefix(m.SMTPURL(), "smtp://"), "?tls=none")
}

func send(t *testing.T, m *Mailbox, from string, to []string, raw string) {
	t.Helper()
	if err := smtp.SendMail(smtpAddr(m), nil, from, to, []byte(raw)); err != nil {
		t.Fatal(err)
	}
}

// get reads an address of the mailbox and checks the status.
func get(t *testing.T, m *Mailbox, path string, want int, headers ...string) (string, http.Header) {
	t.Helper()
	return do(t, http.MethodGet, m.URL()+path, "", want, headers...)
}

func do(t *testing.T, method, url, body string, want int, headers ...string) (string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d: %s", method, url, answer.StatusCode, want, content)
	}
	return string(content), answer.Header
}

func simple(n int) string {
	return fmt.Sprintf("From: a@x.test\r\nTo: b%d@x.test\r\nSubject: number %d\r\n\r\ntext %d\r\n", n, n, n)
}

func add(t *testing.T, b *Box, n int) Summary {
	t.Helper()
	s, err := b.Add("a@x.test", []string{fmt.Sprintf("b%d@x.test", n)}, []byte(simple(n)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, folder string, keep int) *Box {
	t.Helper()
	b, err := openBox(folder, keep, true, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.close() })
	return b
}

func subjects(b *Box, query string) []string {
	found, _ := b.Find(ParseQuery(query), 0, 0)
	all := []string{}
	for _, s := range found {
		all = append(all, s.Subject)
	}
	return all
}

func TestMessagesSurviveARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := start(t, folder)
	send(t, first, "bounce@x.test", []string{"b@x.test", "hidden@x.test"}, "From: A <a@x.test>\r\nTo: b@x.test\r\nSubject: keep me\r\n\r\nhello\r\n")
	send(t, first, "a@x.test", []string{"c@x.test"}, simple(2))
	send(t, first, "a@x.test", []string{"c@x.test"}, simple(3))
	listed, _ := first.Box.Find(Query{}, 0, 0)
	if err := first.Box.SetRead(true, listed[1].ID); err != nil {
		t.Fatal(err)
	}
	if err := first.Box.Delete(listed[0].ID); err != nil {
		t.Fatal(err)
	}
	stop(t, first)

	second := start(t, folder)
	if got := fmt.Sprint(subjects(second.Box, "")); got != "[number 2 keep me]" {
		t.Errorf("after the restart: %s", got)
	}
	if got := fmt.Sprint(subjects(second.Box, "is:unread")); got != "[keep me]" {
		t.Errorf("unread after the restart: %s", got)
	}
	raw, err := second.Box.Raw(listed[2].ID)
	if want := "Return-Path: <bounce@x.test>\r\nFrom: A <a@x.test>\r\nTo: b@x.test\r\nSubject: keep me\r\n\r\nhello\r\n"; err != nil || string(raw) != want {
		t.Errorf("raw is %q, %v", raw, err)
	}
	kept, _ := second.Box.Get(listed[2].ID)
	if kept.ReturnPath != "bounce@x.test" || len(kept.Bcc) != 1 || kept.Bcc[0].Address != "hidden@x.test" {
		t.Errorf("envelope is %q, blind copies %v", kept.ReturnPath, kept.Bcc)
	}
}

// TestACutRecordIsForgotten cuts the journal at every byte of its last record, as a crash may.
func TestACutRecordIsForgotten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := open(t, folder, 10)
	add(t, b, 1)
	whole := b.journal.current.size
	add(t, b, 2)
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "00000001.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := [][]byte{append(content[:len(content)-3:len(content)-3], "XYZ"...)}
	for cut := whole; cut < int64(len(content)); cut += 7 {
		damaged = append(damaged, content[:cut])
	}
	for _, remains := range damaged {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "00000001.mbox"), remains, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, folder, 10)
		add(t, b, 3)
		if err := b.close(); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(subjects(open(t, folder, 10), "")); got != "[number 3 number 1]" {
			t.Fatalf("cut to %d of %d bytes: %s", len(remains), len(content), got)
		}
	}
}

// TestOldMessagesGo is not parallel: it changes after how many bytes a new file begins.
func TestOldMessagesGo(t *testing.T) {
	usual := segmentLimit
	segmentLimit = 2000
	t.Cleanup(func() { segmentLimit = usual })
	folder := t.TempDir()
	b := open(t, folder, 5)
	for n := range 60 {
		add(t, b, n)
	}
	want := "[number 59 number 58 number 57 number 56 number 55]"
	if got := fmt.Sprint(subjects(b, "")); got != want {
		t.Errorf("kept %s", got)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.mbox"))
	if err != nil || len(files) > 4 {
		t.Errorf("%d files for five messages, %v", len(files), err)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, folder, 5)
	if got := fmt.Sprint(subjects(b, "")); got != want {
		t.Errorf("after a restart kept %s", got)
	}
	if err := b.Delete(b.IDs()...); err != nil {
		t.Fatal(err)
	}
	add(t, b, 60)
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(subjects(open(t, folder, 5), "")); got != "[number 60]" {
		t.Errorf("after deleting all and a restart: %s", got)
	}
}

func TestManySendersAtOnce(t *testing.T) {
	t.Parallel()
	const senders, each = 10, 20
	folder := t.TempDir()
	m := start(t, folder, func(o *Options) { o.Throwaway = false; o.Keep = 150 })
	var running sync.WaitGroup
	for n := range senders {
		running.Go(func() {
			for i := range each {
				to := []string{"b@x.test"}
				if err := smtp.SendMail(smtpAddr(m), nil, "a@x.test", to, []byte(simple(n*each+i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if all, unread := m.Box.Totals(); all != 150 || unread != 150 {
		t.Errorf("%d kept, %d unread; want the newest 150", all, unread)
	}
}

func TestAClosedBoxRefuses(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), 10)
	s := add(t, b, 1)
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add("a@x.test", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("add: %v, want ErrClosed", err)
	}
	if err := b.Delete(s.ID); !errors.Is(err, ErrClosed) {
		t.Errorf("delete: %v, want ErrClosed", err)
	}
	if _, err := b.Get("unknown"); !errors.Is(err, ErrNotFound) {
		t.Errorf("get: %v, want ErrNotFound", err)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir(), 100)
	for _, raw := range []string{
		"From: =?utf-8?q?T=C3=B2a_So=E1=BA=A1n?= <toasoan@x.test>\r\nTo: lan@x.test\r\nSubject: =?utf-8?q?Tin_n=C3=B4ng_th=C3=B4n_m=E1=BB=9Bi?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nbán đất\r\n",
		"From: other@x.test\r\nTo: Minh <minh@x.test>\r\nCc: lan@x.test\r\nSubject: reset your password\r\nContent-Type: text/html\r\n\r\n<style>hidden</style><p>follow <b>this</b> link</p>\r\n",
	} {
		if _, err := b.Add("env@x.test", []string{"minh@x.test"}, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	news, reset := "Tin nông thôn mới", "reset your password"
	for query, want := range map[string][]string{
		"":                                 {reset, news},
		`to:"lan@x.test"`:                  {news},
		`to:"MINH@x.test" subject:"reset"`: {reset},
		`to:"lan@x.test" subject:"reset"`:  {},
		"to:minh":                          {reset},
		"cc:lan":                           {reset},
		"bcc:minh":                         {news},
		"addressed:lan":                    {reset, news},
		"from:toasoan":                     {news},
		`from:"Tòa Soạn"`:                  {news},
		"nong thon":                        {news},
		`"nông thôn"`:                      {news},
		"nống":                             {},
		"ban dat":                          {news},
		"follow this":                      {reset},
		"hidden":                           {},
		"-subject:reset":                   {news},
		"!lan":                             {},
		"is:read":                          {},
		"has:attachment":                   {},
		"after:2000-01-01":                 {reset, news},
		"before:2000-01-01":                {},
		"https://nowhere.test":             {},
		`"unclosed`:                        {},
		`: "" - !`:                         {},
	} {
		if query == `: "" - !` {
			want = subjects(b, ":")
		}
		if got := subjects(b, query); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: found %v, want %v", query, got, want)
		}
	}
}

func TestAPIIsForThisMachineOnly(t *testing.T) {
	t.Parallel()
	m := start(t, t.TempDir())
	add(t, m.Box, 1)
	for _, host := range []string{"evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "10.0.0.1", "evil.test:8025"} {
		get(t, m, "/api/v1/messages", http.StatusMisdirectedRequest, "Host", host)
	}
	for _, host := range []string{"localhost", "localhost:8025", "127.0.0.1:1", "[::1]:8025", "127.0.0.2"} {
		get(t, m, "/api/v1/messages", http.StatusOK, "Host", host)
	}
	do(t, http.MethodDelete, m.URL()+"/api/v1/messages", "", http.StatusForbidden, "Origin", "http://evil.test")
	do(t, http.MethodPost, m.URL()+"/delete", "all=1", http.StatusForbidden, "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded")
	if all, _ := m.Box.Totals(); all != 1 {
		t.Error("a stranger's page deleted mail")
	}
	do(t, http.MethodPost, m.URL()+"/delete", "all=1", http.StatusSeeOther, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded")
	if all, _ := m.Box.Totals(); all != 0 {
		t.Error("the page's own button deletes nothing")
	}
}

func TestAPIChanges(t *testing.T) {
	t.Parallel()
	m := start(t, t.TempDir())
	var ids []string
	for n := range 5 {
		ids = append(ids, add(t, m.Box, n).ID)
	}
	api := m.URL() + "/api/v1/"
	get(t, m, "/api/v1/message/unknown", http.StatusNotFound)
	get(t, m, "/api/v1/message/unknown/raw", http.StatusNotFound)
	get(t, m, "/api/v1/message/"+ids[0]+"/part/1", http.StatusNotFound)
	get(t, m, "/api/v1/search", http.StatusBadRequest)
	get(t, m, "/api/v1/message/"+ids[0], http.StatusOK)
	if _, unread := m.Box.Totals(); unread != 4 {
		t.Errorf("%d unread after reading one of five", unread)
	}
	do(t, http.MethodPut, api+"messages", `{"IDs":["`+ids[1]+`"],"Read":true}`, http.StatusOK)
	do(t, http.MethodPut, api+"messages", `{`, http.StatusBadRequest)
	if _, unread := m.Box.Totals(); unread != 3 {
		t.Errorf("%d unread, want 3", unread)
	}
	do(t, http.MethodDelete, api+"messages", `{"IDs":["`+ids[4]+`","unknown"]}`, http.StatusOK)
	do(t, http.MethodDelete, api+"search?query=subject:%22number+3%22", "", http.StatusOK)
	latest, _ := get(t, m, "/api/v1/message/latest", http.StatusOK)
	var message struct{ Subject string }
	if err := json.Unmarshal([]byte(latest), &message); err != nil || message.Subject != "number 2" {
		t.Errorf("latest is %q, %v", message.Subject, err)
	}
	if body, _ := do(t, http.MethodDelete, api+"messages", "", http.StatusOK); body != "ok" {
		t.Errorf("deletion says %q", body)
	}
	if all, unread := m.Box.Totals(); all != 0 || unread != 0 {
		t.Errorf("%d left, %d unread", all, unread)
	}
	get(t, m, "/api/v1/message/latest", http.StatusNotFound)
}
