package newsroom

import (
	"slices"
	"strings"
	"time"
)

// PastRound is one round of asking for approval as it was, for trying another policy on it.
type PastRound struct {
	ArticleID string
	Author    string
	Forwarder string
	Start     time.Time
	Seats     []Seat         // who sat in the offices of both policies when it began
	Took      *time.Duration // working time until it was settled; nil: it never was
	Findings  []string       // codes of the checks that had findings
}

// Rehearsal is what a policy would have meant for rounds of the past, beside the policy that holds now.
type Rehearsal struct {
	Days     int
	Rounds   int
	Actual   time.Duration // median working time until a decision, as it was
	Now      Tried         // under the policy that holds
	Then     Tried         // under the one that is tried
	Changed  int           // rounds in which other people would have been asked
	Added    time.Duration // how much longer an ordinary round would wait; negative: shorter
	Examples []string      // ids of articles that would have found nobody to ask, the newest first
}

// Tried is one policy tried on the past.
type Tried struct {
	People  []TriedPerson
	Wait    time.Duration // median of the estimated working time until the last step is settled
	Nobody  int           // rounds for which some step would have had nobody to ask
	Blocked int           // rounds that a blocking check would have refused to begin
}

// TriedPerson is how often somebody would have been asked.
type TriedPerson struct {
	ID    string
	Name  string
	Asked int
}

// Rehearse tries next beside now on rounds of the past. answers is how long each person usually takes, in working time; usual stands
// in for people who have not been asked before. What nobody can know from the past (a refusal, a quicker second office) it does not
// guess: the wait is that of approvals at everybody's usual pace.
func Rehearse(now, next Policy, rounds []PastRound, answers map[string]time.Duration, usual time.Duration) Rehearsal {
	r := Rehearsal{Rounds: len(rounds)}
	var took []time.Duration
	var waits [2][]time.Duration
	asked := [2]map[string]int{{}, {}}
	tried := [2]*Tried{&r.Now, &r.Then}
	for _, round := range rounds {
		if round.Took != nil {
			took = append(took, *round.Took)
		}
		var people [2][]string
		for i, p := range []Policy{now, next} {
			if slices.ContainsFunc(round.Findings, func(code string) bool { return slices.Contains(p.BlockingChecks, code) }) {
				tried[i].Blocked++
			}
			who, wait, ok := p.try(round, answers, usual)
			if !ok {
				tried[i].Nobody++
				if i == 1 {
					r.Examples = append(r.Examples, round.ArticleID)
				}
				continue
			}
			people[i] = who
			waits[i] = append(waits[i], wait)
			for _, person := range who {
				asked[i][person]++
			}
		}
		slices.Sort(people[0])
		slices.Sort(people[1])
		if !slices.Equal(people[0], people[1]) {
			r.Changed++
		}
	}
	r.Actual = median(took)
	for i := range tried {
		tried[i].Wait = median(waits[i])
		for person, n := range asked[i] {
			tried[i].People = append(tried[i].People, TriedPerson{ID: person, Asked: n})
		}
		slices.SortFunc(tried[i].People, func(a, b TriedPerson) int {
			if a.Asked != b.Asked {
				return b.Asked - a.Asked
			}
			return strings.Compare(a.ID, b.ID)
		})
	}
	r.Added = r.Then.Wait - r.Now.Wait
	return r
}

// try says whom p would have asked in a round and how long its steps would have taken, one after the other; ok is false where a step
// would have had too few to ask.
func (p Policy) try(round PastRound, answers map[string]time.Duration, usual time.Duration) (people []string, wait time.Duration, ok bool) {
	for i, step := range p.Steps {
		seats := p.Asked(i, round.Seats, round.Author, round.Forwarder)
		if !p.reachable(i, seats) {
			return nil, 0, false
		}
		var paces []time.Duration
		for _, seat := range seats {
			pace, known := answers[seat.Person]
			if !known {
				pace = usual
			}
			paces = append(paces, pace)
			if !slices.Contains(people, seat.Person) {
				people = append(people, seat.Person)
			}
		}
		slices.Sort(paces)
		switch step.Quorum {
		case QuorumAll:
			wait += paces[len(paces)-1]
		case QuorumN:
			wait += paces[step.N-1]
		default:
			wait += paces[0]
		}
	}
	return people, wait, len(p.Steps) > 0
}

func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}
