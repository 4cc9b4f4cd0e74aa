package newsroom

import (
	"slices"
	"time"
)

// SubscriberState is where a citizen's subscription stands.
type SubscriberState string

const (
	SubscriberRequested SubscriberState = "requested" // asked for; the mailed link is not pressed yet
	SubscriberConfirmed SubscriberState = "confirmed" // consent is proven: gets mail
	SubscriberLeft      SubscriberState = "left"      // gets nothing any more
	SubscriberErased    SubscriberState = "erased"    // the person's data are gone, the row stays for the counts
)

// Cadence is how often somebody wants news of a section.
type Cadence string

const (
	CadenceInstant Cadence = "instant" // each article at once
	CadenceDaily   Cadence = "daily"   // one digest a working day
	CadenceWeekly  Cadence = "weekly"  // one digest a week
)

// Cadences lists every cadence, the most frequent first.
var Cadences = []Cadence{CadenceInstant, CadenceDaily, CadenceWeekly}

// ConfirmLife is how long a confirmation link works after the request (mail.md (c)).
const ConfirmLife = 48 * time.Hour

// Subscriber is somebody who asked for news by mail, as the person and the admin see it.
type Subscriber struct {
	ID          string
	Email       string
	Name        string
	Locale      string
	State       SubscriberState
	Source      string // form, import, admin
	RequestedAt time.Time
	ConfirmedAt *time.Time
	LeftAt      *time.Time
	Lists       []Subscription
	Blocked     string // why the address gets no newsletters: hard, soft, complaint, left, erased, admin; "" it does
}

// Wants returns the cadence at which s gets section, "" when it does not.
func (s Subscriber) Wants(section string) Cadence {
	for _, l := range s.Lists {
		if l.Section == section {
			return l.Cadence
		}
	}
	return ""
}

// Subscription is one section that somebody gets.
type Subscription struct {
	Section string    `json:"section"`
	Cadence Cadence   `json:"cadence"`
	Since   time.Time `json:"since,omitzero"`
}

// Proof is what is kept of how somebody consented or withdrew (Law 91/2025: provable).
type Proof struct {
	IP     string
	Form   string // version of the form's text
	Source string // page, link, one_click, mail, complaint, import, admin
}

// SubscribeRequest is what somebody typed on the subscribe page.
type SubscribeRequest struct {
	Email    string
	Name     string
	Locale   string
	Sections []string
	Cadence  Cadence
	Consent  bool
	Proof    Proof
}

// Held reports whether a block is one that only the office lifts: the reader called our mail spam, or the office writes no more. What
// servers said of an address, its owner disproves by confirming.
func Held(blocked string) bool { return blocked == "complaint" || blocked == "admin" }

// Confirmation is what a confirmation link stands for; Blocked is what pressing it does not lift.
type Confirmation struct {
	Subscriber                // with the name, the language and the lists that pressing it brings; the state is that of now
	Before     []Subscription // what the person gets now
	Done       bool           // there is nothing to confirm any more
}

// Leaving is what a mailed leave link stands for, and what became of it.
type Leaving struct {
	SubscriberID string
	Section      string   // the list that the mail belonged to; "" a digest, or a correction of what came with several
	Cadence      Cadence  // of a digest; "" none
	Lists        []string // sections that the mail belonged to
	State        SubscriberState
	Locale       string // the reader's language; "" not known any more
	Still        bool   // some of the lists is still subscribed to
	Rest         int    // lists that remain besides
}

// Consent is one act of consent or withdrawal on record.
type Consent struct {
	Act    string         `json:"act"` // requested, confirmed, changed, left, erased, imported
	At     time.Time      `json:"at"`
	IP     string         `json:"ip,omitempty"`
	Form   string         `json:"form_version,omitempty"`
	Words  string         `json:"words,omitempty"` // that were agreed to: filled in where the record is handed out
	Source string         `json:"source,omitempty"`
	Detail map[string]any `json:"detail,omitempty"`
}

// PersonalData is everything that is stored about one subscriber: the answer to a data subject (Law 91/2025).
type PersonalData struct {
	ID          string            `json:"id"`
	Email       string            `json:"email"`
	Name        string            `json:"name"`
	Locale      string            `json:"locale"`
	State       SubscriberState   `json:"state"`
	Source      string            `json:"source"`
	RequestedAt time.Time         `json:"requested_at"`
	ConfirmedAt *time.Time        `json:"confirmed_at,omitempty"`
	LeftAt      *time.Time        `json:"left_at,omitempty"`
	Lists       []Subscription    `json:"lists"`
	Consents    []Consent         `json:"consents"`
	Mails       []PersonalMail    `json:"mails"`
	Bounces     []Bounced         `json:"bounces"`
	Inquiries   []PersonalInquiry `json:"inquiries"`
}

// PersonalMail is one mail that was sent, or was to be sent, to a subscriber.
type PersonalMail struct {
	Subject string        `json:"subject"`
	Date    time.Time     `json:"date"`
	State   DeliveryState `json:"state"`
}

// SubscriberFilter narrows the admin's list. After is SubscriberPage.Next of the page before.
type SubscriberFilter struct {
	Query   string // part of an address or name, accents and case do not matter
	State   SubscriberState
	Section string
	After   string
	Limit   int
}

// SubscriberPage is one page of the admin's list, newest first.
type SubscriberPage struct {
	List []Subscriber
	Next string // "" no more
}

// SubscriberCounts says how many subscribers stand where.
type SubscriberCounts struct {
	Requested, Confirmed, Left, Erased, Blocked int
}

// Standing is what a subscription's workflow needs: no address.
type SubscriberStanding struct {
	State       SubscriberState `json:"state"`
	At          time.Time       `json:"at"` // of the newest act
	RequestedAt time.Time       `json:"requested_at"`
	Reminded    bool            `json:"reminded"`
	Letters     []string        `json:"letters,omitempty"` // written and not sent yet
}

// ImportRow is one line of an imported list.
type ImportRow struct {
	Line      int // in the file, from 1
	Email     string
	Name      string
	Lists     []Subscription
	ConsentAt *time.Time
}

// ImportError says why one line was not taken: Code is the last part of the key "import.<code>".
type ImportError struct {
	Line int    `json:"line"`
	Code string `json:"code"`
}

// ImportReport counts what an import does, or did.
type ImportReport struct {
	Rows    int           `json:"rows"`    // lines with an address
	Added   int           `json:"added"`   // new subscribers
	Merged  int           `json:"merged"`  // were there and got more sections
	Same    int           `json:"same"`    // were there with all of it
	Skipped int           `json:"skipped"` // left, erased or blocked before: not taken back by a list
	Failed  int           `json:"failed"`  // wrong lines
	Errors  []ImportError `json:"errors"`  // of the first MaxImportErrors wrong or skipped lines
}

// MaxImportErrors is how many lines an import reports one by one.
const MaxImportErrors = 1000

// Note counts a line that was not taken.
func (r *ImportReport) Note(line int, code string) {
	if len(r.Errors) < MaxImportErrors {
		r.Errors = append(r.Errors, ImportError{Line: line, Code: code})
	}
}

// Sort puts the lines in the order of the file.
func (r *ImportReport) Sort() {
	slices.SortStableFunc(r.Errors, func(a, b ImportError) int { return a.Line - b.Line })
}

// Import is an uploaded list between its preview and its end.
type Import struct {
	ID        string
	By        string
	Name      string
	Source    string
	State     string // preview, running, done
	Total     int
	Done      int
	Report    ImportReport
	CreatedAt time.Time
	BeatAt    time.Time
}
