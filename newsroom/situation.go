package newsroom

import (
	"slices"
	"time"
)

// Request is a move that somebody asks for, as its door recorded it. ID comes from the caller and makes repeats harmless.
type Request struct {
	ID        string     `json:"id"`
	ArticleID string     `json:"article_id"`
	ActorID   string     `json:"actor_id"` // "" for the workflow
	Door      Door       `json:"door"`
	Move      Move       `json:"move"`
	Revision  int        `json:"revision"`     // the newest frozen revision the caller saw; 0: not said
	Hash      string     `json:"content_hash"` // the hash the caller saw; mandatory to decide
	Code      ReasonCode `json:"reason_code"`
	Reason    string     `json:"reason"`
	ReleaseAt *time.Time `json:"release_at,omitempty"` // reschedule
	Target    string     `json:"target,omitempty"`     // hand_over: the reviewer to hold the lock
	Kind      ChangeKind `json:"kind,omitempty"`       // revise
	Note      Correction `json:"note,omitzero"`        // revise: first text of the public note
	AskID     string     `json:"ask_id,omitempty"`     // link door: the ask whose token was shown; second_sign at the desk: the one that was open then
	Comment   string     `json:"comment,omitempty"`    // forward: note to the leader; comment: the text
	Decision  string     `json:"decision,omitempty"`   // not_me: request id of the decision that is disowned
	Public    Public     `json:"public,omitempty"`     // approve: what readers saw when the door showed the article; "" not said
	Unproven  bool       `json:"unproven,omitempty"`   // the door asked for no PIN, and for no token that may decide
}

// Situation is everything the rules look at, read under the article's lock.
type Situation struct {
	Now       time.Time
	Article   Article
	Actor     Person    // zero for the workflow
	Policy    Policy    // the section's policy, or the snapshot of the running round
	Newest    *Policy   // of the section, while a round runs under its snapshot
	Draft     Content   // the working text: what is being written, and may be ahead of what was sent up
	Sent      Content   // text of revision Article.Revision: what the office is asked about, what was approved; zero: none
	Shown     Content   // what readers see, or saw last; revise only
	Live      *Live     // what that text goes by; nil: nothing was ever published
	Frozen    string    // content hash of revision Article.Revision as stored; "" none
	Computed  string    // content hash recomputed from the stored bytes of that revision; release only
	Seats     []Seat    // who holds the policy's offices now
	Asks      []Ask     // regular questions of the round, answered ones too, and what else is open
	Verdicts  []Verdict // of the round
	Disowned  *Verdict  // not_me: the decision it is about; nil: there is none
	Round     bool      // not_me: that decision belongs to the round that runs or was settled last
	Target    Person    // hand_over: whom to
	Blocking  []string  // codes of the findings that the policy makes blocking
	SecondAsk string    // the actor's open question for the second signature; "" none
	Unsigned  Move      // the move that waits for a second signature; "" none
}

// Live is what the text that readers see goes by, whatever is being written beside it.
type Live struct {
	Section     string
	Policy      Policy // of that section
	ForwardedBy string // the reviewer who forwarded that text
}

// live is what the text that readers see goes by; before the first publication the one that is being worked on.
func (s Situation) live() Live {
	if s.Live != nil {
		return *s.Live
	}
	return Live{Section: s.Article.Section, Policy: s.Policy, ForwardedBy: s.Article.ForwardedBy}
}

// Waiting is the holder whose answer is still missing in the step that runs; "" where it is not just one, or they hold the seat no more.
func (s Situation) Waiting() string {
	var one string
	for _, ask := range s.Asks {
		if ask.Closed || ask.Escalation || ask.Step != s.Article.Step {
			continue
		}
		if one != "" {
			return ""
		}
		one = ask.Seat.owner()
	}
	if !slices.ContainsFunc(s.Seats, func(seat Seat) bool {
		return s.Article.Step < len(s.Policy.Steps) && seat.Office == s.Policy.Steps[s.Article.Step].Office && seat.owner() == one
	}) {
		return ""
	}
	return one
}

// ReadsSent reports whether the actor is shown what was sent up instead of the working text: whoever neither writes nor edits that now,
// and whoever may decide about the article, since a decision names the bytes that were shown.
func (s Situation) ReadsSent() bool {
	a := s.Article
	switch {
	case a.Revision == 0 || a.DraftHash == s.Frozen || a.Stage == StageInReview:
		return false
	case a.Stage == StageAwaitingApproval && s.Actor.HoldsPIN():
		return true
	default:
		return s.Actor.ID != a.AuthorID && !a.Editor(s.Actor)
	}
}

// Embargo is the release time that counts: the one the office is asked about, or has approved; before that the working text's.
func (s Situation) Embargo() *time.Time {
	switch s.Article.Stage {
	case StageAwaitingApproval, StageApproved, StageScheduled:
		return s.Sent.ReleaseAt
	default:
		return s.Draft.ReleaseAt
	}
}
