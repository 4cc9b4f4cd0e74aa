package mail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"toasoan/newsroom"
)

// Outcome is what a reply, or its absence, means for a mail and for the work that goes on.
type Outcome struct {
	State    newsroom.DeliveryState // sent, soft, hard, in_doubt, or pending: nobody tried, no copy can exist
	Last     int                    // soft: refused this often, and the last two times for good, it becomes hard; 0: only the time decides
	Suppress bool                   // the address does not exist
	Slow     bool                   // the relay asks for less …
	Domain   bool                   // … of what goes to this one domain
	Pause    bool                   // nothing will go out until a person has mended something
	Alert    string                 // what a person should know of: relay_auth, relay_tls, sender_refused, content_refused; ""
}

// softThenStop is how often a mail is offered that is refused for good, but not because of its address.
const softThenStop = 3

// Classify judges by where the conversation ended and what the relay said there. failed nil means the dot was answered
// with 2xx. Nobody else decides what a code means.
func Classify(failed *StepError) Outcome {
	if failed == nil {
		return Outcome{State: newsroom.DeliverySent}
	}
	if failed.Reply.Code == 0 {
		return silence(failed)
	}
	if !failed.Reply.refuses() {
		return muddle(failed.Stage)
	}
	code, enhanced := failed.Reply.Code, failed.Reply.Enhanced
	slow := code == 421 || code/100 == 4 && strings.HasPrefix(enhanced, "4.7.")
	switch failed.Stage {
	case StageBanner, StageHello:
		return Outcome{State: newsroom.DeliveryPending, Slow: slow}
	case StageTLS:
		return Outcome{State: newsroom.DeliveryPending, Slow: slow, Pause: code/100 == 5, Alert: alertOn5("relay_tls", code)}
	case StageAuth:
		return Outcome{State: newsroom.DeliveryPending, Slow: slow, Pause: code/100 == 5, Alert: alertOn5("relay_auth", code)}
	case StageMail:
		if code == 421 {
			return Outcome{State: newsroom.DeliveryPending, Slow: true}
		}
	default:
	}
	if code/100 == 4 { // what is said after the recipient was named, and keeps the connection, is about where it goes
		return Outcome{State: newsroom.DeliverySoft, Slow: slow, Domain: slow && code != 421 && failed.Stage != StageMail}
	}
	return refusal(failed.Stage, code, enhanced)
}

// tired reports that a connection which was idle before this mail has died of that, or was ended by the relay: it was no answer to the
// mail, and says nothing of how much the relay takes.
func (e *StepError) tired() bool {
	if e == nil || e.Stage == StageCompose {
		return false
	}
	return e.Err != nil || e.Stage == StageMail && e.Reply.Code == 421
}

// silence is a step without a reply.
func silence(failed *StepError) Outcome {
	switch failed.Stage {
	case StageDot:
		return Outcome{State: newsroom.DeliveryInDoubt}
	case StageCompose:
		return Outcome{State: newsroom.DeliveryHard, Alert: "cannot_compose"}
	case StageAuth:
		return Outcome{State: newsroom.DeliveryPending, Pause: !broken(failed.Err), Alert: alertIf("relay_auth", !broken(failed.Err))}
	case StageTLS:
		bad := certificate(failed.Err) || !broken(failed.Err)
		return Outcome{State: newsroom.DeliveryPending, Pause: bad, Alert: alertIf("relay_tls", bad)}
	default:
		return Outcome{State: newsroom.DeliveryPending}
	}
}

// muddle is an answer that neither accepts nor refuses, such as a 354 behind the dot: what the relay made of the mail nobody knows
// there; before the dot it can have made nothing of it.
func muddle(stage Stage) Outcome {
	if stage == StageDot {
		return Outcome{State: newsroom.DeliveryInDoubt}
	}
	return Outcome{State: newsroom.DeliverySoft}
}

// refusal is a 5xx.
func refusal(stage Stage, code int, enhanced string) Outcome {
	full := code == 552 || enhanced == "5.2.2"
	policy := strings.HasPrefix(enhanced, "5.7.") || code == 554
	switch stage {
	case StageMail:
		if code == 530 || code == 535 || code == 538 {
			return Outcome{State: newsroom.DeliveryPending, Pause: true, Alert: "relay_auth"}
		}
		return Outcome{State: newsroom.DeliverySoft, Last: softThenStop, Alert: "sender_refused"}
	case StageRcpt:
		switch {
		case strings.HasPrefix(enhanced, "5.1."):
			return Outcome{State: newsroom.DeliveryHard, Suppress: !strings.HasPrefix(enhanced, "5.1.7") && !strings.HasPrefix(enhanced, "5.1.8")}
		case full:
			return Outcome{State: newsroom.DeliverySoft, Last: softThenStop}
		case policy:
			return Outcome{State: newsroom.DeliverySoft, Last: softThenStop, Alert: "content_refused"}
		}
	case StageData, StageBody:
		return Outcome{State: newsroom.DeliverySoft, Last: softThenStop, Alert: alertIf("content_refused", policy)}
	case StageDot:
		if full {
			return Outcome{State: newsroom.DeliverySoft, Last: softThenStop}
		}
		return Outcome{State: newsroom.DeliveryHard, Alert: alertIf("content_refused", policy)}
	default:
	}
	return Outcome{State: newsroom.DeliveryHard}
}

func alertIf(code string, yes bool) string {
	if yes {
		return code
	}
	return ""
}

func alertOn5(alert string, code int) string { return alertIf(alert, code/100 == 5) }

// certificate reports that the relay could not prove who it is.
func certificate(err error) bool {
	var (
		invalid *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
	)
	return errors.As(err, &invalid) || errors.As(err, &unknown) || errors.As(err, &host)
}

// broken reports that the network failed, not the agreement.
func broken(err error) bool {
	var network interface{ Timeout() bool } // net.Error and what wraps it
	if errors.As(err, &network) {
		return true
	}
	return isClosed(err)
}

// Retry says when a mail that was refused for now is offered again.
type Retry struct {
	Waits []time.Duration // after the first, second … refusal; the last one repeats
	Stop  time.Duration   // all waits together; an issue that is held meanwhile costs no mail its tries
}

// DefaultRetry is 5 and 15 minutes, 1, 4, 12 hours, then daily, 72 hours in all.
var DefaultRetry = Retry{
	Waits: []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour},
	Stop:  72 * time.Hour,
}

// Next is how long a mail waits that has now been refused so many times (from 1); ok is false where it is given up.
func (r Retry) Next(refusals int) (wait time.Duration, ok bool) {
	var sum time.Duration
	for n := range refusals {
		wait = r.Waits[min(n, len(r.Waits)-1)]
		sum += wait
	}
	return wait, sum <= r.Stop
}

// settle turns an outcome into what the ledger keeps, for a mail that had attempt results before, the last of them with code before.
// said is what the relay took it with: its queue's name for the mail, mostly, by which the relay's log can be asked.
func (o Outcome) settle(e Entry, said Reply, failed *StepError, attempt, before int, retry Retry, doubt time.Duration) Entry {
	e.State, e.Suppress = o.State, o.Suppress
	if failed != nil {
		e.Stage, said = string(failed.Stage), failed.Reply
	}
	e.Code, e.Enhanced, e.Reply = said.Code, said.Enhanced, said.Text
	switch o.State {
	case newsroom.DeliverySoft:
		wait, again := retry.Next(attempt + 1)
		switch {
		case o.Last > 0 && attempt+1 >= o.Last && before/100 == 5:
			e.State = newsroom.DeliveryHard
		case !again:
			e.State = newsroom.DeliveryExpired
		default:
			e.Next = new(e.At.Add(wait))
		}
	case newsroom.DeliveryInDoubt:
		if doubt > 0 {
			e.Next = new(e.At.Add(doubt))
		}
	default:
	}
	return e
}
