package bounce

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"toasoan/internal/inbox"
	"toasoan/newsroom"
)

var update = flag.Bool("update", false, "write the golden files anew")

const domain = "bounce.vankhe.example"

// found is a report as the golden files keep it.
type found struct {
	Kind       newsroom.BounceKind `json:"kind,omitempty"`
	Why        string              `json:"why,omitempty"`
	Ours       bool                `json:"ours"`
	Status     string              `json:"status,omitempty"`
	Code       int                 `json:"code,omitempty"`
	Said       string              `json:"said,omitempty"`
	Recipient  string              `json:"recipient,omitempty"`
	Tokens     []string            `json:"tokens,omitempty"`
	MessageIDs []string            `json:"message_ids,omitempty"`
}

func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d mails, %v", len(names), err)
	}
	mails := map[string][]byte{}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mails[strings.TrimSuffix(filepath.Base(name), ".eml")] = raw
	}
	return mails
}

// TestCorpus holds what servers really write, with invented names, against what it means.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for name, raw := range corpus(t) {
		r := Parse(inbox.Mail{Raw: raw}, domain)
		overWire := Parse(inbox.Mail{Raw: bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))}, domain)
		if r.Kind != overWire.Kind || r.Status != overWire.Status || r.Said != overWire.Said || !bytes.Equal(r.Report, overWire.Report) {
			t.Errorf("%s: means something else with line ends of the wire: %+v, %+v", name, r, overWire)
		}
		got, err := json.MarshalIndent(found{r.Kind, r.Why, r.Ours, r.Status, r.Code, r.Said, r.Recipient, r.Tokens, r.MessageIDs}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
		if strings.Contains(r.Said, "@") {
			t.Errorf("%s: keeps an address: %q", name, r.Said)
		}
	}
}

// TestCorpusInShort says the same in a table that a person reads.
func TestCorpusInShort(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"postfix": "hard 5.1.1", "postfix-delayed": "delayed 4.4.1", "postfix-expired": "soft 4.4.1",
		"exim": "hard 5.0.0", "exim-old": "soft 5.2.2", "sendmail": "refused 5.7.1", "sendmail-warning": "delayed ",
		"exchange": "hard 5.1.10", "gmail": "hard 5.1.1", "nested": "soft 5.2.1", "no-status": "hard ", "qmail": "hard 5.1.1",
		"forwarded": "hard 5.1.1", "alias": "soft 5.1.1", "relayed": "not: delivered", "utf8": "soft 5.2.2",
		"arf": "complaint ", "arf-redacted": "complaint ", "arf-not-spam": "not: not_spam",
		"vacation": "not: automatic", "receipt": "not: receipt", "loop": "not: automatic", "person": "not: other",
		"forged": "hard 5.1.1", "leave": "leave ", "leave-automatic": "not: automatic",
	}
	mails := corpus(t)
	for name, raw := range mails {
		r := Parse(inbox.Mail{Raw: raw}, domain)
		got := string(r.Kind) + " " + r.Status
		if r.Kind == "" {
			got = "not: " + r.Why
		}
		if got != want[name] {
			t.Errorf("%s means %q, want %q", name, got, want[name])
		}
		named := len(r.Tokens) > 0 || len(r.MessageIDs) > 0
		if r.Kind != "" && named == (name == "forged") {
			t.Errorf("%s: names %v %v", name, r.Tokens, r.MessageIDs)
		}
	}
	if len(mails) != len(want) {
		t.Errorf("%d mails, %d meanings", len(mails), len(want))
	}
	// The return path is known from the envelope too, and from there alone.
	blind := bytes.ReplaceAll(mails["qmail"], []byte("@bounce.vankhe.example"), []byte("@elsewhere.example"))
	r := Parse(inbox.Mail{Raw: blind, To: []string{"b+dmv2gk3tforxw2idun5wxa4tb@" + domain}, Null: true}, domain)
	if r.Kind != newsroom.BounceHard || !slices.Equal(r.Tokens, []string{"dmv2gk3tforxw2idun5wxa4tb"}) || !r.Ours {
		t.Errorf("by the envelope: %+v", r)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		code   int
		words  string
		want   newsroom.BounceKind
	}{
		{"5.1.1", 550, "User unknown", "hard"},
		{"5.1.2", 550, "Host unknown", "hard"},
		{"5.1.10", 556, "Domain does not accept mail (nullMX)", "hard"},
		{"5.1.7", 550, "bad sender address", "refused"},
		{"5.1.8", 553, "Domain of sender does not exist", "refused"},
		{"5.1.0", 550, "<x>: Sender address rejected", "refused"},
		{"5.2.1", 550, "account is disabled", "soft"},
		{"5.2.2", 552, "mailbox full", "soft"},
		{"5.2.3", 552, "message too long", "refused"},
		{"5.3.4", 552, "message too big for system", "refused"},
		{"5.4.4", 0, "Host not found", "soft"},
		{"5.4.6", 554, "mail loop", "soft"},
		{"5.6.0", 554, "malformed", "refused"},
		{"5.7.1", 554, "user unknown, spam blocked", "refused"},
		{"5.7.26", 550, "not passed DMARC", "refused"},
		{"4.2.2", 452, "over quota", "soft"},
		{"4.7.0", 421, "try later", "soft"},
		{"5.0.0", 550, "550 Unknown user", "hard"},
		{"5.0.0", 550, "Requested action not taken: mailbox unavailable", "soft"},
		{"", 550, "Sender address rejected: Domain not found", "refused"},
		{"", 550, "Recipient does not exist here", "hard"},
		{"", 550, "lan: No such user", "hard"},
		{"", 550, "This account has been blocked for spam", "refused"},
		{"", 554, "Transaction failed", "refused"},
		{"", 552, "whatever", "soft"},
		{"", 451, "user unknown for now", "soft"},
		{"", 550, "Hộp thư của người nhận đã đầy", "soft"},
		{"", 550, "Địa chỉ không tồn tại", "hard"},
		{"", 0, "", "soft"},
	} {
		if got := classify(c.status, c.code, c.words); got != c.want {
			t.Errorf("%s %d %q: %s, want %s", c.status, c.code, c.words, got, c.want)
		}
	}
}

func TestCodesInWords(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"550 5.1.1 x": "5.1.1", "550-5.1.1 a": "5.1.1", "x (#5.1.1)": "5.1.1", "status 5.1.1.": "5.1.1",
		"Exim 4.98.2": "", "10.5.1.1": "", "5.1.1.7": "", "Postfix 3.5.1": "", "": "", "4.4.7 expired": "4.4.7", "5.9.1": "",
	} {
		if got := statusIn(words); got != want {
			t.Errorf("status in %q: %q, want %q", words, got, want)
		}
	}
	for words, want := range map[string]int{"550 x": 550, "smtp;550 x": 550, "said: 421-4.7.0 x": 421, "after 480 minutes": 0, "1550 x": 0, "port 25": 0, "": 0, "250 ok": 0} {
		if got := codeIn(words); got != want {
			t.Errorf("code in %q: %d, want %d", words, got, want)
		}
	}
	if got := clean("550 5.1.1 <lan@x.example>\r\n\x00 b+token@" + domain + " " + strings.Repeat("ả", 400)); strings.Contains(got, "@") || len([]rune(got)) != 300 {
		t.Errorf("kept %q", got)
	}
}

func TestOwnAddresses(t *testing.T) {
	t.Parallel()
	const token, named = "dmv2gk3tforxw2idun5wxa4tb", "d542nv9tgymdt-w0j4b8f5kgq1-mv2gk3tforxw2idun5wxa4tb"
	for address, want := range map[string]bool{
		"b+" + named + "@" + domain: true, "U+" + strings.ToUpper(named) + "@" + domain: true, "b+l" + named[1:] + "@" + domain: false,
		"b+" + named[:30] + "@" + domain: false, "b+" + strings.ReplaceAll(named, "-", "") + "@" + domain: false,
		"b+" + token + "@" + domain: true, "B+" + strings.ToUpper(token) + "@BOUNCE.vankhe.EXAMPLE": true, "u+l" + token[1:] + "@" + domain: true,
		"b+" + token + "@evil.example": false, "b+" + token + "@x." + domain: false, "b+" + token + "x@" + domain: false, "b+" + token[:20] + "@" + domain: false,
		"bb+" + token + "@" + domain: false, "c+" + token + "@" + domain: false, "b+x" + token[1:] + "@" + domain: false, "postmaster@" + domain: false, "": false,
		"b+" + token + "@" + domain + "\r\nRCPT TO:<x@y>": false, `"b+` + token + `"@` + domain: false,
	} {
		if got := Own(address, domain); got != want {
			t.Errorf("%q is ours: %v", address, got)
		}
	}
	if Own("b+"+token+"@", "") {
		t.Error("without a bounce domain something is ours")
	}
}

// The same report through other servers is the same; another one is not.
func TestIdentityOfReports(t *testing.T) {
	t.Parallel()
	mails := corpus(t)
	id := func(raw []byte) string { return string(Parse(inbox.Mail{Raw: raw}, domain).Report) }
	for _, name := range []string{"postfix", "qmail"} { // with a Message-ID, and without
		if id(mails[name]) != id(append([]byte("Received: from elsewhere by here\nX-Spam: no\n"), mails[name]...)) {
			t.Errorf("%s: one more hop makes another report", name)
		}
	}
	seen := map[string]string{}
	for name, raw := range mails {
		if other := seen[id(raw)]; other != "" {
			t.Errorf("%s and %s are one report", name, other)
		}
		seen[id(raw)] = name
	}
}

func TestHostileMails(t *testing.T) {
	t.Parallel()
	var deep bytes.Buffer
	for range 200 {
		deep.WriteString("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n")
	}
	wide := "Content-Type: multipart/report; boundary=x\r\n\r\n" + strings.Repeat("--x\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n", 5000)
	for name, raw := range map[string][]byte{
		"empty": nil, "nul": {0, 0}, "no header": []byte("DUYỆT"), "deep": deep.Bytes(), "wide": []byte(wide),
		"large":    append([]byte("To: b+x@y\r\n\r\n"), bytes.Repeat([]byte("a"), inbox.MaxMail)...),
		"one line": []byte("X: " + strings.Repeat("550 5.1.1 b+dmv2gk3tforxw2idun5wxa4tb@bounce.vankhe.example ", 10_000) + "\r\n\r\n"),
		"half":     []byte("Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient"),
	} {
		r := Parse(inbox.Mail{Raw: raw}, domain)
		if len(r.Tokens) > 3*maxNames || len(r.Report) > 0 && len(r.Report) != 32 {
			t.Errorf("%s: %d tokens, %d octets of identity", name, len(r.Tokens), len(r.Report))
		}
	}
}

// hostile is a report whose every field holds what a database refuses: NULs, what is no UTF-8, values without end.
func hostile() []byte {
	bad := "\xff\xfe\x00" + strings.Repeat("dài ", 3000)
	return []byte("From: MAILER-DAEMON@mail.vankhe.example\r\nMessage-ID: <r\xff\x00@mail.vankhe.example>\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a" + bad + "@x\r\nAction: failed\r\nStatus: 5.1.1" + bad +
		"\r\nDiagnostic-Code: smtp; 550 5.1.1 " + bad + "\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n" +
		"Return-Path: <b+\xffdmv2gk3tforxw2idun5wxa4tb\x00@" + domain + ">\r\nMessage-ID: <d.\xff\xfe.aa@x>\r\n\r\n--x--\r\n")
}

func FuzzParse(f *testing.F) {
	for _, raw := range corpus(f) {
		f.Add(raw)
	}
	f.Add(hostile())
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := Parse(inbox.Mail{Raw: raw}, domain)
		switch {
		case (r.Kind == "") == (r.Why == ""):
			t.Errorf("kind %q, why %q", r.Kind, r.Why)
		case r.Kind != "" && !r.Kind.Known():
			t.Errorf("kind %q", r.Kind)
		case strings.Contains(r.Said, "@") && anyone.MatchString(r.Said) || len([]rune(r.Said)) > 300 || strings.ContainsAny(r.Said, "\r\n\x00"):
			t.Errorf("said %q", r.Said)
		case r.Status != "" && statusIn(r.Status) != r.Status, r.Kind != "" && len(r.Report) != 32:
			t.Errorf("status %q, identity %x", r.Status, r.Report)
		case !utf8.ValidString(r.Said) || slices.ContainsFunc(r.MessageIDs, func(id string) bool { return strings.ContainsFunc(id, unprintable) }):
			t.Errorf("the database refuses %q or %q", r.Said, r.MessageIDs)
		}
		for _, token := range r.Tokens {
			if !Own("b+"+token+"@"+domain, domain) {
				t.Errorf("token %q", token)
			}
		}
	})
}
