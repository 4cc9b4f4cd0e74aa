package main

import (
	"bytes"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// hostileWords are what mistakes and strangers put into an article: each becomes title, lead, body and pen name of one.
var hostileWords = []string{
	"a\rBcc: x@evil.example", "a\nBcc: x@evil.example", "a\r\nBcc: x@evil.example\r\n\r\nbody", ".", ".\r\n", "x\r\n.\r\nMAIL FROM:<evil@example.vn>\r\nRCPT TO:<x@evil.example>\r\nDATA\r\nsmuggled",
	"x\n.\nMAIL FROM:<evil@example.vn>", "x\r.\rMAIL FROM:<evil@example.vn>", "x\n.\r\nRSET", "a\x00b", strings.Repeat("x", 2000), strings.Repeat("dài ", 600),
	"\u202Etxt.exe", "<script>alert(1)</script>", `"><img src=x onerror=y>`, "{{.LeaveURL}}", "%0d%0aBcc: x", "=?utf-8?q?=0D=0ABcc:_x=40evil.example?=",
	"https://slot.invalid/x/leave", "\xff\xfe", "a\u2028b\u2029c", "Ký kết — “xây dựng” đường 580 m²",
}

// content is hostile words through the whole lane, over every way a relay speaks: one mail arrives for one reader, its headers are the
// ones that every mail has, and the subject read back by net/mail is the title.
func (c *campaign) content(t *testing.T) {
	for name, offer := range offers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLane(t, offer, func(o *smtpfake.Options) { o.No8BitMIME = true })
			l.subscribe(2)
			courier := l.courier(l.relay.URL(), connectionWaits(), nil)
			mails := 0
			for n, words := range hostileWords {
				article := "article" + string(rune('a'+n/26)) + string(rune('a'+n%26)) + "001"
				words = strings.ToValidUTF8(strings.ReplaceAll(words, "\x00", "\u2400"), "\uFFFD") // Postgres keeps neither
				issue := l.issueOf(article, newsroom.Content{
					Title: words, Lead: words, Body: "<p>" + words + "</p>\n.\n<p>.</p>", Section: "kinh-te", Authors: []newsroom.Author{{PenName: words}},
				})
				if err := carry(t.Context(), l.store, courier, issue, nil); err != nil {
					t.Fatalf("%q: %v", words, err)
				}
				mails += 2
				accepted := l.relay.Accepted()
				if len(accepted) != mails {
					t.Fatalf("%q: %d mails were accepted, want %d", words, len(accepted), mails)
				}
				for _, m := range accepted[mails-2:] {
					readBack(t, words, m)
				}
				l.hold(issue, 0)
			}
			c.add(faultSeen{fault: "content: injection and smuggling", times: len(hostileWords), mails: mails})
		})
	}
}

func readBack(t *testing.T, words string, m smtpfake.Accepted) {
	t.Helper()
	parsed, err := netmail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if want := text.Excerpt(text.Line(words)+" – Cổng xã Vân Khê", 500); err != nil || subject != want {
		t.Errorf("%q: the subject reads %q, want %q: %v", words, subject, want, err)
	}
	if parsed.Header.Get("Bcc") != "" || len(m.To) != 1 || !strings.HasPrefix(m.From, "b+") || strings.Contains(m.From, "evil") {
		t.Errorf("%q: from %q to %q, Bcc %q", words, m.From, m.To, parsed.Header.Get("Bcc"))
	}
	for line := range bytes.SplitSeq(m.Data, []byte("\r\n")) {
		if len(line) > 998 || bytes.Equal(line, []byte(".")) || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("%q: the line %.60q", words, line)
		}
	}
	if said := plainText(t, m.Data); strings.TrimSpace(said) == "" || strings.Contains(said, "\x00") {
		t.Errorf("%q: the text part is %.60q", words, said)
	}
}

// Whoever has left the newsletters, and whose address even bounced, still gets the letters of their work.
func (c *campaign) lettersGoOn(t *testing.T) {
	l := newLane(t)
	l.subscribe(1)
	const address = "reader0000@example.vn"
	l.exec(`INSERT INTO users (id, email, email_key, name) VALUES ('editor000000', $1, $1, 'Trần Văn Bình')`, address)
	issue := l.issue("article00001")
	courier := l.courier(l.relay.URL(), connectionWaits(), nil)
	if err := carry(t.Context(), l.store, courier, issue, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.store.Leave(t.Context(), leaveToken(t, l.relay.Accepted()[0].Data), true, newsroom.Proof{Source: "one_click"}); err != nil {
		t.Fatal(err)
	}
	l.exec(`INSERT INTO suppressions (email_mac, scope, why, at) SELECT email_mac, 'bulk', 'hard', now() FROM subscribers WHERE email = $1 ON CONFLICT DO NOTHING`, address)
	letter, err := l.store.ForgotPassword(t.Context(), address)
	if err != nil || letter == "" {
		t.Fatalf("letter %q, %v", letter, err)
	}
	before := l.relay.Count()
	if out, err := courier.SendLetter(t.Context(), letter); err != nil || out.State != newsroom.DeliverySent || l.relay.Count() != before+1 {
		t.Errorf("%+v, %v", out, err)
	}
	c.add(faultSeen{fault: "left and suppressed: letters of work still arrive", times: 1, mails: 1})
}
