package newsroom

import "time"

// Offer is a move that somebody may try now, as a button.
type Offer struct {
	Move     Move
	Kind     ChangeKind // revise is offered as minor and as correction
	Reason   bool       // it needs a reason code and a text
	Hindered Refusal    // what the article still lacks for it; "" nothing
}

// Offers lists the moves that s.Actor may try now: those that Rule allows, and those that it refuses only for what can still be
// filled in (a missing alt text, whom to hand over to). It is Rule that is asked, so that a button and its answer agree.
func Offers(s Situation) []Offer {
	var list []Offer
	seen := map[Move]bool{}
	for _, w := range Ways {
		if w.Clock || w.Hidden || seen[w.Move] || !w.starts(s.Article.Stage, s.Article.Public) {
			continue
		}
		seen[w.Move] = true
		if w.Move == MoveTakeOver && s.Article.HolderID == s.Actor.ID {
			continue // they hold it
		}
		if w.Move == MoveRevise {
			for _, kind := range []ChangeKind{ChangeMinor, ChangeCorrection} {
				if o, ok := offer(s, w.Move, kind); ok {
					list = append(list, o)
				}
			}
			continue
		}
		if o, ok := offer(s, w.Move, ChangeNew); ok {
			list = append(list, o)
		}
	}
	return list
}

func offer(s Situation, m Move, kind ChangeKind) (Offer, bool) {
	o := Offer{Move: m, Kind: kind}
	r := Request{
		ArticleID: s.Article.ID, ActorID: s.Actor.ID, Door: DoorPage, Move: m, Hash: s.Frozen, Kind: kind, Comment: "-",
		ReleaseAt: new(s.Now.Add(100 * 365 * 24 * time.Hour)), Note: Correction{Old: "-", New: "-"},
	}
	if end := s.Sent.DisplayEnd; end != nil {
		r.ReleaseAt = new(end.Add(-time.Second))
	}
	switch m {
	case MoveSubmit, MoveForward, MoveResubmit:
		r.Hash = s.Article.DraftHash
	case MoveEmergencyRelease:
		if s.Article.Stage == StageInReview {
			r.Hash = s.Article.DraftHash
		}
	}
	ruling, err := Rule(s, r)
	if code, ok := refusalOf(err); ok && code == RefusedReason {
		o.Reason = true
		r.Code, r.Reason = ReasonOther, "-"
		ruling, err = Rule(s, r)
	}
	code, _ := refusalOf(err)
	switch code {
	case "":
		return o, err == nil && !ruling.Nothing
	case RefusedIncomplete, RefusedChecks, RefusedNobody, RefusedTarget, RefusedTime:
		o.Hindered = code
		if code == RefusedTarget {
			o.Hindered = "" // chosen in the form
		}
		return o, true
	default:
		return o, false
	}
}

func refusalOf(err error) (Refusal, bool) {
	if refused, ok := err.(*MoveError); ok { //nolint:errorlint // Rule returns it bare
		return refused.Code, true
	}
	return "", false
}

// NeedsPIN reports the moves that need by's own PIN, or a phone trusted with it, at every door that people use. A release time is
// part of what was approved: a leader's change of it is a decision, a reviewer's asks again.
func (m Move) NeedsPIN(by Person, as Stage) bool {
	switch m {
	case MoveApprove, MoveRequestChanges, MoveEmergencyRelease, MoveWithdraw, MoveTakeDown, MoveRestore, MoveSecondSign, MoveUndo:
		return true
	case MoveReject:
		return as == StageAwaitingApproval
	case MoveReschedule, MoveUnschedule:
		return by.Is(RoleLeader)
	default:
		return false
	}
}
