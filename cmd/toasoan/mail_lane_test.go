package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/internal/mail"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// The whole mail lane: the real ledger in Postgres, the real courier in a process of its own that is really killed, and a relay
// whose books are the oracle. After each run the invariants I1 to I8 of a trustworthy mail system are held against both.

const (
	laneEnv   = "TOASOAN_LANE" // laneJob as JSON: this process is a courier
	laneBase  = "https://vankhe.example.vn"
	laneConns = 4
)

// laneWaits keeps every wait of the protocol but those that a test has to sit out.
func laneWaits() mail.Waits {
	w := mail.DefaultWaits()
	w.Quarantine, w.Guard, w.Again = time.Second, 500*time.Millisecond, 20*time.Millisecond
	w.Retry = mail.Retry{Waits: []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, Stop: 2 * time.Second}
	return w
}

// laneJob is what a courier's process is told.
type laneJob struct {
	Database string
	Relay    string
	Issue    string
	Rate     int
	Chunks   []int  // nil: all; a chunk has one worker at a time
	Step     string // failpoint at which it kills or stops itself
	Nth      int    // how often the failpoint is passed before
	Signal   int
}

func laneKeys() *secret.Ring {
	key := sha256.Sum256([]byte("mail lane"))
	ring, err := secret.NewRing(map[int][]byte{1: key[:]})
	if err != nil {
		panic(err)
	}
	return ring
}

func laneStore(ctx context.Context, url string) (*store.Store, error) {
	return store.New(ctx, store.Options{URL: url, Keys: laneKeys(), Log: slog.New(slog.DiscardHandler), BaseURL: laneBase})
}

func laneComposer() *mail.Composer {
	composer, err := mail.NewComposer(mail.Settings{From: "Cổng xã Vân Khê <tin@vankhe.example.vn>", BounceDomain: "bounce.vankhe.example.vn"})
	if err != nil {
		panic(err)
	}
	return composer
}

// TestLaneProcess is the courier's process: it mails one issue to its end, as the workflow would have it done, or dies on the way.
func TestLaneProcess(t *testing.T) {
	raw := os.Getenv(laneEnv)
	if raw == "" {
		t.Skip("runs as a courier's process of the other tests")
	}
	var job laneJob
	if err := json.Unmarshal([]byte(raw), &job); err != nil {
		t.Fatal(err)
	}
	if err := job.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (j laneJob) run(ctx context.Context) error {
	s, err := laneStore(ctx, j.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	relay, err := mail.ParseRelay(j.Relay)
	if err != nil {
		return err
	}
	var passed struct {
		sync.Mutex
		n int
	}
	c := mail.NewCourier(s, laneComposer(), relay, mail.Options{
		Connections: laneConns, Rate: j.Rate, Claim: 25, Waits: laneWaits(),
		Failpoint: func(step string) {
			if step != j.Step {
				return
			}
			passed.Lock()
			passed.n++
			hit := passed.n == j.Nth
			passed.Unlock()
			if hit {
				_ = syscall.Kill(os.Getpid(), syscall.Signal(j.Signal))
				if syscall.Signal(j.Signal) == syscall.SIGKILL {
					select {}
				}
			}
		},
	})
	defer c.Close()
	for {
		at, err := s.CloseIssue(ctx, j.Issue)
		if err != nil {
			return err
		}
		if at.Counts.Waiting == 0 {
			return nil
		}
		for _, chunk := range at.Due {
			if j.Chunks != nil && !slices.Contains(j.Chunks, chunk) {
				continue
			}
			if _, err := c.SendChunk(ctx, j.Issue, chunk, nil); err != nil {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond) // as the workflow's timer
	}
}

// lane is one database, one relay.
type lane struct {
	t     *testing.T
	url   string
	store *store.Store
	raw   *pgxpool.Pool
	relay *testkit.SMTPServer
}

func newLane(t *testing.T, options ...func(*smtpfake.Options)) *lane {
	t.Helper()
	_, app := testkit.Database(t)
	s, err := laneStore(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	raw, err := pgxpool.New(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	l := &lane{t: t, url: app, store: s, raw: raw, relay: testkit.SMTP(t, options...)}
	l.exec(`INSERT INTO sections (id, name_vi) VALUES ('kinh-te', 'Kinh tế')`)
	l.exec(`INSERT INTO settings (key, value) VALUES ('office', '{"portal": "Cổng xã Vân Khê", "unit": "UBND xã Vân Khê"}')`)
	l.exec(`INSERT INTO users (id, email, email_key, name) VALUES ('author000000', 'a@example.vn', 'a@example.vn', 'Lê Thị Vân')`)
	return l
}

func (l *lane) exec(sql string, values ...any) {
	l.t.Helper()
	if _, err := l.raw.Exec(l.t.Context(), sql, values...); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
}

// subscribe imports n readers.
func (l *lane) subscribe(n int) {
	l.t.Helper()
	var list strings.Builder
	list.WriteString("email,sections\n")
	for k := range n {
		fmt.Fprintf(&list, "reader%04d@example.vn,kinh-te\n", k)
	}
	by := newsroom.Person{ID: "author000000"}
	in, err := l.store.PreviewImport(l.t.Context(), by, "list.csv", "giấy", nil, []byte(list.String()))
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.store.RunImport(l.t.Context(), by, in.ID); err != nil {
		l.t.Fatal(err)
	}
}

// issue publishes an article and freezes its issue.
func (l *lane) issue(article string) string {
	l.t.Helper()
	ctx := l.t.Context()
	content, err := json.Marshal(newsroom.Content{
		Title: "Ký kết xây dựng đường liên thôn", Lead: "Tuyến đường dài 580 m.", Body: "<p>…</p>", Section: "kinh-te",
		Authors: []newsroom.Author{{PenName: "Lê Vân"}},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.exec(`INSERT INTO articles (id, author_id, draft, draft_hash) VALUES ($1, 'author000000', $2, '')`, article, content)
	l.exec(`INSERT INTO revisions VALUES ($1, 1, $2, '', 'author000000', now())`, article, content)
	l.exec(`INSERT INTO live_articles (article_id, revision, public, section_id, title, lead, plain, slug, byline, content, hash, published_at, updated_at, changed_n, search)
	  VALUES ($1, 1, 'live', 'kinh-te', 'Ký kết', '', '', 'ky-ket', 'Lê Vân', $2, '', now(), now(), 1, '')`, article, content)
	l.exec(`INSERT INTO publications (article_id, n, event, revision, at) VALUES ($1, 1, 'published', 1, now())`, article)
	out, err := l.store.MailPublicChange(ctx, "published/"+article, article, 1, "published", newsroom.ChangeNew)
	if err != nil || len(out.Issues) != 1 {
		l.t.Fatalf("opened %+v, %v", out, err)
	}
	view, err := l.store.IssueView(ctx, out.Issues[0])
	if err != nil {
		l.t.Fatal(err)
	}
	m, err := laneComposer().NewMaster(view)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.store.KeepMaster(ctx, out.Issues[0], m.Subject(), m.HTML(), m.Text(), m.Hash()); err != nil {
		l.t.Fatal(err)
	}
	if err := l.store.FreezeRecipients(ctx, out.Issues[0]); err != nil {
		l.t.Fatal(err)
	}
	return out.Issues[0]
}

// process starts a courier's process.
func (l *lane) process(j laneJob) *exec.Cmd {
	l.t.Helper()
	j.Database, j.Relay = l.url, l.relay.URL()
	raw, err := json.Marshal(j)
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.CommandContext(l.t.Context(), os.Args[0], "-test.run=^TestLaneProcess$")
	cmd.Env = append(os.Environ(), laneEnv+"="+string(raw))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	l.t.Cleanup(func() {
		if l.t.Failed() {
			l.t.Logf("courier said: %.2000s", said.String())
		}
	})
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	return cmd
}

// mailed runs couriers until the issue is closed: the first as told, further ones that do not die.
func (l *lane) mailed(j laneJob) {
	l.t.Helper()
	first := l.process(j)
	if err := first.Wait(); err == nil {
		if j.Step != "" {
			l.t.Fatalf("the courier outlived %s", j.Step)
		}
		return
	} else if j.Step == "" {
		l.t.Fatalf("courier: %v", err)
	}
	if err := l.process(laneJob{Issue: j.Issue, Rate: j.Rate}).Wait(); err != nil {
		l.t.Fatalf("the courier after it: %v", err)
	}
}

// laneRow is a row of the ledger.
type laneRow struct {
	email, state, messageID string
	hash                    []byte
	dotAt                   *time.Time
}

func (l *lane) rows(issue string) []laneRow {
	l.t.Helper()
	found, err := l.raw.Query(l.t.Context(), `SELECT email, state, message_id, body_hash, dot_at FROM mail_deliveries WHERE issue_id = $1 ORDER BY email`, issue)
	if err != nil {
		l.t.Fatal(err)
	}
	defer found.Close()
	var list []laneRow
	for found.Next() {
		var r laneRow
		if err := found.Scan(&r.email, &r.state, &r.messageID, &r.hash, &r.dotAt); err != nil {
			l.t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// hold checks the invariants of a finished issue against what the relay took; doubts is how many rows may be in doubt.
func (l *lane) hold(issue string, doubts int) map[string]int {
	l.t.Helper()
	copies := map[string][]smtpfake.Accepted{}
	for _, m := range l.relay.Accepted() {
		parsed, err := netmail.ReadMessage(bytes.NewReader(m.Data))
		if err != nil {
			l.t.Fatalf("accepted mail cannot be read: %v", err)
		}
		id := strings.Trim(parsed.Header.Get("Message-ID"), "<>")
		id, _, _ = strings.Cut(id, "@")
		copies[id] = append(copies[id], m)
	}
	states := map[string]int{}
	rows := l.rows(issue)
	for _, r := range rows {
		states[r.state]++
		got := copies[r.messageID]
		if !newsroom.DeliveryState(r.state).Final() {
			l.t.Errorf("I1: %s is %s", r.email, r.state)
		}
		if len(got) > 1 && (r.state != string(newsroom.DeliveryResent) || len(got) > 2) {
			l.t.Errorf("I2: %s is %s and got %d copies", r.email, r.state, len(got))
		}
		for _, m := range got {
			if sum := sha256.Sum256(m.Data); !bytes.Equal(sum[:], r.hash) {
				l.t.Errorf("I4: %s got other bytes than the ledger says", r.email)
			}
			if len(m.To) != 1 || m.To[0] != r.email {
				l.t.Errorf("%s got the mail of %v", m.To, r.email)
			}
		}
		if r.state == string(newsroom.DeliverySent) && len(got) != 1 {
			l.t.Errorf("I6: %s is sent and got %d copies", r.email, len(got))
		}
		if state := newsroom.DeliveryState(r.state); len(got) > 0 && (state == newsroom.DeliverySuppressed || state == newsroom.DeliveryCancelled) {
			l.t.Errorf("I5: %s is %s and got a copy", r.email, r.state)
		}
	}
	if in := states[string(newsroom.DeliveryInDoubt)] + states[string(newsroom.DeliveryResent)]; in > doubts {
		l.t.Errorf("I3: %d rows in doubt, at most %d may be", in, doubts)
	}
	st, err := l.store.DeliveryStanding(l.t.Context(), issue)
	if err != nil || !st.Counts.Balanced() || st.Counts.Waiting != 0 || st.Counts.Candidates != len(rows) {
		l.t.Errorf("I8: %+v, %v", st, err)
	}
	if wrong := l.relay.Violations(); len(wrong) > 0 {
		l.t.Errorf("the relay complains: %v", wrong)
	}
	return states
}

func TestLaneSendsExactlyOne(t *testing.T) {
	t.Parallel()
	l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
	l.subscribe(700)
	issue := l.issue("article00001")
	l.mailed(laneJob{Issue: issue})
	if states := l.hold(issue, 0); states["sent"] != 700 || l.relay.Count() != 700 {
		t.Errorf("%v, %d accepted", states, l.relay.Count())
	}
	if got := l.text(`SELECT status FROM mail_issues`); got != newsroom.IssueDone {
		t.Errorf("the issue is %s", got)
	}
}

func (l *lane) text(sql string, values ...any) (s string) {
	l.t.Helper()
	if err := l.raw.QueryRow(l.t.Context(), sql, values...).Scan(&s); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

func TestLaneSurvivesKillsAtEachStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"claimed", "rendered", "loaded", "granted", "dotted", "committed"} {
		for _, nth := range []int{1, 2, 37} {
			if (step == "claimed" || step == "committed") && nth > 2 {
				nth = 3 // there are fewer of them
			}
			t.Run(fmt.Sprintf("%s-%d", step, nth), func(t *testing.T) {
				t.Parallel()
				l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
				l.subscribe(90)
				issue := l.issue("article00001")
				l.mailed(laneJob{Issue: issue, Step: step, Nth: nth, Signal: int(syscall.SIGKILL)})
				states := l.hold(issue, laneConns)
				if states["sent"]+states["in_doubt_resent"] != 90 {
					t.Errorf("%v", states)
				}
			})
		}
	}
}

// A courier that sleeps while another does its work, and then wakes up, sends nothing more.
func TestLaneFencesAZombie(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"rendered", "loaded", "granted"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			l := newLane(t)
			l.subscribe(60)
			issue := l.issue("article00001")
			zombie := l.process(laneJob{Issue: issue, Step: step, Nth: 20, Signal: int(syscall.SIGSTOP)})
			l.stopped(zombie)
			if err := l.process(laneJob{Issue: issue}).Wait(); err != nil {
				t.Fatalf("the courier after it: %v", err)
			}
			before := l.relay.Count()
			if err := zombie.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if err := zombie.Wait(); err != nil {
				t.Logf("the zombie: %v", err)
			}
			states := l.hold(issue, laneConns)
			if states["sent"]+states["in_doubt_resent"] != 60 {
				t.Errorf("%v", states)
			}
			// The one mail that was granted before it slept may be there twice; its row says so.
			if more := l.relay.Count() - before; more > states["in_doubt_resent"] {
				t.Errorf("the zombie sent %d more, rows say %v", more, states)
			}
		})
	}
}

// stopped waits until a process has stopped itself.
func (l *lane) stopped(cmd *exec.Cmd) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			l.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if strings.HasPrefix(rest, "T") {
			return
		}
		if time.Now().After(deadline) || strings.HasPrefix(rest, "Z") {
			l.t.Fatalf("the process did not stop: %.1s", rest)
		}
	}
}

// leaveToken is what a mail service posts to: the token in List-Unsubscribe.
func leaveToken(t *testing.T, data []byte) string {
	t.Helper()
	parsed, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	header := parsed.Header.Get("List-Unsubscribe")
	_, rest, ok := strings.Cut(header, "<"+laneBase+"/huy/")
	token, _, closed := strings.Cut(rest, ">")
	if !ok || !closed || parsed.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Fatalf("List-Unsubscribe is %q", header)
	}
	return token
}

func TestLaneLeavingInTheMiddle(t *testing.T) {
	t.Parallel()
	l := newLane(t, func(o *smtpfake.Options) { o.Latency = 2 * time.Millisecond })
	l.subscribe(150)
	issue := l.issue("article00001")
	courier := l.process(laneJob{Issue: issue, Rate: 200})
	if err := l.relay.Await(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	// The link of a mail that came ends the reader's list; whoever has no mail yet leaves by the preferences link.
	if _, err := l.store.Leave(t.Context(), leaveToken(t, l.relay.Accepted()[0].Data), false, newsroom.Proof{Source: "one_click"}); err != nil {
		t.Fatal(err)
	}
	left := map[string]time.Time{}
	for k := 149; k >= 100; k-- {
		email := fmt.Sprintf("reader%04d@example.vn", k)
		id := l.text(`SELECT id FROM subscribers WHERE email = $1`, email)
		if _, err := l.store.LeaveAll(t.Context(), laneKeys().Token(store.PurposePrefs, id, 1), newsroom.Proof{Source: "link"}); err != nil {
			t.Fatal(err)
		}
		left[email] = time.Now()
	}
	if err := courier.Wait(); err != nil {
		t.Fatal(err)
	}
	states := l.hold(issue, 0)
	if states["suppressed"] == 0 || states["sent"]+states["suppressed"] != 150 {
		t.Errorf("%v", states)
	}
	for _, r := range l.rows(issue) {
		if at, gone := left[r.email]; gone && r.dotAt != nil && r.state == "sent" && r.dotAt.After(at) {
			t.Errorf("I5: the dot of %s came after the leaving", r.email)
		}
	}
}

func TestLaneClassifies(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	relay := func(s smtpfake.Step) smtpfake.Action {
		mu.Lock()
		defer mu.Unlock()
		to := s.Rcpt
		if s.Stage == smtpfake.Dot && len(s.To) == 1 {
			to = s.To[0]
		}
		first := func() bool { asked[to]++; return asked[to] == 1 }
		switch {
		case s.Stage == smtpfake.RCPT && strings.HasPrefix(to, "reader0001@"):
			return smtpfake.Reply(550, "5.1.1 no such user")
		case s.Stage == smtpfake.RCPT && strings.HasPrefix(to, "reader0002@") && first():
			return smtpfake.Reply(451, "4.7.1 greylisted")
		case s.Stage == smtpfake.RCPT && strings.HasPrefix(to, "reader0003@"):
			return smtpfake.Reply(452, "4.2.2 mailbox full for now")
		case s.Stage == smtpfake.Dot && strings.HasPrefix(to, "reader0004@") && first():
			return smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways} // took it and never said so
		case s.Stage == smtpfake.Dot && strings.HasPrefix(to, "reader0005@"):
			return smtpfake.Reply(554, "5.6.0 refused at the dot")
		}
		return smtpfake.Action{}
	}
	l := newLane(t, func(o *smtpfake.Options) { o.Script = relay })
	l.subscribe(40)
	issue := l.issue("article00001")
	l.mailed(laneJob{Issue: issue})
	l.hold(issue, 1)
	want := map[string]string{
		"reader0001@example.vn": "hard", "reader0002@example.vn": "sent", "reader0003@example.vn": "expired",
		"reader0004@example.vn": "in_doubt_resent", "reader0005@example.vn": "hard",
	}
	for _, r := range l.rows(issue) {
		expected, special := want[r.email]
		if !special {
			expected = "sent"
		}
		if r.state != expected {
			t.Errorf("%s is %s, want %s", r.email, r.state, expected)
		}
	}
	if why := l.text(`SELECT string_agg(why, ' ') FROM suppressions`); why != "hard" {
		t.Errorf("suppressed: %q, want the one address that does not exist", why)
	}
}

func TestLaneStopsWhenTheArticleIsWithdrawn(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	l.subscribe(200)
	issue := l.issue("article00001")
	courier := l.process(laneJob{Issue: issue, Rate: 100})
	if err := l.relay.Await(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	l.exec(`UPDATE live_articles SET public = 'withdrawn'`)
	l.exec(`INSERT INTO publications (article_id, n, event, revision, at) VALUES ('article00001', 2, 'withdrawn', 1, now())`)
	out, err := l.store.MailPublicChange(t.Context(), "withdrawn/2", "article00001", 2, "withdrawn", "")
	if err != nil || !slices.Equal(out.Stopped, []string{issue}) {
		t.Fatalf("%+v, %v", out, err)
	}
	if err := courier.Wait(); err != nil {
		t.Fatal(err)
	}
	if states := l.hold(issue, 0); states["cancelled"] == 0 || states["sent"]+states["cancelled"] != 200 || states["sent"] != l.relay.Count() {
		t.Errorf("%v, %d accepted", states, l.relay.Count())
	}
}

func TestLaneKeepsTheRateOfTheInstallation(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	l.subscribe(2000) // two chunks: one for each process
	issue := l.issue("article00001")
	l.exec(`DELETE FROM mail_deliveries WHERE subscriber_id IN (SELECT subscriber_id FROM (SELECT subscriber_id, row_number() OVER (PARTITION BY chunk_no) AS n FROM mail_deliveries) r WHERE n > 60)`)
	l.exec(`UPDATE mail_issues SET candidates = 120`)
	one, two := l.process(laneJob{Issue: issue, Rate: 40, Chunks: []int{0}}), l.process(laneJob{Issue: issue, Rate: 40, Chunks: []int{1}})
	if err := errors.Join(one.Wait(), two.Wait()); err != nil {
		t.Fatal(err)
	}
	var given, seconds int
	if err := l.raw.QueryRow(t.Context(), `SELECT sum(least(used, 40)), count(*) FROM mail_slots`).Scan(&given, &seconds); err != nil {
		t.Fatal(err)
	}
	if given < 120 || given > seconds*40 {
		t.Errorf("I7: %d mails leased in %d seconds of 40", given, seconds)
	}
	if sent := l.relay.Count(); sent != 120 {
		t.Errorf("%d mails were sent", sent)
	}
}

// Letters carry links that work: what the mail says is taken at its word.
func TestLaneLetters(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	ctx := t.Context()
	relay, err := mail.ParseRelay(l.relay.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := mail.NewCourier(l.store, laneComposer(), relay, mail.Options{})
	defer c.Close()
	id, err := l.store.Subscribe(ctx, newsroom.SubscribeRequest{
		Email: "binh@example.vn", Name: "Trần Văn Bình", Sections: []string{"kinh-te"}, Consent: true, Proof: newsroom.Proof{Source: "page"},
	})
	if err != nil {
		t.Fatal(err)
	}
	post := func(kind newsroom.LetterKind) string {
		t.Helper()
		at, err := l.store.SubscriberStanding(ctx, id)
		if err != nil || len(at.Letters) != 1 || !strings.HasPrefix(at.Letters[0], string(kind)+"/") {
			t.Fatalf("letters %v, %v", at.Letters, err)
		}
		before := l.relay.Count()
		for range 2 { // a repeat sends nothing
			if out, err := c.SendLetter(ctx, at.Letters[0]); err != nil || out.State != newsroom.DeliverySent {
				t.Fatalf("sent %+v, %v", out, err)
			}
		}
		if l.relay.Count() != before+1 {
			t.Fatalf("%d copies", l.relay.Count()-before)
		}
		return plainText(t, l.relay.Accepted()[before].Data)
	}
	said := post(newsroom.LetterConfirm)
	token := after(t, said, laneBase+"/xac-nhan/")
	if got, err := l.store.Confirm(ctx, token, newsroom.Proof{Source: "link"}); err != nil || got != id {
		t.Fatalf("confirmed %q, %v", got, err)
	}
	issue := l.issue("article00001")
	l.mailed(laneJob{Issue: issue})
	newsletter := l.relay.Accepted()[l.relay.Count()-1].Data
	prefs := after(t, plainText(t, newsletter), laneBase+"/tuy-chon/")
	if u, err := l.store.SubscriberByToken(ctx, prefs); err != nil || u.ID != id {
		t.Fatalf("preferences of %+v, %v", u, err)
	}
	for range 2 {
		if out, err := l.store.Leave(ctx, leaveToken(t, newsletter), false, newsroom.Proof{Source: "one_click"}); err != nil || out.State != newsroom.SubscriberLeft {
			t.Fatalf("left %+v, %v", out, err)
		}
	}
	if said := post(newsroom.LetterLeft); !strings.Contains(said, "Kinh tế") {
		t.Errorf("the letter says %q", said)
	}
}

func after(t *testing.T, said, prefix string) string {
	t.Helper()
	_, rest, ok := strings.Cut(said, prefix)
	if !ok {
		t.Fatalf("no %s in %q", prefix, said)
	}
	return rest[:strings.IndexFunc(rest+" ", func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", r)
	})]
}

// plainText is the text part of a mail.
func plainText(t *testing.T, data []byte) string {
	t.Helper()
	parsed, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(parsed.Body, params["boundary"]).NextPart()
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}
