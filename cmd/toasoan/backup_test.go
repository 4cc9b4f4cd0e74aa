package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"toasoan/internal/secret"
	"toasoan/internal/standalone"
)

const backupPassphrase = "đường liên thôn 580 m"

var leaveLink = regexp.MustCompile(`/huy/[A-Za-z0-9_-]+`)

// TestBackupAndRestore backs a newsroom up in the middle of a newsletter, lets it go on, and restores the backup elsewhere: articles, images,
// record, sign-ins and mailed links are there, and no mail goes out a second time until a person says so.
func TestBackupAndRestore(t *testing.T) {
	if _, err := standalone.ClientTool(t.Context(), t.TempDir(), "pg_dump", 15); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a backup cannot be made here: %v", err)
		}
		t.Skipf("a backup cannot be made here: %v", err)
	}
	p := newPlant(t, "MAIL_RATE=3")
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	w.imports(120)
	const title = "Bài gửi dở lúc sao lưu"
	w.waiting(t, title, w.leader)
	if err := w.approve(within(t, 2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	var told []mailMessage // readers
	letters := func(p *plant) (list []mailMessage) {
		for _, m := range p.mails(title) {
			if !strings.HasPrefix(m.Subject, "[") {
				list = append(list, m)
			}
		}
		return list
	}
	w.until(2*time.Minute, "the first readers have it", func() bool { told = letters(p); return len(told) >= 3 })
	file := filepath.Join(shortTemp(t), "toasoan.backup")
	said := w.tool(t, 0, "backup", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() < 100_000 {
		t.Fatalf("%v, %v: %s", info, err, said)
	}
	w.tool(t, 1, "backup", file) // never over another one
	chain := w.tool(t, 0, "verify-audit")
	w.until(2*time.Minute, "the newsletter goes on", func() bool { return len(letters(p)) > len(told)+2 })
	if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, []byte("toasoan_app")) || bytes.Contains(raw, []byte(told[0].To[0].Address)) {
		t.Errorf("the backup is readable: %v", err)
	}
	keys, err := os.ReadFile(filepath.Join(p.data, "secrets", secret.FileName))
	if err != nil {
		t.Fatal(err)
	}
	page, body := p.get("/")
	leave := leaveLink.FindString(p.text(told[0].ID))
	p.stop()

	// Elsewhere: what is wrong is refused before anything is touched.
	q := *p
	q.t, q.data, q.log = t, shortTemp(t), &syncBuffer{}
	q.env = append(append([]string{}, p.env...), "TOASOAN_DATA="+q.data, "MAIL_RATE=0", "TOASOAN_DEMO=0")
	v := &walk{plant: &q, author: w.author, reviewer: w.reviewer, leader: w.leader}
	v.refused(t, "passphrase does not open", file, "BACKUP_PASSPHRASE=đường liên thôn 850 m")
	half := filepath.Join(filepath.Dir(file), "half")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	v.refused(t, "damaged or not whole", half)
	v.refused(t, "not empty", file, "TOASOAN_DATA="+p.data)

	began := time.Now()
	said = v.tool(t, 0, "restore", file)
	t.Logf("restored in %s: %s", time.Since(began).Round(100*time.Millisecond), said)
	if !strings.Contains(said, " newsletters paused") || strings.Contains(said, " 0 newsletters paused") {
		t.Errorf("restore says %s", said)
	}
	if again, err := os.ReadFile(filepath.Join(q.data, "secrets", secret.FileName)); err != nil || !bytes.Equal(again, keys) {
		t.Errorf("other keys: %v", err)
	}
	q.start()
	t.Cleanup(q.stop)
	q.ready(3 * time.Minute)
	if status, again := q.get("/"); status != page || !strings.Contains(again, title) || len(again) < len(body)/2 {
		t.Errorf("the front page answers %d", status)
	}
	image := regexp.MustCompile(`/anh/[0-9a-f]+-\d+\.\w+`).FindString(body)
	if status, content := q.get(image); status != http.StatusOK || len(content) < 1000 {
		t.Errorf("image %q answers %d", image, status)
	}
	if got := v.tool(t, 0, "verify-audit"); !strings.HasPrefix(got, "the audit chain holds") {
		t.Errorf("the record: %s, before %s", got, chain)
	}
	// Runs are made from the database, twice, and a new article is mailed to everybody: nothing of before comes with it.
	v.until(time.Minute, "Temporal knows its namespace everywhere", func() bool {
		cmd := exec.CommandContext(t.Context(), v.binary, "rebuild", "workflows")
		cmd.Env = v.env
		return cmd.Run() == nil
	})
	const next = "Bài đầu tiên sau khi khôi phục"
	v.waiting(t, next, v.leader)
	if err := v.approve(within(t, 2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	v.until(3*time.Minute, "the new article's newsletter is out", func() bool {
		return v.scalar(t, `SELECT i.status FROM mail_issues i JOIN articles a ON a.id = i.article_id WHERE a.title = $1 AND i.kind = 'article'`, next) == "done"
	})
	v.tool(t, 0, "rebuild", "workflows")
	if got := v.mails(""); len(got) == 0 {
		t.Error("no mail at all")
	}
	for _, m := range v.mails("") {
		if !strings.Contains(m.Subject, next) {
			t.Errorf("mailed again: %s", m.Subject)
		}
	}
	if got := v.scalar(t, `SELECT status || ' ' || why FROM mail_issues i JOIN articles a ON a.id = i.article_id WHERE a.title = $1`, title); got != "paused restored" {
		t.Errorf("the newsletter of before is %s", got)
	}
	if n := v.scalar(t, `SELECT count(*) FROM publications WHERE emitted > 1`); n != "0" {
		t.Errorf("%s publications were announced again", n)
	}
	v.leaves(t, told[0], leave)
}

// tool runs a subcommand on the newsroom's data folder and returns what it says.
func (w *walk) tool(t *testing.T, want int, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, arguments...)
	cmd.Env = append(append([]string{}, w.env...), "BACKUP_PASSPHRASE="+backupPassphrase, "TOASOAN_DATA="+w.data, "LOG_LEVEL=error")
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("toasoan %s: exit %d, %v: %s", strings.Join(arguments, " "), got, err, out)
	}
	return string(out)
}

// refused shows that a restore fails with one sentence and makes nothing.
func (w *walk) refused(t *testing.T, why, file string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, "restore", file)
	cmd.Env = append(append(append([]string{}, w.env...), "BACKUP_PASSPHRASE="+backupPassphrase), env...)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), why) || strings.Count(string(out), "toasoan restore: ") != 1 || strings.Count(string(out), "\n") > 2 {
		t.Errorf("%v: %s, want %q", err, out, why)
	}
	if left, _ := os.ReadDir(w.data); len(left) != 0 {
		t.Errorf("after %q there is %v", why, left)
	}
}

// leaves follows the leave link of a mail from before the backup.
func (w *walk) leaves(t *testing.T, m mailMessage, link string) {
	t.Helper()
	lists := func() string {
		return w.scalar(t, `SELECT count(*) FROM subscriptions l JOIN subscribers s ON s.id = l.subscriber_id WHERE s.email = $1 AND s.state = 'confirmed'`, m.To[0].Address)
	}
	before := lists()
	res, err := http.PostForm(w.url+link, url.Values{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if after := lists(); link == "" || res.StatusCode != http.StatusOK || after >= before {
		t.Errorf("the leave link %q answers %d, %s lists are left of %s", link, res.StatusCode, after, before)
	}
}
