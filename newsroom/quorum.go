package newsroom

import "slices"

// A quorum counts seats by the holders they belong to, not the people in them: whoever sits for somebody else too signs once and
// answers for both, and what ends with a delegation is the sitting, not the seat.

// sits reports whether the person asked still has the seat of ask: a deputy only while the delegation runs and the holder is there.
// Who was asked since the time was over, and the holder in person, stay asked.
func (s Situation) sits(ask Ask) bool {
	if ask.Escalation || ask.Seat.OnBehalfOf == "" {
		return true
	}
	now, ok := seatOf(s.Seats, ask.Seat)
	return ok && now == ask.Seat
}

// Answers lists the open questions of the step that runs which one decision of person answers, the own seat's first.
func (s Situation) Answers(person string) []Ask {
	var list []Ask
	for _, ask := range s.Asks {
		if !ask.Closed && ask.Seat.Person == person && ask.Step == s.Article.Step && s.sits(ask) {
			list = append(list, ask)
		}
	}
	slices.SortStableFunc(list, func(a, b Ask) int { return a.rank() - b.rank() })
	return list
}

// rank orders the questions to one person: the own seat's, a delegated one's, one that came since the time was over.
func (k Ask) rank() int {
	switch {
	case k.Escalation:
		return 2
	case k.Seat.OnBehalfOf != "":
		return 1
	default:
		return 0
	}
}

// Links is one open question for each person asked: the one whose link they follow.
func (s Situation) Links() []Ask {
	var list []Ask
	for _, ask := range s.Asks {
		if ask.Closed {
			continue
		}
		i := slices.IndexFunc(list, func(k Ask) bool { return k.Seat.Person == ask.Seat.Person })
		switch {
		case i < 0:
			list = append(list, ask)
		case ask.rank() < list[i].rank():
			list[i] = ask
		}
	}
	return list
}

// counted says how many seats of the step that runs are approved, with person's approval now, and how many were asked.
func (s Situation) counted(person string) (given, asked int) {
	owners := map[string]bool{}
	for _, ask := range s.Asks { // the answered ones count too: "all" means all who were asked
		if ask.Step == s.Article.Step && !ask.Escalation {
			owners[ask.Seat.owner()] = true
		}
	}
	approved := map[string]bool{}
	for _, v := range s.Verdicts {
		if v.Step != s.Article.Step || v.Move != MoveApprove {
			continue
		}
		answered := slices.DeleteFunc(slices.Clone(s.Asks), func(k Ask) bool {
			return !k.Answered || k.Seat.Person != v.Person || k.Step != v.Step
		})
		speaks(v.Person, answered, owners, approved)
	}
	speaks(person, s.Answers(person), owners, approved)
	return len(approved), len(owners)
}

// speaks puts into approved the holders for whom a person's approval counts: those of the seats it answers, and the person as a
// holder, wherever that seat is. Somebody who has no seat and was asked since the time was over stands in for one holder.
func speaks(person string, answered []Ask, owners, approved map[string]bool) {
	for _, late := range []bool{false, true} {
		found := owners[person]
		if found {
			approved[person] = true
		}
		for _, ask := range answered {
			if ask.Escalation == late {
				found, approved[ask.Seat.owner()] = true, true
			}
		}
		if found {
			return
		}
	}
	approved[person] = true
}
