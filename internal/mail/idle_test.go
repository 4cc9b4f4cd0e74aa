package mail

import (
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// impatient is a relay that ends each connection of its own accord when it has carried a mail, as one does that waits ten seconds only.
func impatient(o *smtpfake.Options, _ *Options) {
	o.Script = func(s smtpfake.Step) smtpfake.Action {
		if s.Stage == smtpfake.Dot {
			return smtpfake.Action{Raw: []byte("250 2.0.0 queued\r\n421 4.4.2 idle for too long\r\n"), Drop: smtpfake.DropAfter}
		}
		return smtpfake.Action{}
	}
}

// A relay that has ended a connection which nobody used did not ask for less: the next letter goes out at once over another one.
func TestARelayThatTiresOfAnIdleConnection(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]func(*smtpfake.Options, *Options){"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, impatient, more)
			one, two := sampleLetter(newsroom.LetterApproval, "vi"), sampleLetter(newsroom.LetterPublished, "en")
			two.ToEmail = "lan@vankhe.example"
			for _, letter := range []newsroom.LetterView{one, two} {
				b.ledger.letter(letter)
				if out, err := b.SendLetter(t.Context(), letter.ID); err != nil || out.State != newsroom.DeliverySent {
					t.Errorf("%+v %v", out, err)
				}
			}
			id := b.issue(t, 2, 1)
			for chunk := range 2 {
				if out := b.send(t, id, chunk); out.Counts.Sent != 1 {
					t.Errorf("%+v", out)
				}
			}
			b.ledger.set(func() {
				if n := len(b.ledger.slowed); n != 0 {
					t.Errorf("%d paces are slowed down", n)
				}
			})
			b.holds(t)
		})
	}
}

// Over TLS whoever leaves says good-bye, which lies before the end of the connection: the dot is not sent then either.
func TestARelayThatLeavesBeforeTheDotOverTLSLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking, func(o *smtpfake.Options, opt *Options) {
		opt.Connections, o.ImplicitTLS = 1, true
		bye := []byte("250 2.0.0 go on\r\n421 4.3.2 shutting down\r\n")
		o.Script = smtpfake.Nth(smtpfake.BDAT, 2, smtpfake.Action{Raw: bye, ByteDelay: time.Millisecond, Drop: smtpfake.DropAfter})
	})
	id := b.issue(t, 4, 4)
	grants := 0
	b.o.Failpoint = func(step string) {
		if step != "granted" {
			return
		}
		if grants++; grants == 2 {
			await(t, func() bool { _, open := b.relay.Connections(); return open == 0 })
			time.Sleep(50 * time.Millisecond) // its end is on the way to us
		}
	}
	if out := b.send(t, id, 0); out.Counts.Sent != 4 || out.Counts.InDoubt != 0 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}
