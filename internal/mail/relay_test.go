package mail

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

func TestParseRelay(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"smtp://mail.example.org":                         "mail.example.org:587 tls=required",
		"smtp://u:p%40ss@mail.example.org:2525":           "mail.example.org:2525 tls=required",
		"smtp://mail.example.org?tls=starttls":            "mail.example.org:587 tls=starttls",
		"smtp://mailpit:1025?tls=none":                    "mailpit:1025 tls=none",
		"smtp://127.0.0.1:1025":                           "127.0.0.1:1025 tls=none",
		"smtp://localhost":                                "localhost:25 tls=none",
		"smtp://[::1]:25":                                 "[::1]:25 tls=none",
		"smtp://127.0.0.1:1025?tls=required":              "127.0.0.1:1025 tls=required",
		"smtps://u:p@mail.example.org":                    "mail.example.org:465 tls=implicit",
		"smtps://mail.example.org:4650?helo=tin.vankhe.x": "mail.example.org:4650 tls=implicit",
	} {
		r, err := ParseRelay(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if r.String() != want || r.Hello == "" {
			t.Errorf("%s is %s (%s), want %s", raw, r, r.Hello, want)
		}
	}
	r, err := ParseRelay("smtp://u%3A:p%40ss@mail.example.org")
	if err != nil || r.User != "u:" || r.password != "p@ss" {
		t.Errorf("%+v %v", r, err)
	}
	for _, raw := range []string{
		"", "mail.example.org", "http://mail.example.org", "smtp://", "smtp://secretuser:secretpass@:25", "smtp://secretuser:secretpass@h:%zz",
		"smtp://secretuser:secretpass@h:99999", "smtp://secretuser:secretpass@h?tls=perhaps", "smtps://secretuser:secretpass@h?tls=none",
		"smtp://secretuser:secretpass@h/path", "smtp://secretuser:secretpass@h?helo=a%20b", "smtp://secretuser:secretpass@h:25\r\n",
	} {
		_, err := ParseRelay(raw)
		if err == nil {
			t.Errorf("%q passed", raw)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", raw, err)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	reply := func(code int, words string) Reply { return newReply(code, words) }
	for _, c := range []struct {
		name   string
		failed *StepError
		want   Outcome
	}{
		{"accepted", nil, Outcome{State: newsroom.DeliverySent}},
		{"refused connection", &StepError{Stage: StageDial, Err: io.EOF}, Outcome{State: newsroom.DeliveryPending}},
		{"busy banner", &StepError{Stage: StageBanner, Reply: reply(421, "4.3.2 busy")}, Outcome{State: newsroom.DeliveryPending, Slow: true}},
		{"wrong password", &StepError{Stage: StageAuth, Reply: reply(535, "5.7.8 no")}, Outcome{State: newsroom.DeliveryPending, Pause: true, Alert: "relay_auth"}},
		{"auth later", &StepError{Stage: StageAuth, Reply: reply(454, "4.7.0 later")}, Outcome{State: newsroom.DeliveryPending, Slow: true}},
		{"auth broke off", &StepError{Stage: StageAuth, Err: io.EOF}, Outcome{State: newsroom.DeliveryPending}},
		{"auth not offered", &StepError{Stage: StageAuth, Err: io.ErrNoProgress}, Outcome{State: newsroom.DeliveryPending, Pause: true, Alert: "relay_auth"}},
		{"TLS broke off", &StepError{Stage: StageTLS, Err: io.ErrUnexpectedEOF}, Outcome{State: newsroom.DeliveryPending}},
		{"auth required", &StepError{Stage: StageMail, Reply: reply(530, "5.7.0 auth first")}, Outcome{State: newsroom.DeliveryPending, Pause: true, Alert: "relay_auth"}},
		{"421 at mail", &StepError{Stage: StageMail, Reply: reply(421, "4.7.0 too many")}, Outcome{State: newsroom.DeliveryPending, Slow: true}},
		{"451 at mail", &StepError{Stage: StageMail, Reply: reply(451, "4.3.0 later")}, Outcome{State: newsroom.DeliverySoft}},
		{"sender refused", &StepError{Stage: StageMail, Reply: reply(553, "5.1.8 who")}, Outcome{State: newsroom.DeliverySoft, Last: 3, Alert: "sender_refused"}},
		{"unknown user", &StepError{Stage: StageRcpt, Reply: reply(550, "5.1.1 unknown")}, Outcome{State: newsroom.DeliveryHard, Suppress: true}},
		{"unknown domain", &StepError{Stage: StageRcpt, Reply: reply(550, "5.1.2 unknown")}, Outcome{State: newsroom.DeliveryHard, Suppress: true}},
		{"sender at rcpt", &StepError{Stage: StageRcpt, Reply: reply(550, "5.1.8 sender")}, Outcome{State: newsroom.DeliveryHard}},
		{"disabled", &StepError{Stage: StageRcpt, Reply: reply(550, "5.2.1 disabled")}, Outcome{State: newsroom.DeliveryHard}},
		{"full", &StepError{Stage: StageRcpt, Reply: reply(552, "5.2.2 full")}, Outcome{State: newsroom.DeliverySoft, Last: 3}},
		{"policy", &StepError{Stage: StageRcpt, Reply: reply(550, "5.7.1 policy")}, Outcome{State: newsroom.DeliverySoft, Last: 3, Alert: "content_refused"}},
		{"greylisted", &StepError{Stage: StageRcpt, Reply: reply(450, "4.7.1 greylisted")}, Outcome{State: newsroom.DeliverySoft, Slow: true, Domain: true}},
		{"5xx at data", &StepError{Stage: StageData, Reply: reply(503, "5.5.1 no")}, Outcome{State: newsroom.DeliverySoft, Last: 3}},
		{"EOF in the body", &StepError{Stage: StageBody, Err: io.EOF}, Outcome{State: newsroom.DeliveryPending}},
		{"4xx at the dot", &StepError{Stage: StageDot, Reply: reply(451, "4.3.0 later")}, Outcome{State: newsroom.DeliverySoft}},
		{"spam", &StepError{Stage: StageDot, Reply: reply(554, "5.7.1 spam")}, Outcome{State: newsroom.DeliveryHard, Alert: "content_refused"}},
		{"full at the dot", &StepError{Stage: StageDot, Reply: reply(552, "5.2.2 full")}, Outcome{State: newsroom.DeliverySoft, Last: 3}},
		{"354 to the dot", &StepError{Stage: StageDot, Reply: reply(354, "go on")}, Outcome{State: newsroom.DeliveryInDoubt}},
		{"354 to the recipient", &StepError{Stage: StageRcpt, Reply: reply(354, "go on")}, Outcome{State: newsroom.DeliverySoft}},
		{"250 to data", &StepError{Stage: StageData, Reply: reply(250, "ok")}, Outcome{State: newsroom.DeliverySoft}},
		{"silence after the dot", &StepError{Stage: StageDot, Err: io.EOF}, Outcome{State: newsroom.DeliveryInDoubt}},
		{"cannot be made", &StepError{Stage: StageCompose, Err: io.EOF}, Outcome{State: newsroom.DeliveryHard, Alert: "cannot_compose"}},
	} {
		if got := Classify(c.failed); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestSoftThenStop(t *testing.T) {
	t.Parallel()
	o := Outcome{State: newsroom.DeliverySoft, Last: 3}
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	for attempt, want := range []newsroom.DeliveryState{newsroom.DeliverySoft, newsroom.DeliverySoft, newsroom.DeliveryHard} {
		e := o.settle(Entry{At: at}, Reply{}, &StepError{Stage: StageRcpt, Reply: Reply{Code: 554}}, attempt, 554, DefaultRetry, 0)
		if e.State != want || e.Suppress || (e.Next == nil) != (want == newsroom.DeliveryHard) {
			t.Errorf("attempt %d: %+v", attempt, e)
		}
	}
	for _, before := range []int{451, 0} { // put off, or in doubt: no refusal for good
		e := o.settle(Entry{At: at}, Reply{}, &StepError{Stage: StageRcpt, Reply: Reply{Code: 552}}, 2, before, DefaultRetry, 0)
		if e.State != newsroom.DeliverySoft || e.Next == nil {
			t.Errorf("after a %d: %+v", before, e)
		}
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]Reply{
		"250 2.0.0 queued as 12\r\n":           {250, "2.0.0", "2.0.0 queued as 12"},
		"250\r\n":                              {250, "", ""},
		"250-one\r\n250-two\r\n250 three\r\n":  {250, "", "one two three"},
		"550 5.1.1 <a@example.org>: unknown\n": {550, "5.1.1", "5.1.1 <…>: unknown"},
		"550 a@example.org b@example.org\r\n":  {550, "", "<…> <…>"},
		"550 4.1.1 wrong class\r\n":            {550, "", "4.1.1 wrong class"},
		"550 5.1.1111 too long\r\n":            {550, "", "5.1.1111 too long"},
		"550 \xff\xfe \x01 x\r\n":              {550, "", "\uFFFD x"},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(raw)))
		if err != nil || got != want {
			t.Errorf("%q is %+v (%v), want %+v", raw, got, err, want)
		}
	}
	for _, raw := range []string{"", "\r\n", "25", "25 x\r\n", "150 x\r\n", "650 x\r\n", "250x\r\n", "250-a\r\n251 b\r\n", "250-a\r\n", strings.Repeat("250-x\r\n", 200), "250 " + strings.Repeat("x", 10000) + "\r\n"} {
		if got, err := readReply(bufio.NewReader(strings.NewReader(raw))); err == nil {
			t.Errorf("%.40q passed as %+v", raw, got)
		}
	}
	if got := newReply(550, strings.Repeat("dài ", 500)); len([]rune(got.Text)) > maxReplyText {
		t.Errorf("%d characters", len([]rune(got.Text)))
	}
}

func FuzzReply(f *testing.F) {
	f.Add("250-one\r\n250 2.0.0 two\r\n")
	f.Add("550 5.1.1 <a@example.org> no\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := readReply(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		if got.Code < 200 || got.Code > 599 || len([]rune(got.Text)) > maxReplyText || strings.ContainsAny(got.Text, "\r\n\x00") {
			t.Errorf("%q is %+v", raw, got)
		}
		if anAddress.MatchString(got.Text) {
			t.Errorf("an address in %q", got.Text)
		}
	})
}

func TestDotsAreStuffed(t *testing.T) {
	t.Parallel()
	body := ".first\r\n\r\n.\r\n..two\r\nmid.dle\r\n.\r\n"
	for _, o := range []smtpfake.Options{{}, {Pipelining: true}, {Pipelining: true, Chunking: true}} {
		conn, server := session(t, o)
		if failed := conn.Load(t.Context(), Message{From: "a@example.org", To: "b@example.org", Raw: []byte(body)}); failed != nil {
			t.Fatal(failed)
		}
		if _, failed := conn.Dot(t.Context()); failed != nil {
			t.Fatal(failed)
		}
		if got := string(server.Accepted()[0].Data); got != body {
			t.Errorf("%q arrived as %q", body, got)
		}
	}
}

func TestTooLargeIsNotEvenOffered(t *testing.T) {
	t.Parallel()
	conn, server := session(t, smtpfake.Options{MaxSize: 1000})
	if failed := conn.Load(t.Context(), mailTo(t, 1)); failed == nil || failed.Stage != StageCompose {
		t.Errorf("%v", failed)
	}
	small := Message{From: "a@example.org", To: "b@example.org", Raw: []byte("Subject: x\r\n\r\nx\r\n")}
	if failed := conn.Load(t.Context(), small); failed != nil {
		t.Fatal(failed)
	}
	if _, failed := conn.Dot(t.Context()); failed != nil || server.Accepted()[0].FromParams != "SIZE=17" {
		t.Errorf("%v %+v", failed, server.Accepted())
	}
}

func TestSlowAndSilentRelays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stage  smtpfake.Stage
		action smtpfake.Action
		want   newsroom.DeliveryState
	}{
		"silent at mail":      {smtpfake.MAIL, smtpfake.Action{Hang: true}, newsroom.DeliveryPending},
		"silent after 354":    {smtpfake.Dot, smtpfake.Action{Hang: true}, newsroom.DeliveryInDoubt},
		"one byte at a time":  {smtpfake.RCPT, smtpfake.Action{ByteDelay: time.Millisecond}, newsroom.DeliverySent},
		"reply in two halves": {smtpfake.Dot, smtpfake.Action{Code: 250, Raw: []byte("250-half\r\n"), Drop: smtpfake.DropAfter, Store: smtpfake.StoreAlways}, newsroom.DeliveryInDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, _ := session(t, smtpfake.Options{Script: smtpfake.At(c.stage, c.action)})
			conn.limits = Limits{Command: 300 * time.Millisecond, Body: 300 * time.Millisecond, Dot: 300 * time.Millisecond}
			failed := conn.Load(t.Context(), mailTo(t, 1))
			if failed == nil {
				_, failed = conn.Dot(t.Context())
			}
			if got := Classify(failed); got.State != c.want {
				t.Errorf("%v is %+v", failed, got)
			}
		})
	}
}

func TestDialStages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    smtpfake.Options
		want Stage
	}{
		"banner refuses":   {smtpfake.Options{Script: smtpfake.At(smtpfake.Banner, smtpfake.Reply(554, "5.3.2 go away"))}, StageBanner},
		"banner is silent": {smtpfake.Options{Script: smtpfake.At(smtpfake.Banner, smtpfake.Action{Hang: true})}, StageBanner},
		"no EHLO":          {smtpfake.Options{Script: smtpfake.At(smtpfake.EHLO, smtpfake.Reply(502, "5.5.1 no"))}, StageHello},
		"STARTTLS refused": {smtpfake.Options{StartTLS: true, Script: smtpfake.At(smtpfake.STARTTLS, smtpfake.Reply(454, "4.7.0 no"))}, StageTLS},
		"nobody signs in":  {smtpfake.Options{Auth: map[string]string{"a": "b"}, Script: smtpfake.At(smtpfake.AUTH, smtpfake.Reply(535, "5.7.8 no"))}, StageAuth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := smtpfake.Start(c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close() //nolint:errcheck // a fake
			relay, err := ParseRelay(server.URL())
			if err != nil {
				t.Fatal(err)
			}
			relay.RootCAs, relay.Limits.Dial, relay.User, relay.password = server.CertPool(), 300*time.Millisecond, "a", "x"
			conn, err := relay.Dial(t.Context())
			if conn != nil {
				t.Fatal("connected")
			}
			failed, ok := err.(*StepError) //nolint:errorlint // Dial promises it
			if !ok || failed.Stage != c.want {
				t.Errorf("%v, want stage %s", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error(err)
			}
			await(t, func() bool { _, open := server.Connections(); return open == 0 })
		})
	}
}
