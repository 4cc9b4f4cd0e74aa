package newsroom

import "time"

// LetterKind names a transactional mail: the file name of its templates.
type LetterKind string

const (
	LetterSubmitted       LetterKind = "submitted"            // to the bureau: a draft waits
	LetterApproval        LetterKind = "approval_request"     // to the office: please decide
	LetterApprovalSoon    LetterKind = "approval_reminder"    // at 50 % and 80 % of the office's time
	LetterApprovalOverdue LetterKind = "approval_overdue"     // at 100 %: the office and whoever is asked too
	LetterReviewSoon      LetterKind = "review_reminder"      // at 50 % and 80 % of the bureau's time
	LetterReviewOverdue   LetterKind = "review_overdue"       // at 100 %
	LetterChanges         LetterKind = "changes_requested"    // to the author: mend and submit again
	LetterRejected        LetterKind = "rejected"             // to the author
	LetterPublished       LetterKind = "published"            // to the authors
	LetterReceipt         LetterKind = "decision_receipt"     // to whoever decided, with "not me"
	LetterSettled         LetterKind = "decided_elsewhere"    // to the others who were asked: settled, by whom
	LetterSecondSign      LetterKind = "second_sign"          // to the other leaders: a second signature is due
	LetterNotMe           LetterKind = "not_me_alert"         // to chief and admins
	LetterPINLocked       LetterKind = "pin_locked"           // to the leader and admins: five wrong PINs on a link
	LetterDeskLocked      LetterKind = "desk_pin_locked"      // to the leader, chief and admins: wrong PINs at the desk
	LetterPINInvite       LetterKind = "pin_invitation"       // to a leader: set the PIN
	LetterAccountInvite   LetterKind = "account_invitation"   // to a new account: set the password
	LetterPasswordReset   LetterKind = "password_reset"       //
	LetterConfirm         LetterKind = "confirm_subscription" // double opt-in
	LetterConfirmAgain    LetterKind = "confirm_reminder"     // the one reminder
	LetterLeft            LetterKind = "unsubscribed"         //
	LetterQuiet           LetterKind = "no_update_today"      // to the chief: nothing was published this working day
	LetterToFriend        LetterKind = "send_to_friend"       // a reader sends an article on
	LetterAuditRoot       LetterKind = "audit_root"           // to the inspector: where the audit chain ended that day
	LetterReplyRefused    LetterKind = "reply_refused"        // to a leader: the mailed answer was not carried out, and why
)

// DeliveryState is where one mail to one person stands, for letters and for newsletters alike.
type DeliveryState string

const (
	DeliveryPending    DeliveryState = "pending"
	DeliveryClaimed    DeliveryState = "claimed"    // a worker has it; nothing was accepted by the relay
	DeliveryDot        DeliveryState = "dot"        // committed before the dot: from here a copy may exist
	DeliverySent       DeliveryState = "sent"       // the relay said 250
	DeliverySoft       DeliveryState = "soft"       // refused for now; next attempt is set
	DeliveryHard       DeliveryState = "hard"       // refused for good
	DeliverySuppressed DeliveryState = "suppressed" // left or suppressed before it went out
	DeliveryCancelled  DeliveryState = "cancelled"  // the issue was stopped
	DeliveryInDoubt    DeliveryState = "in_doubt"   // no reply after the dot
	DeliveryResent     DeliveryState = "in_doubt_resent"
	DeliveryExpired    DeliveryState = "expired" // 72 hours of soft refusals
)

// Final reports that nothing more will happen to a mail in s.
func (s DeliveryState) Final() bool {
	switch s {
	case DeliverySent, DeliveryHard, DeliverySuppressed, DeliveryCancelled, DeliveryInDoubt, DeliveryResent, DeliveryExpired:
		return true
	default:
		return false
	}
}

// LetterView is everything a letter's template may say, loaded fresh for each attempt except what decides its bytes:
// MessageID and Date are fixed when the letter is written.
type LetterView struct {
	ID         string
	Kind       LetterKind
	ToName     string
	ToEmail    string
	ToTitle    string // chức vụ
	Locale     string
	MessageID  string // without angle brackets
	VERP       string // names the letter in its return path: the same for every attempt
	Thread     string // message id of the article's thread; "" none
	Date       time.Time
	Link       string // the one link, full URL
	NotMeLink  string
	ArticleID  string
	Title      string
	Lead       string
	Section    string // name in the letter's language
	Authors    string // byline
	Reviewer   string
	Behalf     string // whose office it is that the link lets somebody sign for
	ActorName  string // who decided, returned, asks
	ActorTitle string
	Move       Move
	Code       ReasonCode
	Reason     string
	Note       string     // reviewer's note to the leader
	At         *time.Time // when it happened: sent up, decided, published
	Due        *time.Time
	Left       time.Duration // working time left at Date; negative: overdue by
	PublicURL  string
	Sections   []string  // subscription: names of the sections
	Cadences   []Cadence // confirm_subscription, confirm_reminder: how often, of each of Sections
	Known      bool      // confirm_subscription, confirm_reminder: gets news already
	Until      *time.Time
	Told       bool       // approval_reminder, approval_overdue: only told of it, not asked
	Late       bool       // second_sign: the time for the signature is over
	Shut       bool       // desk_pin_locked: the desk takes no PIN before a new one is set
	UndoUntil  *time.Time // decision_receipt: until then the decision can be undone
	Root       *AuditRoot // audit_root
	ReplyTag   string     // approval letters: names the question in the reply address, where the policy lets a reply decide
	Why        string     // reply_refused: why a mailed answer was not carried out
	Office     OfficeInfo
}

// OfficeInfo is what the office is called and how it is reached: settings, printed on pages and under mails.
type OfficeInfo struct {
	Portal  string `json:"portal"`  // tên cổng
	Unit    string `json:"unit"`    // cơ quan chủ quản
	Parent  string `json:"parent"`  // cơ quan cấp trên
	Bureau  string `json:"bureau"`  // label of the bureau
	Address string `json:"address"` //
	Phone   string `json:"phone"`   //
	Email   string `json:"email"`   //
	Chief   string `json:"chief"`   // người chịu trách nhiệm chính
	License string `json:"license"` // giấy phép
	Accent  string `json:"accent"`  // CSS class suffix of the portal's accent: red, blue, green
	URL     string `json:"-"`       // public base URL, from the configuration
}

// Issue is one newsletter: an article, a correction or a digest, to the confirmed subscribers of a list.
type Issue struct {
	ID         string
	Kind       string // article, correction, digest
	ArticleID  string
	N          int64 // the publication it belongs to
	Revision   int
	List       string // section id
	Period     string
	Subject    string
	Status     string
	Why        string
	Candidates int
	Chunks     int
	OpenedAt   time.Time
	PreparedAt *time.Time
	FinishedAt *time.Time
}

// IssueCounts is the completeness equation of an issue: Candidates = Sent + Hard + Expired + Suppressed + Cancelled +
// InDoubt + Waiting.
type IssueCounts struct {
	Candidates, Sent, Hard, Expired, Suppressed, Cancelled, InDoubt, Waiting int

	Bounced int // of Hard and Expired: the relay had taken the mail, and it came back
}

// Balanced reports whether the equation holds.
func (c IssueCounts) Balanced() bool {
	return c.Candidates == c.Sent+c.Hard+c.Expired+c.Suppressed+c.Cancelled+c.InDoubt+c.Waiting
}

// IssueView is what an issue's mails show, the same for every recipient: the input of the master copy.
type IssueView struct {
	Issue     Issue
	Title     string
	Lead      string
	Section   string
	Byline    string
	Published time.Time
	URL       string // of the article on the portal
	Cover     string // full URL of a picture, "" none
	CoverAlt  string
	Note      *Correction
	Items     []DigestItem // digests
	More      int          // articles of its time that a digest does not list
	ListName  string
	ArchiveTo string // URL of the section
	Office    OfficeInfo
}

// DigestItem is one article of a digest.
type DigestItem struct {
	Title, Lead, Section, URL string
	At                        time.Time
}

// Recipient is one frozen row of an issue's ledger, with the tokens its mail needs (derived, never stored).
type Recipient struct {
	SubscriberID string
	Name         string
	Email        string
	Since        time.Time // subscribed since
	MessageID    string
	Date         time.Time
	LeaveURL     string
	PrefsURL     string
	VERP         string
	Attempt      int
	Code         int // SMTP code of its last result, 0 none
}
