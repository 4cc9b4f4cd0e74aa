package newsroom

import (
	"slices"
	"time"
)

// Card is an article as the board and the desk's lists show it.
type Card struct {
	ID          string
	Title       string
	Stage       Stage
	Public      Public
	Section     string
	AuthorID    string
	Author      string
	HolderID    string
	Holder      string
	Revision    int
	Live        int
	Clock       Clock
	Due         *time.Time // clock at 100 %
	ReleaseDue  *time.Time
	ReleaseAt   *time.Time // embargo asked for in the draft
	ExpireAt    *time.Time
	PublishedAt *time.Time
	SecondBy    *time.Time
	SecondLate  bool
	Frozen      bool
	FrozenWhy   Hold
	UpdatedAt   time.Time
	Note        string // why it came back, in the words of whoever returned it
	NoteCode    ReasonCode
	Views       int64
	AskID       string // the reader's own open question about it
}

// Late reports whether the time of whoever is on the clock is over.
func (c Card) Late(now time.Time) bool {
	return c.Clock.Runs() && c.Due != nil && !c.Due.After(now)
}

// Left is the working time that is left on the clock, negative when it is over by so much, and how much of it is used in percent.
func (c Card) Left(cal Calendar, now time.Time) (left time.Duration, used int) {
	if !c.Clock.Runs() || c.Due == nil {
		return 0, 0
	}
	whole := time.Duration(c.Clock.Minutes) * time.Minute
	if c.Due.After(now) {
		left = cal.Between(now, *c.Due)
		return left, int(100 - 100*left/whole)
	}
	return -cal.Between(*c.Due, now), 100
}

// CardFilter narrows the board and the desk's lists; the zero value narrows nothing.
type CardFilter struct {
	Section string
	Author  string // account id
	Holder  string // account id
	Stage   Stage
	Text    string // in the title, without accents
	Late    bool   // only what is overdue
}

// Column is one stage of the board.
type Column struct {
	Stage Stage
	Cards []Card
	Count int // more than Cards where the column was cut
}

// BoardStages are the columns of the board, in order.
var BoardStages = []Stage{
	StageDraft, StageChangesRequested, StageSubmitted, StageInReview, StageAwaitingApproval, StageApproved, StageScheduled, StageReleased,
}

// Work is what one person has to do, the most urgent first, each list in the order of its due times.
type Work struct {
	Decide    []Card // asked of me as holder of an office
	Second    []Card // waits for a second signature that I may give
	Frozen    []Card // held by a "not me" report, for leaders
	Returned  []Card // mine, to be mended
	Drafts    []Card // mine, being written
	Editing   []Card // I hold the lock
	Queue     []Card // waits for a reviewer of my sections
	Waiting   []Card // mine, with somebody else
	Published []Card // mine, newest first, with their views
	Alerts    int    // for admins
	Parked    int    // for admins
	Reports   int    // readers' reports that nobody has handled, for the bureau and admins
}

// Count is how many things wait for the person, without what waits for others.
func (w Work) Count() int {
	return len(w.Decide) + len(w.Second) + len(w.Frozen) + len(w.Returned) + len(w.Editing) + len(w.Queue) + w.Alerts + w.Parked
}

// SeesAll reports whether p sees every article of the newsroom, not only the own ones.
func (p Person) SeesAll() bool { return p.Reads("") && p.ID != "" }

// Comment is a remark on an article.
type Comment struct {
	ID       string
	Revision int
	UserID   string
	Name     string
	Text     string
	Kind     string // comment | note
	At       time.Time
}

// Alert is a trouble that an operator must look at.
type Alert struct {
	ID        string
	Code      string
	Detail    map[string]any
	At        time.Time
	ClearedAt *time.Time
}

// ParkedEvent is an event that a consumer could not handle on its last delivery.
type ParkedEvent struct {
	ID        int64
	Durable   string
	EventID   string
	Subject   string
	Payload   []byte
	Error     string
	ParkedAt  time.Time
	RetriedAt *time.Time
}

// Colleague is a person as lists to choose from show them.
type Colleague struct {
	ID       string
	Name     string
	PenName  string
	Title    string
	Roles    []Role
	Sections []string
}

// Reviews reports whether c may hold the edit lock of an article of section.
func (c Colleague) Reviews(section string) bool {
	return slices.Contains(c.Roles, RoleReviewer) && (len(c.Sections) == 0 || slices.Contains(c.Sections, section))
}

// DeskIssue is a mail issue as the desk shows it.
type DeskIssue struct {
	Issue
	Title    string // of the article
	Counts   IssueCounts
	Recent   int       // mails that were settled since RecentAt: how fast it runs
	RecentAt time.Time // zero: it does not run
	Faults   []DeliveryFault
	Bounces  []BounceGroup // what came back after the relay had taken it
	Sections []string      // of a digest
	Shown    bool          // readers see what it tells: it may go on, and what failed may be sent again
	Offers   IssueOffers
}

// IssueOffers is how many mails of an issue a person may have sent again, by what became of them, and how many addresses its refusals
// have blocked. Whoever left, or gets no mail any more, is in none of the first three.
type IssueOffers struct {
	Later   int // put off, or given up
	InDoubt int // nobody knows, and nothing happens by itself: another copy may be the second
	Refused int // for good
	Blocked int // addresses that were refused, and get no mail since
}

// DeliveryFault is one kind of trouble in an issue and how many mails had it.
type DeliveryFault struct {
	State    DeliveryState
	Code     int
	Enhanced string
	Reply    string     // the relay's words, without addresses
	Attempt  int        // the most
	Next     *time.Time // the first
	Count    int
}
