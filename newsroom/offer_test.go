package newsroom

import (
	"slices"
	"testing"
	"time"
)

// Whatever is offered as a button is either allowed or refused for something that can be filled in; whatever Rule allows
// with a filled form is offered.
func TestOffersAgreeWithTheTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 2, 2, 0, 0, 0, time.UTC)
	content := Content{Title: "T", Section: "s", Body: "<p>b</p>", Authors: []Author{{PenName: "A"}}}
	people := map[string]Person{
		"author": {ID: "author", Active: true, Roles: []Role{RoleReporter}}, "holder": {ID: "holder", Active: true, Roles: []Role{RoleReviewer}},
		"reviewer": {ID: "reviewer", Active: true, Roles: []Role{RoleReviewer}}, "leader": {ID: "leader", Active: true, Roles: []Role{RoleLeader}},
		"admin": {ID: "admin", Active: true, Roles: []Role{RoleAdmin}}, "gone": {ID: "author", Roles: []Role{RoleReporter}},
		"other": {ID: "other", Active: true, Roles: []Role{RoleReporter}},
	}
	offered := func(who string, stage Stage, public Public) []Move {
		s := Situation{
			Now: now, Actor: people[who], Draft: content, Sent: content, Frozen: content.Hash(), Policy: DefaultPolicy("office"),
			Article: Article{ID: "a", Stage: stage, Public: public, Section: "s", AuthorID: "author", HolderID: "holder", Revision: 1, DraftHash: content.Hash()},
			Seats:   []Seat{{Office: "office", Person: "leader"}},
			Asks:    []Ask{{ID: "k", Revision: 1, Hash: content.Hash(), Seat: Seat{Office: "office", Person: "leader"}}},
		}
		if stage == StageSubmitted || stage == StageDraft {
			s.Article.HolderID = ""
		}
		var moves []Move
		for _, o := range Offers(s) {
			if o.Hindered != "" {
				t.Errorf("%s in %s: %s is hindered by %s", who, stage, o.Move, o.Hindered)
			}
			moves = append(moves, o.Move)
		}
		return slices.Compact(moves)
	}
	for _, c := range []struct {
		who    string
		stage  Stage
		public Public
		want   []Move
	}{
		{"author", StageDraft, PublicHidden, []Move{MoveSubmit, MoveAbandon}},
		{"gone", StageDraft, PublicHidden, nil},
		{"other", StageDraft, PublicHidden, nil},
		{"reviewer", StageDraft, PublicHidden, []Move{MoveAbandon}},
		{"author", StageSubmitted, PublicHidden, []Move{MoveRecall}},
		{"reviewer", StageSubmitted, PublicHidden, []Move{MoveClaim}},
		{"holder", StageInReview, PublicHidden, []Move{MoveReleaseClaim, MoveHandOver, MoveReturn, MoveReject, MoveForward}},
		{"reviewer", StageInReview, PublicHidden, []Move{MoveTakeOver}},
		{"admin", StageInReview, PublicHidden, []Move{MoveReleaseClaim, MoveHandOver}},
		{"leader", StageInReview, PublicHidden, []Move{MoveEmergencyRelease}},
		{"leader", StageAwaitingApproval, PublicHidden, []Move{MoveApprove, MoveRequestChanges, MoveReject, MoveEmergencyRelease}},
		{"holder", StageAwaitingApproval, PublicHidden, []Move{MoveWithdrawRequest}},
		{"leader", StageReleased, PublicLive, []Move{MoveWithdraw, MoveTakeDown}},
		{"author", StageReleased, PublicLive, []Move{MoveRevise}},
		{"other", StageReleased, PublicLive, nil},
		{"leader", StageReleased, PublicWithdrawn, []Move{MoveTakeDown, MoveRestore}},
	} {
		if got := offered(c.who, c.stage, c.public); !slices.Equal(got, c.want) {
			t.Errorf("%s in %s/%s is offered %v, want %v", c.who, c.stage, c.public, got, c.want)
		}
	}
}

func TestOffersSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := Situation{
		Actor:   Person{ID: "author", Active: true, Roles: []Role{RoleReporter}},
		Article: Article{Stage: StageDraft, Public: PublicHidden, AuthorID: "author"},
	}
	for _, o := range Offers(s) {
		if o.Move == MoveSubmit && o.Hindered != RefusedIncomplete {
			t.Errorf("submit of an empty draft is hindered by %q", o.Hindered)
		}
	}
}
