package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"toasoan/internal/testkit/imapfake"
)

// TestReturnsOnTheRealBinary plays what comes back by mail against the real product, with its workflows and database: a leader's
// answers release, return and are taken back; bounces come by IMAP and by SMTP while the program is killed.
func TestReturnsOnTheRealBinary(t *testing.T) {
	office := imapfake.New(t, imapfake.Options{})
	receiver := freeAddress(t)
	p := newPlant(t, "IMAP_URL="+office.URL("tls=none").String(), "MAIL_AUTH_SERVER=mx.vankhe.example", "BOUNCE_DOMAIN=bounce.vankhe.example", "BOUNCE_LISTEN="+receiver)
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	t.Run("not allowed by the policy", func(t *testing.T) {
		w.waiting(t, "Bài chưa cho duyệt bằng thư", w.leader)
		office.Deliver(w.answered(t, "DUYỆT"))
		w.until(time.Minute, "the leader is told", func() bool { return len(w.mails("Bài chưa cho duyệt bằng thư")) >= 2 })
		if got := w.state(); got != "awaiting_approval/hidden" {
			t.Errorf("the article is %s", got)
		}
	})
	w.bend(t, `{"decide_by_reply": true}`)
	t.Run("approved", func(t *testing.T) { w.answerApproves(t, office) })
	t.Run("returned", func(t *testing.T) {
		w.waiting(t, "Bài bị trả lại bằng thư", w.leader)
		office.Deliver(w.answered(t, "tra lai: thiếu số liệu"))
		w.until(2*time.Minute, "the article is returned", func() bool { return w.state() == "changes_requested/hidden" })
		if got := w.scalar(t, `SELECT door || ' ' || reason FROM decisions WHERE article_id = $1`, w.article); got != "reply thiếu số liệu" {
			t.Errorf("on record: %s", got)
		}
	})
	t.Run("bounces while it is killed", func(t *testing.T) { w.bouncesAndKills(t, office, receiver) })
	w.bend(t, `{"decide_by_reply": true, "cooling_off_minutes": 30}`)
	t.Run("taken back", func(t *testing.T) {
		w.waiting(t, "Bài duyệt nhầm bằng thư", w.leader)
		office.Deliver(w.answered(t, "DUYỆT"))
		w.until(2*time.Minute, "the article is approved", func() bool { return w.state() == "approved/hidden" })
		w.until(time.Minute, "a mail that offers to undo", func() bool {
			for _, m := range w.mails("[Đã ghi nhận]") {
				if strings.Contains(m.Subject, "Bài duyệt nhầm bằng thư") && strings.Contains(w.text(m.ID), "hoàn tác") && linkForm.MatchString(w.text(m.ID)) {
					return true
				}
			}
			return false
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := w.move(ctx, "undo", "undo", w.leader, nil); err != nil {
			t.Fatal(err)
		}
		if got := w.state(); got != "awaiting_approval/hidden" {
			t.Errorf("after the undo the article is %s", got)
		}
	})
	if mails, unread := office.Count("INBOX"); unread != 0 || mails != 5 {
		t.Errorf("%d mails in the box, %d of them unread: want the leader's five, read", mails, unread)
	}
}

// bend changes the newest policy of every section.
func (w *walk) bend(t *testing.T, more string) {
	t.Helper()
	if _, err := w.database(t).Exec(t.Context(), `INSERT INTO policies (section_id, version, policy, created_by)
	  SELECT DISTINCT ON (section_id) section_id, version + 1, policy || $1::jsonb, created_by FROM policies ORDER BY section_id, version DESC`, more); err != nil {
		t.Fatal(err)
	}
}

var messageIDForm = regexp.MustCompile(`(?im)^Message-ID:\s*(<l\.[^>]+>)`)

// leaveAddress is where a newsletter says whose it is.
var leaveAddress = regexp.MustCompile(`<mailto:u\+([a-z0-9-]+)@bounce\.vankhe\.example>`)

// raw is a mail as it came.
func (w *walk) raw(t *testing.T, id string) []byte {
	t.Helper()
	res, err := http.Get(w.mailbox + "/api/v1/message/" + id + "/raw")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// answered is the leader's answer to the newest approval mail of the article, as the office's own mail server hands it on.
func (w *walk) answered(t *testing.T, first string) []byte {
	t.Helper()
	var id, link string
	for _, m := range w.mails("[Chờ duyệt] " + w.title) {
		found := messageIDForm.FindSubmatch(w.raw(t, m.ID))
		if found != nil && len(m.To) == 1 && m.To[0].Address == w.leader.Email {
			id, link = string(found[1]), linkForm.FindString(w.text(m.ID))
		}
	}
	if id == "" || link == "" {
		t.Fatalf("no approval mail: %q %q", id, link)
	}
	text := first + "\n\nVào 09:00 Tòa soạn đã viết:\n> TRẢ LẠI: đây là lời trích\n> " + link + "\n"
	return []byte("Authentication-Results: mx.vankhe.example; dkim=pass header.d=vankhe.example\r\n" +
		"DKIM-Signature: v=1; a=rsa-sha256; d=vankhe.example; s=s1; h=From:To:Subject:Date; bh=AAAA; b=AAAA\r\n" +
		"From: " + w.leader.Email + "\r\nTo: toasoan@vankhe.example\r\nSubject: Re: duyet\r\nMessage-ID: <" + uuid.NewString() + "@dien-thoai>\r\n" +
		"In-Reply-To: " + id + "\r\nReferences: " + id + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(text)) + "\r\n")
}

// answerApproves shows that an answer releases the article to its readers, and that the same answer again changes nothing.
func (w *walk) answerApproves(t *testing.T, office *imapfake.Office) {
	w.waiting(t, "Bài duyệt bằng thư", w.leader)
	answer := w.answered(t, "DUYỆT")
	office.Deliver(answer)
	w.until(2*time.Minute, "readers see the article", func() bool { return w.state() == "released/live" })
	if got := w.scalar(t, `SELECT door || ' ' || move FROM decisions WHERE article_id = $1`, w.article); got != "reply approve" {
		t.Errorf("on record: %s", got)
	}
	before := w.scalar(t, `SELECT count(*) FROM audit WHERE article_id = $1`, w.article)
	office.Deliver(answer)
	w.until(time.Minute, "the second copy is read", func() bool { _, unread := office.Count("INBOX"); return unread == 0 })
	if after := w.scalar(t, `SELECT count(*) FROM audit WHERE article_id = $1 AND action LIKE 'article.approve%'`, w.article); after > "1" {
		t.Errorf("%s approvals on record, %s rows before", after, before)
	}
}

// bouncesAndKills has every mail of a newsletter come back, half of them by IMAP and half by SMTP, while the program is killed again
// and again: each counts once, and the equation holds.
func (w *walk) bouncesAndKills(t *testing.T, office *imapfake.Office, receiver string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	issue := w.scalar(t, `SELECT i.id FROM mail_issues i JOIN articles a ON a.id = i.article_id WHERE a.title = 'Bài duyệt bằng thư'`)
	w.until(3*time.Minute, "the newsletter is out", func() bool { return w.scalar(t, `SELECT status FROM mail_issues WHERE id = $1`, issue) == "done" })
	var verps, emails []string
	for _, m := range w.mails("Bài duyệt bằng thư") {
		if found := leaveAddress.FindSubmatch(w.raw(t, m.ID)); found != nil && len(verps) < 40 { // the others are letters of work
			verps, emails = append(verps, string(found[1])), append(emails, m.To[0].Address)
		}
	}
	if len(verps) < 4 {
		t.Fatalf("%d newsletters came", len(verps))
	}
	have, _ := office.Count("INBOX")
	for k := range verps {
		to := "b+" + verps[k] + "@bounce.vankhe.example"
		raw := fmt.Appendf(nil, "From: MAILER-DAEMON@mail.vankhe.example\r\nTo: %s\r\nSubject: Undelivered Mail Returned to Sender\r\nMessage-ID: <%s@mail.vankhe.example>\r\n"+
			"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"+
			"Reporting-MTA: dns; mail.vankhe.example\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 unknown\r\n--x--\r\n",
			to, verps[k], emails[k])
		if k%2 == 0 {
			office.Deliver(append([]byte("Return-Path: <>\r\n"), raw...))
		} else if err := insist(ctx, "send a bounce", func() (bool, string) { // as a mail server does: again until it is taken
			err := smtp.SendMail(receiver, nil, "", []string{to}, raw)
			return err == nil, fmt.Sprint(err)
		}); err != nil {
			t.Fatal(err)
		}
		if k == len(verps)/4 || k == len(verps)/2 {
			w.kill("app")
		}
	}
	w.ready(3 * time.Minute)
	w.until(2*time.Minute, "the box is emptied", func() bool { mails, _ := office.Count("INBOX"); return mails == have })
	want := fmt.Sprint(len(verps))
	for sql, what := range map[string]string{
		`SELECT count(*) FROM bounces WHERE issue_id = $1 AND kind = 'hard'`:                                         "bounces",
		`SELECT count(*) FROM mail_deliveries WHERE issue_id = $1 AND state = 'hard' AND smtp_stage = 'bounce'`:      "rows of the ledger",
		`SELECT (counts->>'Bounced')::int FROM mail_issues WHERE id = $1`:                                            "bounces in the equation",
		`SELECT n FROM bounce_days WHERE what = 'hard' AND $1 <> ''`:                                                 "bounces of the day",
		`SELECT count(*) FROM suppressions WHERE why = 'hard' AND scope = 'all' AND $1 <> ''`:                        "blocked addresses",
		`SELECT (candidates - (counts->>'Sent')::int - (counts->>'Suppressed')::int) FROM mail_issues WHERE id = $1`: "candidates that were not sent to",
	} {
		if got := w.scalar(t, sql, issue); got != want {
			t.Errorf("%s %s, want %s", got, what, want)
		}
	}
}
