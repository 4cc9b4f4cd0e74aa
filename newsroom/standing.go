package newsroom

import "slices"

// pick finds the first way whose standing the actor has.
func pick(s Situation, r Request, ways []Way) (Way, Seat, Refusal) {
	code := RefusedRole
	for _, w := range ways {
		for _, c := range w.By {
			seat, why := stands(s, r, c)
			if why == "" {
				return w, seat, ""
			}
			if why != RefusedRole {
				code = why
			}
		}
	}
	return Way{}, Seat{}, code
}

// stands reports whether the actor has standing c here, and if not why.
func stands(s Situation, r Request, c Capacity) (Seat, Refusal) {
	a, p := s.Article, s.Actor
	yes := func(ok bool) (Seat, Refusal) {
		if ok {
			return Seat{}, ""
		}
		return Seat{}, RefusedRole
	}
	if c == AsWorkflow {
		return yes(r.Door == DoorClock)
	}
	if r.Door == DoorClock || !p.Active {
		return Seat{}, RefusedRole
	}
	switch c {
	case AsAuthor:
		return yes(p.ID == a.AuthorID)
	case AsReviewer:
		if r.Move == MoveExpire {
			return yes(p.Reviews(s.live().Section))
		}
		if r.Move == MoveWithdrawRequest && a.HolderID != "" && a.HolderID != p.ID && p.Reviews(a.Section) {
			return Seat{}, RefusedLocked // nobody holds what came back from an approval that was undone
		}
		return yes(p.Reviews(a.Section))
	case AsHolder:
		if p.Reviews(a.Section) && a.HolderID != p.ID {
			return Seat{}, RefusedLocked
		}
		return yes(p.Reviews(a.Section))
	case AsLeader:
		return yes(p.Is(RoleLeader))
	case AsAdmin:
		return yes(p.Is(RoleAdmin))
	case AsReader:
		return yes(p.Reads(a.AuthorID))
	case AsApprover, AsDeputy:
		return seated(s, r)
	default:
		return Seat{}, RefusedRole
	}
}

// seated finds the open ask that lets the actor decide. An undo and a "not me" look at the decision already given.
func seated(s Situation, r Request) (Seat, Refusal) {
	p := s.Actor
	if r.Move == MoveNotMe {
		if s.Disowned != nil && s.Disowned.Person == p.ID {
			return Seat{}, ""
		}
		return Seat{}, RefusedRole
	}
	if r.Move == MoveUndo {
		if slices.ContainsFunc(s.Verdicts, func(v Verdict) bool {
			return v.Person == p.ID && (v.Move == MoveApprove || v.Move == MoveEmergencyRelease)
		}) {
			return Seat{}, ""
		}
		return Seat{}, RefusedRole
	}
	if !p.Is(RoleLeader) && !slices.ContainsFunc(s.Asks, func(k Ask) bool { return k.Seat.Person == p.ID && k.AnsweredBy(p) }) {
		return Seat{}, RefusedRole
	}
	if slices.ContainsFunc(s.Verdicts, func(v Verdict) bool { return v.Person == p.ID && v.Step == s.Article.Step }) {
		return Seat{}, RefusedDecided
	}
	for _, ask := range s.Answers(p.ID) {
		if r.AskID != "" && ask.ID != r.AskID {
			continue
		}
		if ask.Revision != s.Article.Revision || ask.Hash != s.Frozen {
			return Seat{}, RefusedStale
		}
		if s.Policy.excluded(p.ID, s.Article.AuthorID, s.Article.ForwardedBy) {
			return Seat{}, RefusedConflict
		}
		return ask.Seat, ""
	}
	if r.AskID != "" {
		return Seat{}, RefusedToken
	}
	return Seat{}, RefusedNotAsked
}

func capacity(w Way, seat Seat, s Situation) Capacity {
	switch c := w.By[0]; {
	case c == AsApprover && seat.Person != "" && !s.Actor.Is(RoleLeader):
		return AsAdmin // asked since nobody else was left to
	case c == AsApprover && seat.Person != "":
		return seat.Capacity()
	case c == AsHolder && s.Article.HolderID != s.Actor.ID:
		return AsAdmin
	case len(w.By) > 1:
		return standing(w.By, s)
	default:
		return c
	}
}

// standing is the first of several capacities that the actor really has.
func standing(by []Capacity, s Situation) Capacity {
	for _, c := range by {
		if _, why := stands(s, Request{}, c); why == "" {
			return c
		}
	}
	return by[0]
}

// mayCountersign says why a leader cannot give the second of two signatures, "" that nothing stands in the way: it is a second
// person's, and an approval like any other, so that nobody gives it to the own text.
func (s Situation) mayCountersign(person string) Refusal {
	signed := s.live()
	switch {
	case person == s.Article.FirstSigner:
		return RefusedSameSigner
	case signed.Policy.excluded(person, s.Article.AuthorID, signed.ForwardedBy):
		return RefusedConflict
	default:
		return ""
	}
}

// Countersigners are those of leaders who may give the second signature after first's: to what readers see, or to what is being released.
func (s Situation) Countersigners(leaders []string, first string, released bool) []string {
	s.Article.FirstSigner = first
	if released {
		s.Live = nil
	}
	return slices.DeleteFunc(slices.Clone(leaders), func(person string) bool { return s.mayCountersign(person) != "" })
}
