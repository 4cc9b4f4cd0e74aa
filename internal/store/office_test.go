package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// officed adds an office held by a leader.
func (p *people) officed(t *testing.T) (office newsroom.Office, holder newsroom.Person) {
	t.Helper()
	holder = p.add(t, "boss@vankhe.example", newsroom.RoleLeader)
	office, err := p.SaveOffice(t.Context(), p.admin, newsroom.Office{Name: "Ban Biên tập"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Seat(t.Context(), p.admin, office.ID, holder.ID, false); err != nil {
		t.Fatal(err)
	}
	return office, holder
}

func TestSeatsAndDelegations(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	office, holder := p.officed(t)
	stand, lan := p.add(t, "stand@vankhe.example", newsroom.RoleLeader), p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	seats := func() []newsroom.Seat {
		t.Helper()
		list, err := p.Seats(ctx, []string{office.ID}, p.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if s := seats(); len(s) != 1 || s[0].Person != holder.ID || s[0].OnBehalfOf != "" {
		t.Fatalf("seats are %+v", s)
	}
	if err := p.Seat(ctx, p.admin, office.ID, holder.ID, true); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("seated twice: %v", err)
	}
	if err := p.Seat(ctx, p.admin, office.ID, lan.ID, false); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("a reporter in an office: %v", err)
	}
	if err := p.Seat(ctx, p.admin, "nope", stand.ID, false); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("an office that is not: %v", err)
	}
	now := p.clock.now()
	d := newsroom.Delegation{OfficeID: office.ID, From: holder.ID, To: stand.ID, Start: now.Add(time.Hour), End: now.Add(3 * time.Hour), Reason: "đi họp"}
	for name, c := range map[string]struct {
		by     newsroom.Person
		change func(*newsroom.Delegation)
	}{
		"by a stranger":       {lan, func(*newsroom.Delegation) {}},
		"by the delegate":     {stand, func(*newsroom.Delegation) {}},
		"to oneself":          {holder, func(d *newsroom.Delegation) { d.To = holder.ID }},
		"to a reporter":       {holder, func(d *newsroom.Delegation) { d.To = lan.ID }},
		"of an office unheld": {stand, func(d *newsroom.Delegation) { d.From, d.To = stand.ID, holder.ID }},
	} {
		wrong := d
		c.change(&wrong)
		if _, err := p.Delegate(ctx, c.by, wrong); !errors.Is(err, newsroom.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*newsroom.Delegation){
		"backwards": func(d *newsroom.Delegation) { d.End = d.Start.Add(-time.Minute) },
		"over":      func(d *newsroom.Delegation) { d.Start, d.End = now.Add(-2*time.Hour), now.Add(-time.Hour) },
	} {
		wrong := d
		change(&wrong)
		if _, ok := errors.AsType[*newsroom.InvalidError](second(p.Delegate(ctx, holder, wrong))); !ok {
			t.Errorf("%s was accepted", name)
		}
	}
	id, err := p.Delegate(ctx, holder, d)
	if err != nil {
		t.Fatal(err)
	}
	if s := seats(); s[0].Person != holder.ID {
		t.Errorf("before its time: %+v", s)
	}
	p.clock.forward(2 * time.Hour)
	if s := seats(); len(s) != 1 || s[0].Person != stand.ID || s[0].OnBehalfOf != holder.ID {
		t.Errorf("in its time: %+v", s)
	}
	if err := p.UpdateUser(ctx, p.admin, stand.ID, input(stand, false)); err != nil {
		t.Fatal(err)
	}
	for _, s := range seats() {
		if s.Person == stand.ID {
			t.Error("somebody deactivated decides")
		}
	}
	if err := p.UpdateUser(ctx, p.admin, stand.ID, input(stand, true)); err != nil {
		t.Fatal(err)
	}
	if err := p.EndDelegation(ctx, lan, id); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a stranger ends it: %v", err)
	}
	if err := p.EndDelegation(ctx, holder, id); err != nil {
		t.Fatal(err)
	}
	if s := seats(); s[0].Person != holder.ID {
		t.Errorf("after its end: %+v", s)
	}
	if err := p.Unseat(ctx, p.admin, office.ID, holder.ID); err != nil {
		t.Fatal(err)
	}
	p.clock.forward(time.Second)
	if s := seats(); len(s) != 0 {
		t.Errorf("nobody sits there: %+v", s)
	}
}

func TestOneChief(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for _, name := range []string{"Chủ tịch", "Trưởng ban"} {
		if _, err := p.SaveOffice(t.Context(), p.admin, newsroom.Office{Name: name, Chief: true}); err != nil {
			t.Fatal(err)
		}
	}
	offices, err := p.Offices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chiefs := 0
	for _, o := range offices {
		if o.Chief {
			chiefs++
		}
	}
	if len(offices) != 2 || chiefs != 1 {
		t.Errorf("%d offices, %d chiefs", len(offices), chiefs)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	office, _ := p.officed(t)
	good := newsroom.DefaultPolicy(office.ID)
	for name, change := range map[string]func(*newsroom.Policy){
		"no step":           func(q *newsroom.Policy) { q.Steps = nil },
		"unknown office":    func(q *newsroom.Policy) { q.Steps = []newsroom.Step{{Office: "nope", Quorum: newsroom.QuorumAny}} },
		"the same twice":    func(q *newsroom.Policy) { q.Steps = append(q.Steps, q.Steps[0]) },
		"unknown quorum":    func(q *newsroom.Policy) { q.Steps = []newsroom.Step{{Office: office.ID, Quorum: "most"}} },
		"nobody needed":     func(q *newsroom.Policy) { q.Steps = []newsroom.Step{{Office: office.ID, Quorum: newsroom.QuorumN}} },
		"no time to edit":   func(q *newsroom.Policy) { q.EditMinutes = 0 },
		"time without end":  func(q *newsroom.Policy) { q.ApproveMinutes = 1 << 30 },
		"negative cooling":  func(q *newsroom.Policy) { q.CoolingOffMinutes = -1 },
		"a week of cooling": func(q *newsroom.Policy) { q.CoolingOffMinutes = 7 * 24 * 60 },
	} {
		wrong := good
		wrong.Steps = append([]newsroom.Step(nil), good.Steps...)
		change(&wrong)
		if _, ok := errors.AsType[*newsroom.InvalidError](second(p.SavePolicy(ctx, p.admin, "kinh-te", wrong))); !ok {
			t.Errorf("%s was accepted", name)
		}
	}
	if q, err := p.Policy(ctx, "kinh-te"); err != nil || q.Steps[0].Office != office.ID {
		t.Errorf("without any policy: %+v, %v", q, err)
	}
	common := good
	common.EditMinutes = 60
	if _, err := p.SavePolicy(ctx, p.admin, "", common); err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 2; want++ {
		own := good
		own.EditMinutes = 100 * want
		if v, err := p.SavePolicy(ctx, p.admin, "kinh-te", own); err != nil || v != want {
			t.Errorf("version %d, %v", v, err)
		}
	}
	for section, minutes := range map[string]int{"kinh-te": 200, "thong-bao": 60} {
		if q, err := p.Policy(ctx, section); err != nil || q.EditMinutes != minutes {
			t.Errorf("policy of %s gives %d minutes, %v", section, q.EditMinutes, err)
		}
	}
	if versions, err := p.PolicyVersions(ctx, "kinh-te"); err != nil || len(versions) != 2 || versions[0].Version != 2 || versions[1].Policy.EditMinutes != 100 {
		t.Errorf("versions are %+v, %v", versions, err)
	}
	if n := p.audited(t, "policy.save"); n != 3 {
		t.Errorf("%d policies are on record", n)
	}
}

// The test vector of the office's clock: start 16:20 Tuesday 02/10/2018; four working hours are due at 10:50 the next day, and a
// holiday in between moves what waits.
func TestCalendarMovesWhatWaits(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	p.clock.at = time.Date(2018, 10, 2, 9, 20, 0, 0, time.UTC) // 16:20 +07:00
	p.officed(t)
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	draft, err := p.CreateArticle(ctx, lan, newsroom.Content{
		Title: "Bài", Section: "kinh-te", Body: "<p>Nội dung.</p>", Authors: []newsroom.Author{{PenName: "Lan"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.move(t, draft.Article.ID, lan, newsroom.MoveSubmit)
	due := func() string {
		t.Helper()
		board, err := p.Board(ctx, p.admin, newsroom.CardFilter{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, column := range board {
			for _, card := range column.Cards {
				return card.Due.In(newsroom.Zone).Format("02/01 15:04")
			}
		}
		t.Fatal("the board is empty")
		return ""
	}
	if got := due(); got != "03/10 10:50" {
		t.Errorf("due %s, want 03/10 10:50", got)
	}
	moved, err := p.SaveCalendarDays(ctx, p.admin, []newsroom.CalendarDay{{Date: newsroom.Date{Year: 2018, Month: 10, Day: 3}, Kind: newsroom.DayOff, Name: "Nghỉ"}})
	if err != nil || len(moved) != 1 || moved[0] != draft.Article.ID {
		t.Errorf("moved are %v, %v", moved, err)
	}
	if got := due(); got != "04/10 10:50" {
		t.Errorf("due %s with a day off, want 04/10 10:50", got)
	}
	if moved, err := p.SaveCalendarDays(ctx, p.admin, []newsroom.CalendarDay{{Date: newsroom.Date{Year: 2019, Month: 1, Day: 1}, Kind: newsroom.DayOff}}); err != nil || len(moved) != 0 {
		t.Errorf("a day that concerns nothing moves %v, %v", moved, err)
	}
	hours := newsroom.DefaultCalendar().Hours
	hours[time.Tuesday] = []newsroom.Span{{From: 450, To: 1200}} // till 20:00
	if _, err := p.SaveHours(ctx, p.admin, hours); err != nil {
		t.Fatal(err)
	}
	if got := due(); got != "04/10 07:50" {
		t.Errorf("due %s with a longer Tuesday, want 04/10 07:50", got)
	}
	if _, err := p.DropCalendarDay(ctx, p.admin, newsroom.Date{Year: 2018, Month: 10, Day: 3}); err != nil {
		t.Fatal(err)
	}
	if got := due(); got != "03/10 07:50" {
		t.Errorf("due %s without the day off, want 03/10 07:50", got)
	}
	for name, bad := range map[string][7][]newsroom.Span{
		"none": {}, "overlap": {1: {{From: 450, To: 690}, {From: 600, To: 700}}}, "backwards": {1: {{From: 700, To: 600}}}, "beyond the day": {1: {{From: 700, To: 1500}}},
	} {
		if _, ok := errors.AsType[*newsroom.InvalidError](second(p.SaveHours(ctx, p.admin, bad))); !ok {
			t.Errorf("hours %s were accepted", name)
		}
	}
}

// move makes a move as the workflow does.
func (p *people) move(t *testing.T, article string, by newsroom.Person, m newsroom.Move, change ...func(*newsroom.Request)) {
	t.Helper()
	d, err := p.Draft(t.Context(), article)
	if err != nil {
		t.Fatal(err)
	}
	r := newsroom.Request{ID: requestID(), ArticleID: article, ActorID: by.ID, Door: newsroom.DoorPage, Move: m, Hash: d.Article.DraftHash}
	for _, one := range change {
		one(&r)
	}
	if err := p.RecordRequest(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	settled, err := p.RecordMove(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if settled.Outcome.Refused != nil {
		t.Fatal(settled.Outcome.Refused)
	}
}

func TestReadCalendar(t *testing.T) {
	t.Parallel()
	days, err := store.ReadCalendar(strings.NewReader("\ufeffngày,loại,tên\n2026-09-02,off,Quốc khánh\n10/01/2026,làm,Làm bù ngày 02/01\n"))
	if err != nil || len(days) != 2 {
		t.Fatalf("%+v, %v", days, err)
	}
	if days[0].Kind != newsroom.DayOff || days[0].Name != "Quốc khánh" || days[1].Date != (newsroom.Date{Year: 2026, Month: 1, Day: 10}) || days[1].Kind != newsroom.DayWorking {
		t.Errorf("days are %+v", days)
	}
	for name, text := range map[string]string{
		"empty": "", "heading only": "date,kind,name\n", "wrong date": "2026-09-02,off\n2026-13-02,off\n", "wrong kind": "2026-09-02,off\n2026-09-03,maybe\n", "torn quote": "\"2026",
	} {
		if _, err := store.ReadCalendar(strings.NewReader(text)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
