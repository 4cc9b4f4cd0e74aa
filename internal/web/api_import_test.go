package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// slowList sends a long list and looks, while it does, how far the store is behind: whoever held the list whole would have stored
// nothing before its end.
type slowList struct {
	t    *testing.T
	db   *pgx.Conn
	rows func(n int) string // "" at the end
	n    int
	rest string
	sent int
	most int // bytes that were read and not stored yet
}

func (l *slowList) Read(p []byte) (int, error) {
	if l.rest == "" {
		if l.rest = l.rows(l.n); l.rest == "" {
			return 0, io.EOF
		}
		if l.n++; l.n%1000 == 0 {
			var stored int
			if err := l.db.QueryRow(l.t.Context(), `SELECT coalesce(sum(length(body)), 0) FROM subscriber_import_parts`).Scan(&stored); err != nil {
				return 0, err
			}
			l.most = max(l.most, l.sent-stored)
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	l.sent += n
	return n, nil
}

// A long list passes through the API a part at a time; each line that is not taken is named, and a repeat answers the same.
func TestAPIImportsALongList(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	db, err := pgx.Connect(t.Context(), d.app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(t.Context()) })
	before := "email,sections\nthere@example.vn,kinh-te\nblocked@example.vn,kinh-te\nleft@example.vn,kinh-te\n"
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu", before, "Content-Type", "text/csv"), 200, "")
	for _, u := range d.found("blocked@") {
		if err := d.store.BlockSubscriber(t.Context(), d.admin, u.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(t.Context(), `UPDATE subscribers SET state = 'left' WHERE email LIKE 'left@%'`); err != nil {
		t.Fatal(err)
	}
	const rows, odd = 20_000, 7
	name := strings.Repeat("Nguyễn Thị ", 15)
	list := func() *slowList {
		return &slowList{t: t, db: db, rows: func(n int) string {
			switch n {
			case 0:
				return "email,name,sections\n" // lines are counted from 1: row n stands on line n+1
			case 500:
				return "there@example.vn,X,kinh-te\n"
			case 5000:
				return "no address,\"X,kinh-te\n" // with a quotation mark that nobody closes
			case 9000:
				return "READER000001@example.vn,X,kinh-te\n" // eight batches later
			case 12000:
				return "blocked@example.vn,X,kinh-te\n"
			case 15000:
				return "left@example.vn,X,kinh-te\n"
			case 17000:
				return "bad@example.vn,X,khong-co\n"
			case 18000:
				return "odd@example.vn,\xff\x00X,kinh-te\n"
			case rows + 1:
				return ""
			}
			return fmt.Sprintf("reader%06d@example.vn,%s,kinh-te\n", n, name)
		}}
	}
	sent := list()
	done := d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu", sent, "Content-Type", "text/csv", "Idempotency-Key", "long"), 200, "")
	if sent.sent < 3<<20 || sent.most > 2<<20 {
		t.Errorf("of %d KB as many as %d were held at once", sent.sent>>10, sent.most>>10)
	}
	want := map[string]float64{"total": rows, "done": rows, "rows": rows, "added": rows - odd, "same": 1, "skipped": 2, "failed": 4}
	for key, n := range want {
		if done.body[key] != n {
			t.Errorf("%s is %v, want %v", key, done.body[key], n)
		}
	}
	var said []string
	for _, e := range done.body["errors"].([]any) {
		one := e.(map[string]any)
		said = append(said, fmt.Sprint(one["line"], " ", one["code"]))
	}
	if got := strings.Join(said, ", "); got != "5001 section, 9001 twice, 12001 suppressed_admin, 15001 left, 17001 section, 18001 encoding" {
		t.Errorf("lines: %s", got)
	}
	if odd := d.found("odd@"); len(odd) != 0 {
		t.Errorf("bytes that are no text: %+v", odd)
	}
	again := d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu", list(), "Content-Type", "text/csv", "Idempotency-Key", "long"), 200, "")
	if again.Header().Get("Idempotent-Replayed") != "true" || again.Body.String() != done.Body.String() {
		t.Errorf("a repeat says %.300s, first it was %.300s", again.Body, done.Body)
	}
	other := "email,sections\nx@example.vn,kinh-te\n"
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu", other, "Content-Type", "text/csv", "Idempotency-Key", "long"), 422, "key_reused")
	var kept int
	if err := db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM subscriber_import_parts) + (SELECT count(*) FROM subscriber_imports WHERE state <> 'done')`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("repeats left %d rows, %v", kept, err)
	}
}

func (d *apiDesk) found(query string) []newsroom.Subscriber {
	d.t.Helper()
	page, err := d.store.SubscriberPage(d.t.Context(), newsroom.SubscriberFilter{Query: query, Limit: 10})
	if err != nil {
		d.t.Fatal(err)
	}
	return page.List
}

// A list beyond the limit is refused with the limit, one that breaks off is the sender's trouble, and neither imports anybody.
func TestAPIRefusesListsThatAreTooLargeOrBreak(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	line := strings.Repeat("reader@example.vn,x\n", 1000)
	large := io.MultiReader(strings.NewReader("email,name\n"), &repeat{line: line, left: listBytes/len(line) + 1})
	said := d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=x&sections=kinh-te", large, "Content-Type", "text/csv"), 413, "too_large")
	if !strings.Contains(said.str("detail"), "50 MB") {
		t.Errorf("it says %q", said.str("detail"))
	}
	broken := io.MultiReader(strings.NewReader("email\na@example.vn\nb@exa"), breaks{})
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=x&sections=kinh-te", broken, "Content-Type", "text/csv"), 400, "bad_request")
	if list := d.found("example.vn"); len(list) != 0 {
		t.Errorf("%d were imported", len(list))
	}
}

type repeat struct {
	line string
	left int
	rest string
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.left--; r.left < 0 {
			return 0, io.EOF
		}
		r.rest = r.line
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

type breaks struct{}

func (breaks) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// An import may take longer than an ordinary request: its connection gets the time.
func TestAPIGivesAnImportTime(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	server := httptest.NewUnstartedServer(d.Handler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	body, send := io.Pipe()
	go func() {
		_, _ = io.WriteString(send, "email,sections\na@example.vn,kinh-te\n")
		<-time.After(600 * time.Millisecond) // longer than the server's own limits
		_, err := io.WriteString(send, "b@example.vn,kinh-te\n")
		_ = send.CloseWithError(err)
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/subscribers:import?source=x", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.tokens["admin"])
	r.Header.Set("Content-Type", "text/csv")
	got, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close() //nolint:errcheck // read only
	if said, err := io.ReadAll(got.Body); err != nil || got.StatusCode != http.StatusOK || !strings.Contains(string(said), `"added":2`) {
		t.Errorf("%d %s, %v", got.StatusCode, said, err)
	}
}
