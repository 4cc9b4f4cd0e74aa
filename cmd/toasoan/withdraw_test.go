package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// An article is withdrawn while its newsletter goes out: nothing more goes, the rest is cancelled, and only a person's word, once
// readers see the article again, sends it after all. The pace is changed at the desk meanwhile.
func TestWithdrawnWhileItsNewsletterGoesOut(t *testing.T) {
	p := newPlant(t)
	ctx := t.Context()
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	var list strings.Builder
	list.WriteString("email,sections\n")
	for k := range 150 {
		fmt.Fprintf(&list, "ban-doc-them-%03d@bandoc.example,%s\n", k, crashSection)
	}
	file := filepath.Join(p.data, "more.csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(p.binary, "subscriber", "import", "--data", p.data, "--source", "phiếu", file).CombinedOutput(); err != nil {
		t.Fatalf("import: %v: %s", err, out)
	}
	all := len(w.subscribers())
	desk := newLinkPhone(t)
	desk.signIn(p.url, p.as("admin"))
	pace := func(rate string) { desk.send(http.MethodPost, p.url+"/desk/admin/mail", url.Values{"rate": {rate}}) }
	pace("1") // now that the demo's own newsletters are out
	w.begin("Tin bị gỡ giữa chừng")
	for _, step := range w.steps() {
		if step.name == "mail" {
			break
		}
		if err := step.do(ctx); err != nil {
			t.Fatalf("%s: %v\n%s", step.name, err, p.log.tail(4000))
		}
	}
	var of struct {
		Issues []string `json:"issues"`
	}
	p.call(ctx, p.as("admin"), http.MethodGet, "/api/v1/publications/"+w.article, nil, &of)
	if len(of.Issues) != 1 {
		t.Fatalf("newsletters %v", of.Issues)
	}
	id := of.Issues[0]
	issue := func() (status string, c newsroom.IssueCounts) {
		var one struct {
			Status string
			Counts newsroom.IssueCounts
		}
		p.call(ctx, p.as("admin"), http.MethodGet, "/api/v1/issues/"+id, nil, &one)
		return one.Status, one.Counts
	}
	p.until(time.Minute, "some mails are out", func() bool { _, c := issue(); return c.Sent >= 3 })
	reason := map[string]any{"reason_code": "unverified_or_no_source", "reason": "Số liệu sai."}
	if err := w.move(ctx, "withdraw", "withdraw", w.leader, reason); err != nil {
		t.Fatalf("%v\n%s", err, p.log.tail(4000))
	}
	p.until(time.Minute, "the newsletter is stopped", func() bool {
		status, c := issue()
		return status == newsroom.IssueAborted && c.Waiting == 0 && c.Balanced()
	})
	_, stopped := issue()
	if stopped.Cancelled == 0 || stopped.Sent+stopped.Cancelled != all {
		t.Fatalf("stopped at %+v of %d", stopped, all)
	}
	resume := func() *linkPhone {
		return desk.send(http.MethodPost, p.url+"/desk/issues/"+id, url.Values{"act": {"resume"}})
	}
	resume()
	if status, c := issue(); status != newsroom.IssueAborted || c != stopped {
		t.Errorf("resumed while readers do not see the article: %s %+v", status, c)
	}
	if err := w.move(ctx, "restore", "restore", w.leader, reason); err != nil {
		t.Fatalf("%v\n%s", err, p.log.tail(4000))
	}
	if status, c := issue(); status != newsroom.IssueAborted || c != stopped {
		t.Errorf("restoring the article sent the newsletter on: %s %+v", status, c)
	}
	if got := len(p.mails(w.title)); got < stopped.Sent {
		t.Errorf("%d mails in the mailbox, %d are sent", got, stopped.Sent)
	}
	resume()
	p.until(time.Minute, "the newsletter goes on", func() bool { _, c := issue(); return c.Sent > stopped.Sent })
	if _, c := issue(); c.Waiting == 0 {
		t.Error("one mail a second, and all are sent at once")
	}
	pace("0")
	p.until(time.Minute, "the rest is out", func() bool {
		status, c := issue()
		return status == newsroom.IssueDone && c.Sent == all
	})
}
