package newsroom

import (
	"encoding/json"
	"slices"
)

// Policy is how a section's articles are approved. It is snapshotted when a revision is forwarded: a later change never
// alters a running round.
type Policy struct {
	Version             int      `json:"version"`
	Steps               []Step   `json:"steps"`
	AuthorMayApprove    bool     `json:"author_may_approve"`
	ForwarderMayApprove bool     `json:"forwarder_may_approve"`
	CoolingOffMinutes   int      `json:"cooling_off_minutes"`  // wall-clock; 0: released at once
	EditMinutes         int      `json:"edit_minutes"`         // working minutes for the bureau
	ApproveMinutes      int      `json:"approve_minutes"`      // working minutes for each step
	SecondSignMinutes   int      `json:"second_sign_minutes"`  // working minutes for the second signature
	BlockingChecks      []string `json:"blocking_checks"`      // check codes that refuse a submit or forward
	ReviewerReschedules bool     `json:"reviewer_reschedules"` // a reviewer's new release time asks again
	BodyAfterPIN        bool     `json:"body_after_pin"`       // the mailed page hides the text until the PIN
	DecideByReply       bool     `json:"decide_by_reply"`
	DecideTOTP          bool     `json:"decide_totp"`
}

// Quorum says how many of an office's holders must approve.
type Quorum string

const (
	QuorumAny Quorum = "any" // one is enough
	QuorumAll Quorum = "all" // the seat of everyone who was asked
	QuorumN   Quorum = "n"   // N of them
)

// Step is one office of a sequence.
type Step struct {
	Office string `json:"office"`
	Quorum Quorum `json:"quorum"`
	N      int    `json:"n,omitempty"`
}

// DefaultPolicy asks any one holder of office: 4 working hours to edit, one working day to approve and to sign second.
func DefaultPolicy(office string) Policy {
	return Policy{
		Version: 1, Steps: []Step{{Office: office, Quorum: QuorumAny}},
		EditMinutes: 240, ApproveMinutes: WorkingDay, SecondSignMinutes: WorkingDay,
	}
}

// Seat is one person who may decide for an office at a moment: its holder, or the holder's deputy under a dated delegation.
type Seat struct {
	Office     string
	Person     string
	OnBehalfOf string // the holder who delegated; "" when it is the holder
}

// Capacity is the standing the record keeps for a decision from s.
func (s Seat) Capacity() Capacity {
	if s.OnBehalfOf != "" {
		return AsDeputy
	}
	return AsApprover
}

// owner is the holder whose seat it is.
func (s Seat) owner() string {
	if s.OnBehalfOf != "" {
		return s.OnBehalfOf
	}
	return s.Person
}

// Ask is an open question to one person about one revision: the mailed link.
type Ask struct {
	ID         string
	Round      int
	Step       int
	Revision   int
	Hash       string
	Seat       Seat
	Escalation bool // asked in addition when the time was over; never needed for "all"
	Closed     bool // answered, or past its last day: it counts among those asked, and lets nobody decide
	Answered   bool // by a decision of the person
}

// AnsweredBy reports whether p may answer: a leader, or an admin who was asked since nobody else was left to (domain.md §3).
func (k Ask) AnsweredBy(p Person) bool {
	return p.Is(RoleLeader) || (k.Escalation && p.Is(RoleAdmin))
}

// Verdict is one person's settled decision on a revision.
type Verdict struct {
	Person string
	Step   int
	Move   Move
}

// Asked returns the seats that are asked at step, one for each holder of the office whom the policy does not exclude. A seat stays
// with its holder while whoever it is delegated to is excluded.
func (p Policy) Asked(step int, seats []Seat, author, forwarder string) []Seat {
	var asked []Seat
	seen := map[string]bool{}
	for _, s := range seats {
		if s.Office != p.Steps[step].Office || seen[s.owner()] || p.excluded(s.owner(), author, forwarder) {
			continue
		}
		if p.excluded(s.Person, author, forwarder) {
			s = Seat{Office: s.Office, Person: s.owner()}
		}
		seen[s.owner()] = true
		asked = append(asked, s)
	}
	return asked
}

// StandIns are those of seats who may be asked too when the time is over, each person once: nobody whom the policy excludes, or who
// would sign for somebody it excludes.
func (p Policy) StandIns(seats []Seat, author, forwarder string) []Seat {
	var asked []Seat
	seen := map[string]bool{}
	for _, s := range seats {
		if seen[s.Person] || p.excluded(s.Person, author, forwarder) || p.excluded(s.owner(), author, forwarder) {
			continue
		}
		seen[s.Person] = true
		asked = append(asked, s)
	}
	return asked
}

func (p Policy) excluded(person, author, forwarder string) bool {
	return (person == author && !p.AuthorMayApprove) || (person == forwarder && !p.ForwarderMayApprove)
}

// byReply reports whether a mailed answer may make move: where the policy allows it and wants no one-time code, which no mail can carry.
func (p Policy) byReply(m Move) bool {
	return p.DecideByReply && !p.DecideTOTP && (m == MoveApprove || m == MoveRequestChanges)
}

// reachable reports whether the people asked can settle step at all.
func (p Policy) reachable(step int, asked []Seat) bool {
	return len(asked) > 0 && (p.Steps[step].Quorum != QuorumN || len(asked) >= p.Steps[step].N)
}

// same reports whether p and q ask the same people under the same conditions, whatever their version.
func (p Policy) same(q Policy) bool {
	p.Version, q.Version = 0, 0
	a, _ := json.Marshal(p) //nolint:errchkjson // numbers, strings and lists
	b, _ := json.Marshal(q) //nolint:errchkjson // likewise
	return string(a) == string(b)
}

// Settled reports whether the approvals given at step are enough, of asked seats (escalations not counted).
func (p Policy) Settled(step, approvals, asked int) bool {
	switch s := p.Steps[step]; s.Quorum {
	case QuorumAll:
		return approvals >= asked && approvals > 0
	case QuorumN:
		return approvals >= s.N
	default:
		return approvals >= 1
	}
}

// Reseat is an open question that belongs to somebody else by now, since a delegation began or ended.
type Reseat struct {
	Ask Ask
	To  Seat
}

// Reseats lists the questions of s that must be asked of somebody else. When whoever would get one may not decide on the article, or has
// decided in this step, it is the holder's.
func Reseats(s Situation) []Reseat {
	if s.Article.Stage != StageAwaitingApproval {
		return nil
	}
	cannot := func(person string) bool {
		return s.Policy.excluded(person, s.Article.AuthorID, s.Article.ForwardedBy) ||
			slices.ContainsFunc(s.Verdicts, func(v Verdict) bool { return v.Person == person && v.Step == s.Article.Step })
	}
	var list []Reseat
	for _, ask := range s.Asks {
		if ask.Closed || ask.Escalation || ask.Step != s.Article.Step {
			continue
		}
		to, ok := seatOf(s.Seats, ask.Seat)
		if ok && cannot(to.Person) {
			to = Seat{Office: to.Office, Person: to.owner()}
		}
		if !ok || to == ask.Seat || cannot(to.Person) {
			continue
		}
		list = append(list, Reseat{Ask: ask, To: to})
	}
	return list
}

// seatOf finds where the holder whose seat was asked sits now.
func seatOf(seats []Seat, asked Seat) (Seat, bool) {
	for _, s := range seats {
		if s.Office == asked.Office && s.owner() == asked.owner() {
			return s, true
		}
	}
	return Seat{}, false
}
