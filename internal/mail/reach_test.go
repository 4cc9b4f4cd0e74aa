package mail

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// told keeps what the operator was told, and what was taken back.
type told struct {
	mu             sync.Mutex
	alerts, closed []string
	last           map[string]string
	deaf           bool // nothing can be taken back
}

func (o *told) tell(_ context.Context, code string, detail map[string]string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alerts, o.last = append(o.alerts, code), maps.Clone(detail)
}

func (o *told) settle(_ context.Context, code string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.deaf {
		return errors.New("connection lost")
	}
	o.closed = append(o.closed, code)
	return nil
}

// is compares what was told, however often, and how often it was taken back.
func (o *told) is(alerts, closed []string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Equal(slices.Compact(slices.Clone(o.alerts)), alerts) && slices.Equal(o.closed, closed)
}

// A relay that nobody reaches is told now and then, not at every try, and settled by itself: for letters as for newsletters, whether it
// does not answer at all or with a refusal.
func TestARelayThatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]func(*bench){
		"down":   func(b *bench) { b.relay.Down() },
		"banner": func(b *bench) { b.relay.SetScript(smtpfake.At(smtpfake.Banner, smtpfake.Reply(554, "5.3.2 no"))) },
		"mail":   func(b *bench) { b.relay.SetScript(smtpfake.At(smtpfake.MAIL, smtpfake.Reply(421, "4.3.2 no time"))) },
		"ehlo":   func(b *bench) { b.relay.SetScript(smtpfake.At(smtpfake.EHLO, smtpfake.Reply(550, "5.7.1 no"))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var operator told
			b := setup(t, func(_ *smtpfake.Options, o *Options) {
				o.Alert, o.Settle, o.Waits.Away = operator.tell, operator.settle, 50*time.Millisecond
			})
			letter := func() LetterResult {
				t.Helper()
				out, err := b.SendLetter(t.Context(), "l1")
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			v := sampleLetter(newsroom.LetterApproval, "vi")
			v.ID = "l1"
			b.ledger.letter(v)
			out(b)
			began := time.Now()
			if letter(); !operator.is(nil, nil) {
				t.Errorf("told of the first try: %v", operator.alerts)
			}
			for time.Since(began) < 200*time.Millisecond {
				if out := letter(); out.State != newsroom.DeliveryPending || out.Next == nil || out.Pause != "" {
					t.Fatalf("the letter: %+v", out)
				}
			}
			if !operator.is([]string{"relay_away"}, nil) || operator.last["relay"] == "" {
				t.Errorf("after many tries: %v, %v, %v", operator.alerts, operator.last, operator.closed)
			}
			if n := len(operator.alerts); n > 4 {
				t.Errorf("told %d times in a fifth of a second", n)
			}
			id, ended := b.issue(t, 3, 3), make(chan ChunkResult)
			go func() {
				out, err := b.SendChunk(t.Context(), id, 0, nil)
				if err != nil {
					t.Error(err)
				}
				ended <- out
			}()
			await(t, func() bool {
				b.bulk.mu.Lock()
				defer b.bulk.mu.Unlock()
				return b.bulk.failed >= 3
			})
			b.relay.SetScript(func(smtpfake.Step) smtpfake.Action { return smtpfake.Action{} })
			if name == "down" {
				if err := b.relay.Up(); err != nil {
					t.Fatal(err)
				}
			}
			if out := <-ended; out.Counts.Sent != 3 {
				t.Errorf("the newsletter: %+v", out)
			}
			if out := letter(); out.State != newsroom.DeliverySent {
				t.Errorf("the letter: %+v", out)
			}
			if !operator.is([]string{"relay_away"}, []string{"relay_away"}) {
				t.Errorf("once it is back: told %v, settled %v", operator.alerts, operator.closed)
			}
		})
	}
}

// The first connection of a program also settles what one before it told; what has an alert of its own is not told twice.
func TestOnlyAbsenceIsAbsence(t *testing.T) {
	t.Parallel()
	var operator told
	relay := &Relay{Host: "mail.example", Port: 25}
	r := &reach{relay: relay, alert: operator.tell, settle: operator.settle}
	refused := &StepError{Stage: StageAuth, Reply: Reply{Code: 535}}
	for range 3 {
		r.failed(t.Context(), refused)
		r.failed(t.Context(), context.DeadlineExceeded)
	}
	operator.deaf = true // the ledger is away too: it is tried again
	r.reached(t.Context())
	operator.deaf = false
	r.reached(t.Context())
	r.reached(t.Context())
	if !operator.is(nil, []string{"relay_away"}) {
		t.Errorf("told %v, settled %v", operator.alerts, operator.closed)
	}
}
