package newsroom

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/moves.md anew")

const (
	author, holder, bureau, leader, deputy, boss, admin = "author", "holder", "bureau", "leader", "deputy", "boss", "admin"
)

var people = map[string]Person{
	author:      {ID: author, Roles: []Role{RoleReporter}, Active: true},
	holder:      {ID: holder, Roles: []Role{RoleReviewer}, Active: true},
	bureau:      {ID: bureau, Roles: []Role{RoleReviewer}, Sections: []string{"kinh-te"}, Active: true},
	"elsewhere": {ID: "elsewhere", Roles: []Role{RoleReviewer}, Sections: []string{"thong-bao"}, Active: true},
	"other":     {ID: "other", Roles: []Role{RoleReporter}, Active: true},
	"commenter": {ID: "commenter", Roles: []Role{RoleCommenter}, Active: true},
	leader:      {ID: leader, Roles: []Role{RoleLeader}, Active: true},
	boss:        {ID: boss, Roles: []Role{RoleLeader}, Active: true}, // a leader who is not asked
	admin:       {ID: admin, Roles: []Role{RoleAdmin}, Active: true},
	"gone":      {ID: "gone", Roles: Roles, Active: false},
}

func content() Content {
	return Content{Title: "Lễ ký kết", Section: "kinh-te", Body: "<p>Nội dung.</p>", Authors: []Author{{PenName: "Mai Lan"}}}
}

// situated is an article in stage and public state in which every condition beyond the table is met.
func situated(stage Stage, public Public) Situation {
	c := content()
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, Zone)
	s := Situation{
		Now: now, Target: people[bureau], Draft: c, Sent: c, Shown: c, Frozen: c.Hash(), Computed: c.Hash(), Policy: DefaultPolicy("ubnd"),
		Seats: []Seat{{Office: "ubnd", Person: leader}},
		Article: Article{
			ID: "a", Stage: stage, Public: public, Section: "kinh-te", AuthorID: author, Revision: 1, DraftHash: c.Hash(),
			ReleaseDue: new(now.Add(-time.Second)), UndoUntil: new(now.Add(time.Minute)), SecondBy: new(now.Add(time.Hour)), FirstSigner: leader,
		},
	}
	s.Disowned, s.Round = &Verdict{Person: leader, Move: MoveApprove}, true
	s.Newest = &Policy{Version: 9, Steps: []Step{{Office: "ubnd", Quorum: QuorumAll}}}
	if public != PublicHidden {
		s.Article.Live = 1
	}
	switch stage {
	case StageInReview, StageAwaitingApproval:
		s.Article.HolderID = holder
	}
	switch stage {
	case StageAwaitingApproval:
		s.Article.ForwardedBy = holder
		s.Asks = []Ask{{ID: "k", Revision: 1, Hash: c.Hash(), Seat: Seat{Office: "ubnd", Person: leader}}}
	case StageApproved, StageScheduled, StageReleased:
		s.Verdicts = []Verdict{{Person: leader, Move: MoveApprove}}
	}
	return s
}

func request(s Situation, move Move) Request {
	return Request{
		ID: "r", ArticleID: "a", Door: DoorPage, Move: move, Hash: s.Frozen, Code: ReasonQuality, Reason: "Cần sửa.", Kind: ChangeMinor,
		Target: bureau, Comment: "Góp ý.", ReleaseAt: new(s.Now.Add(time.Hour)),
	}
}

// mayBy says, for each person, the stages or public states in which domain.md §2 lets them make a move; nothing else may pass.
// It is written from the text of the table, not from the code.
var mayBy = map[Move]map[string]string{
	MoveSubmit:           {author: "draft changes_requested"},
	MoveAbandon:          {author: "draft changes_requested", holder: "draft changes_requested", bureau: "draft changes_requested"},
	MoveClaim:            {holder: "submitted", bureau: "submitted"},
	MoveReleaseClaim:     {holder: "in_review", admin: "in_review"},
	MoveHandOver:         {holder: "in_review", admin: "in_review"},
	MoveTakeOver:         {holder: "in_review", bureau: "in_review"},
	MoveRecall:           {author: "submitted in_review awaiting_approval"},
	MoveReturn:           {holder: "in_review"},
	MoveReject:           {holder: "in_review", leader: "awaiting_approval"},
	MoveForward:          {holder: "in_review"},
	MoveResubmit:         {holder: "awaiting_approval"},
	MoveWithdrawRequest:  {holder: "awaiting_approval"},
	MoveApprove:          {leader: "awaiting_approval"},
	MoveRequestChanges:   {leader: "awaiting_approval"},
	MoveEmergencyRelease: {leader: "in_review awaiting_approval", boss: "in_review awaiting_approval"},
	MoveRelease:          {"": "approved scheduled"},
	MoveReschedule:       {leader: "scheduled", boss: "scheduled"},
	MoveUnschedule:       {leader: "approved scheduled", boss: "approved scheduled"},
	MoveUndo:             {leader: "approved scheduled"},
	MoveRevise: {
		author: "released/!hidden rejected/!hidden abandoned/!hidden", holder: "released/!hidden rejected/!hidden abandoned/!hidden",
		bureau: "released/!hidden rejected/!hidden abandoned/!hidden",
	},
	MoveWithdraw:    {leader: "*/live */expired", boss: "*/live */expired"},
	MoveTakeDown:    {leader: "*/live */withdrawn */expired", boss: "*/live */withdrawn */expired"},
	MoveRestore:     {leader: "*/withdrawn */taken_down */expired", boss: "*/withdrawn */taken_down */expired"},
	MoveExpire:      {"": "*/live", holder: "*/live", bureau: "*/live"},
	MoveSecondSign:  {boss: "*"},
	MoveNotMe:       {leader: "*"},
	MoveAdoptPolicy: {admin: "awaiting_approval"},
	MoveComment: {
		author: "*", holder: "*", bureau: "*", "elsewhere": "*", "commenter": "*", leader: "*", boss: "*", admin: "*",
	},
}

// covers reads the patterns of mayBy: "stage", "stage/!public", "*/public", "*".
func covers(patterns string, stage Stage, public Public) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool {
		st, pu, _ := strings.Cut(p, "/")
		if st != "*" && st != string(stage) {
			return false
		}
		if not, ok := strings.CutPrefix(pu, "!"); ok {
			return not != string(public)
		}
		return pu == "" || pu == string(public)
	})
}

func TestEveryStageRoleAndMove(t *testing.T) {
	t.Parallel()
	allowed, refused := 0, 0
	for _, stage := range Stages {
		for _, public := range Publics {
			for move, by := range mayBy {
				for id := range people {
					s := situated(stage, public)
					s.Actor = people[id]
					_, err := Rule(s, request(s, move))
					check(t, move, stage, public, id, covers(by[id], stage, public), err, &allowed, &refused)
				}
				s := situated(stage, public)
				r := request(s, move)
				r.Door = DoorClock
				_, err := Rule(s, r)
				check(t, move, stage, public, "", covers(by[""], stage, public), err, &allowed, &refused)
			}
		}
	}
	if allowed < 100 || refused < 10_000 {
		t.Errorf("the walk is too small to mean anything: %d allowed, %d refused", allowed, refused)
	}
}

func check(t *testing.T, move Move, stage Stage, public Public, who string, want bool, err error, allowed, refused *int) {
	t.Helper()
	if want != (err == nil) {
		t.Errorf("%s at %s/%s by %q: allowed = %v, want %v (%v)", move, stage, public, who, err == nil, want, err)
	}
	if err == nil {
		*allowed++
		return
	}
	*refused++
	if _, ok := errors.AsType[*MoveError](err); !ok {
		t.Errorf("%s at %s by %s: %v is no MoveError", move, stage, who, err)
	}
}

func TestEveryMoveOfTheTableIsTested(t *testing.T) {
	t.Parallel()
	for _, w := range Ways {
		if mayBy[w.Move] == nil {
			t.Errorf("move %s is not in the test's table", w.Move)
		}
	}
}

func refusal(t *testing.T, s Situation, r Request) Refusal {
	t.Helper()
	_, err := Rule(s, r)
	refused, ok := errors.AsType[*MoveError](err)
	if !ok {
		t.Fatalf("%s: %v, want a refusal", r.Move, err)
	}
	return refused.Code
}

func TestConditionsBeyondTheTable(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		stage Stage
		who   string
		move  Move
		bend  func(*Situation, *Request)
		want  Refusal
	}{
		{"submit without a title", StageDraft, author, MoveSubmit, func(s *Situation, _ *Request) { s.Draft.Title = "" }, RefusedIncomplete},
		{"submit with a picture without alt text", StageDraft, author, MoveSubmit, func(s *Situation, _ *Request) { s.Draft.Pictures = []Picture{{SHA: "x"}} }, RefusedIncomplete},
		{"submit with a blocking check", StageDraft, author, MoveSubmit, func(s *Situation, _ *Request) { s.Blocking = []string{"personal_id"} }, RefusedChecks},
		{"submit another text than shown", StageDraft, author, MoveSubmit, func(_ *Situation, r *Request) { r.Hash = "old" }, RefusedStale},
		{"return without a reason", StageInReview, holder, MoveReturn, func(_ *Situation, r *Request) { r.Reason = " " }, RefusedReason},
		{"return with an unknown code", StageInReview, holder, MoveReturn, func(_ *Situation, r *Request) { r.Code = "mood" }, RefusedReasonCode},
		{"return by another reviewer", StageInReview, bureau, MoveReturn, nil, RefusedLocked},
		{"hand over to a reporter", StageInReview, holder, MoveHandOver, func(s *Situation, _ *Request) { s.Target = people[author] }, RefusedTarget},
		{"forward where nobody may approve", StageInReview, holder, MoveForward, func(s *Situation, _ *Request) { s.Seats = nil }, RefusedNobody},
		{"forward an own article's only approver", StageInReview, holder, MoveForward, func(s *Situation, _ *Request) { s.Seats[0].Person = author }, RefusedNobody},
		{"approve a stale revision", StageAwaitingApproval, leader, MoveApprove, func(_ *Situation, r *Request) { r.Revision = 7 }, RefusedStale},
		{"approve without naming the bytes", StageAwaitingApproval, leader, MoveApprove, func(_ *Situation, r *Request) { r.Hash = "" }, RefusedStale},
		{"approve other bytes", StageAwaitingApproval, leader, MoveApprove, func(_ *Situation, r *Request) { r.Hash = "other" }, RefusedStale},
		{"approve twice", StageAwaitingApproval, leader, MoveApprove, func(s *Situation, _ *Request) { s.Verdicts = []Verdict{{Person: leader, Move: MoveApprove}} }, RefusedDecided},
		{"approve with another's link", StageAwaitingApproval, leader, MoveApprove, func(_ *Situation, r *Request) { r.AskID = "another" }, RefusedToken},
		{"approve when not asked", StageAwaitingApproval, boss, MoveApprove, nil, RefusedNotAsked},
		{"approve an own article", StageAwaitingApproval, leader, MoveApprove, func(s *Situation, _ *Request) { s.Article.AuthorID = leader }, RefusedConflict},
		{"approve what one forwarded", StageAwaitingApproval, leader, MoveApprove, func(s *Situation, _ *Request) { s.Article.ForwardedBy = leader }, RefusedConflict},
		{"approve after the other leader", StageReleased, boss, MoveApprove, nil, RefusedSettled},
		{"approve again after release", StageReleased, leader, MoveApprove, nil, RefusedDecided},
		{"undo too late", StageApproved, leader, MoveUndo, func(s *Situation, _ *Request) { s.Article.UndoUntil = new(s.Now.Add(-time.Second)) }, RefusedWindow},
		{"reschedule into the past", StageScheduled, leader, MoveReschedule, func(s *Situation, r *Request) { r.ReleaseAt = new(s.Now.Add(-time.Hour)) }, RefusedTime},
		{"reschedule behind the display end", StageScheduled, leader, MoveReschedule, func(s *Situation, _ *Request) { s.Sent.DisplayEnd = new(s.Now.Add(time.Minute)) }, RefusedTime},
		{"second signature by the first signer", StageReleased, leader, MoveSecondSign, nil, RefusedSameSigner},
		{"second signature by the author", StageReleased, boss, MoveSecondSign, func(s *Situation, _ *Request) { s.Article.AuthorID = boss }, RefusedConflict},
		{"second signature by whoever forwarded", StageReleased, boss, MoveSecondSign, func(s *Situation, _ *Request) { s.Article.ForwardedBy = boss }, RefusedConflict},
		{"a move nobody knows", StageDraft, author, "fly", nil, RefusedUnknownMove},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := situated(c.stage, PublicHidden)
			s.Actor = people[c.who]
			r := request(s, c.move)
			if c.bend != nil {
				c.bend(&s, &r)
			}
			if got := refusal(t, s, r); got != c.want {
				t.Errorf("refused with %s, want %s", got, c.want)
			}
		})
	}
}

func TestReleaseChecksBytesTimeAndFreeze(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bend func(*Situation)
		want Refusal
	}{
		"other bytes": {func(s *Situation) { s.Computed = "tampered" }, RefusedHash},
		"too early":   {func(s *Situation) { s.Article.ReleaseDue = new(s.Now.Add(time.Minute)) }, RefusedTime},
		"frozen":      {func(s *Situation) { s.Article.Frozen = true }, RefusedFrozen},
	} {
		s := situated(StageScheduled, PublicHidden)
		c.bend(&s)
		if got := refusal(t, s, Request{Move: MoveRelease, Door: DoorClock}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// approval is the ruling on an approval by who.
func approval(t *testing.T, s Situation, who string) Ruling {
	t.Helper()
	s.Actor = Person{ID: who, Roles: []Role{RoleLeader}, Active: true}
	out, err := Rule(s, request(s, MoveApprove))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestQuorums(t *testing.T) {
	t.Parallel()
	ask := func(ids ...string) (asks []Ask) {
		for _, id := range ids {
			asks = append(asks, Ask{ID: id, Revision: 1, Hash: content().Hash(), Seat: Seat{Office: "ubnd", Person: id}})
		}
		return asks
	}
	yes := func(ids ...string) (given []Verdict) {
		for _, id := range ids {
			given = append(given, Verdict{Person: id, Move: MoveApprove})
		}
		return given
	}
	// answered is the question to somebody who has decided.
	answered := func(id string) Ask {
		return Ask{ID: id, Revision: 1, Hash: content().Hash(), Seat: Seat{Office: "ubnd", Person: id}, Closed: true}
	}
	too := func(a Ask) Ask { a.Escalation = true; return a }
	cases := []struct {
		name    string
		step    Step
		asks    []Ask
		given   []Verdict
		settled bool
	}{
		{"any: one is enough", Step{Office: "ubnd", Quorum: QuorumAny}, ask("a", "b"), nil, true},
		{"all: the first of two", Step{Office: "ubnd", Quorum: QuorumAll}, ask("a", "b"), nil, false},
		{"all: the last of two", Step{Office: "ubnd", Quorum: QuorumAll}, append(ask("a"), answered("b")), yes("b"), true},
		{"all: the second of three", Step{Office: "ubnd", Quorum: QuorumAll}, append(ask("a", "c"), answered("b")), yes("b"), false},
		{"all: the last of three", Step{Office: "ubnd", Quorum: QuorumAll}, append(ask("a"), answered("b"), answered("c")), yes("b", "c"), true},
		{"all: a deputy asked too stands in for one", Step{Office: "ubnd", Quorum: QuorumAll}, append(ask("b"), answered("c"), too(ask("a")[0])), yes("c"), true},
		{"two of three: the first", Step{Office: "ubnd", Quorum: QuorumN, N: 2}, ask("a", "b", "c"), nil, false},
		{"two of three: the second", Step{Office: "ubnd", Quorum: QuorumN, N: 2}, ask("a", "c"), yes("b"), true},
	}
	for _, c := range cases {
		s := situated(StageAwaitingApproval, PublicHidden)
		s.Policy.Steps, s.Asks, s.Verdicts = []Step{c.step}, c.asks, c.given
		out := approval(t, s, "a")
		if out.Release != c.settled || !out.Verdict {
			t.Errorf("%s: release = %v, verdict = %v", c.name, out.Release, out.Verdict)
		}
		if !c.settled && (out.To != StageAwaitingApproval || out.CloseAsks != "" || out.Event != "") {
			t.Errorf("%s: an open round was changed: %+v", c.name, out)
		}
	}
}

// An approval counts for the holders whose seats it answers, whoever sits there.
func TestQuorumsCountSeats(t *testing.T) {
	t.Parallel()
	ask := func(person, behalf string, bend ...func(*Ask)) Ask {
		k := Ask{ID: person + "/" + behalf, Revision: 1, Hash: content().Hash(), Seat: Seat{Office: "ubnd", Person: person, OnBehalfOf: behalf}}
		for _, b := range bend {
			b(&k)
		}
		return k
	}
	answered := func(k *Ask) { k.Closed, k.Answered = true, true }
	late := func(k *Ask) { k.Escalation = true }
	yes := func(ids ...string) (given []Verdict) {
		for _, id := range ids {
			given = append(given, Verdict{Person: id, Move: MoveApprove})
		}
		return given
	}
	all, two := Step{Office: "ubnd", Quorum: QuorumAll}, Step{Office: "ubnd", Quorum: QuorumN, N: 2}
	a, b, aByB := Seat{Office: "ubnd", Person: "a"}, Seat{Office: "ubnd", Person: "b"}, Seat{Office: "ubnd", Person: "b", OnBehalfOf: "a"}
	cases := []struct {
		name    string
		step    Step
		seats   []Seat
		asks    []Ask
		given   []Verdict
		settled bool
		also    string
	}{
		{"b answers for a too while a's delegation runs", all, []Seat{aByB, b}, []Ask{ask("b", "a"), ask("b", "")}, nil, true, "a"},
		{"b answers no more for a when it is over", all, []Seat{a, b}, []Ask{ask("b", "a"), ask("b", "")}, nil, false, ""},
		{"a's account is closed", all, []Seat{b}, []Ask{ask("b", "a"), ask("b", "")}, nil, false, ""},
		{"b alone after a was asked again", all, []Seat{a, b}, []Ask{ask("b", ""), ask("a", "")}, nil, false, ""},
		{"b after a", all, []Seat{a, b}, []Ask{ask("b", ""), ask("a", "", answered)}, yes("a"), true, ""},
		{"c was answered for by a, who has sat for c", all, []Seat{a, b, {Office: "ubnd", Person: "c"}}, []Ask{ask("a", "", answered), ask("a", "c", answered), ask("b", "")}, yes("a"), true, ""},
		{"a signed for c in person's own name too", all, []Seat{aByB, {Office: "ubnd", Person: "c"}}, []Ask{ask("a", "c", answered), ask("b", "a")}, yes("a"), true, ""},
		{"two: one person in two seats", two, []Seat{aByB, b, {Office: "ubnd", Person: "c"}}, []Ask{ask("b", ""), ask("b", "a"), ask("c", "")}, nil, true, "a"},
		{"a deputy for a holder who has answered", all, []Seat{a, {Office: "ubnd", Person: "c"}}, []Ask{ask("a", "", answered), ask("c", ""), ask("b", "a", late)}, yes("a"), false, ""},
		{"asked late and with a seat: one of two", all, []Seat{aByB, {Office: "ubnd", Person: "c"}}, []Ask{ask("b", "a"), ask("c", ""), ask("b", "", late)}, nil, false, ""},
	}
	for _, c := range cases {
		s := situated(StageAwaitingApproval, PublicHidden)
		s.Policy.Steps, s.Seats, s.Asks, s.Verdicts = []Step{c.step}, c.seats, c.asks, c.given
		out := approval(t, s, "b")
		if out.Release != c.settled || strings.Join(out.AlsoFor, " ") != c.also {
			t.Errorf("%s: settled = %v, also for %q", c.name, out.Release, out.AlsoFor)
		}
	}
}

// Who signed for somebody signs no more when that is over, whatever the question says.
func TestDeputyWithoutADelegationDecidesNothing(t *testing.T) {
	t.Parallel()
	for _, seats := range [][]Seat{nil, {{Office: "ubnd", Person: leader}}, {{Office: "ubnd", Person: boss, OnBehalfOf: leader}}} {
		for _, move := range []Move{MoveApprove, MoveRequestChanges, MoveReject} {
			s := situated(StageAwaitingApproval, PublicHidden)
			s.Asks[0].Seat, s.Seats = Seat{Office: "ubnd", Person: deputy, OnBehalfOf: leader}, seats
			s.Actor = Person{ID: deputy, Roles: []Role{RoleLeader}, Active: true}
			if got := refusal(t, s, request(s, move)); got != RefusedNotAsked {
				t.Errorf("%s while %v sit there: %s", move, seats, got)
			}
		}
	}
}

func TestAskedIsOneForEachSeat(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy("ubnd")
	seats := []Seat{
		{Office: "ubnd", Person: boss, OnBehalfOf: leader},
		{Office: "ubnd", Person: boss},
		{Office: "ubnd", Person: author, OnBehalfOf: deputy},
		{Office: "ubnd", Person: deputy, OnBehalfOf: author},
		{Office: "elsewhere", Person: admin},
	}
	want := []Seat{seats[0], seats[1], {Office: "ubnd", Person: deputy}} // the author may not sign for anybody, nor anybody for the author
	if got := p.Asked(0, seats, author, holder); !slices.Equal(got, want) {
		t.Errorf("asked: %+v", got)
	}
	if got := p.StandIns(seats[:3], author, holder); !slices.Equal(got, seats[:1]) {
		t.Errorf("asked too: %+v", got)
	}
	s := Situation{Asks: []Ask{{ID: "late", Seat: seats[1], Escalation: true}, {ID: "for", Seat: seats[0]}, {ID: "own", Seat: seats[1]}, {ID: "gone", Seat: want[2], Closed: true}}}
	if links := s.Links(); len(links) != 1 || links[0].ID != "own" {
		t.Errorf("links: %+v", links)
	}
}

func TestStepsInOrder(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Policy.Steps = []Step{{Office: "ubnd", Quorum: QuorumAny}, {Office: "chu-tich", Quorum: QuorumAny}}
	s.Seats = append(s.Seats, Seat{Office: "chu-tich", Person: boss})
	out := approval(t, s, leader)
	if out.Release || out.OpenStep != 1 || len(out.Ask) != 1 || out.Ask[0].Person != boss || out.To != StageAwaitingApproval {
		t.Fatalf("after the first step: %+v", out)
	}
	s.Article.Step = 1
	s.Verdicts = []Verdict{{Person: leader, Step: 0, Move: MoveApprove}}
	s.Asks = []Ask{{ID: "k2", Step: 1, Revision: 1, Hash: s.Frozen, Seat: out.Ask[0]}}
	if out := approval(t, s, boss); !out.Release || out.To != StageReleased {
		t.Errorf("after the last step: %+v", out)
	}
}

func TestApprovedWaitsForItsTime(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	at := s.Now.Add(8 * time.Hour)
	s.Sent.ReleaseAt = &at
	s.Frozen = s.Sent.Hash()
	s.Asks[0].Hash = s.Frozen
	if out := approval(t, s, leader); out.To != StageScheduled || out.Release || !out.ReleaseDue.Equal(at) {
		t.Errorf("embargo: %+v", out)
	}
	s.Sent.ReleaseAt, s.Policy.CoolingOffMinutes = nil, 10
	if out := approval(t, s, leader); out.To != StageApproved || !out.ReleaseDue.Equal(s.Now.Add(10*time.Minute)) || out.UndoUntil == nil {
		t.Errorf("cooling-off: %+v", out)
	}
}

func TestDeputySignsForTheHolder(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Asks[0].Seat = Seat{Office: "ubnd", Person: deputy, OnBehalfOf: leader}
	s.Seats = []Seat{s.Asks[0].Seat}
	out := approval(t, s, deputy)
	if out.Capacity != AsDeputy || out.OnBehalfOf != leader {
		t.Errorf("capacity %s for %q", out.Capacity, out.OnBehalfOf)
	}
}

// After an approval that was undone nobody holds the edit lock: any reviewer of the section takes the text back to edit, and it.
func TestAReviewerTakesBackWhatNobodyHolds(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Actor = people[bureau]
	if got := refusal(t, s, request(s, MoveWithdrawRequest)); got != RefusedLocked {
		t.Errorf("somebody else holds it: %s", got)
	}
	s.Article.HolderID = ""
	out, err := Rule(s, request(s, MoveWithdrawRequest))
	if err != nil || out.Capacity != AsReviewer || out.Holder == nil || *out.Holder != bureau || out.CloseAsks == "" {
		t.Errorf("nobody holds it: %+v, %v", out, err)
	}
	s.Actor = people["elsewhere"]
	if got := refusal(t, s, request(s, MoveWithdrawRequest)); got != RefusedRole {
		t.Errorf("of another section: %s", got)
	}
}

func TestResubmitOfTheSameBytesIsNothing(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Actor = people[holder]
	out, err := Rule(s, request(s, MoveResubmit))
	if err != nil || !out.Nothing || out.CloseAsks != "" {
		t.Errorf("same bytes: %+v, %v", out, err)
	}
	s.Draft.Lead = "Khác."
	s.Article.DraftHash = s.Draft.Hash()
	r := request(s, MoveResubmit)
	r.Hash = s.Article.DraftHash
	out, err = Rule(s, r)
	if err != nil || out.Nothing || !out.NewRound || out.CloseAsks == "" || len(out.Ask) != 1 {
		t.Errorf("other bytes: %+v, %v", out, err)
	}
}

func TestDocsShowTheTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Moves\n\nGenerated from `newsroom/stage.go` by its test (`go test ./newsroom -update`); do not edit.\n" +
		"Conditions that a table cannot say (hash, quorum, lock, windows) are in `newsroom/rule.go`, who has standing in `newsroom/standing.go`.\n\n" +
		"| move | from stage | in public state | to stage | then public | by | reason | event |\n|---|---|---|---|---|---|---|---|\n")
	for _, w := range Ways {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n", w.Move, list(w.From), list(w.Public), dash(string(w.To)), dash(string(w.Then)),
			list(w.By), map[bool]string{true: "yes", false: ""}[w.Reason], dash(w.Event))
	}
	const path = "../docs/moves.md"
	if *update {
		if err := os.MkdirAll("../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != b.String() {
		t.Errorf("docs/moves.md is not what the table says; run go test ./newsroom -update (%v)", err)
	}
}

func list[T ~string](items []T) string {
	if items == nil {
		return "any"
	}
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = string(item)
	}
	return strings.Join(names, ", ")
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func TestNotMe(t *testing.T) {
	t.Parallel()
	rule := func(stage Stage, bend func(*Situation)) Ruling {
		t.Helper()
		s := situated(stage, PublicHidden)
		s.Actor = people[leader]
		if bend != nil {
			bend(&s)
		}
		out, err := Rule(s, request(s, MoveNotMe))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := rule(StageScheduled, nil); !out.Freezing || out.NewRound {
		t.Errorf("scheduled: %+v", out)
	}
	if out := rule(StageAwaitingApproval, nil); !out.NewRound || out.OpenStep != 0 || out.CloseAsks == "" || len(out.Ask) != 1 {
		t.Errorf("a disowned approval still counts: %+v", out)
	}
	if out := rule(StageScheduled, func(s *Situation) { s.Disowned.Move, s.Disowned.Step = MoveReschedule, -1 }); !out.Freezing || out.NewRound {
		t.Errorf("rescheduled in somebody's name: %+v", out)
	}
	if out := rule(StageReleased, nil); out.Freezing || out.NewRound || out.Then != PublicHidden {
		t.Errorf("released: %+v", out)
	}
	if out := rule(StageScheduled, func(s *Situation) { s.Round = false }); out.Freezing {
		t.Errorf("a decision of an earlier round: %+v", out)
	}
	if out := rule(StageAwaitingApproval, func(s *Situation) { s.Disowned.Move = MoveRequestChanges }); out.NewRound || out.Freezing {
		t.Errorf("disowned request for changes: %+v", out)
	}
	if out := rule(StageAwaitingApproval, func(s *Situation) { s.Seats = nil }); !out.Freezing {
		t.Errorf("nobody to ask anew: %+v", out)
	}
	s := situated(StageApproved, PublicHidden)
	s.Actor = people[boss]
	if got := refusal(t, s, request(s, MoveNotMe)); got != RefusedRole {
		t.Errorf("somebody else's decision: %s", got)
	}
}

// What a "not me" froze is not released by a later approval either.
func TestFrozenApprovalWaits(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Article.Frozen = true
	if out := approval(t, s, leader); out.Release || out.To != StageApproved || out.ReleaseDue == nil {
		t.Errorf("released although frozen: %+v", out)
	}
}

func TestAdoptPolicyAsksAnew(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Actor = people[admin]
	same := s.Policy
	same.Version = 7
	s.Newest = &same
	out, err := Rule(s, request(s, MoveAdoptPolicy))
	if err != nil || !out.Nothing {
		t.Errorf("a policy that says the same: %+v, %v", out, err)
	}
	s.Newest.Steps = []Step{{Office: "ubnd", Quorum: QuorumAny}, {Office: "chu-tich", Quorum: QuorumAny}}
	if got := refusal(t, s, request(s, MoveAdoptPolicy)); got != RefusedNobody {
		t.Errorf("an office without a holder: %s", got)
	}
	s.Seats = append(s.Seats, Seat{Office: "chu-tich", Person: boss})
	out, err = Rule(s, request(s, MoveAdoptPolicy))
	if err != nil || out.Nothing || !out.NewRound || out.OpenStep != 0 || out.CloseAsks != "superseded" || out.Capacity != AsAdmin {
		t.Errorf("another policy: %+v, %v", out, err)
	}
}

func TestReseats(t *testing.T) {
	t.Parallel()
	with := func(bend func(*Situation)) []Reseat {
		s := situated(StageAwaitingApproval, PublicHidden)
		s.Seats = []Seat{{Office: "ubnd", Person: deputy, OnBehalfOf: leader}}
		bend(&s)
		return Reseats(s)
	}
	none := func(*Situation) {}
	if got := with(none); len(got) != 1 || got[0].To.Person != deputy || got[0].To.OnBehalfOf != leader {
		t.Errorf("a delegation began: %+v", got)
	}
	for name, bend := range map[string]func(*Situation){
		"the deputy wrote it":          func(s *Situation) { s.Article.AuthorID = deputy },
		"the deputy forwarded it":      func(s *Situation) { s.Article.ForwardedBy = deputy },
		"the deputy has decided":       func(s *Situation) { s.Verdicts = []Verdict{{Person: deputy, Move: MoveApprove}} },
		"the question is answered":     func(s *Situation) { s.Asks[0].Closed = true },
		"asked since it was overdue":   func(s *Situation) { s.Asks[0].Escalation = true },
		"another step":                 func(s *Situation) { s.Article.Step = 1 },
		"the holder still sits there":  func(s *Situation) { s.Seats = []Seat{{Office: "ubnd", Person: leader}} },
		"the holder has left":          func(s *Situation) { s.Seats = nil },
		"it does not wait for anybody": func(s *Situation) { s.Article.Stage = StageReleased },
	} {
		if got := with(bend); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	back := with(func(s *Situation) {
		s.Asks[0].Seat = Seat{Office: "ubnd", Person: deputy, OnBehalfOf: leader}
		s.Seats = []Seat{{Office: "ubnd", Person: leader}}
	})
	if len(back) != 1 || back[0].To.Person != leader || back[0].To.OnBehalfOf != "" {
		t.Errorf("a delegation ended: %+v", back)
	}
}

func TestReplyDecidesOnlyWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	try := func(move Move, bend func(*Policy)) error {
		s := situated(StageAwaitingApproval, PublicHidden)
		s.Actor = people[leader]
		bend(&s.Policy)
		r := request(s, move)
		r.Door = DoorReply
		_, err := Rule(s, r)
		return err
	}
	allowed := func(p *Policy) { p.DecideByReply = true }
	for _, move := range []Move{MoveApprove, MoveRequestChanges} {
		if err := try(move, allowed); err != nil {
			t.Errorf("%s: %v", move, err)
		}
		if err := try(move, func(*Policy) {}); err == nil {
			t.Errorf("%s passes where the policy says nothing", move)
		}
		if err := try(move, func(p *Policy) { p.DecideByReply, p.DecideTOTP = true, true }); err == nil {
			t.Errorf("%s passes where a one-time code is wanted", move)
		}
	}
	if err := try(MoveReject, allowed); err == nil {
		t.Error("a rejection came by reply")
	}
}

// What was saved beside the text before the office settles nothing, neither when it goes out nor how it is told.
func TestDecisionsAreAboutWhatWasSentUp(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 17, 0, 0, 0, Zone)
	sent := content()
	sent.ReleaseAt = &at
	with := func(stage Stage) Situation {
		s := situated(stage, PublicHidden)
		s.Actor, s.Sent, s.Frozen = people[leader], sent, sent.Hash()
		for i := range s.Asks {
			s.Asks[i].Hash = s.Frozen
		}
		s.Draft.Title, s.Draft.DisplayEnd = "Chưa ai duyệt", new(s.Now.Add(time.Minute))
		s.Article.DraftHash = s.Draft.Hash()
		return s
	}
	if out := approval(t, with(StageAwaitingApproval), leader); out.To != StageScheduled || !out.ReleaseDue.Equal(at) {
		t.Errorf("approved: %+v", out)
	}
	s := with(StageScheduled)
	r := request(s, MoveReschedule)
	out, err := Rule(s, r)
	want := sent
	want.ReleaseAt = r.ReleaseAt
	if err != nil || !out.Freeze || out.Text == nil || out.Text.Hash() != want.Hash() {
		t.Errorf("rescheduled: %+v, %v", out, err)
	}
	if r.ReleaseAt = &at; s.Embargo() != &at {
		t.Errorf("embargo %v", s.Embargo())
	}
	if out, err := Rule(s, r); err != nil || !out.Nothing {
		t.Errorf("rescheduled to the same time: %+v, %v", out, err)
	}
}

// A release time is approved with the text: a leader who may not approve an article does not approve its new time either.
func TestALeaderDoesNotApproveTheOwnReleaseTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		set   func(*Situation)
		again bool
	}{
		{"another's article", func(*Situation) {}, false},
		{"the own article", func(s *Situation) { s.Article.AuthorID = leader }, true},
		{"the own article, where the policy allows it", func(s *Situation) { s.Article.AuthorID, s.Policy.AuthorMayApprove = leader, true }, false},
		{"forwarded by oneself", func(s *Situation) { s.Article.ForwardedBy = leader }, true},
	} {
		s := situated(StageScheduled, PublicHidden)
		s.Actor = people[leader]
		c.set(&s)
		s.Seats = append(s.Seats, Seat{Office: s.Seats[0].Office, Person: boss})
		r := request(s, MoveReschedule)
		out, err := Rule(s, r)
		if err != nil || !out.Freeze || out.Verdict == c.again || (out.To == StageAwaitingApproval) != c.again || (out.ReleaseDue == nil) != c.again ||
			c.again && (len(out.Ask) == 0 || slices.ContainsFunc(out.Ask, func(seat Seat) bool { return seat.Person == leader })) {
			t.Errorf("%s: %+v, %v", c.name, out, err)
		}
	}
}

func TestWhoDecidesReadsWhatWasSentUp(t *testing.T) {
	t.Parallel()
	both := Person{ID: holder, Roles: []Role{RoleReviewer, RoleLeader}, Active: true}
	for _, c := range []struct {
		who   Person
		stage Stage
		want  bool
	}{
		{people[leader], StageAwaitingApproval, true},
		{people[bureau], StageAwaitingApproval, true},
		{people[holder], StageAwaitingApproval, false},
		{people[author], StageAwaitingApproval, false},
		{both, StageAwaitingApproval, true},
		{Person{ID: author, Roles: []Role{RoleReporter, RoleLeader}, Active: true}, StageAwaitingApproval, true},
		{people[leader], StageInReview, false},
		{people[leader], StageChangesRequested, true},
		{people[author], StageChangesRequested, false},
	} {
		s := situated(c.stage, PublicHidden)
		s.Actor = c.who
		if s.ReadsSent() {
			t.Errorf("%s in %s: the working text is the one sent up", c.who.ID, c.stage)
		}
		s.Article.DraftHash = "newer"
		if got := s.ReadsSent(); got != c.want {
			t.Errorf("%s (%v) in %s reads what was sent up: %v, want %v", c.who.ID, c.who.Roles, c.stage, got, c.want)
		}
	}
}

func TestTakingFromReadersHoldsWhatWouldBringItBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		move Move
		who  Person
		door Door
		hold bool
	}{
		{MoveWithdraw, people[leader], DoorPage, true},
		{MoveTakeDown, people[leader], DoorPage, true},
		{MoveExpire, people[holder], DoorPage, true},
		{MoveExpire, Person{}, DoorClock, false},
	} {
		for _, stage := range Stages {
			s := situated(stage, PublicLive)
			s.Actor = c.who
			r := request(s, c.move)
			r.Door = c.door
			out, err := Rule(s, r)
			if want := c.hold && (stage == StageApproved || stage == StageScheduled); err != nil || out.Freezing != want {
				t.Errorf("%s by %q in %s holds the release: %v, want %v (%v)", c.move, c.who.ID, stage, out.Freezing, want, err)
			}
		}
	}
}

func TestEndOfDisplayIsHeldAgainstTheRelease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stage Stage
		who   string
		move  Move
		end   time.Duration
		bend  func(*Situation, *Content)
		want  Refusal
	}{
		{"forwarded after it", StageInReview, holder, MoveForward, 0, nil, RefusedTime},
		{"forwarded before it", StageInReview, holder, MoveForward, time.Minute, nil, ""},
		{"forwarded to go out after it", StageInReview, holder, MoveForward, time.Minute, func(s *Situation, c *Content) { c.ReleaseAt = new(s.Now.Add(time.Hour)) }, RefusedTime},
		{"approved after it", StageAwaitingApproval, leader, MoveApprove, 0, nil, RefusedTime},
		{"approved before it", StageAwaitingApproval, leader, MoveApprove, time.Minute, nil, ""},
		{"approved, cooling off beyond it", StageAwaitingApproval, leader, MoveApprove, time.Minute, func(s *Situation, _ *Content) { s.Policy.CoolingOffMinutes = 2 }, RefusedTime},
		{"first of two steps after it", StageAwaitingApproval, leader, MoveApprove, 0, func(s *Situation, _ *Content) {
			s.Policy.Steps = append(s.Policy.Steps, Step{Office: "ubnd", Quorum: QuorumAny})
		}, RefusedTime},
		{"urgent after it", StageAwaitingApproval, boss, MoveEmergencyRelease, 0, nil, RefusedTime},
		{"urgent from the desk after it", StageInReview, boss, MoveEmergencyRelease, 0, nil, RefusedTime},
		{"changes asked for after it", StageAwaitingApproval, leader, MoveRequestChanges, 0, nil, ""},
		{"released after it", StageScheduled, "", MoveRelease, 0, nil, RefusedTime},
		{"released before it", StageScheduled, "", MoveRelease, time.Second, nil, ""},
	} {
		s := situated(c.stage, PublicHidden)
		text := content()
		text.DisplayEnd = new(s.Now.Add(c.end))
		if c.bend != nil {
			c.bend(&s, &text)
		}
		s.Actor, s.Draft, s.Sent, s.Frozen, s.Computed, s.Article.DraftHash = people[c.who], text, text, text.Hash(), text.Hash(), text.Hash()
		for i := range s.Asks {
			s.Asks[i].Hash = s.Frozen
		}
		r := request(s, c.move)
		if c.who == "" {
			r.Door = DoorClock
		}
		_, err := Rule(s, r)
		if got, _ := refusalOf(err); got != c.want {
			t.Errorf("%s: refused with %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCoolingOffEndsBeforeALaterRelease(t *testing.T) {
	t.Parallel()
	s := situated(StageAwaitingApproval, PublicHidden)
	s.Sent.ReleaseAt, s.Policy.CoolingOffMinutes = new(s.Now.Add(8*time.Hour)), 10
	if out := approval(t, s, leader); out.To != StageScheduled || !out.ReleaseDue.Equal(*s.Sent.ReleaseAt) || !out.UndoUntil.Equal(s.Now.Add(10*time.Minute)) {
		t.Errorf("%+v", out)
	}
}

// What needs the PIN needs it where the article stands when the move is settled, not where it stood when the door looked.
func TestUnprovenMovesDecideNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		move  Move
		stage Stage
		who   string
		want  bool
	}{
		{MoveReject, StageInReview, holder, true},
		{MoveReject, StageAwaitingApproval, leader, false},
		{MoveApprove, StageAwaitingApproval, leader, false},
		{MoveTakeDown, StageReleased, leader, false},
		{MoveForward, StageInReview, holder, true},
	} {
		s := situated(c.stage, PublicLive)
		s.Actor = people[c.who]
		r := request(s, c.move)
		if _, err := Rule(s, r); err != nil {
			t.Fatalf("proven %s in %s: %v", c.move, c.stage, err)
		}
		r.Unproven = true
		if _, err := Rule(s, r); (err == nil) != c.want {
			t.Errorf("unproven %s in %s: %v", c.move, c.stage, err)
		}
	}
}

// An approval brings an article back that was taken from readers only when whoever approves could know.
func TestAnApprovalThatDoesNotKnowBringsNothingBack(t *testing.T) {
	t.Parallel()
	for _, public := range Publics {
		for _, c := range []struct {
			door Door
			saw  Public
			want bool
		}{
			{DoorPage, "", true},
			{DoorPage, public, true},
			{DoorLink, PublicLive, public == PublicLive || public == PublicHidden},
			{DoorReply, "", public == PublicLive || public == PublicHidden},
		} {
			s := situated(StageAwaitingApproval, public)
			s.Actor, s.Policy.DecideByReply = people[leader], true
			r := request(s, MoveApprove)
			r.Door, r.Public = c.door, c.saw
			if _, err := Rule(s, r); (err == nil) != c.want {
				t.Errorf("%s by %s that saw %q: %v", public, c.door, c.saw, err)
			}
		}
	}
}
