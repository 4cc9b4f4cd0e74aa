package newsroom

import (
	"slices"
	"time"
)

// Article is the standing of one article: what the rules and the lists need, without its text.
type Article struct {
	ID          string
	Stage       Stage
	Public      Public
	Section     string
	Title       string // of the working draft
	Slug        string // of the working draft
	AuthorID    string
	HolderID    string // the reviewer who holds the edit lock; "" nobody
	ForwardedBy string // the reviewer who forwarded the revision now before the office
	Revision    int    // newest frozen revision; 0: none yet
	Live        int    // revision readers see or saw last; 0: never published
	Round       int    // round of asking for approval; each forward, resubmit and undo opens a new one
	Step        int    // step of the policy that is asked now, from 0
	Version     int64  // version of the working draft: the ETag
	DraftHash   string // content hash of the working draft
	Seq         int64  // newest audit sequence; the n of the next event is Seq+1
	Clock       Clock
	ReleaseDue  *time.Time // when an approved revision goes out
	ExpireAt    *time.Time // when a live article leaves the lists
	UndoUntil   *time.Time // end of the cooling-off
	Frozen      bool       // the release is held until a leader acts
	FrozenWhy   Hold       // why it is held
	SecondBy    *time.Time // second signature due; nil: none open
	FirstSigner string     // who gave the first of two signatures
	SecondLate  bool       // the second signature is overdue: the page says so
	PublishedAt *time.Time // first publication
	UpdatedAt   time.Time
	CreatedAt   time.Time
}

// Hold says why an approved revision does not go out although its time comes. A leader ends it: the office is asked again.
type Hold string

const (
	HoldNone      Hold = ""
	HoldNotMe     Hold = "not_me"     // somebody disowned the approval
	HoldRefused   Hold = "refused"    // the clock's release was refused: other bytes, or the end of display has passed
	HoldWithdrawn Hold = "withdrawn"  // the article was withdrawn after the approval
	HoldTakenDown Hold = "taken_down" // the article was taken down after the approval
	HoldExpired   Hold = "expired"    // a reviewer ended its display after the approval
)

// ClockKind says for whom the working minutes run.
type ClockKind string

const (
	ClockNone     ClockKind = ""
	ClockReview   ClockKind = "review"   // the bureau's: from submit
	ClockApproval ClockKind = "approval" // the office's: from forward, anew for each step
)

// Clock is the working time given to whoever has the ball. It pauses (ClockNone) while the reporter has it.
type Clock struct {
	Kind    ClockKind
	ID      int64 // audit sequence that started it; a reminder is unique per clock and mark
	Start   time.Time
	Minutes int
}

// Runs reports whether somebody is on the clock.
func (c Clock) Runs() bool { return c.Kind != ClockNone && c.Minutes > 0 }

// Due is the moment at which percent of the clock's working time has passed.
func (c Clock) Due(cal Calendar, percent int) time.Time {
	return cal.Add(c.Start, c.Minutes*percent/100)
}

// Marks are the percentages at which somebody is told: reminder, warning to both sides, the deputy is asked too.
var Marks = []int{50, 80, 100}

// Editor reports who may change the working text now: the author while they have the ball, the reviewer holding the
// lock otherwise, nobody once it is approved.
func (a Article) Editor(p Person) bool {
	switch a.Stage {
	case StageDraft, StageChangesRequested:
		return p.Active && (p.ID == a.AuthorID || (a.HolderID != "" && p.ID == a.HolderID && p.Reviews(a.Section)))
	case StageInReview, StageAwaitingApproval:
		return a.HolderID != "" && p.ID == a.HolderID && p.Reviews(a.Section)
	default:
		return false
	}
}

// MovesTo reports whether p, who edits a, may put it into section: its author into any while they have the ball, a reviewer into those they
// work in. From another one they could neither send it on nor take it back.
func (a Article) MovesTo(p Person, section string) bool {
	switch {
	case section == a.Section:
		return true
	case p.ID == a.AuthorID && (a.Stage == StageDraft || a.Stage == StageChangesRequested):
		return true
	default:
		return p.Reviews(section)
	}
}

// NextWake is the next moment at which the clock has something to do for a: release, expiry, a reminder mark, the end of
// a second signature's time. done holds the marks already served for the running clock. Nil: nothing pends.
func (a Article) NextWake(cal Calendar, done []int) *time.Time {
	var next *time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next == nil || t.Before(*next)) {
			next = &t
		}
	}
	if a.ReleaseDue != nil && !a.Frozen && a.Stage.Pends() {
		sooner(*a.ReleaseDue)
	}
	if a.ExpireAt != nil && a.Public == PublicLive {
		sooner(*a.ExpireAt)
	}
	if a.SecondBy != nil && !a.SecondLate {
		sooner(*a.SecondBy)
	}
	if mark, ok := a.Clock.nextMark(done); ok {
		sooner(a.Clock.Due(cal, mark))
	}
	return next
}

func (c Clock) nextMark(done []int) (int, bool) {
	if !c.Runs() {
		return 0, false
	}
	for _, mark := range Marks {
		if !slices.Contains(done, mark) {
			return mark, true
		}
	}
	return 0, false
}

// Idle reports whether nothing about a is open: its run may end.
func (a Article) Idle() bool {
	return !a.Stage.Open() && (a.ExpireAt == nil || a.Public != PublicLive) && (a.SecondBy == nil || a.SecondLate)
}
