package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// crashes is how many kills the test makes; each falls between the start and the end of a named step.
const crashes = 21

// TestKills walks articles from draft to mailbox while the app (with its NATS), temporald and PostgreSQL are killed with kill -9, each
// kill in the middle of a named step, every step hit. Afterwards: one release, one reset, one set of feeds, every receipt, one mail
// per subscriber, the audit chain whole.
func TestKills(t *testing.T) {
	p := newPlant(t, "TOASOAN_TIME_SCALE=100")
	rng := rand.New(rand.NewPCG(2026, 11))
	victims := []string{"app", "temporald", "postgres"}
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	subscribers := w.subscribers()
	hit := map[string]int{}
	kills := 0
	for kills < crashes || len(hit) < len(w.steps()) {
		if len(w.done) == crashes {
			t.Fatalf("%d articles and only %d kills inside a step: the steps are too short to hit", len(w.done), kills)
		}
		w.begin(fmt.Sprintf("Bài kiểm tra mất điện số %d", len(w.done)+1))
		for _, step := range w.steps() {
			w.crash(step, victims[kills%len(victims)], time.Duration(rng.IntN(120))*time.Millisecond, kills < crashes || hit[step.name] == 0, func(said string) {
				kills++
				hit[step.name]++
				t.Logf("kill %2d: %s", kills, said)
			})
		}
		w.done = append(w.done, w.article)
	}
	for _, step := range w.steps() {
		if hit[step.name] == 0 {
			t.Errorf("step %s was never hit", step.name)
		}
	}
	p.ready(2 * time.Minute)
	for i, id := range w.done {
		w.verify(id, fmt.Sprintf("Bài kiểm tra mất điện số %d", i+1), subscribers)
	}
	out, err := exec.Command(p.binary, "verify-audit", "--data", p.data).CombinedOutput()
	if err != nil {
		t.Errorf("audit: %v: %s", err, out)
	}
	t.Logf("%d kills, %d articles, %s", kills, len(w.done), strings.TrimSpace(string(out)))
}

// crash does a step and, when wanted, kills a process after delay, unless the step is over by then: only a kill between its start and
// its end counts.
func (w *walk) crash(step walkStep, victim string, delay time.Duration, wanted bool, killed func(said string)) {
	w.t.Helper()
	before := w.state()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- step.do(ctx) }()
	over := make(<-chan time.Time)
	if wanted {
		over = time.After(delay)
	}
	var err error
	select {
	case err = <-finished:
	case <-over:
		w.kill(victim)
		err = <-finished
		killed(fmt.Sprintf("%-9s in %-9s after %3d ms: %s → %s", victim, step.name, delay.Milliseconds(), before, w.state()))
	}
	if err != nil {
		w.t.Fatalf("step %s with %s killed after %s: %v\n%s", step.name, victim, delay, err, w.log.tail(8000))
	}
}

// kill ends one process of the newsroom at once, and starts the app again when it was the one.
func (p *plant) kill(victim string) {
	pid := p.pids()[victim]
	if pid == 0 {
		p.t.Logf("no %s to kill just now", victim)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Logf("kill %s: %v", victim, err)
	}
	if victim == "app" {
		<-p.exited
		p.start()
	}
}

// walk takes articles through their life by the public doors, insisting as a person would: the same request again until it is answered.
type walk struct {
	*plant
	author, reviewer, leader demoUser
	title, article           string
	key                      string
	ids                      map[string]string // request ids by step
	links                    []string          // that were mailed
	done                     []string
}

type walkStep struct {
	name string
	do   func(context.Context) error
}

const crashSection = "kinh-te"

func (w *walk) begin(title string) {
	w.title, w.article, w.key, w.ids = title, "", uuid.NewString(), map[string]string{}
}

// steps are the named steps of the path.
func (w *walk) steps() []walkStep {
	move := func(name, move string, who *demoUser, extra map[string]any) walkStep {
		return walkStep{name, func(ctx context.Context) error { return w.move(ctx, name, move, *who, extra) }}
	}
	return []walkStep{
		{"create", w.create},
		move("submit", "submit", &w.author, nil),
		move("claim", "claim", &w.reviewer, nil),
		move("return", "return", &w.reviewer, map[string]any{"reason_code": "quality", "reason": "Bổ sung số liệu."}),
		move("resubmit", "submit", &w.author, nil),
		move("reclaim", "claim", &w.reviewer, nil),
		move("forward", "forward", &w.reviewer, nil),
		{"approve", w.approve},
		{"mail", w.mailed},
		{"receipts", w.receipts},
	}
}

// state is where the article stands, for the log.
func (w *walk) state() string {
	if w.article == "" {
		return "none"
	}
	var a struct{ Stage, Public string }
	if w.call(w.t.Context(), w.reviewer, http.MethodGet, "/api/v1/articles/"+w.article, nil, &a) != http.StatusOK {
		return "no answer"
	}
	return a.Stage + "/" + a.Public
}

// insist repeats until try says done.
func insist(ctx context.Context, what string, try func() (bool, string)) error {
	said := ""
	for {
		done, now := try()
		if done {
			return nil
		}
		if now != "" {
			said = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not in time, last answer: %s", what, said)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (w *walk) create(ctx context.Context) error {
	return insist(ctx, "create", func() (bool, string) {
		var a struct{ ID string }
		status := w.call(ctx, w.author, http.MethodPost, "/api/v1/articles", map[string]any{
			"title": w.title, "lead": "Sapo của bài.", "body": "<p>Nội dung bài viết để kiểm tra.</p>", "section": crashSection,
			"authors": []map[string]any{{"pen_name": "Mai Lan"}, {"pen_name": "Văn Bình"}},
		}, &a, "Idempotency-Key", w.key)
		if status == http.StatusCreated || status == http.StatusOK {
			w.article = a.ID
			return a.ID != "", "no id"
		}
		return false, fmt.Sprint(status)
	})
}

func (w *walk) move(ctx context.Context, step, move string, who demoUser, extra map[string]any) error {
	if w.ids[step] == "" {
		w.ids[step] = uuid.NewString()
	}
	body := map[string]any{"id": w.ids[step], "move": move}
	for k, v := range extra {
		body[k] = v
	}
	return insist(ctx, step, func() (bool, string) {
		var answer map[string]any
		status := w.call(ctx, who, http.MethodPost, "/api/v1/articles/"+w.article+"/moves", body, &answer)
		return status == http.StatusOK, fmt.Sprint(status, answer)
	})
}

var linkForm = regexp.MustCompile(`https?://[^\s"<>]+/duyet/[A-Za-z0-9_-]+`)

// approve follows the newest approval mail of the article as a phone does: opens the page, gives the PIN, sends the form.
func (w *walk) approve(ctx context.Context) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	phone := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	return insist(ctx, "approve", func() (bool, string) {
		var link string
		for _, m := range w.mails("[Chờ duyệt] " + w.title) {
			if found := linkForm.FindString(w.text(m.ID)); found != "" {
				link = found
				break
			}
		}
		if link == "" {
			return false, "no mail yet"
		}
		page, err := getPage(ctx, phone, link)
		if err != nil {
			return false, err.Error()
		}
		if !strings.Contains(page, `name="content_hash"`) {
			return strings.Contains(page, "đã phê duyệt"), "page without a form"
		}
		form := url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}
		for _, field := range []string{"nonce", "request_id", "content_hash"} {
			form.Set(field, hidden(page, field))
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, link, strings.NewReader(form.Encode()))
		if err != nil {
			return false, err.Error()
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := phone.Do(req)
		if err != nil {
			return false, err.Error()
		}
		defer res.Body.Close() //nolint:errcheck // read only
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode == http.StatusOK && strings.Contains(string(body), "đã phê duyệt"), fmt.Sprint(res.StatusCode)
	})
}

func getPage(ctx context.Context, client *http.Client, link string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("page answers %s", res.Status)
	}
	return string(body), err
}

// hidden is the value of a hidden field of a page.
func hidden(page, name string) string {
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	return strings.ReplaceAll(found[1], "&#43;", "+")
}

type publicationView struct {
	Receipts []struct {
		Effect  string     `json:"effect"`
		At      *time.Time `json:"at"`
		Checked *time.Time `json:"checked"`
	} `json:"receipts"`
}

func (w *walk) receipts(ctx context.Context) error {
	return insist(ctx, "receipts", func() (bool, string) {
		var p publicationView
		status := w.call(ctx, w.reviewer, http.MethodGet, "/api/v1/publications/"+w.article, nil, &p)
		if status != http.StatusOK {
			return false, fmt.Sprint(status)
		}
		missing := ""
		for _, r := range p.Receipts {
			if r.At == nil {
				missing += " " + r.Effect
			}
		}
		return len(p.Receipts) == 5 && missing == "", "missing" + missing
	})
}

// mailed waits until nothing of the article's newsletter is under way any more.
func (w *walk) mailed(ctx context.Context) error {
	return insist(ctx, "mail", func() (bool, string) {
		rows := w.ledger(w.article)
		waiting := 0
		for _, r := range rows {
			if !slices.Contains([]string{"sent", "in_doubt_resent", "suppressed"}, r.state) {
				waiting++
			}
		}
		return len(rows) > 0 && waiting == 0, fmt.Sprintf("%d of %d rows wait", waiting, len(rows))
	})
}

type ledgerRow struct{ email, state string }

// ledger is the newsletter's ledger of an article, as the API exports it.
func (w *walk) ledger(article string) []ledgerRow {
	var p struct {
		Issues []string `json:"issues"`
	}
	admin := w.as("admin")
	if w.call(w.t.Context(), admin, http.MethodGet, "/api/v1/publications/"+article, nil, &p) != http.StatusOK || len(p.Issues) == 0 {
		return nil
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/api/v1/issues/"+p.Issues[0]+".csv", nil)
	if err != nil {
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+admin.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close() //nolint:errcheck // read only
	table, err := csv.NewReader(res.Body).ReadAll()
	if err != nil || len(table) < 2 {
		return nil
	}
	email, state := slices.Index(table[0], "email"), slices.Index(table[0], "state")
	var rows []ledgerRow
	for _, line := range table[1:] {
		rows = append(rows, ledgerRow{line[email], line[state]})
	}
	return rows
}

// subscribers are the addresses that get instant news of the section.
func (w *walk) subscribers() []string {
	out, err := exec.Command(w.binary, "subscriber", "export", "--data", w.data).Output()
	if err != nil {
		w.t.Fatal(err)
	}
	table, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	var emails []string
	for _, line := range table[1:] {
		if line[2] == "confirmed" && slices.Contains(strings.Fields(line[4]), crashSection+":instant") {
			emails = append(emails, line[0])
		}
	}
	if len(emails) == 0 {
		w.t.Fatalf("the demo has no subscribers of %s", crashSection)
	}
	return emails
}

// verify holds the equation of one article.
func (w *walk) verify(id, title string, subscribers []string) {
	t := w.t
	var history struct {
		Items []struct {
			Action string `json:"action"`
		} `json:"items"`
	}
	if status := w.call(t.Context(), w.reviewer, http.MethodGet, "/api/v1/articles/"+id+"/history", nil, &history); status != http.StatusOK {
		t.Fatalf("history: %d", status)
	}
	count := map[string]int{}
	for _, row := range history.Items {
		count[row.Action]++
	}
	for action, want := range map[string]int{"create": 1, "submit": 2, "claim": 2, "return": 1, "forward": 1, "approve": 1, "release": 1} {
		if count[action] != want {
			t.Errorf("%s: %d times %s on record, want %d", title, count[action], action, want)
		}
	}
	states := map[string]string{}
	for _, row := range w.ledger(id) {
		states[row.email] = row.state
	}
	copies := map[string]int{}
	for _, m := range w.mails(title) {
		if strings.HasPrefix(m.Subject, "[") {
			continue
		}
		for _, to := range m.To {
			copies[to.Address]++
		}
	}
	doubled := 0
	for _, email := range subscribers {
		switch n := copies[email]; {
		case n == 1:
		case n == 2 && states[email] == "in_doubt_resent":
			doubled++
		default:
			t.Errorf("%s: a subscriber has %d copies in state %q", title, n, states[email])
		}
	}
	if len(states) != len(subscribers) {
		t.Errorf("%s: %d rows in the ledger for %d subscribers", title, len(states), len(subscribers))
	}
	for _, feed := range []string{"/rss.xml", "/atom.xml", "/feed.json", "/chuyen-muc/" + crashSection + "/rss.xml"} {
		if _, body := w.get(feed); strings.Count(body, id) == 0 {
			t.Errorf("%s is not in %s", title, feed)
		}
	}
	t.Logf("%s: 1 release, %d subscribers = %d × 1 copy + %d × 2 (in doubt, sent once more)", title, len(subscribers), len(subscribers)-doubled, doubled)
}

// TestStopsInOrderAndGoesOn stops the newsroom with Ctrl-C in the middle of an approval's consequences and starts it again.
func TestStopsInOrderAndGoesOn(t *testing.T) {
	p := newPlant(t)
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	w.begin("Dừng giữa chừng")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	for _, step := range w.steps()[:8] {
		if err := step.do(ctx); err != nil {
			t.Fatal(err, p.log.tail(4000))
		}
	}
	p.stop()
	if _, err := os.Stat(p.data + "/run.json"); err == nil {
		t.Error("run.json is still there after an ordered stop")
	}
	p.start()
	p.ready(2 * time.Minute)
	for _, step := range w.steps()[8:] {
		if err := step.do(ctx); err != nil {
			t.Fatal(err, p.log.tail(4000))
		}
	}
	w.verify(w.article, w.title, w.subscribers())
}

// TestDemoWalk runs the product's own demonstration against a fresh newsroom: every effect checked from outside.
func TestDemoWalk(t *testing.T) {
	p := newPlant(t)
	out, err := exec.CommandContext(t.Context(), p.binary, "demo", "--data", p.data).CombinedOutput()
	if err != nil {
		t.Fatalf("demo: %v\n%s\n%s", err, out, p.log.tail(4000))
	}
	t.Logf("%s", out)
}
