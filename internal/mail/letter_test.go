package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"flag"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // Vietnamese needs none of it; a stranger's parser would have it
	gomail "github.com/wneessen/go-mail"

	"toasoan/internal/locale"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

var update = flag.Bool("update", false, "write the golden files anew")

// every is each mail there is, in each language, by the name of its golden files.
func every(t *testing.T) map[string]Message {
	t.Helper()
	all := map[string]Message{}
	for _, tag := range locale.Tags() {
		c := testComposer(t)
		c.locale = locale.For(tag)
		for _, kind := range letterKinds {
			v := sampleLetter(kind, tag)
			v.Thread = "t.0123456789ab"
			m, err := c.Compose(v)
			if err != nil {
				t.Fatalf("%s %s: %v", tag, kind, err)
			}
			all[tag+"/"+string(kind)] = m
		}
		for _, kind := range bulkKinds {
			master, err := c.NewMaster(sampleIssue(kind))
			if err != nil {
				t.Fatalf("%s %s: %v", tag, kind, err)
			}
			m, err := master.For(sampleRecipient())
			if err != nil {
				t.Fatalf("%s %s: %v", tag, kind, err)
			}
			all[tag+"/"+kind] = m
		}
	}
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, m := range every(t) {
		plain, markup := bodies(t, m.Raw)
		for ext, got := range map[string]string{".eml": string(m.Raw), ".txt": plain, ".html": markup} {
			file := filepath.Join("testdata", "golden", filepath.FromSlash(name)+ext)
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s%s has changed: look at it, then -update\n%s", name, ext, difference([]byte(got), want))
			}
		}
	}
	known := map[string]bool{}
	for name := range every(t) {
		known[name] = true
	}
	found, err := filepath.Glob(filepath.Join("testdata", "golden", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		name := filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if !known[name] {
			t.Errorf("%s belongs to no mail", file)
		}
	}
}

func TestThreeParsersAgree(t *testing.T) {
	t.Parallel()
	for name, m := range every(t) {
		plain, markup := bodies(t, m.Raw) // net/mail, mime/multipart
		entity, err := message.Read(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatalf("%s: go-message: %v", name, err)
		}
		var parts []string
		reader := entity.MultipartReader()
		for {
			part, err := reader.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: go-message: %v", name, err)
			}
			said, err := io.ReadAll(part.Body)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, string(said))
		}
		if len(parts) != 2 || parts[0] != plain || parts[1] != markup {
			t.Errorf("%s: go-message reads another mail than net/mail", name)
		}
		parsed, err := gomail.EMLToMsgFromReader(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatalf("%s: go-mail: %v", name, err)
		}
		if len(parsed.GetParts()) != 2 || parsed.GetToString()[0] == "" {
			t.Errorf("%s: go-mail reads another mail", name)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, m := range every(t) {
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		h := parsed.Header
		must := map[string]string{"Auto-Submitted": "auto-generated", "Mime-Version": "1.0", "Content-Language": name[:2], "Reply-To": "<toasoan@vankhe.example>"}
		bulk := slices.Contains(bulkKinds, name[3:])
		if bulk {
			must["List-Unsubscribe-Post"], must["Precedence"], must["X-Auto-Response-Suppress"] = "List-Unsubscribe=One-Click", "bulk", "All"
		} else {
			must["In-Reply-To"], must["References"] = "<t.0123456789ab@vankhe.example>", "<t.0123456789ab@vankhe.example>"
		}
		for key, want := range must {
			if got := h.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		for _, key := range []string{"User-Agent", "X-Mailer", "Bcc", "Return-Path", "Cc", "Sender"} {
			if got := h.Get(key); got != "" {
				t.Errorf("%s: %s is %q", name, key, got)
			}
		}
		if !bulk && (h.Get("List-Unsubscribe") != "" || h.Get("Precedence") != "") {
			t.Errorf("%s: a letter with headers of a list", name)
		}
		if bulk && (!strings.HasPrefix(h.Get("List-Unsubscribe"), "<https://vankhe.example/huy/") || !strings.Contains(h.Get("List-Id"), "<xay-dung-nong-thon-moi.vankhe.example>")) {
			t.Errorf("%s: %q %q", name, h.Get("List-Unsubscribe"), h.Get("List-Id"))
		}
		for key, values := range h {
			if len(values) != 1 {
				t.Errorf("%s: %d times %s", name, len(values), key)
			}
		}
		head, _, _ := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			if len(line) > 78 {
				t.Errorf("%s: header line of %d octets: %s", name, len(line), line)
			}
		}
		for line := range bytes.SplitSeq(m.Raw, []byte("\r\n")) {
			if len(line) > 998 || bytes.ContainsAny(line, "\r\n") || slices.ContainsFunc(line, func(b byte) bool { return b >= 0x80 }) {
				t.Errorf("%s: line that not every relay carries: %q", name, line)
			}
		}
		if !strings.HasSuffix(m.From, "@bounce.vankhe.example") || !strings.HasPrefix(m.From, "b+") {
			t.Errorf("%s: envelope %q", name, m.From)
		}
		if strings.Contains(m.From, "/") || len(m.From) > 100 {
			t.Errorf("%s: envelope %q", name, m.From)
		}
	}
}

var (
	headOf    = regexp.MustCompile(`(?s)<head>.*?</head>|<!--.*?-->`)
	anyTag    = regexp.MustCompile(`<[^>]*>`)
	hrefOf    = regexp.MustCompile(`href="([^"]*)"`)
	trackerOf = regexp.MustCompile(`(?i)<img|<script|<form|<iframe|@import|url\(|javascript:`)
)

func TestTextPartSaysWhatTheHTMLPartSays(t *testing.T) {
	t.Parallel()
	for name, m := range every(t) {
		plain, markup := bodies(t, m.Raw)
		page := headOf.ReplaceAllString(markup, "")
		inHTML := words(html.UnescapeString(anyTag.ReplaceAllString(page, " ")))
		for _, href := range hrefOf.FindAllStringSubmatch(page, -1) {
			inHTML = append(inHTML, html.UnescapeString(href[1]))
		}
		inText := words(plain)
		for _, w := range inHTML {
			if !slices.Contains(inText, w) && w != "·" {
				t.Errorf("%s: the text part lacks %q", name, w)
			}
		}
		for _, w := range inText {
			if !slices.Contains(inHTML, w) && w != ">" && w != "---" && w != "·" {
				t.Errorf("%s: the HTML part lacks %q", name, w)
			}
		}
	}
}

func words(s string) []string {
	var list []string
	for _, w := range strings.Fields(s) {
		list = append(list, strings.TrimRight(w, ":"))
	}
	return list
}

// An approval mail leads to one page and to nothing else that does anything: no link approves or rejects (mail.md (c)). Who is only
// told is not asked.
func TestApprovalMailsHaveOneLink(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	for _, tag := range locale.Tags() {
		for _, kind := range []newsroom.LetterKind{newsroom.LetterApproval, newsroom.LetterApprovalSoon, newsroom.LetterApprovalOverdue, newsroom.LetterSecondSign} {
			v := sampleLetter(kind, tag)
			m, err := c.Compose(v)
			if err != nil {
				t.Fatal(err)
			}
			plain, markup := bodies(t, m.Raw)
			links := map[string]bool{}
			for _, found := range hrefOf.FindAllStringSubmatch(headOf.ReplaceAllString(markup, ""), -1) {
				links[html.UnescapeString(found[1])] = true
			}
			delete(links, sampleOffice.URL) // who writes, at the foot
			if len(links) != 1 || !links[v.Link] || strings.Count(plain, "https://") != 2 || !slices.Contains(strings.Fields(plain), v.Link) {
				t.Errorf("%s %s leads to %v:\n%s", tag, kind, links, plain)
			}
		}
	}
	for kind, asks := range map[newsroom.LetterKind]string{newsroom.LetterApprovalSoon: "chờ đồng chí xem xét", newsroom.LetterApprovalOverdue: "dành riêng cho đồng chí"} {
		v := sampleLetter(kind, "vi")
		for _, told := range []bool{false, true} {
			v.Told = told
			m, err := c.Compose(v)
			if err != nil {
				t.Fatal(err)
			}
			if plain, _ := bodies(t, m.Raw); strings.Contains(plain, asks) == told {
				t.Errorf("%s, told %v:\n%s", kind, told, plain)
			}
		}
	}
}

func TestHTMLIsFitForMail(t *testing.T) {
	t.Parallel()
	for name, m := range every(t) {
		_, markup := bodies(t, m.Raw)
		if found := trackerOf.FindString(markup); found != "" {
			t.Errorf("%s has %s", name, found)
		}
		for _, need := range []string{`<html lang="` + name[:2] + `">`, `prefers-color-scheme: dark`, `<!--[if mso]>`, `max-width:600px`, `role="presentation"`} {
			if !strings.Contains(markup, need) {
				t.Errorf("%s lacks %s", name, need)
			}
		}
		if strings.Contains(markup, "ZgotmplZ") || strings.Contains(markup, "<no value>") || strings.Contains(markup, "%!") {
			t.Errorf("%s has a hole", name)
		}
		if len(markup) > 40_000 { // Gmail cuts at 102 KB
			t.Errorf("%s: %d bytes", name, len(markup))
		}
	}
}

// Whoever first hears of an article when it was corrected already is told so, in both parts; of an uncorrected one nothing is said.
func TestACorrectedArticleSaysSo(t *testing.T) {
	t.Parallel()
	for tag, says := range map[string]string{"vi": "đính chính", "en": "corrected"} {
		for _, corrected := range []bool{true, false} {
			c, v := testComposer(t), sampleIssue("article")
			c.locale = locale.For(tag)
			if corrected {
				v.Issue.Revision, v.Note = 2, &newsroom.Correction{Old: "dài 850 m\nrộng <5 m", New: "dài 580 m"}
			}
			master, err := c.NewMaster(v)
			if err != nil {
				t.Fatal(err)
			}
			for part, want := range map[string][]string{master.Text(): {says, "> dài 850 m\r\n> rộng <5 m", "> dài 580 m"}, master.HTML(): {says, "dài 850 m<br>\r\nrộng &lt;5 m", "dài 580 m"}} {
				for _, words := range want {
					if strings.Contains(part, words) != corrected {
						t.Errorf("%s, corrected %v: %q is there %v", tag, corrected, words, !corrected)
					}
				}
			}
		}
	}
}

// Nobody is promised an erasure that does not come: not who leaves one list of several, nor who gets news already and is asked about more.
func TestOnlyWhatIsErasedIsPromised(t *testing.T) {
	t.Parallel()
	for tag, words := range map[string][2]string{"vi": {"xóa", "Quản lý đăng ký"}, "en": {"delete", "Manage subscription"}} {
		c := testComposer(t)
		c.locale = locale.For(tag)
		one, all := sampleLetter(newsroom.LetterLeft, tag), sampleLetter(newsroom.LetterLeft, tag)
		one.Until = nil
		known, fresh := sampleLetter(newsroom.LetterConfirm, tag), sampleLetter(newsroom.LetterConfirm, tag)
		known.Known = true
		for i, v := range []newsroom.LetterView{one, all, known, fresh} {
			m, err := c.Compose(v)
			if err != nil {
				t.Fatal(err)
			}
			plain, markup := bodies(t, m.Raw)
			for _, body := range []string{plain, markup} {
				if promised := strings.Contains(body, words[0]); promised != (i%2 == 1) || strings.Contains(body, words[1]) != (i == 0) {
					t.Errorf("%s mail %d promises %t:\n%s", tag, i, promised, body)
				}
			}
		}
	}
}

// The letter says how long its link works: where the data of somebody who had left are erased before its 48 hours are over, until then.
func TestConfirmationSaysHowLongItsLinkWorks(t *testing.T) {
	t.Parallel()
	for tag, words := range map[string][2]string{"vi": {"trong vòng 48 giờ", "trước "}, "en": {"within 48 hours", "before "}} {
		c := testComposer(t)
		whole, cut := sampleLetter(newsroom.LetterConfirm, tag), sampleLetter(newsroom.LetterConfirm, tag)
		whole.Until = new(whole.At.Add(newsroom.ConfirmLife))
		cut.Until = new(cut.At.Add(newsroom.ConfirmLife - time.Minute))
		for i, v := range []newsroom.LetterView{whole, cut} {
			m, err := c.Compose(v)
			if err != nil {
				t.Fatal(err)
			}
			plain, markup := bodies(t, m.Raw)
			until := words[1] + locale.For(tag).MailTime(*v.Until)
			for _, body := range []string{plain, markup} {
				if strings.Contains(body, words[0]) != (i == 0) || !strings.Contains(strings.Join(strings.Fields(body), " "), until) {
					t.Errorf("%s letter %d:\n%s", tag, i, body)
				}
			}
		}
	}
}

func TestEmptyViewsHaveNoHoles(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	for _, tag := range locale.Tags() {
		for _, kind := range letterKinds {
			m, err := c.Compose(newsroom.LetterView{ID: "x", Kind: kind, Locale: tag, ToEmail: "a@example.org", MessageID: "l.x", Date: time.Unix(1, 0), Link: "https://vankhe.example/", Title: "Tiêu đề"})
			if err != nil {
				t.Fatalf("%s %s: %v", tag, kind, err)
			}
			plain, markup := bodies(t, m.Raw)
			for _, bad := range []string{"<nil>", "<no value>", "“”", ": ,", "()", "  ", "%!", "0001"} {
				if strings.Contains(plain, bad) || strings.Contains(markup, "<no value>") {
					t.Errorf("%s %s: %q in\n%s", tag, kind, bad, plain)
				}
			}
		}
	}
}

func TestTheSameViewGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	one, two := every(t), every(t)
	for name := range one {
		if one[name].BodyHash != two[name].BodyHash || !bytes.Equal(one[name].Raw, two[name].Raw) {
			t.Errorf("%s: %s", name, difference(one[name].Raw, two[name].Raw))
		}
	}
}

// hostile is what strangers and mistakes put into fields.
var hostile = []string{
	"a\rb", "a\nb", "a\r\nBcc: x@example.org", "a\r\n\r\nbody", ".\r\n", "\r\n.\r\nMAIL FROM:<x@example.org>", "\n.\n", "a\x00b",
	strings.Repeat("dài ", 500), strings.Repeat("x", 2000), "\u202Egnp.exe", "<script>alert(1)</script>", `"><img src=x onerror=y>`, "{{.Link}}", "{portal}",
	"=?utf-8?q?=0D=0ABcc:_x?=", "'; DROP TABLE letters; --", "\xff\xfe", "a\u2028b", "javascript:alert(1)", "\u200bzero\u200bwidth",
}

func TestInjection(t *testing.T) {
	t.Parallel()
	c := testComposer(t)
	for _, bad := range hostile {
		v := sampleLetter(newsroom.LetterChanges, "vi")
		v.Title, v.Lead, v.Reason, v.ActorName, v.ActorTitle, v.ToName, v.ToTitle, v.Section, v.Authors, v.Office.Portal, v.Office.Unit, v.Note = bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, bad
		m, err := c.Compose(v)
		if err != nil {
			t.Errorf("%q: %v", bad, err)
			continue
		}
		intact(t, bad, m.Raw)
		view := sampleIssue("article")
		view.Title, view.Lead, view.Byline, view.Section, view.ListName, view.CoverAlt, view.Office.Portal = bad, bad, bad, bad, bad, bad, bad
		master, err := c.NewMaster(view)
		if err != nil {
			t.Errorf("%q: %v", bad, err)
			continue
		}
		r := sampleRecipient()
		r.Name = bad
		for range 2 {
			if m, err = master.For(r); err != nil {
				t.Errorf("%q: %v", bad, err)
				continue
			}
			intact(t, bad, m.Raw)
		}
	}
	for _, change := range []func(*newsroom.LetterView){
		func(v *newsroom.LetterView) { v.MessageID = "a\r\nBcc: x@example.org" },
		func(v *newsroom.LetterView) { v.Thread = "a\r\nBcc: x@example.org" },
		func(v *newsroom.LetterView) { v.ToEmail = "a@example.org\r\nBcc: x@example.org" },
		func(v *newsroom.LetterView) { v.Kind = "../../secrets" },
	} {
		v := sampleLetter(newsroom.LetterChanges, "vi")
		change(&v)
		if _, err := c.Compose(v); err == nil {
			t.Error("passed")
		}
	}
}

// intact holds a mail made of hostile words against what every mail is.
func intact(t *testing.T, bad string, raw []byte) {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("%q: %v", bad, err)
		return
	}
	for key := range parsed.Header {
		if !slices.Contains([]string{"Auto-Submitted", "Content-Language", "Date", "Mime-Version", "Message-Id", "Subject", "From", "To", "Reply-To", "Content-Type", "Feedback-Id", "List-Archive", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence", "X-Auto-Response-Suppress"}, key) {
			t.Errorf("%q made a header %s", bad, key)
		}
	}
	if to, err := mail.ParseAddressList(parsed.Header.Get("To")); err != nil || len(to) != 1 {
		t.Errorf("%q: To %q: %v", bad, parsed.Header.Get("To"), err)
	}
	plain, markup := bodies(t, raw)
	if strings.Contains(markup, "<script") || strings.Contains(markup, "onerror=y>") && strings.Contains(markup, "<img src=x") || strings.ContainsAny(plain, "\x00\u202e") {
		t.Errorf("%q reached the page", bad)
	}
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 {
			t.Errorf("%.40q made a line of %d octets", bad, len(line))
		}
	}
	if pairs := bytes.Count(raw, []byte("\r\n")); pairs != bytes.Count(raw, []byte("\n")) || pairs != bytes.Count(raw, []byte("\r")) {
		t.Errorf("%q made a bare line end", bad)
	}
}

func FuzzSubject(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Add("Xã Vân Khê ký kết chương trình phối hợp xây dựng nông thôn mới nâng cao giai đoạn 2018 – 2020")
	c, err := NewComposer(Settings{From: "a@example.org"})
	if err != nil {
		f.Fatal(err)
	}
	decode := mime.WordDecoder{}
	f.Fuzz(func(t *testing.T, title string) {
		if len(title) > 4000 {
			t.Skip()
		}
		v := sampleLetter(newsroom.LetterPublished, "vi")
		v.Title = title
		m, err := c.Compose(v)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := decode.DecodeHeader(parsed.Header.Get("Subject"))
		if err != nil {
			t.Fatal(err)
		}
		if want := text.Excerpt("[Đã đăng] "+text.Line(title), mostSubject); subject != want {
			t.Fatalf("subject %q, want %q", subject, want)
		}
		intact(t, title, m.Raw)
	})
}

// bodies takes a mail apart with the standard library.
func bodies(t *testing.T, raw []byte) (plain, markup string) {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	reader := multipart.NewReader(parsed.Body, params["boundary"])
	var said []string
	for _, want := range []string{"text/plain", "text/html"} {
		part, err := reader.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err != nil || kind != want || !strings.EqualFold(params["charset"], "utf-8") {
			t.Fatalf("part %s %v, want %s: %v", kind, params, want, err)
		}
		all, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, string(all))
	}
	if _, err := reader.NextPart(); !errors.Is(err, io.EOF) {
		t.Fatal("a third part")
	}
	return said[0], said[1]
}
