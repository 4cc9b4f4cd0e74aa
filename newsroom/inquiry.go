package newsroom

import "time"

// InquiryKind is what somebody asks about the own data (Law 91/2025).
type InquiryKind string

const (
	InquiryAccess     InquiryKind = "access"     // what is stored
	InquiryCorrection InquiryKind = "correction" // mend what is wrong
	InquiryWithdrawal InquiryKind = "withdrawal" // take the consent back
	InquiryErasure    InquiryKind = "erasure"    // erase
	InquiryObjection  InquiryKind = "objection"  // use the address no more, by whatever list it came
)

// InquiryKinds lists every kind.
var InquiryKinds = []InquiryKind{InquiryAccess, InquiryCorrection, InquiryWithdrawal, InquiryErasure, InquiryObjection}

// InquiryChannel is how an inquiry came.
type InquiryChannel string

const (
	InquiryByLetter InquiryChannel = "letter"
	InquiryByEmail  InquiryChannel = "email"
	InquiryByPhone  InquiryChannel = "phone"
	InquiryInPerson InquiryChannel = "in_person"
	InquiryByPortal InquiryChannel = "portal" // the portal's feedback page
	InquiryByLink   InquiryChannel = "link"   // the preferences link: the person did it, nobody had to
)

// InquiryChannels lists the channels by which people are heard; what came by the preferences link is never entered by hand.
var InquiryChannels = []InquiryChannel{InquiryByLetter, InquiryByEmail, InquiryByPhone, InquiryInPerson, InquiryByPortal}

// InquiryOutcome is how an inquiry ended.
type InquiryOutcome string

const (
	InquiryDone    InquiryOutcome = "done"
	InquiryPartly  InquiryOutcome = "partly"
	InquiryNothing InquiryOutcome = "nothing" // nothing is stored about the person
	InquiryRefused InquiryOutcome = "refused" // the answer says on what ground
)

// InquiryOutcomes lists every outcome.
var InquiryOutcomes = []InquiryOutcome{InquiryDone, InquiryPartly, InquiryNothing, InquiryRefused}

// InquiryAct is one thing done about an inquiry.
type InquiryAct string

const (
	InquiryReceived  InquiryAct = "received"
	InquiryAnswered  InquiryAct = "answered"
	InquiryExported  InquiryAct = "exported"  // the data were handed out
	InquiryCorrected InquiryAct = "corrected" // the name
	InquiryLeft      InquiryAct = "left"      // every list ended, with the letter that confirms it
	InquiryBlocked   InquiryAct = "blocked"   // no newsletter to the address, whoever enters it again
	InquiryUnblocked InquiryAct = "unblocked" // the block of the address lifted, since the person wants mail again
	InquiryErased    InquiryAct = "erased"
	InquiryClosed    InquiryAct = "closed"
)

// InquiryClocks are the office's limits (Decree 356/2025: 2 working days to answer, 15 days to stop).
type InquiryClocks struct {
	AnswerDays int `json:"answer_days"` // working days until the first answer
	SettleDays int `json:"settle_days"` // days until it is done
}

// DefaultInquiryClocks are the law's.
var DefaultInquiryClocks = InquiryClocks{AnswerDays: 2, SettleDays: 15}

// Due returns until when an inquiry received at from must be answered and settled.
func (c InquiryClocks) Due(calendar Calendar, from time.Time) (answer, settle time.Time) {
	settle = from.AddDate(0, 0, c.SettleDays)
	answer = calendar.Add(from, c.AnswerDays*WorkingDay)
	if answer.IsZero() || answer.After(settle) { // an office that never works answers all the same
		answer = settle
	}
	return answer, settle
}

// NewInquiry is what somebody enters who has received one.
type NewInquiry struct {
	Email      string // whose data it is about: looked up, not kept
	Kind       InquiryKind
	Channel    InquiryChannel
	Reference  string // number in the office's own register of papers
	Words      string
	ReceivedAt time.Time
}

// Limits of an inquiry's texts, in characters.
const (
	MaxInquiryReference = 100
	MaxInquiryWords     = 4000
)

// Inquiry is one on the register.
type Inquiry struct {
	ID           string
	SubscriberID string // "" nobody of that address was known
	Email        string // as the subscriber has it now; "" erased or unknown
	State        SubscriberState
	Blocked      string // why the address gets no newsletter, "" none; filled in for one inquiry only
	Kind         InquiryKind
	Channel      InquiryChannel
	Reference    string
	Words        string
	ReceivedAt   time.Time
	ReceivedBy   string // name; "" by the preferences link
	AnswerDue    time.Time
	SettleDue    time.Time
	AnsweredAt   *time.Time
	ClosedAt     *time.Time
	Outcome      InquiryOutcome
	Acts         []InquiryEntry // filled in for one inquiry only
}

// Due is the limit that runs now: of the first answer, then of settling it. The zero time when it is closed.
func (i Inquiry) Due() time.Time {
	switch {
	case i.ClosedAt != nil:
		return time.Time{}
	case i.AnsweredAt == nil:
		return i.AnswerDue
	default:
		return i.SettleDue
	}
}

// InquiryEntry is one line of what was done about an inquiry.
type InquiryEntry struct {
	Act  InquiryAct
	At   time.Time
	By   string // name; "" the system
	Note string
}

// InquiryFilter narrows the register. After is InquiryPage.Next of the page before.
type InquiryFilter struct {
	State      string // open, overdue, closed; "" all
	Subscriber string
	After      string
	Limit      int
}

// InquiryPage is one page of the register, newest first; open ones by what is due first.
type InquiryPage struct {
	List []Inquiry
	Next string // "" no more
}

// InquiryCounts says what waits.
type InquiryCounts struct {
	Open, Overdue int
}

// PersonalInquiry is an inquiry as the person's own data file tells it.
type PersonalInquiry struct {
	ReceivedAt time.Time      `json:"received_at"`
	Kind       InquiryKind    `json:"kind"`
	Channel    InquiryChannel `json:"channel"`
	ClosedAt   *time.Time     `json:"closed_at,omitempty"`
	Outcome    InquiryOutcome `json:"outcome,omitempty"`
}
