package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toasoan/internal/testkit/imapfake"
)

// books is a handler that writes down what it commits.
type books struct {
	mu      sync.Mutex
	handed  []string // every mail, as often as it was handed in
	kept    map[string]int
	verdict func(subject string) (Verdict, error)
}

func (b *books) Handle(_ context.Context, m Mail) (Verdict, error) {
	_, subject, _ := strings.Cut(string(m.Raw), "Subject: ")
	subject, _, _ = strings.Cut(subject, "\r\n")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handed = append(b.handed, subject)
	verdict, err := b.verdict(subject)
	if err == nil && verdict != Pass {
		b.kept[subject]++
	}
	return verdict, err
}

func (b *books) has(subject string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept[subject] > 0
}

func newBooks(verdict func(string) (Verdict, error)) *books {
	return &books{kept: map[string]int{}, verdict: verdict}
}

func always(v Verdict) func(string) (Verdict, error) {
	return func(string) (Verdict, error) { return v, nil }
}

func mail(subject string) []byte {
	return []byte("From: a@b.example\r\nSubject: " + subject + "\r\n\r\nText.\r\n")
}

func reader(p *imapfake.Office, h Handler, query string) *Reader {
	return &Reader{URL: p.URL(query), Handler: h, Log: slog.New(slog.DiscardHandler), every: time.Hour, soon: 10 * time.Millisecond}
}

// while runs r until do returns.
func while(t *testing.T, r *Reader, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	do()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// The server tells of a mail that comes in: nobody waits for the next look, which is an hour away here.
func TestMailsAreHandedInAtOnce(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	b := newBooks(func(subject string) (Verdict, error) {
		return map[string]Verdict{"answer": Keep, "bounce": Drop}[subject], nil
	})
	p.Deliver(mail("bounce"))
	p.Deliver(mail("a stranger's"))
	while(t, reader(p, b, "tls=none"), func() {
		eventually(t, "what waited is dealt with", func() bool { n, _ := p.Count("INBOX"); return n == 1 && b.has("bounce") })
		for k := range 5 {
			p.Deliver(mail("answer"))
			eventually(t, "what comes in is dealt with", func() bool { n, unread := p.Count("INBOX"); return n == k+2 && unread == 1 })
		}
	})
	if lookEvery > 30*time.Second || again > lookEvery {
		t.Errorf("where nobody tells, a mail waits %s", lookEvery)
	}
	if got := b.kept["answer"]; got != 5 {
		t.Errorf("%d answers", got)
	}
	// After a restart only what nobody has read is handed in, and nothing is dealt with twice.
	b.handed = nil
	while(t, reader(p, b, "tls=none"), func() {
		eventually(t, "the stranger's mail is looked at", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.handed) > 0 })
	})
	if !slices.Equal(b.handed, []string{"a stranger's"}) {
		t.Errorf("handed in again: %v", b.handed)
	}
}

func TestServersOfManyKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o     imapfake.Options
		query string
		want  string // mails left in INBOX and in Done
	}{
		"removed":             {query: "", want: "0 0"},
		"cannot expunge one":  {o: imapfake.Options{NoUIDPlus: true}, want: "1 0"},
		"moved":               {query: "&done=Done", want: "0 1"},
		"copied, not moved":   {o: imapfake.Options{NoMove: true}, query: "&done=Done", want: "0 1"},
		"neither":             {o: imapfake.Options{NoMove: true, NoUIDPlus: true}, query: "&done=Done", want: "1 1"},
		"without IDLE":        {o: imapfake.Options{NoIdle: true}, want: "0 0"},
		"without IDLE, moved": {o: imapfake.Options{NoIdle: true}, query: "&done=Done", want: "0 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := imapfake.New(t, c.o)
			p.Create("Done")
			b := newBooks(always(Drop))
			r := reader(p, b, "tls=none"+c.query)
			r.every = 50 * time.Millisecond
			while(t, r, func() {
				eventually(t, "the box is open", func() bool { return strings.Contains(p.Heard(), "SEARCH") })
				p.Deliver(mail("one"))
				eventually(t, "the mail is put away", func() bool {
					in, _ := p.Count("INBOX")
					done, _ := p.Count("Done")
					return fmt.Sprint(in, done) == c.want && b.has("one")
				})
				// What stays because it cannot be expunged is not handed in again.
				p.Deliver(mail("two"))
				eventually(t, "the next one is dealt with", func() bool { return b.has("two") })
			})
			if got := b.kept["one"]; got != 1 {
				t.Errorf("dealt with %d times", got)
			}
			if c.o.NoIdle && strings.Contains(p.Heard(), " IDLE\r\n") {
				t.Error("IDLE was sent to a server that does not know it")
			}
		})
	}
}

// killed is what the program's death looks like to the reader: the handler has committed, and nothing after it happens.
type killed struct {
	*books
	cut  func()
	left int
}

func (k *killed) Handle(ctx context.Context, m Mail) (Verdict, error) {
	verdict, err := k.books.Handle(ctx, m)
	if k.left--; k.left == 0 {
		k.cut()
	}
	return verdict, err
}

// Killed after the commit and before the mail is removed, at each of ten mails: every mail is committed, none is lost, and what is
// handed in twice is what was not removed.
func TestKilledBetweenReadingAndRemoving(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	b := newBooks(always(Drop))
	for k := range 10 {
		p.Deliver(mail(fmt.Sprint("mail ", k)))
	}
	for at := 1; at <= 10; at++ {
		ctx, cancel := context.WithCancel(t.Context())
		r := reader(p, &killed{books: b, cut: cancel, left: 1}, "tls=none")
		r.Run(ctx)
		if n, _ := p.Count("INBOX"); n != 10 {
			t.Fatalf("%d of 10 mails left after death %d: one was removed by a program that was dead", n, at)
		}
	}
	if len(b.kept) != 1 || b.kept["mail 0"] != 10 {
		t.Fatalf("committed %v", b.kept)
	}
	while(t, reader(p, b, "tls=none"), func() {
		eventually(t, "everything is put away", func() bool { n, _ := p.Count("INBOX"); return n == 0 })
	})
	if len(b.kept) != 10 {
		t.Errorf("%d of 10 mails were committed", len(b.kept))
	}
}

// One mail that cannot be dealt with now does not keep the others waiting, and is handed in again soon.
func TestWhatWaitsIsHandedInAgain(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	tries := 0
	b := newBooks(func(subject string) (Verdict, error) {
		if subject == "waits" {
			if tries++; tries < 4 {
				return Pass, errors.New("the database is away")
			}
		}
		return Keep, nil
	})
	p.Deliver(mail("waits"))
	p.Deliver(mail("does not"))
	while(t, reader(p, b, "tls=none"), func() {
		eventually(t, "both are dealt with", func() bool { return b.has("does not") && b.has("waits") })
	})
	if b.handed[1] != "does not" {
		t.Errorf("order %v", b.handed)
	}
}

func TestServerThatGoesAway(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	b := newBooks(always(Drop))
	while(t, reader(p, b, "tls=none"), func() {
		eventually(t, "the reader idles", func() bool { return strings.Contains(p.Heard(), " IDLE\r\n") })
		p.Close()
		p.Deliver(mail("meanwhile"))
		p.Open()
		eventually(t, "the mail is dealt with on the next connection", func() bool { n, _ := p.Count("INBOX"); return n == 0 })
	})
}

func TestLargeMailsAreLeftAlone(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	b := newBooks(always(Drop))
	p.Deliver(bytes.Repeat([]byte("Subject: large\r\n"), MaxMail/16+1))
	p.Deliver(mail("small"))
	while(t, reader(p, b, "tls=none"), func() {
		eventually(t, "the small one is put away", func() bool { n, _ := p.Count("INBOX"); return n == 1 })
	})
	if len(b.handed) != 1 {
		t.Errorf("handed in: %d mails", len(b.handed))
	}
}

// A password never goes over an open line unless the setting says so.
func TestPasswordNeedsTLS(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	if err := reader(p, nil, "").session(t.Context()); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
	if heard := p.Heard(); strings.Contains(heard, "LOGIN") {
		t.Errorf("the password was sent: %s", heard)
	}
	if err := reader(p, nil, "tls=none&box=Khong-co").session(t.Context()); err == nil || !strings.Contains(err.Error(), "Khong-co") {
		t.Errorf("a mailbox that is not there: %v", err)
	}
	wrong := reader(p, nil, "tls=none")
	wrong.URL.User = url.UserPassword("toasoan", "sai-bét")
	if err := wrong.session(t.Context()); err == nil || strings.Contains(err.Error(), "sai-bét") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	p := imapfake.New(t, imapfake.Options{})
	p.Deliver(mail("one"))
	mails, idle, err := Check(t.Context(), p.URL("tls=none"))
	if err != nil || mails != 1 || !idle {
		t.Errorf("%d mails, idle %v, %v", mails, idle, err)
	}
	if n, unread := p.Count("INBOX"); n != 1 || unread != 1 {
		t.Errorf("%d mails, %d unread", n, unread)
	}
}

func TestHandlersAskOneAfterTheOther(t *testing.T) {
	t.Parallel()
	first, second := newBooks(func(s string) (Verdict, error) {
		if s == "broken" {
			return Pass, errors.New("later")
		}
		return map[string]Verdict{"mine": Drop}[s], nil
	}), newBooks(always(Keep))
	list := Handlers{first, second}
	for subject, want := range map[string]Verdict{"mine": Drop, "other": Keep} {
		if got, err := list.Handle(t.Context(), Mail{Raw: mail(subject)}); got != want || err != nil {
			t.Errorf("%s: %v, %v", subject, got, err)
		}
	}
	if _, err := list.Handle(t.Context(), Mail{Raw: mail("broken")}); err == nil || len(second.handed) != 1 {
		t.Errorf("a mail that one could not deal with went on to the next: %v, %v", err, second.handed)
	}
}
