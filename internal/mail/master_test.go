package mail

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/mail"
	"strings"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// someone is a recipient of whom everything that can vary does.
func someone(rng *rand.Rand) newsroom.Recipient {
	names := []string{"", "An", "Đặng Thị Hương", "Nguyễn Hoàng Phương Thảo Vy Trần Lê Đoàn Phạm Vũ Đỗ", `O"Brien \ (x)`, "Jean-Luc, MD", strings.Repeat("dài ", 40)}
	r := sampleRecipient()
	r.Name = names[rng.IntN(len(names))]
	r.Email = strings.Repeat("a", 1+rng.IntN(60)) + fmt.Sprintf("%d@", rng.IntN(1000)) + strings.Repeat("sub.", rng.IntN(20)) + "example.org"
	r.MessageID = fmt.Sprintf("d.sample0issue.%d", rng.Uint64())
	r.VERP = fmt.Sprintf("v%d", rng.Uint64())
	r.Date = r.Date.Add(time.Duration(rng.Int64N(1e15)))
	r.Since = r.Since.Add(-time.Duration(rng.Int64N(1e17)))
	r.LeaveURL = "https://vankhe.example/huy/" + fmt.Sprintf("%043d", rng.Uint64())
	r.PrefsURL = "https://vankhe.example/tuy-chon/" + fmt.Sprintf("%043d", rng.Uint64())
	if rng.IntN(5) == 0 { // another length: no slot fits
		r.PrefsURL += "x"
	}
	return r
}

func TestSplicedIsWhatGoMailWouldHaveBuilt(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 11))
	for _, kind := range bulkKinds {
		for _, tag := range []string{"vi", "en"} {
			for _, pad := range []int{0, 1, 2, 3, 17, 55, 56, 57, 58, 5000} { // slots at every place of a group and a line
				c, err := NewComposer(Settings{
					From: "Cổng thông tin điện tử xã Vân Khê <tin@vankhe.example>", ReplyTo: "toasoan@vankhe.example",
					BounceDomain: "bounce.vankhe.example", Locale: tag,
				})
				if err != nil {
					t.Fatal(err)
				}
				view := sampleIssue(kind)
				view.Office.Portal += strings.Repeat("ộ", pad)
				m, err := c.NewMaster(view)
				if err != nil {
					t.Fatal(err)
				}
				var buf []byte
				for range 20 {
					r := someone(rng)
					got, err := m.splice(buf, r)
					if err != nil {
						t.Fatal(err)
					}
					buf = got.Raw
					if want := byGoMail(t, c, m, r); !bytes.Equal(got.Raw, want) {
						t.Fatalf("%s %s pad %d: spliced and composed differ\n%s", tag, kind, pad, difference(got.Raw, want))
					}
					if got.BodyHash != Fingerprint(got.Raw) {
						t.Fatalf("%s %s pad %d: the fingerprint is another mail's", tag, kind, pad)
					}
				}
			}
		}
	}
}

// byGoMail builds r's mail with go-mail alone, from the words of the issue with r's own in the place of slots.
func byGoMail(t *testing.T, c *Composer, m *Master, r newsroom.Recipient) []byte {
	t.Helper()
	id := m.frozen.Issue.ID
	own := strings.NewReplacer(slotLeave.in(id), r.LeaveURL, slotPrefs.in(id), r.PrefsURL, slotSince.in(id), c.locale.Date(r.Since))
	msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingB64), gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(boundary("issue/"+id)))
	msg.FromMailAddress(&m.from)
	msg.ToMailAddress(&mail.Address{Name: text.Excerpt(r.Name, mostName), Address: r.Email})
	if err := msg.ReplyTo("toasoan@vankhe.example"); err != nil {
		t.Fatal(err)
	}
	msg.Subject(m.Subject())
	msg.SetDateWithValue(r.Date.In(time.FixedZone("", 7*3600)))
	msg.SetMessageIDWithValue(r.MessageID + "@vankhe.example")
	msg.SetBulk()
	for _, h := range c.bulkHeaders(m.frozen, m.from, r.LeaveURL, r.VERP) {
		msg.SetGenHeader(gomail.Header(h.name), h.value)
	}
	msg.SetGenHeader("Content-Language", c.locale.Tag())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, own.Replace(m.Text()))
	msg.AddAlternativeString(gomail.TypeTextHTML, own.Replace(m.HTML()))
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes()
}

func difference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("at %d:\n%q\n%q", i, a[max(0, i-60):min(len(a), i+60)], b[max(0, i-60):min(len(b), i+60)])
		}
	}
	return fmt.Sprintf("lengths %d and %d", len(a), len(b))
}

func TestMasterSurvivesItsRow(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	m, err := c.NewMaster(sampleIssue("article"))
	if err != nil {
		t.Fatal(err)
	}
	row := IssueCopy{
		Issue: newsroom.Issue{ID: "sample0issue", Kind: "article", List: "xay-dung-nong-thon-moi", Subject: m.Subject()},
		HTML:  m.HTML(), Text: m.Text(), ListName: "Xây dựng nông thôn mới",
		ArchiveURL: "https://vankhe.example/chuyen-muc/xay-dung-nong-thon-moi", Portal: sampleOffice.Portal,
	}
	again, err := c.OpenMaster(row)
	if err != nil {
		t.Fatal(err)
	}
	one, err := m.For(sampleRecipient())
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.For(sampleRecipient())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Raw, two.Raw) || one.BodyHash != two.BodyHash || m.Hash() != again.Hash() {
		t.Error(difference(one.Raw, two.Raw))
	}
}

func TestMasterRefuses(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	m, err := c.NewMaster(sampleIssue("article"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*newsroom.Recipient){
		"no address":             func(r *newsroom.Recipient) { r.Email = "" },
		"two addresses":          func(r *newsroom.Recipient) { r.Email = "a@example.org, b@example.org" },
		"address of one label":   func(r *newsroom.Recipient) { r.Email = "a@x" },
		"address with CR LF":     func(r *newsroom.Recipient) { r.Email = "a@example.org\r\nBcc: b@example.org" },
		"parameter smuggling":    func(r *newsroom.Recipient) { r.Email = "a@example.org> ORCPT=rfc822;b@example.org" },
		"IP literal":             func(r *newsroom.Recipient) { r.Email = "a@[127.0.0.1]" },
		"UTF-8 local part":       func(r *newsroom.Recipient) { r.Email = "hương@example.org" },
		"leave link with quote":  func(r *newsroom.Recipient) { r.LeaveURL += `"` },
		"leave link with CR LF":  func(r *newsroom.Recipient) { r.LeaveURL += "\r\n" },
		"leave link too long":    func(r *newsroom.Recipient) { r.LeaveURL += strings.Repeat("x", 121) },
		"no leave link":          func(r *newsroom.Recipient) { r.LeaveURL = "" },
		"prefs link with a tag":  func(r *newsroom.Recipient) { r.PrefsURL += "<b>" },
		"verp with an at sign":   func(r *newsroom.Recipient) { r.VERP = "a@b" },
		"message id with CR LF":  func(r *newsroom.Recipient) { r.MessageID = "a\r\nX: y" },
		"message id with angles": func(r *newsroom.Recipient) { r.MessageID = "a>b" },
		"no message id":          func(r *newsroom.Recipient) { r.MessageID = "" },
		"no date":                func(r *newsroom.Recipient) { r.Date = time.Time{} },
	} {
		for range 2 { // before and after the mould is cast
			r := sampleRecipient()
			change(&r)
			if _, err := m.For(r); err == nil {
				t.Errorf("%s passed", name)
			}
			if _, err := m.For(sampleRecipient()); err != nil {
				t.Fatal(err)
			}
		}
	}
	bare := m.frozen
	bare.Text = "no link"
	if _, err := c.OpenMaster(bare); err == nil {
		t.Error("a copy without a leave link was opened")
	}
}

func TestNobodyWritesAnotherIssuesSlot(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	view := sampleIssue("article")
	view.Lead = "Xem https://slot.invalid/another0iss/leave và slot-another0iss-since"
	m, err := c.NewMaster(view)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.For(sampleRecipient())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := bodies(t, out.Raw)
	if !strings.Contains(text, view.Lead) {
		t.Error("words of the article were taken for a slot")
	}
}

func TestFoldIsGoMails(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 5))
	for range 3000 {
		checkFold(t, value(rng))
	}
}

func FuzzFold(f *testing.F) {
	f.Add("<https://vankhe.example/huy/x>, <mailto:u+v@bounce.vankhe.example>")
	f.Add(strings.Repeat("x", 80) + " y")
	f.Fuzz(func(t *testing.T, v string) {
		for _, r := range v {
			if r < ' ' || r > '~' {
				t.Skip()
			}
		}
		checkFold(t, v)
	})
}

func value(rng *rand.Rand) string {
	var words []string
	for range rng.IntN(12) {
		words = append(words, strings.Repeat("w", rng.IntN(90)))
	}
	return strings.Join(words, " ")
}

func checkFold(t *testing.T, v string) {
	t.Helper()
	for _, name := range []string{"To", "Date", "List-Unsubscribe"} {
		m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
		m.SetGenHeader(gomail.Header(name), v)
		m.SetBodyString(gomail.TypeTextPlain, "x")
		var raw bytes.Buffer
		if _, err := m.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		if line := fold(nil, name, v); !bytes.Contains(append([]byte("\r\n"), raw.Bytes()...), append([]byte("\r\n"), line...)) {
			t.Fatalf("%s: %q is folded as %q, not as in\n%s", name, v, line, raw.Bytes())
		}
	}
}

func TestADigestIsNamedByItsCadence(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	for period, want := range map[string]string{
		"daily/2018-10-02": "Tin trong ngày 02/10/2018", "weekly/2018-10-02/own-0": "Tin trong tuần đến ngày 02/10/2018",
		"instant/2018-10-02/own-3": "Tin đã đăng đến ngày 02/10/2018",
	} {
		v := sampleIssue("digest")
		v.Issue.Period = period
		m, err := c.NewMaster(v)
		if err != nil || !strings.HasPrefix(m.Subject(), want+" –") {
			t.Errorf("%s: %q, %v", period, m.Subject(), err)
		}
	}
}
