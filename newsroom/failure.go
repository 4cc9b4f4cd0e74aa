package newsroom

import "strings"

// Failure is why a mail did not arrive, in the few kinds that a person can act on. It is the last part of the keys "failure.<kind>".
type Failure string

const (
	FailureNoAddress Failure = "no_address"    // the mailbox does not exist
	FailureNoDomain  Failure = "no_domain"     // the domain takes no mail
	FailureDisabled  Failure = "disabled"      // the mailbox is switched off
	FailureFull      Failure = "full"          // the mailbox is full
	FailureTooLarge  Failure = "too_large"     // the mail is too large for it
	FailureContent   Failure = "content"       // refused for what it says or who sends it
	FailureSlowDown  Failure = "slow_down"     // too many mails at once
	FailureLater     Failure = "later"         // busy, or greylisting
	FailureNoAnswer  Failure = "no_answer"     // the dot was given and nothing came back
	FailureNoRelay   Failure = "no_connection" // nobody was reached
	FailureRefused   Failure = "refused"       // refused for good without a reason that can be told
)

// FailureOf reads the relay's answer: the enhanced code (RFC 3463) where there is one, else the code.
func FailureOf(state DeliveryState, code int, enhanced string) Failure {
	if state == DeliveryInDoubt || state == DeliveryResent {
		return FailureNoAnswer
	}
	_, detail, _ := strings.Cut(enhanced, ".")
	switch detail {
	case "1.1", "1.3", "1.6", "1.10":
		return FailureNoAddress
	case "1.2", "4.4", "4.3":
		return FailureNoDomain
	case "2.1":
		return FailureDisabled
	case "2.2":
		return FailureFull
	case "2.3", "3.4":
		return FailureTooLarge
	}
	later := code < 500
	switch {
	case code == 0:
		return FailureNoRelay
	case strings.HasPrefix(detail, "7.") && later, code == 421:
		return FailureSlowDown
	case strings.HasPrefix(detail, "7."):
		return FailureContent
	case code == 452 || code == 552:
		return FailureFull
	case later:
		return FailureLater
	default:
		return FailureRefused
	}
}
