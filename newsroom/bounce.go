package newsroom

import (
	"slices"
	"time"
)

// BounceKind says what came back about a mail that a relay had taken.
type BounceKind string

const (
	BounceHard      BounceKind = "hard"      // the address does not exist: it gets no mail of any kind any more
	BounceSoft      BounceKind = "soft"      // not delivered, but the address may exist: full, switched off, given up
	BounceRefused   BounceKind = "refused"   // not delivered because of its content, its sender or a policy: says nothing of the address
	BounceDelayed   BounceKind = "delayed"   // still being tried elsewhere: noted, nothing else
	BounceComplaint BounceKind = "complaint" // its reader called it spam
	BounceLeave     BounceKind = "leave"     // its reader asks by mail to get no more of them
)

// StageBounce is the smtp_stage of a mail that the relay had taken and that came back.
const StageBounce = "bounce"

// BounceKinds lists every kind, the gravest first.
var BounceKinds = []BounceKind{BounceComplaint, BounceHard, BounceRefused, BounceSoft, BounceDelayed, BounceLeave}

// Failed reports that the mail did not reach its reader.
func (k BounceKind) Failed() bool {
	return k == BounceHard || k == BounceSoft || k == BounceRefused
}

// Known reports whether k is a kind.
func (k BounceKind) Known() bool { return slices.Contains(BounceKinds, k) }

// Bounce is what one report says about one mail of ours. Nothing in it is trusted but what names the mail: that only its reader
// and the servers on its way have seen.
type Bounce struct {
	Kind       BounceKind
	Tokens     []string // of the return path, or of the unsubscribe address: the surest first
	MessageIDs []string // without brackets
	Recipient  string   // whom the report is about, "" unsaid; compared, never kept
	Status     string   // RFC 3463: "5.1.1"; "" unsaid
	Code       int      // of SMTP; 0 unsaid
	Said       string   // the reporting server's words, without addresses
	Report     []byte   // names the report
	Via        string   // imap, smtp, http
}

// BounceOutcome is what became of a report.
type BounceOutcome string

const (
	BounceTaken   BounceOutcome = "taken"   // acted on
	BounceAgain   BounceOutcome = "again"   // was acted on before
	BounceUnknown BounceOutcome = "unknown" // about no mail of ours, or a forged name of one
)

// BounceResult is the outcome, and whose subscription may have ended.
type BounceResult struct {
	Outcome      BounceOutcome
	SubscriberID string // "" nobody's
}

// BounceLimit says how often an address may fail before it gets no newsletters any more: in so many different issues within so
// many days.
type BounceLimit struct {
	Issues int
	Days   int
}

// Complaints pause an issue from this share of its mails, and from this many on (Gmail: never 0.3 %).
const (
	ComplaintShare = 0.003
	ComplaintLeast = 3
)

// TooManyComplaints reports whether an issue of which sent mails are out has to be looked at.
func TooManyComplaints(complaints, sent int) bool {
	return complaints >= ComplaintLeast && float64(complaints) >= ComplaintShare*float64(sent)
}

// Mails refused for good pause an issue from more than this share of those looked at, of which there are at least so many or as good as.
const (
	HardShare  = 0.05
	HardSample = 500
)

// TooManyHard reports whether too many of an issue's last mails were refused for good: also the fewer than HardSample mails of a short
// issue have to hold as many as that sample would.
func TooManyHard(hard, sent int) bool {
	return float64(hard) > HardShare*float64(max(sent, HardSample))
}

// BounceGroup is how many reports of one kind and reason came back about an issue.
type BounceGroup struct {
	Kind   BounceKind
	Status string // RFC 3463, "" unsaid
	Said   string // one of the reports' words
	Count  int    // different recipients
}

// Bounced is one report about a mail to a subscriber, as the admin and the person see it.
type Bounced struct {
	At     time.Time  `json:"at"`
	Kind   BounceKind `json:"kind"`
	Status string     `json:"status,omitempty"`
	Said   string     `json:"said,omitempty"`
	Title  string     `json:"subject"` // of the newsletter
}

// EventFailed is the type of an event whose kind follows from its status and words.
const EventFailed = "failed"

// BounceEvent is what a relay that reports by HTTP says about one mail.
type BounceEvent struct {
	ID         string // names the event: a repeat is taken once
	Type       string // failed, delayed, complaint, leave
	ReturnPath string // of the mail: b+<token>@…
	MessageID  string // of the mail, where the return path is not known
	Recipient  string // whom it is about; compared, never kept
	Status     string // RFC 3463
	Diagnostic string // the refusing server's words
}
