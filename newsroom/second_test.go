package newsroom

import (
	"slices"
	"testing"
)

// Whatever one leader does alone, a text that went out in an emergency keeps waiting for another one's signature.
func TestOneLeaderDoesNotSignTwice(t *testing.T) {
	t.Parallel()
	rule := func(who string, move Move, public Public, bend func(*Situation)) Ruling {
		t.Helper()
		s := situated(StageReleased, public)
		s.Actor, s.Unsigned = people[who], MoveEmergencyRelease
		if bend != nil {
			bend(&s)
		}
		out, err := Rule(s, request(s, move))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct {
		who  string
		bend func(*Situation)
		done bool
	}{
		"the first signer":           {leader, nil, false},
		"another leader":             {boss, nil, true},
		"the author":                 {boss, func(s *Situation) { s.Article.AuthorID = boss }, false},
		"whoever forwarded it":       {boss, func(s *Situation) { s.Article.ForwardedBy = boss }, false},
		"the author, by the policy":  {boss, func(s *Situation) { s.Article.AuthorID, s.Policy.AuthorMayApprove = boss, true }, true},
		"nothing waits to be signed": {boss, func(s *Situation) { s.Article.SecondBy, s.Unsigned = nil, "" }, false},
	} {
		if out := rule(c.who, MoveRestore, PublicWithdrawn, c.bend); out.SecondDone != c.done || out.Then != PublicLive {
			t.Errorf("restored by %s: signed = %v, want %v", name, out.SecondDone, c.done)
		}
	}
	for _, move := range []Move{MoveWithdraw, MoveTakeDown} {
		for _, who := range []string{leader, boss} {
			if out := rule(who, move, PublicLive, nil); out.SecondDue != 0 || out.SecondDone {
				t.Errorf("%s by %s replaces the release that nobody signed: %+v", move, who, out)
			}
		}
		if out := rule(leader, move, PublicLive, func(s *Situation) { s.Unsigned = MoveWithdraw }); out.SecondDue == 0 {
			t.Errorf("%s after an unsigned withdrawal asks nobody", move)
		}
	}
}

func TestCountersigners(t *testing.T) {
	t.Parallel()
	s := situated(StageInReview, PublicHidden)
	s.Article.FirstSigner, s.Article.ForwardedBy = "somebody before", deputy
	all := []string{author, boss, deputy, leader, "somebody before"}
	if got := s.Countersigners(all, leader, true); !slices.Equal(got, []string{boss, "somebody before"}) || len(all) != 5 {
		t.Errorf("asked for the second signature: %v", got)
	}
}
