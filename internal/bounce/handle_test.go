package bounce

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/internal/inbox"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/internal/testkit/imapfake"
	"toasoan/newsroom"
)

// house is a handler on a real database in which an issue was sent to n readers.
type house struct {
	*Handler
	t  *testing.T
	db *pgxpool.Pool
}

func newHouse(t *testing.T, n int) *house {
	t.Helper()
	owner, app := testkit.Database(t)
	ring, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.New(t.Context(), store.Options{URL: app, Keys: ring, Log: slog.New(slog.DiscardHandler), BaseURL: "https://vankhe.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	h := &house{t: t, Handler: &Handler{Store: s, Domain: domain, Limit: newsroom.BounceLimit{Issues: 5, Days: 30}, Log: slog.New(slog.DiscardHandler)}}
	if h.db, err = pgxpool.New(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.db.Close)
	h.exec(`INSERT INTO sections (id, name_vi, position) VALUES ('kinh-te', 'Kinh tế', 1)`)
	h.exec(`INSERT INTO mail_issues (id, kind, list, subject, status, candidates, opened_at, prepared_at, content_hash)
	  VALUES ('i1', 'digest', 'kinh-te', 'Tin', 'sending', $1, now(), now(), 'x')`, n)
	for k := range n {
		id := fmt.Sprintf("s%03d", k)
		mac := sha256.Sum256([]byte(id))
		h.exec(`INSERT INTO subscribers (id, email, email_key, email_mac, state, requested_at, confirmed_at, key_version, confirm_hash, prefs_hash)
		  VALUES ($1, $2, $2, $3, 'confirmed', now(), now(), 1, $3, $3)`, id, id+"@thuphong.example", mac[:])
		h.exec(`INSERT INTO subscriptions (subscriber_id, section_id, since) VALUES ($1, 'kinh-te', now())`, id)
		h.exec(`INSERT INTO mail_deliveries (issue_id, subscriber_id, chunk_no, email, state, key_version, verp, message_id, date, dot_at, done_at)
		  VALUES ('i1', $1, 0, $2, 'sent', 1, $3, $4, now(), now(), now())`, id, id+"@thuphong.example", token(k), "d.i1."+token(k))
	}
	return h
}

// token is the return path's of reader k.
func token(k int) string {
	sum := sha256.Sum256(fmt.Append(nil, "token", k))
	return "d" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

func (h *house) count(sql string) (n int) {
	h.t.Helper()
	if err := h.db.QueryRow(h.t.Context(), sql).Scan(&n); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// dsn is a report that reader k does not exist.
func dsn(k int) []byte {
	return fmt.Appendf(nil, "Return-Path: <>\r\nFrom: MAILER-DAEMON@mail.vankhe.example\r\nTo: b+%s@%s\r\nSubject: Undelivered Mail Returned to Sender\r\n"+
		"Message-ID: <report-%d@mail.vankhe.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"+
		"--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.vankhe.example\r\n\r\nFinal-Recipient: rfc822; s%03d@thuphong.example\r\n"+
		"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown\r\n--x--\r\n", token(k), domain, k, k)
}

// dying hands mails on and dies after the commit of its first one, before the reader can put the mail away.
type dying struct {
	inbox.Handler
	die func()
}

func (d *dying) Handle(ctx context.Context, m inbox.Mail) (inbox.Verdict, error) {
	verdict, err := d.Handler.Handle(ctx, m)
	d.die()
	return verdict, err
}

// The program dies again and again between committing a bounce and removing its mail, with other readers at the same mailbox: no bounce
// is lost and none counts twice.
func TestDeathBetweenCommitAndRemoval(t *testing.T) {
	t.Parallel()
	const n = 12
	h, p := newHouse(t, n), imapfake.New(t, imapfake.Options{})
	for k := range n {
		p.Deliver(dsn(k))
	}
	run := func(ctx context.Context, to inbox.Handler) {
		(&inbox.Reader{URL: p.URL("tls=none"), Handler: to, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}
	for range 4 {
		ctx, die := context.WithCancel(t.Context())
		run(ctx, &dying{h.Handler, die})
	}
	if mails, _ := p.Count("INBOX"); mails != n || h.count(`SELECT count(*) FROM bounces`) != 1 {
		t.Fatalf("%d mails left and %d bounces after four deaths", mails, h.count(`SELECT count(*) FROM bounces`))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	for range cap(done) {
		go func() { run(ctx, h.Handler); done <- struct{}{} }()
	}
	defer func() { stop(); <-done; <-done }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if mails, _ := p.Count("INBOX"); mails == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the mailbox is not emptied")
		}
	}
	for sql, want := range map[string]int{
		`SELECT count(*) FROM mail_deliveries WHERE state = 'hard' AND smtp_stage = 'bounce'`: n,
		`SELECT count(*) FROM bounces`: n, `SELECT n FROM bounce_days WHERE what = 'hard'`: n, `SELECT count(*) FROM suppressions WHERE scope = 'all'`: n,
	} {
		if got := h.count(sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}

func TestWhatIsDroppedAndWhatStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2)
	mails := corpus(t)
	for _, c := range []struct {
		name string
		raw  []byte
		want inbox.Verdict
	}{
		{"a report", dsn(0), inbox.Drop},
		{"the same again", dsn(0), inbox.Drop},
		{"unknown, to a bounce address", mails["postfix"], inbox.Drop},
		{"about somebody else's mail", mails["forged"], inbox.Pass},
		{"a vacation", mails["vacation"], inbox.Drop},
		{"a loop", mails["loop"], inbox.Drop},
		{"a person's", mails["person"], inbox.Keep},
		{"a letter to the newsroom", []byte("From: a@b.example\r\nTo: toasoan@vankhe.example\r\nSubject: Xin chao\r\n\r\nText.\r\n"), inbox.Pass},
		{"an unknown complaint", mails["arf"], inbox.Pass},
		{"no mail at all", []byte{0}, inbox.Pass},
	} {
		if got, err := h.Handle(t.Context(), inbox.Mail{Raw: c.raw, Via: "imap"}); got != c.want || err != nil {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	if unknown, ignored := h.count(`SELECT n FROM bounce_days WHERE what = 'unknown'`), h.count(`SELECT n FROM bounce_days WHERE what = 'ignored'`); unknown != 2 || ignored != 3 {
		t.Errorf("%d unknown, %d ignored", unknown, ignored)
	}
	if n := h.count(`SELECT count(*) FROM bounces`); n != 1 {
		t.Errorf("%d bounces", n)
	}
}

func TestEventsByHTTP(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 5)
	path := func(k int) string { return "b+" + token(k) + "@" + domain }
	for _, c := range []struct {
		e    newsroom.BounceEvent
		want string
		sql  string
	}{
		{newsroom.BounceEvent{ID: "1", Type: "failed", ReturnPath: path(0), Status: "5.1.1", Diagnostic: "550 unknown s000@thuphong.example"}, "taken", `SELECT count(*) FROM bounces WHERE kind = 'hard' AND said NOT LIKE '%@%'`},
		{newsroom.BounceEvent{ID: "1", Type: "failed", ReturnPath: path(0), Status: "5.1.1"}, "again", `SELECT count(*) FROM bounces WHERE kind = 'hard'`},
		{newsroom.BounceEvent{ID: "2", Type: "failed", MessageID: "<d.i1." + token(1) + "@vankhe.example>", Diagnostic: "smtp; 552 5.2.2 full"}, "taken", `SELECT count(*) FROM bounces WHERE kind = 'soft' AND status = '5.2.2' AND code = 552`},
		{newsroom.BounceEvent{ID: "3", Type: "delayed", ReturnPath: path(2)}, "taken", `SELECT count(*) FROM bounces WHERE kind = 'delayed'`},
		{newsroom.BounceEvent{ID: "4", Type: "complaint", ReturnPath: path(3)}, "taken", `SELECT count(*) FROM subscribers WHERE id = 's003' AND state = 'left'`},
		{newsroom.BounceEvent{ID: "5", Type: "failed", ReturnPath: "b+" + token(99) + "@" + domain, Status: "5.1.1"}, "unknown", `SELECT n FROM bounce_days WHERE what = 'unknown'`},
		{newsroom.BounceEvent{ID: "6", Type: "failed", ReturnPath: "b+" + token(4) + "@evil.example", Status: "5.1.1"}, "unknown", `SELECT count(*) FROM mail_deliveries WHERE subscriber_id = 's004' AND state = 'sent'`},
	} {
		if got, err := h.TakeEvent(t.Context(), c.e); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c.e, got, err)
		}
		if n := h.count(c.sql); n != 1 {
			t.Errorf("%+v: %s gives %d", c.e, c.sql, n)
		}
	}
	if got, err := h.TakeRaw(t.Context(), dsn(4)); got != "taken" || err != nil {
		t.Errorf("a whole mail: %q, %v", got, err)
	}
}

// What the database can not even be asked for must not come back for ever: whichever way it comes, it is dealt with the first time.
func TestWhatNoDatabaseTakesIsDealtWith(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 1)
	if got, err := h.TakeRaw(t.Context(), hostile()); got != "unknown" || err != nil {
		t.Errorf("a report about such a name: %q, %v", got, err)
	}
	known := bytes.Replace(hostile(), []byte("From: "), []byte("To: b+"+token(0)+"@"+domain+"\r\nFrom: "), 1)
	if got, err := h.TakeRaw(t.Context(), known); got != "taken" || err != nil {
		t.Errorf("a report with such words: %q, %v", got, err)
	}
	bad := "\xff\xfe\x00" + strings.Repeat("5.1.1 ", 10_000)
	for _, e := range []newsroom.BounceEvent{
		{ID: bad, Type: "failed", MessageID: "<d.\xff\xfe.aa@x>", Recipient: bad, Status: bad, Diagnostic: bad},
		{ID: bad, Type: "complaint", MessageID: "<l.\x00@x>", ReturnPath: bad},
	} {
		if got, err := h.TakeEvent(t.Context(), e); got != "unknown" || err != nil {
			t.Errorf("%s: %q, %v", e.Type, got, err)
		}
	}
	e := newsroom.BounceEvent{ID: bad, Type: "failed", ReturnPath: "b+" + token(0) + "@" + domain, Recipient: bad, Status: bad, Diagnostic: bad}
	if got, err := h.TakeEvent(t.Context(), e); got != "taken" || err != nil {
		t.Errorf("an event with such words: %q, %v", got, err)
	}
}
