package mail

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// witness is a relay's log as the relay of a bench would write it: what it accepted, if it heard of it.
type witness struct {
	mu    sync.Mutex
	knows map[string]string
	deaf  error
	asked []string
	since time.Time
}

func (w *witness) Took(_ context.Context, ids []string, since time.Time) (map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.since = append(w.asked, ids...), since
	if w.deaf != nil {
		return nil, w.deaf
	}
	found := map[string]string{}
	for _, id := range ids {
		if name, ok := w.knows[id]; ok {
			found[id] = name
		}
	}
	return found, nil
}

// later lets the quarantine of what is in doubt pass.
func (b *bench) later() {
	due := time.Now().Add(b.o.Waits.Quarantine)
	b.o.Now = func() time.Time { return due }
}

// swallow answers no dot; of the mails to takes it keeps the ones that it has accepted all the same.
func swallow(takes string) smtpfake.Script {
	return func(s smtpfake.Step) smtpfake.Action {
		if s.Stage != smtpfake.Dot {
			return smtpfake.Action{}
		}
		lost := smtpfake.Action{Drop: smtpfake.DropBefore}
		if slices.Contains(s.To, takes) {
			lost.Store = smtpfake.StoreAlways
		}
		return lost
	}
}

// Of two mails without an answer the relay took the first, and its log says so: it is sent, and nobody mails it again. Of the other one
// nobody knows: it is sent once more, or held for a person.
func TestARelaysLogEndsDoubts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		hold   bool
		deaf   error
		alerts []string
		want   []newsroom.DeliveryState // of the two at the end
		copies int
	}{
		{"sent once more", false, nil, nil, []newsroom.DeliveryState{newsroom.DeliverySent, newsroom.DeliveryResent}, 2},
		{"held", true, nil, nil, []newsroom.DeliveryState{newsroom.DeliverySent, newsroom.DeliveryInDoubt}, 1},
		{"the log cannot be read", false, errors.New("no such file"), []string{"relay_log"}, []newsroom.DeliveryState{newsroom.DeliveryResent, newsroom.DeliveryResent}, 3},
		{"the log cannot be read, held", true, errors.New("no such file"), []string{"relay_log"}, []newsroom.DeliveryState{newsroom.DeliveryInDoubt, newsroom.DeliveryInDoubt}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var alerts, settled []string
			seen := &witness{deaf: c.deaf}
			b := setup(t, func(_ *smtpfake.Options, o *Options) {
				o.Connections, o.Hold, o.Witness = 1, c.hold, seen
				o.Alert = func(_ context.Context, code string, _ map[string]string) { alerts = append(alerts, code) }
				o.Settle = func(_ context.Context, code string) error { settled = append(settled, code); return nil }
			})
			now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
			b.o.Now, b.o.Waits.Quarantine = func() time.Time { return now }, 15*time.Minute
			id := b.issue(t, 2, 2)
			first, second := b.ledger.rows[id+"/s000000"], b.ledger.rows[id+"/s000001"]
			seen.knows = map[string]string{messageID(first.r.MessageID, b.c.from.Address): "4XyZ"}
			b.relay.SetScript(swallow(first.r.Email))
			dotted := now
			if out := b.send(t, id, 0); out.Counts.InDoubt != 2 || out.Next == nil || out.Next.Sub(now) != 15*time.Minute {
				t.Fatalf("%+v, next %v", out.Counts, out.Next)
			}
			if len(seen.asked) > 0 {
				t.Errorf("asked about %v before anything was in doubt", seen.asked)
			}
			b.relay.SetScript(nil)
			now = now.Add(time.Minute)
			out := b.send(t, id, 0)
			if sent := c.deaf == nil; (first.state == newsroom.DeliverySent) != sent || second.state != newsroom.DeliveryInDoubt || out.Next == nil {
				t.Errorf("a minute later: %s and %s, next %v", first.state, second.state, out.Next)
			}
			if !seen.since.Equal(dotted) || !slices.Contains(seen.asked, messageID(second.r.MessageID, b.c.from.Address)) {
				t.Errorf("asked for %v since %s", seen.asked, seen.since)
			}
			now = now.Add(15 * time.Minute)
			if out = b.send(t, id, 0); out.Next != nil || out.More {
				t.Errorf("after the quarantine: %+v", out)
			}
			if got := []newsroom.DeliveryState{first.state, second.state}; !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if n := b.relay.Count(); n != c.copies {
				t.Errorf("%d copies, want %d", n, c.copies)
			}
			if c.deaf == nil && !strings.Contains(first.last.Reply, "4XyZ") {
				t.Errorf("nobody can find it in the log: %q", first.last.Reply)
			}
			if told := slices.Compact(alerts); !slices.Equal(told, c.alerts) || slices.Contains(settled, relayLog) != (c.deaf == nil) {
				t.Errorf("alerts %v, settled %v", told, settled)
			}
		})
	}
}

func TestARelaysLogEndsTheDoubtAboutALetter(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		seen := &witness{}
		b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Hold, o.Witness = true, seen }) // a letter is never held
		now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
		b.o.Now, b.o.Waits.Quarantine = func() time.Time { return now }, 15*time.Minute
		v := sampleLetter(newsroom.LetterApproval, "vi")
		b.ledger.letter(v)
		if known {
			seen.knows = map[string]string{messageID(v.MessageID, b.c.fromTx.Address): "4XyZ"}
		}
		b.relay.SetScript(swallow(v.ToEmail))
		if out, err := b.SendLetter(t.Context(), v.ID); err != nil || out.State != newsroom.DeliveryInDoubt {
			t.Fatalf("%+v, %v", out, err)
		}
		b.relay.SetScript(nil)
		now = now.Add(16 * time.Minute)
		want := map[bool]newsroom.DeliveryState{true: newsroom.DeliverySent, false: newsroom.DeliveryResent}[known]
		if out, err := b.SendLetter(t.Context(), v.ID); err != nil || out.State != want || out.Next != nil {
			t.Errorf("known %v: %+v, %v", known, out, err)
		}
		if n := b.relay.Count(); n != map[bool]int{true: 1, false: 2}[known] {
			t.Errorf("known %v: %d copies", known, n)
		}
	}
}

// A ledger that fails while it is asked fails the attempt: nothing may be sent again before its doubt is settled.
func TestDoubtsAreAskedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"doubts", "resolve"} {
		seen := &witness{}
		b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Connections, o.Witness = 1, seen })
		id := b.issue(t, 1, 1)
		row := b.ledger.rows[id+"/s000000"]
		seen.knows = map[string]string{messageID(row.r.MessageID, b.c.from.Address): "4XyZ"}
		b.relay.SetScript(swallow(row.r.Email))
		b.send(t, id, 0)
		b.relay.SetScript(nil)
		broken := errors.New("the database is away")
		b.ledger.trouble = func(at string) error {
			if at == op {
				return broken
			}
			return nil
		}
		b.later()
		if _, err := b.SendChunk(t.Context(), id, 0, nil); !errors.Is(err, broken) || b.relay.Count() != 1 {
			t.Errorf("%s fails: %v, %d copies", op, err, b.relay.Count())
		}
		b.ledger.trouble = nil
		if b.send(t, id, 0); row.state != newsroom.DeliverySent || b.relay.Count() != 1 {
			t.Errorf("%s, %d copies", row.state, b.relay.Count())
		}
	}
}

// A mail that came back before is in the log from then: of its doubtful copy the log knows nothing, and must not be believed.
func TestOfACopyAfterABounceNobodyKnows(t *testing.T) {
	t.Parallel()
	seen := &witness{knows: map[string]string{"": "4XyZ", "@vankhe.example": "4XyZ"}}
	b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Connections, o.Witness = 1, seen })
	id := b.issue(t, 1, 1)
	row := b.ledger.rows[id+"/s000000"]
	b.relay.SetScript(swallow(""))
	b.send(t, id, 0)
	b.relay.SetScript(nil)
	row.cameBack = true
	b.later()
	if b.send(t, id, 0); row.state != newsroom.DeliveryResent || len(seen.asked) != 0 {
		t.Errorf("%s, asked about %q", row.state, seen.asked)
	}
}

// Where nobody is asked any more, since MAIL_RELAY_LOG was taken away, what waited for the answer is held all the same.
func TestWhatIsHeldStaysHeldWithoutALog(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Connections, o.Hold, o.Witness = 1, true, &witness{} })
	id := b.issue(t, 1, 1)
	row := b.ledger.rows[id+"/s000000"]
	b.relay.SetScript(swallow(row.r.Email))
	if out := b.send(t, id, 0); out.Next == nil {
		t.Fatalf("%+v", out)
	}
	b.relay.SetScript(nil)
	b.o.Witness = nil
	b.later()
	if out := b.send(t, id, 0); row.state != newsroom.DeliveryInDoubt || out.Next != nil || b.relay.Count() != 1 {
		t.Errorf("%s, next %v, %d copies", row.state, out.Next, b.relay.Count())
	}
}
