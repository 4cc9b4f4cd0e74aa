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
	"net"
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
	"toasoan/internal/relaylog"
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
	w.Quarantine, w.Guard, w.Again, w.AgainMost = time.Second, 500*time.Millisecond, 20*time.Millisecond, time.Second
	w.Follow, w.Seat = 100*time.Millisecond, 500*time.Millisecond // what a killed courier held is free again soon
	w.Retry = mail.Retry{Waits: []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, Stop: 2 * time.Second}
	return w
}

// laneJob is what a courier's process is told.
type laneJob struct {
	Database, Relay, Issue string

	Letter   string // in place of an issue
	RelayLog string // asked about what is in doubt
	Rate     int
	Window   int           // mails in flight on a connection
	Chunks   []int         // nil: all; a chunk has one worker at a time
	Step     string        // failpoint at which it kills or stops itself
	Nth      int           // how often the failpoint is passed before
	Signal   int           // what it sends itself there
	Jump     time.Duration // the clock is this far off …
	After    int           // … from this many readings of it on
	Real     bool          // every wait as in production
	NoDNS    bool          // no name can be resolved
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
	if j.NoDNS {
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server")
		}}
	}
	now := j.clock()
	s, err := store.New(ctx, store.Options{URL: j.Database, Keys: laneKeys(), Log: slog.New(slog.DiscardHandler), BaseURL: laneBase, Now: now})
	if err != nil {
		return err
	}
	defer s.Close()
	relay, err := mail.ParseRelay(j.Relay)
	if err != nil {
		return err
	}
	waits := laneWaits()
	if j.Real {
		waits = mail.DefaultWaits()
	}
	var witness mail.Witness
	if j.RelayLog != "" {
		witness, waits.Quarantine = relaylog.New(j.RelayLog), 5*time.Second // a relay writes down a moment later what it took
	}
	c := mail.NewCourier(s, laneComposer(), relay, mail.Options{
		Connections: laneConns, Rate: j.Rate, Window: j.Window, Claim: 25, Witness: witness, Waits: waits, Now: now, Failpoint: j.failpoint(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	defer c.Close()
	if j.Letter != "" {
		return post(ctx, c, j.Letter)
	}
	return carry(ctx, s, c, j.Issue, j.Chunks)
}

// post sends one letter, as the workflow would have it done.
func post(ctx context.Context, c *mail.Courier, letter string) error {
	for {
		out, err := c.SendLetter(ctx, letter)
		if err != nil || out.Next == nil && out.State.Final() {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// clock is the wall clock, or one that jumps.
func (j laneJob) clock() func() time.Time {
	var mu sync.Mutex
	read := 0
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if read++; read > j.After {
			return time.Now().Add(j.Jump)
		}
		return time.Now()
	}
}

// failpoint sends the job's signal to its own process when its step has been passed often enough.
func (j laneJob) failpoint() func(step string) {
	var mu sync.Mutex
	passed := 0
	return func(step string) {
		if step != j.Step {
			return
		}
		mu.Lock()
		passed++
		hit := passed == j.Nth
		mu.Unlock()
		if hit {
			_ = syscall.Kill(os.Getpid(), syscall.Signal(j.Signal))
			if syscall.Signal(j.Signal) == syscall.SIGKILL {
				select {}
			}
		}
	}
}

// carry mails an issue to its end, as the workflow would have it done.
func carry(ctx context.Context, s *store.Store, c *mail.Courier, issue string, chunks []int) error {
	for {
		at, err := s.CloseIssue(ctx, issue)
		if err != nil {
			return err
		}
		if at.Counts.Waiting == 0 {
			return nil
		}
		for _, chunk := range at.Due {
			if chunks != nil && !slices.Contains(chunks, chunk) {
				continue
			}
			out, err := c.SendChunk(ctx, issue, chunk, nil)
			if err != nil {
				return err
			}
			if out.Pause != "" {
				return fmt.Errorf("a person has to look: %s", out.Pause)
			}
		}
		time.Sleep(20 * time.Millisecond) // as the workflow's timer
	}
}

// lane is one database, one relay, and what the relay's books say so far.
type lane struct {
	t      *testing.T
	url    string
	store  *store.Store
	raw    *pgxpool.Pool
	relay  *testkit.SMTPServer
	copies map[string][]laneCopy // by Message-ID without its domain
	read   int                   // how many of the relay's mails are in copies
	dots   map[string]bool       // rows that were seen at a dot, with its time
}

// laneCopy is what is remembered of an accepted mail.
type laneCopy struct {
	to   []string
	hash [32]byte
	at   time.Time
}

func newLane(t *testing.T, options ...func(*smtpfake.Options)) *lane {
	t.Helper()
	_, app := testkit.Database(t)
	return openLane(t, app, options...)
}

// openLane is a lane on a database that has the schema and nothing else.
func openLane(t *testing.T, app string, options ...func(*smtpfake.Options)) *lane {
	t.Helper()
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
	l := &lane{t: t, url: app, store: s, raw: raw, relay: testkit.SMTP(t, options...), copies: map[string][]laneCopy{}, dots: map[string]bool{}}
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

func (l *lane) text(sql string, values ...any) (s string) {
	l.t.Helper()
	if err := l.raw.QueryRow(l.t.Context(), sql, values...).Scan(&s); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
	return s
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
	in, err := l.store.PreviewImport(l.t.Context(), by, "list.csv", "giấy", nil, strings.NewReader(list.String()))
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
	return l.issueOf(article, newsroom.Content{
		Title: "Ký kết xây dựng đường liên thôn", Lead: "Tuyến đường dài 580 m.", Body: "<p>…</p>", Section: "kinh-te",
		Authors: []newsroom.Author{{PenName: "Lê Vân"}},
	})
}

func (l *lane) issueOf(article string, text newsroom.Content) string {
	l.t.Helper()
	ctx := l.t.Context()
	content, err := json.Marshal(text)
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

// laneProcess is a courier's process and what it says.
type laneProcess struct {
	*exec.Cmd
	said *syncBuffer
}

// process starts a courier's process.
func (l *lane) process(j laneJob) laneProcess {
	l.t.Helper()
	j.Database = l.url
	if j.Relay == "" {
		j.Relay = l.relay.URL()
	}
	raw, err := json.Marshal(j)
	if err != nil {
		l.t.Fatal(err)
	}
	p := laneProcess{exec.CommandContext(l.t.Context(), os.Args[0], "-test.run=^TestLaneProcess$"), &syncBuffer{}}
	p.Env = append(os.Environ(), laneEnv+"="+string(raw))
	p.Stdout, p.Stderr = p.said, p.said
	l.t.Cleanup(func() {
		if l.t.Failed() {
			l.t.Logf("courier said: %s", p.said.tail(2000))
		}
	})
	if err := p.Start(); err != nil {
		l.t.Fatal(err)
	}
	return p
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
	if err := l.process(laneJob{Issue: j.Issue, Rate: j.Rate, Window: j.Window}).Wait(); err != nil {
		l.t.Fatalf("the courier after it: %v", err)
	}
}

// laneRow is a row of the ledger.
type laneRow struct {
	email, state, messageID string
	stage                   string // of the conversation with the relay
	hash                    []byte
	dotAt                   *time.Time
	resent                  bool // it was offered once more after a doubt
}

func (l *lane) rows(issue string) []laneRow {
	l.t.Helper()
	found, err := l.raw.Query(l.t.Context(), `SELECT email, state, message_id, smtp_stage, body_hash, dot_at, resent FROM mail_deliveries WHERE issue_id = $1 ORDER BY email`, issue)
	if err != nil {
		l.t.Fatal(err)
	}
	defer found.Close()
	var list []laneRow
	for found.Next() {
		var r laneRow
		if err := found.Scan(&r.email, &r.state, &r.messageID, &r.stage, &r.hash, &r.dotAt, &r.resent); err != nil {
			l.t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// learn reads what the relay has accepted since it was last asked.
func (l *lane) learn() {
	l.t.Helper()
	accepted := l.relay.Accepted()
	for _, m := range accepted[l.read:] {
		l.add(m.Data, m.To, mail.Fingerprint(m.Data), m.At)
	}
	l.read = len(accepted)
}

// add puts one accepted mail into the books.
func (l *lane) add(data []byte, to []string, hash [32]byte, at time.Time) {
	l.t.Helper()
	parsed, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		l.t.Fatalf("accepted mail cannot be read: %v", err)
	}
	id := strings.Trim(parsed.Header.Get("Message-ID"), "<>")
	id, _, _ = strings.Cut(id, "@")
	l.copies[id] = append(l.copies[id], laneCopy{to, hash, at})
}

// standing is what the ledger and the relay's books say together.
type standing struct {
	states                  map[string]int
	lost, doubled, in, left int      // readers without what their row says they have; with two copies; in doubt; rows that wait
	dots                    []string // rows at a dot that were not there when it was compared before
}

// compare holds what must be true at every moment, with a run under way or after it: I2, I4, I5 and I6.
func (l *lane) compare(issue string) (s standing) {
	l.t.Helper()
	l.learn()
	s.states = map[string]int{}
	for _, r := range l.rows(issue) {
		s.states[r.state]++
		got, state := l.copies[r.messageID], newsroom.DeliveryState(r.state)
		if !state.Final() {
			s.left++
		}
		if state == newsroom.DeliveryDot && !l.dots[r.email+r.dotAt.String()] {
			l.dots[r.email+r.dotAt.String()] = true
			s.dots = append(s.dots, r.email)
		}
		if state == newsroom.DeliveryInDoubt || state == newsroom.DeliveryResent {
			s.in++
		}
		if len(got) > 1 {
			s.doubled++
			if !r.resent || len(got) > 2 {
				l.t.Errorf("I2: %s is %s and got %d copies", r.email, r.state, len(got))
			}
		}
		for _, m := range got {
			if !bytes.Equal(m.hash[:], r.hash) {
				l.t.Errorf("I4: %s got other bytes than the ledger says", r.email)
			}
			if len(m.to) != 1 || m.to[0] != r.email {
				l.t.Errorf("%s got the mail of %v", m.to, r.email)
			}
		}
		if state == newsroom.DeliverySent && len(got) != 1 {
			s.lost += max(0, 1-len(got))
			l.t.Errorf("I6: %s is sent and got %d copies", r.email, len(got))
		}
		if len(got) > 0 && (state == newsroom.DeliveryPending && !r.resent || state == newsroom.DeliverySuppressed || state == newsroom.DeliveryCancelled) {
			l.t.Errorf("I5: %s is %s and got a copy", r.email, r.state)
		}
	}
	return s
}

// hold checks the invariants of a finished issue against what the relay took; doubts is how many rows may be in doubt.
func (l *lane) hold(issue string, doubts int) map[string]int {
	l.t.Helper()
	return l.verdict(issue, doubts).states
}

func (l *lane) verdict(issue string, doubts int) standing {
	l.t.Helper()
	s := l.compare(issue)
	if s.left > 0 {
		s.lost += s.left
		l.t.Errorf("I1: %d rows still wait: %v", s.left, s.states)
	}
	if s.in > doubts {
		l.t.Errorf("I3: %d rows in doubt, at most %d may be", s.in, doubts)
	}
	st, err := l.store.DeliveryStanding(l.t.Context(), issue)
	total := 0
	for _, n := range s.states {
		total += n
	}
	if err != nil || !st.Counts.Balanced() || st.Counts.Waiting != 0 || st.Counts.Candidates != total {
		l.t.Errorf("I8: %+v, %v", st, err)
	}
	if wrong := l.relay.Violations(); len(wrong) > 0 {
		l.t.Errorf("the relay complains: %v", wrong)
	}
	return s
}

// stopped waits until a process has stopped itself.
func (l *lane) stopped(p laneProcess) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
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
