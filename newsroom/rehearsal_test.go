package newsroom

import (
	"testing"
	"time"
)

func TestRehearseTriesAPolicyOnThePast(t *testing.T) {
	t.Parallel()
	seats := []Seat{{Office: "ubnd", Person: "a"}, {Office: "ubnd", Person: "b"}, {Office: "chu-tich", Person: "c"}}
	round := func(author string, hours int, findings ...string) PastRound {
		return PastRound{ArticleID: author, Author: author, Forwarder: "f", Seats: seats, Took: new(time.Duration(hours) * time.Hour), Findings: findings}
	}
	rounds := []PastRound{round("x", 1), round("a", 3, "double_space"), round("c", 5), {ArticleID: "open", Author: "x", Forwarder: "f", Seats: seats}}
	answers := map[string]time.Duration{"a": time.Hour, "b": 4 * time.Hour}
	now := DefaultPolicy("ubnd")
	next := now
	next.Steps = []Step{{Office: "ubnd", Quorum: QuorumAll}, {Office: "chu-tich", Quorum: QuorumAny}}
	next.BlockingChecks = []string{"double_space"}
	r := Rehearse(now, next, rounds, answers, 2*time.Hour)
	if r.Rounds != 4 || r.Actual != 3*time.Hour {
		t.Errorf("rounds %d, actual %s", r.Rounds, r.Actual)
	}
	// Now: one of a and b, at the quicker one's pace; a's own article goes to b alone.
	if r.Now.Wait != time.Hour || r.Now.Nobody != 0 || r.Now.Blocked != 0 {
		t.Errorf("now: %+v", r.Now)
	}
	// Then: both, then the chief, who usually takes as long as people who were never asked; c's own article finds nobody.
	if r.Then.Wait != 6*time.Hour || r.Then.Nobody != 1 || r.Then.Blocked != 1 || r.Added != 5*time.Hour {
		t.Errorf("then: %+v, added %s", r.Then, r.Added)
	}
	if len(r.Examples) != 1 || r.Examples[0] != "c" || r.Changed != 4 {
		t.Errorf("examples %v, changed %d", r.Examples, r.Changed)
	}
	if want := (TriedPerson{ID: "b", Asked: 3}); len(r.Then.People) != 3 || r.Then.People[0] != want {
		t.Errorf("people %+v", r.Then.People)
	}
	two := now
	two.Steps = []Step{{Office: "ubnd", Quorum: QuorumN, N: 2}}
	if r := Rehearse(now, two, rounds[:1], answers, 0); r.Then.Wait != 4*time.Hour || r.Changed != 0 {
		t.Errorf("two of two: %+v, changed %d", r.Then, r.Changed)
	}
	if r := Rehearse(now, next, nil, nil, 0); r.Rounds != 0 || r.Added != 0 {
		t.Errorf("nothing to try it on: %+v", r)
	}
}
