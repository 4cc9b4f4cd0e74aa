package mailbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestEveryLanguageHasEveryText(t *testing.T) {
	t.Parallel()
	keys := slices.Sorted(maps.Keys(texts["vi"]))
	if got := slices.Sorted(maps.Keys(texts["en"])); !slices.Equal(got, keys) {
		t.Errorf("English has %v, Vietnamese %v", got, keys)
	}
	var all strings.Builder
	for _, pattern := range []string{"pages/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if file != "texts.go" {
				all.Write(content)
			}
		}
	}
	for _, key := range keys {
		if !strings.Contains(all.String(), ".T."+key) && !strings.Contains(all.String(), `.T["`+key+`"]`) && !strings.Contains(all.String(), `f.T["`+key) {
			t.Errorf("nobody shows the text %s", key)
		}
	}
}

func TestPageSpeaksTheReadersLanguage(t *testing.T) {
	t.Parallel()
	m := start(t, t.TempDir())
	for accept, want := range map[string]string{
		"": "Hộp thư", "vi-VN,vi;q=0.9,en;q=0.8": "Hộp thư", "en-US,en;q=0.9,vi": "Mailbox", "fr": "Hộp thư", "fr, EN": "Mailbox",
	} {
		if page, _ := get(t, m, "/", http.StatusOK, "Accept-Language", accept); !strings.Contains(page, "<title>"+want+"</title>") {
			t.Errorf("%q does not get %s", accept, want)
		}
	}
}

func TestListTurnsPages(t *testing.T) {
	t.Parallel()
	m := start(t, t.TempDir())
	page, _ := get(t, m, "/", http.StatusOK)
	if !strings.Contains(page, "Chưa có thư nào") {
		t.Error("an empty mailbox does not say so")
	}
	for n := range 120 {
		add(t, m.Box, n)
	}
	for path, want := range map[string][3]string{
		"/":                       {"number 119<", "1–50 / 120", `href="/?start=50"`},
		"/?start=100":             {"number 0<", "101–120 / 120", `href="/?start=50"`},
		"/?q=subject%3A%22r+7%22": {"number 7<", "11 kết quả", ""},
		"/?q=nothing":             {"Không tìm thấy", "0 kết quả", ""},
	} {
		page, _ := get(t, m, path, http.StatusOK)
		for _, part := range want {
			if !strings.Contains(page, part) {
				t.Errorf("%s lacks %q", path, part)
			}
		}
	}
}

func TestMessageIsShownInItsOwnFrame(t *testing.T) {
	t.Parallel()
	m := start(t, t.TempDir())
	raw, err := os.ReadFile("testdata/rich.eml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Box.Add("b@x.test", []string{"lan@x.test"}, raw)
	if err != nil {
		t.Fatal(err)
	}
	page, header := get(t, m, "/message/"+s.ID, http.StatusOK)
	for _, want := range []string{`sandbox="allow-popups allow-popups-to-escape-sandbox"`, "so-42.pdf</a>", "https://x.test/huy/abc", "Lan, Trần &lt;lan@x.test&gt;", "02/10/2026 15:30"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy of the page is %s", policy)
	}
	frame, header := get(t, m, "/message/"+s.ID+"/html", http.StatusOK)
	if !strings.HasPrefix(frame, `<!doctype html><base target="_blank">`) || !strings.Contains(frame, `src="/message/`+s.ID+`/part/`) || !strings.Contains(frame, "Kính") {
		t.Errorf("the frame is %s", frame)
	}
	policy := header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "sandbox allow-popups") || strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") || strings.Contains(policy, "script-src") {
		t.Errorf("policy of the frame is %s", policy)
	}
	picture := frame[strings.Index(frame, `src="`)+5:]
	picture = picture[:strings.Index(picture, `"`)]
	if body, header := get(t, m, picture, http.StatusOK); header.Get("Content-Type") != "image/png" || !strings.HasPrefix(body, "\x89PNG") {
		t.Errorf("the picture is %s", header.Get("Content-Type"))
	}
	if text, _ := get(t, m, "/message/"+s.ID+"?view=text", http.StatusOK); !strings.Contains(text, `<a href="https://x.test/tin/1" target="_blank" rel="noreferrer">https://x.test/tin/1</a>.`) {
		t.Error("the address in the text cannot be followed")
	}
	get(t, m, "/message/unknown", http.StatusNotFound)
	get(t, m, "/static/mailbox.css", http.StatusOK)
	get(t, m, "/static/", http.StatusNotFound)
}

// hostile is mail that wants to break the page, its reader or the parser.
func hostile() map[string]string {
	deep := "Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
	for n := range 2000 {
		deep += fmt.Sprintf("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", n, n+1)
	}
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: image/png\r\n\r\nx\r\n", 20_000)
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	return map[string]string{
		"nothing":              "",
		"no header":            "just words",
		"only a newline":       "\r\n",
		"bytes":                "\x00\x01\xff\xfe\x80\r\n\r\n\x00\xff",
		"script everywhere":    "From: " + evil + " <a@x.test>\r\nTo: " + evil + "\r\nSubject: " + evil + "\r\nMessage-ID: <" + evil + ">\r\nList-Unsubscribe: <javascript:alert(1)>, <data:text/html," + evil + ">\r\nX-" + "Evil: " + evil + "\r\n\r\n" + evil,
		"script in a name":     "From: a@x.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=\"../../<script>x</script>.html\"\r\n\r\n" + evil + "\r\n--b--",
		"script in the HTML":   "Content-Type: text/html\r\n\r\n</iframe></body>" + evil + "<base href=//evil.test><meta http-equiv=refresh content='0;url=//evil.test'>",
		"script in the text":   "Content-Type: text/plain\r\n\r\nhttps://x.test/\"onmouseover=alert(1) http://<script>alert(1)</script> javascript:alert(1)",
		"script in encoded":    "Subject: =?utf-8?q?=3Cscript=3Ealert(1)=3C/script=3E=00=0D=0AX:_y?=\r\n\r\nx",
		"unknown charset":      "Subject: =?x-none?b?4pyT?=\r\nContent-Type: text/plain; charset=x-none\r\n\r\n\xe2\x9c\x93\xff",
		"unknown encoding":     "Content-Type: text/html\r\nContent-Transfer-Encoding: x-none\r\n\r\n<p>x",
		"broken base64":        "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA!!!!====A",
		"broken QP":            "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ=\r\n=",
		"broken type":          "Content-Type: ;;;=\"\r\n\r\nx",
		"no boundary":          "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n----",
		"empty boundary":       "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----",
		"unfinished":           "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>half",
		"deep":                 deep,
		"many parts":           many,
		"a long line":          "Subject: x\r\n\r\n" + strings.Repeat("a", 3<<20),
		"a long header":        "Subject: " + strings.Repeat("a", 1<<20) + "\r\n\r\nx",
		"many headers":         strings.Repeat("X-A: b\r\n", 50_000) + "\r\nx",
		"many addresses":       "To: " + strings.Repeat("a@x.test, ", 20_000) + "b@x.test\r\n\r\nx",
		"folded for ever":      "Subject: a\r\n" + strings.Repeat(" \r\n", 10_000) + "\r\nx",
		"header injection":     "Subject: a\rX-Evil: b\nX-Other: c\r\n\r\nx",
		"wrong date":           "Date: Fri, 02 Oct 99999 25:61:00 +9999\r\n\r\nx",
		"early date":           "Date: Mon, 01 Jan 0001 00:00:00 +0000\r\n\r\nx",
		"tags for ever":        "Content-Type: text/html\r\n\r\n" + strings.Repeat("<div>", 300_000),
		"one endless tag":      "Content-Type: text/html\r\n\r\n<div " + strings.Repeat("a", 3<<20),
		"a picture that isn't": "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img src=cid:x>\r\n--b\r\nContent-Type: image/svg+xml\r\nContent-ID: <x>\r\n\r\n<svg onload=alert(1)>\r\n--b--",
		"right to left":        "From: \u202etset.x@a <a@x.test>\r\nSubject: \u202egnp.exe\u200b\u2066\r\n\r\nx",
		"a mail in a mail":     "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b",
	}
}

func TestHostileMailDoesNotBreakThePage(t *testing.T) {
	t.Parallel()
	for name, raw := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, t.TempDir())
			s, err := m.Box.Add("<script>@x.test", []string{`"<script>alert(1)</script>"@x.test`}, []byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"", "/headers"} {
				body, _ := get(t, m, "/api/v1/message/"+s.ID+path, http.StatusOK)
				if !json.Valid([]byte(body)) {
					t.Errorf("%s is no JSON", path)
				}
			}
			if body, _ := get(t, m, "/api/v1/messages", http.StatusOK); !json.Valid([]byte(body)) {
				t.Error("the list is no JSON")
			}
			if body, _ := get(t, m, "/api/v1/message/"+s.ID+"/raw", http.StatusOK); body != "Return-Path: <<script>@x.test>\r\n"+raw {
				t.Error("raw is not what was sent")
			}
			for _, path := range []string{"/", "/message/" + s.ID, "/message/" + s.ID + "?view=text", "/message/" + s.ID + "?view=headers", "/message/" + s.ID + "?view=raw"} {
				page, _ := get(t, m, path, http.StatusOK)
				onlyOwnElements(t, path, page)
			}
			if frame, header := get(t, m, "/message/"+s.ID+"/html", http.StatusOK); !strings.Contains(header.Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("the frame is not sandboxed: %.200s", frame)
			}
			message, err := m.Box.Get(s.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range slices.Concat(message.Attachments, message.Inline) {
				_, header := get(t, m, "/message/"+s.ID+"/part/"+a.PartID, http.StatusOK)
				if kind := header.Get("Content-Type"); kind != "application/octet-stream" && !shown[kind] {
					t.Errorf("an attachment is served as %s", kind)
				}
				if strings.ContainsAny(a.FileName, "/\\\r\n") || a.FileName == "" {
					t.Errorf("an attachment is named %q", a.FileName)
				}
				if a.PartID > "5" { // the others are alike
					break
				}
			}
		})
	}
}

// onlyOwnElements refuses what our pages never have: inline scripts, styles and handlers, and links of other schemes.
func onlyOwnElements(t *testing.T, path, page string) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(page))
	for tokens.Next() != html.ErrorToken {
		token := tokens.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		attributes := map[string]string{}
		for _, a := range token.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("%s has <%s %s=%q>", path, token.Data, a.Key, a.Val)
			}
		}
		switch token.Data {
		case "script":
			if attributes["src"] != "/static/mailbox.js" {
				t.Errorf("%s has a script of %q", path, attributes["src"])
			}
		case "img", "base", "object", "embed", "svg", "style":
			t.Errorf("%s has <%s>", path, token.Data)
		case "iframe":
			if !strings.HasPrefix(attributes["src"], "/message/") || strings.Contains(attributes["sandbox"], "allow-scripts") {
				t.Errorf("%s has a frame of %q", path, attributes["src"])
			}
		case "a":
			href := attributes["href"]
			if !strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "?") && !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") && !strings.HasPrefix(href, "mailto:") {
				t.Errorf("%s links to %q", path, href)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, raw := range hostile() {
		if len(raw) < 10_000 {
			f.Add([]byte(raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(raw)
		s := m.summary()
		for name, value := range map[string]any{"message": m, "summary": s} {
			if _, err := json.Marshal(value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if strings.ContainsAny(s.Subject, "\r\n\x00") || len([]rune(s.Snippet)) > snippetLength {
			t.Errorf("subject %q, snippet %q", s.Subject, s.Snippet)
		}
	})
}
