package newsroom

import (
	"slices"
	"strings"
	"time"
)

// Ruling is what follows from an allowed move. The store carries it out in one transaction.
type Ruling struct {
	Move       Move
	Capacity   Capacity
	OnBehalfOf string
	AlsoFor    []string // other holders whose seats the actor answers with the same decision
	From, To   Stage
	Then       Public
	Text       *Content // becomes the working text first; nil: it stays
	Freeze     bool     // the working text becomes the next revision (unless it equals the newest)
	Verdict    bool     // a decision row for the actor
	CloseAsks  string   // reason for closing every open ask; "" keeps them
	OpenStep   int      // step whose Ask list is opened; -1 none
	NewRound   bool
	Ask        []Seat
	Release    bool // settled: goes out now, in this transaction
	ReleaseDue *time.Time
	UndoUntil  *time.Time
	Clock      ClockChange
	Holder     *string // new holder of the edit lock; nil keeps
	SecondDue  int     // working minutes to the second signature; 0 none
	SecondDone bool
	Freezing   bool   // hold the release until a leader acts: a "not me" report, or the article was taken from readers
	Endless    bool   // an end of display that has passed holds no more
	Event      string // "" announces nothing
	Nothing    bool   // allowed and already so: no row, no event (a no-op resubmit)
}

// ClockChange says what a move does to the working-time clock.
type ClockChange string

const (
	ClockKeep       ClockChange = ""
	ClockStop       ClockChange = "stop"
	ClockForBureau  ClockChange = "review"
	ClockForOffices ClockChange = "approval"
)

// Rule decides one move: a Ruling, or the MoveError that says why not. It is the only place that does, for every door.
func Rule(s Situation, r Request) (Ruling, error) {
	a := s.Article
	refuse := func(code Refusal, params ...string) (Ruling, error) {
		e := &MoveError{Code: code, Move: r.Move, Stage: a.Stage}
		for i := 0; i+1 < len(params); i += 2 {
			if e.Params == nil {
				e.Params = map[string]string{}
			}
			e.Params[params[i]] = params[i+1]
		}
		return Ruling{}, e
	}
	if !r.Move.Known() {
		return refuse(RefusedUnknownMove)
	}
	ways := Find(r.Move, a.Stage, a.Public)
	if len(ways) == 0 {
		if Decides(r.Move) && len(s.Verdicts) > 0 {
			if slices.ContainsFunc(s.Verdicts, func(v Verdict) bool { return v.Person == s.Actor.ID }) {
				return refuse(RefusedDecided)
			}
			return refuse(RefusedSettled)
		}
		return refuse(RefusedStage)
	}
	if r.Revision != 0 && r.Revision != a.Revision {
		return refuse(RefusedStale)
	}
	if r.Unproven && r.Move.NeedsPIN(s.Actor, a.Stage) { // it needed none where the article stood when the door looked
		return refuse(RefusedStage)
	}
	if r.Door == DoorReply && !s.Policy.byReply(r.Move) {
		return refuse(RefusedRole)
	}
	way, seat, code := pick(s, r, ways)
	if code != "" {
		return refuse(code)
	}
	if way.Reason {
		if r.Code == "" || strings.TrimSpace(r.Reason) == "" {
			return refuse(RefusedReason)
		}
		if !r.Code.Known() {
			return refuse(RefusedReasonCode)
		}
	}
	out := Ruling{
		Move: r.Move, Capacity: capacity(way, seat, s), OnBehalfOf: seat.OnBehalfOf,
		From: a.Stage, To: a.Stage, Then: a.Public, OpenStep: -1, Event: way.Event, Freezing: way.takesOff() && a.Stage.Pends(),
		Endless: r.Move == MoveRestore && a.ExpireAt != nil && !a.ExpireAt.After(s.Now),
	}
	if Decides(r.Move) && seat.Person != "" {
		for _, ask := range s.Answers(s.Actor.ID) {
			if owner := ask.Seat.owner(); owner != seat.owner() && !ask.Escalation && !slices.Contains(out.AlsoFor, owner) {
				out.AlsoFor = append(out.AlsoFor, owner)
			}
		}
	}
	if way.To != "" {
		out.To = way.To
	}
	if way.Then != "" {
		out.Then = way.Then
	}
	if code := conditions(s, r, &out); code != "" {
		return refuse(code)
	}
	return out, nil
}

// Decides reports the moves by which an asked person settles or takes part in settling a round.
func Decides(m Move) bool { return m == MoveApprove || m == MoveRequestChanges || m == MoveReject }

// conditions holds what the table cannot say, and fills in what follows from the move.
func conditions(s Situation, r Request, out *Ruling) Refusal {
	a := s.Article
	unlock := func() { out.Holder = new("") }
	switch r.Move {
	case MoveSubmit:
		if len(s.Draft.Missing()) > 0 {
			return RefusedIncomplete
		}
		if len(s.Blocking) > 0 {
			return RefusedChecks
		}
		if stale(r, a.DraftHash) {
			return RefusedStale
		}
		out.Freeze, out.Clock = true, ClockForBureau
		unlock()
	case MoveAbandon:
		out.Clock = ClockStop
		unlock()
	case MoveClaim, MoveTakeOver:
		out.Holder = &s.Actor.ID
	case MoveReleaseClaim:
		unlock()
	case MoveHandOver:
		if !s.Target.Reviews(a.Section) || s.Target.ID == a.HolderID {
			return RefusedTarget
		}
		out.Holder = &s.Target.ID
	case MoveRecall:
		out.CloseAsks, out.Clock = "recalled", ClockStop
		unlock()
	case MoveReturn:
		out.Clock = ClockStop
		unlock()
	case MoveForward, MoveResubmit:
		return forward(s, r, out)
	case MoveWithdrawRequest:
		out.CloseAsks, out.Clock, out.Holder = "withdrawn", ClockForBureau, &s.Actor.ID
	case MoveApprove:
		return approve(s, r, out)
	case MoveRequestChanges:
		if r.Hash == "" || stale(r, s.Frozen) {
			return RefusedStale
		}
		out.Verdict, out.CloseAsks, out.Clock = true, "settled", ClockStop
		unlock()
	case MoveReject:
		if a.Stage == StageAwaitingApproval {
			if r.Hash == "" || stale(r, s.Frozen) {
				return RefusedStale
			}
			out.Verdict, out.CloseAsks = true, "settled"
		}
		out.Clock = ClockStop
		unlock()
	case MoveEmergencyRelease:
		if a.Stage == StageInReview {
			if len(s.Draft.Missing()) > 0 {
				return RefusedIncomplete
			}
			if r.Hash == "" || stale(r, a.DraftHash) {
				return RefusedStale
			}
			if s.Draft.Over(s.Now) {
				return RefusedTime
			}
			out.Freeze = true
		} else if r.Hash == "" || stale(r, s.Frozen) {
			return RefusedStale
		} else if s.Sent.Over(s.Now) {
			return RefusedTime
		}
		out.Verdict, out.CloseAsks, out.Clock = true, "settled", ClockStop
		out.Release, out.To, out.Then, out.SecondDue = true, StageReleased, PublicLive, s.Policy.SecondSignMinutes
		unlock()
	case MoveRelease:
		if s.Computed != s.Frozen || s.Frozen == "" {
			return RefusedHash
		}
		if a.Frozen {
			return RefusedFrozen
		}
		if (a.ReleaseDue != nil && a.ReleaseDue.After(s.Now)) || s.Sent.Over(s.Now) {
			return RefusedTime
		}
		out.Release = true
	case MoveReschedule:
		return reschedule(s, r, out)
	case MoveUnschedule:
		if out.Capacity == AsReviewer && !s.Policy.ReviewerReschedules {
			return RefusedRole
		}
		return reopen(s, out)
	case MoveUndo:
		if a.UndoUntil == nil || s.Now.After(*a.UndoUntil) {
			return RefusedWindow
		}
		return reopen(s, out)
	case MoveRevise:
		if r.Kind != ChangeMinor && r.Kind != ChangeCorrection {
			return RefusedNoCorrection
		}
		out.Text = revision(s, r)
		if s.Actor.ID != a.AuthorID {
			out.Holder = &s.Actor.ID
		}
	case MoveWithdraw, MoveTakeDown:
		if s.Unsigned != MoveEmergencyRelease { // the text that went out unsigned still wants its second leader
			out.SecondDue = s.live().Policy.SecondSignMinutes
		}
	case MoveRestore:
		out.SecondDone = a.SecondBy != nil && s.mayCountersign(s.Actor.ID) == ""
	case MoveSecondSign:
		if a.SecondBy == nil {
			return RefusedStage
		}
		if r.AskID != "" && r.AskID != s.SecondAsk { // it was asked about another act, which this one has taken the place of
			return RefusedStale
		}
		if code := s.mayCountersign(s.Actor.ID); code != "" {
			return code
		}
		out.SecondDone = true
	case MoveNotMe:
		disown(s, out)
	case MoveAdoptPolicy:
		return adopt(s, out)
	case MoveComment:
		if strings.TrimSpace(r.Comment) == "" {
			return RefusedReason
		}
	}
	return ""
}

// disown follows a "not me". A release that rests upon the decision, or comes at the time it set, waits for a leader; an approval in a round that still runs
// counts no more, since everybody is asked again. What is already public or sent back stays: chief and admins are told.
func disown(s Situation, out *Ruling) {
	if !s.Round {
		return
	}
	switch s.Disowned.Move {
	case MoveApprove, MoveEmergencyRelease, MoveReschedule:
	default:
		return
	}
	switch s.Article.Stage {
	case StageApproved, StageScheduled:
		out.Freezing = true
	case StageAwaitingApproval:
		out.Freezing = reopen(s, out) != ""
	}
}

// adopt asks anew, from the first step, under the policy that holds now: the one way in which a running round changes its policy.
func adopt(s Situation, out *Ruling) Refusal {
	if s.Newest == nil || s.Newest.same(s.Policy) {
		out.Nothing = true
		return ""
	}
	s.Policy = *s.Newest
	for step := range s.Policy.Steps {
		if asked := s.Policy.Asked(step, s.Seats, s.Article.AuthorID, s.Article.ForwardedBy); !s.Policy.reachable(step, asked) {
			return RefusedNobody
		}
	}
	code := reopen(s, out)
	out.CloseAsks = "superseded"
	return code
}

// stale reports that the caller named a hash and it is not the current one.
func stale(r Request, current string) bool { return r.Hash != "" && r.Hash != current }

// forward asks the first office for its approval of a frozen revision.
func forward(s Situation, r Request, out *Ruling) Refusal {
	a := s.Article
	if len(s.Draft.Missing()) > 0 {
		return RefusedIncomplete
	}
	if len(s.Blocking) > 0 {
		return RefusedChecks
	}
	if stale(r, a.DraftHash) {
		return RefusedStale
	}
	if s.Draft.Over(goesOut(s, s.Draft)) {
		return RefusedTime
	}
	if r.Move == MoveResubmit && a.DraftHash == s.Frozen {
		out.Nothing, out.Event = true, ""
		return ""
	}
	for step := range s.Policy.Steps {
		asked := s.Policy.Asked(step, s.Seats, a.AuthorID, s.Actor.ID)
		if !s.Policy.reachable(step, asked) {
			return RefusedNobody
		}
		if step == 0 {
			out.Ask = asked
		}
	}
	out.Freeze, out.NewRound, out.OpenStep, out.CloseAsks, out.Clock = true, true, 0, "superseded", ClockForOffices
	return ""
}

// approve counts one approval: it may leave the round open, open the next step, or settle it.
func approve(s Situation, r Request, out *Ruling) Refusal {
	a := s.Article
	if r.Hash == "" || r.Hash != s.Frozen {
		return RefusedStale
	}
	if a.Public.off() && (r.Public == PublicLive || r.Door == DoorReply) { // it would come back, and nobody has told the approver
		return RefusedStale
	}
	if s.Sent.Over(goesOut(s, s.Sent)) { // readers would see it come and go at once, newsletter and all
		return RefusedTime
	}
	out.Verdict = true
	given, asked := s.counted(s.Actor.ID)
	if !s.Policy.Settled(a.Step, given, asked) {
		out.To, out.Event = a.Stage, ""
		return ""
	}
	out.CloseAsks = "settled"
	if next := a.Step + 1; next < len(s.Policy.Steps) {
		out.Ask = s.Policy.Asked(next, s.Seats, a.AuthorID, a.ForwardedBy)
		if len(out.Ask) == 0 {
			return RefusedNobody
		}
		out.To, out.Event, out.OpenStep, out.Clock = a.Stage, "", next, ClockForOffices
		return ""
	}
	out.Clock = ClockStop
	out.Holder = new("")
	settle(s, out)
	return ""
}

// settle gives an approved revision its time: now, after the cooling-off, or at its embargo.
func settle(s Situation, out *Ruling) {
	due := goesOut(s, s.Sent)
	if s.Policy.CoolingOffMinutes > 0 {
		out.UndoUntil = new(cooledOff(s))
	}
	if due.After(cooledOff(s)) {
		out.To = StageScheduled
	}
	if due.After(s.Now) || s.Article.Frozen { // held since a "not me"
		out.ReleaseDue = &due
		return
	}
	out.Release, out.To, out.Then = true, StageReleased, PublicLive
}

// cooledOff is when an approval given now can no longer be undone.
func cooledOff(s Situation) time.Time {
	return s.Now.Add(time.Duration(s.Policy.CoolingOffMinutes) * time.Minute)
}

// goesOut is when text would reach readers, were it approved now.
func goesOut(s Situation, text Content) time.Time {
	if due := cooledOff(s); text.ReleaseAt == nil || text.ReleaseAt.Before(due) {
		return due
	}
	return *text.ReleaseAt
}

// reschedule changes the release time, which is part of what was approved: a leader's own change is a decision on the new
// revision; a reviewer's asks the office again, and so does that of a leader who may not approve the article. The new revision is the approved text with another time, whatever the working
// text says by now.
func reschedule(s Situation, r Request, out *Ruling) Refusal {
	if r.ReleaseAt == nil || !r.ReleaseAt.After(s.Now) {
		return RefusedTime
	}
	if at := s.Sent.ReleaseAt; at != nil && at.Equal(*r.ReleaseAt) {
		out.Nothing, out.Event = true, ""
		return ""
	}
	if s.Sent.Over(*r.ReleaseAt) {
		return RefusedTime
	}
	text := s.Sent
	text.ReleaseAt = r.ReleaseAt
	out.Text, out.Freeze = &text, true
	switch excluded := s.Policy.excluded(s.Actor.ID, s.Article.AuthorID, s.Article.ForwardedBy); {
	case out.Capacity == AsLeader && !excluded:
		out.Verdict, out.ReleaseDue = true, r.ReleaseAt
		return ""
	case out.Capacity != AsLeader && !s.Policy.ReviewerReschedules:
		return RefusedRole
	}
	out.To = StageAwaitingApproval
	out.Event = "forwarded"
	return reopen(s, out)
}

// revision is what a revision of an article that was public begins with: what readers see, not what was rejected or given up since.
func revision(s Situation, r Request) *Content {
	text := s.Shown
	text.Change, text.Note, text.ReleaseAt = r.Kind, nil, nil
	if r.Kind == ChangeCorrection {
		text.Note = &r.Note
	}
	if s.Article.ExpireAt == nil {
		text.DisplayEnd = nil // its end had passed when a leader restored it
	}
	return &text
}

// reopen asks the first office again about the same article.
func reopen(s Situation, out *Ruling) Refusal {
	out.Ask = s.Policy.Asked(0, s.Seats, s.Article.AuthorID, s.Article.ForwardedBy)
	if len(out.Ask) == 0 {
		return RefusedNobody
	}
	out.NewRound, out.OpenStep, out.CloseAsks, out.Clock = true, 0, "undone", ClockForOffices
	return ""
}
