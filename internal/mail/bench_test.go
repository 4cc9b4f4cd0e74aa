package mail

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// benchMaster is the bench's mail: 16 KB of HTML and 4 KB of text in Vietnamese.
func benchMaster(b *testing.B) *Master {
	b.Helper()
	c, err := NewComposer(Settings{From: "Cổng thông tin điện tử xã Vân Khê <tin@vankhe.example>", BounceDomain: "bounce.vankhe.example"})
	if err != nil {
		b.Fatal(err)
	}
	m, err := c.NewMaster(sampleIssue("article"))
	if err != nil {
		b.Fatal(err)
	}
	frozen := m.frozen
	words := "Sáng 02/10, tại hội trường UBND xã, bảy đơn vị đã ký kết chương trình phối hợp. "
	frozen.Text = strings.Repeat(words, 4000/len(words)) + "\r\n" + frozen.Text
	frozen.HTML = strings.Replace(frozen.HTML, "</h1>", "</h1><p>"+strings.Repeat(words, (16000-len(frozen.HTML))/len(words))+"</p>", 1)
	if m, err = c.OpenMaster(frozen); err != nil {
		b.Fatal(err)
	}
	return m
}

func BenchmarkSplice(b *testing.B) {
	m := benchMaster(b)
	r := sampleRecipient()
	var buf []byte
	for b.Loop() {
		out, err := m.splice(buf, r)
		if err != nil {
			b.Fatal(err)
		}
		buf = out.Raw
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkCompose(b *testing.B) {
	m := benchMaster(b)
	r := sampleRecipient()
	to, _ := recipient(r.Name, r.Email)
	for b.Loop() {
		if _, err := compose(m.parts(to, m.values(r), r)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCourier(b *testing.B) {
	for name, o := range map[string]smtpfake.Options{
		"plain": {}, "pipelining": {Pipelining: true}, "chunking": {Pipelining: true, Chunking: true}, "window": {Pipelining: true, Chunking: true},
	} {
		window := 1
		if name == "window" {
			window = 4
		}
		b.Run(name, func(b *testing.B) {
			o.Discard = true
			server, err := smtpfake.Start(o)
			if err != nil {
				b.Fatal(err)
			}
			defer server.Close() //nolint:errcheck // a fake
			relay, err := ParseRelay(server.URL())
			if err != nil {
				b.Fatal(err)
			}
			master := benchMaster(b)
			ledger := &fast{memory: newMemory(), master: master, left: b.N}
			courier := NewCourier(ledger, master.c, relay, Options{Connections: 10, Window: window})
			defer courier.Close()
			b.ResetTimer()
			if _, err := courier.SendChunk(b.Context(), master.frozen.Issue.ID, 0, nil); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if server.Count() != b.N {
				b.Fatalf("%d of %d", server.Count(), b.N)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}

// BenchmarkGoMailSend is the baseline: a Msg per recipient, Send, ten connections.
func BenchmarkGoMailSend(b *testing.B) {
	server, err := smtpfake.Start(smtpfake.Options{Discard: true})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // a fake
	relay, err := ParseRelay(server.URL())
	if err != nil {
		b.Fatal(err)
	}
	m := benchMaster(b)
	r := sampleRecipient()
	text, html := fill(m.text, m.values(r)), fill(m.html, m.values(r))
	var group sync.WaitGroup
	work := make(chan struct{})
	b.ResetTimer()
	for range 10 {
		group.Go(func() {
			client, err := gomail.NewClient(relay.Host, gomail.WithPort(relay.Port), gomail.WithTLSPolicy(gomail.NoTLS))
			if err != nil {
				b.Error(err)
				return
			}
			if err := client.DialWithContext(context.Background()); err != nil {
				b.Error(err)
				return
			}
			for range work {
				msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingB64))
				_ = msg.From("tin@vankhe.example")
				_ = msg.To(r.Email)
				msg.Subject(m.Subject())
				msg.SetBodyString(gomail.TypeTextPlain, text)
				msg.AddAlternativeString(gomail.TypeTextHTML, html)
				if err := client.Send(msg); err != nil {
					b.Error(err)
				}
			}
			_ = client.Close()
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}

// fast is a ledger that costs nothing, so that what is measured is everything else.
type fast struct {
	*memory
	mu     sync.Mutex
	master *Master
	left   int
}

func (f *fast) Issue(context.Context, string) (IssueCopy, error) { return f.master.frozen, nil }

func (f *fast) LeaseChunk(context.Context, string, int, time.Time, time.Duration) (int64, error) {
	return 1, nil
}

func (f *fast) Chunk(context.Context, string, int) (newsroom.IssueCounts, *time.Time, string, error) {
	return newsroom.IssueCounts{}, nil, "sending", nil
}

func (f *fast) Claim(_ context.Context, _ string, _ int, _ int64, limit int, _ time.Time) ([]newsroom.Recipient, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(limit, f.left)
	f.left -= n
	list := make([]newsroom.Recipient, n)
	for i := range list {
		list[i] = sampleRecipient()
	}
	return list, nil
}

func (f *fast) Commit(_ context.Context, entries []Entry) ([]newsroom.DeliveryState, error) {
	states := make([]newsroom.DeliveryState, len(entries))
	for i, e := range entries {
		states[i] = e.State
	}
	return states, nil
}
