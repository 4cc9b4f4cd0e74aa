package store_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

// lived is one round of the seeded history as this test remembers it: what the rehearsal must read out of the tables.
type lived struct {
	article, author string
	start           time.Time
	leader          string        // who sat for the first holder of the board when it began
	settled         *time.Time    // nil: it never was
	doubled         bool          // the text had a double space
	decided         string        // who settled it
	took            time.Duration // working time until then
}

// offDays are the days of the history's calendar that are unlike others.
var offDays = map[string]bool{"2026-11-20": false, "2026-12-31": false, "2027-01-01": false, "2026-12-26": true}

// walked counts the working minutes between two moments, one after the other.
func walked(from, to time.Time) (worked time.Duration) {
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		local := at.In(newsroom.Zone)
		works, special := offDays[local.Format(time.DateOnly)]
		if !special {
			works = local.Weekday() != time.Saturday && local.Weekday() != time.Sunday
		}
		minute := local.Hour()*60 + local.Minute()
		if works && (minute >= 450 && minute < 690 || minute >= 810 && minute < 1020) {
			worked += time.Minute
		}
	}
	return worked
}

func middle(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// Half a year of a newsroom is lived through the real moves, with returns, recalls, a holiday, a delegation and rounds that nobody
// answers; what a policy would have meant for its last 90 days is then counted by hand, and every number must be the same.
func TestRehearsalAgainstABruteForceReading(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	ctx, rng := t.Context(), rand.New(rand.NewPCG(90, 4)) //nolint:gosec // a test's seed
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var days []newsroom.CalendarDay
	for date, works := range offDays {
		at, err := time.Parse(time.DateOnly, date)
		must(err)
		kind := newsroom.DayOff
		if works {
			kind = newsroom.DayWorking
		}
		days = append(days, newsroom.CalendarDay{Date: newsroom.Date{Year: at.Year(), Month: at.Month(), Day: at.Day()}, Kind: kind, Name: "Ngày khác"})
	}
	_, err := d.SaveCalendarDays(ctx, d.admin, days)
	must(err)
	writing := d.add(t, "lanh-dao-viet@vankhe.example", newsroom.RoleLeader, newsroom.RoleReporter) // writes, and sits on the board
	must(d.Seat(ctx, d.admin, "ubnd", writing.ID, false))

	var past []lived
	pace := map[string]map[time.Time]time.Duration{} // person → when asked → how long until the answer
	for i := range 48 {
		d.clock.forward(time.Duration(36+rng.IntN(72)) * time.Hour)
		if i == 30 { // the first holder is away for three weeks
			now := d.clock.now()
			_, err := d.Delegate(ctx, d.leader, newsroom.Delegation{OfficeID: "ubnd", From: d.leader.ID, To: d.deputy.ID, Start: now, End: now.Add(21 * 24 * time.Hour)})
			must(err)
		}
		round := lived{author: d.author.ID, leader: d.leader.ID, doubled: rng.IntN(4) == 0}
		author := d.author
		if rng.IntN(4) == 0 {
			author, round.author = writing, writing.ID
		}
		c := story("Bài của lịch sử")
		if round.doubled {
			c.Title = "Bài của  lịch sử"
		}
		draft, err := d.CreateArticle(ctx, author, c)
		must(err)
		round.article = draft.Article.ID
		d.allowed(t, author, round.article, newsroom.MoveSubmit)
		d.allowed(t, d.reviewer, round.article, newsroom.MoveClaim)
		round.start = d.clock.now().Truncate(time.Minute)
		d.clock.forward(round.start.Add(time.Minute).Sub(d.clock.now())) // on the full minute
		round.start = d.clock.now()
		var away string
		must(d.db.QueryRow(ctx, `SELECT coalesce((SELECT to_user FROM delegations WHERE from_at <= $1 AND to_at > $1), '')`, round.start).Scan(&away))
		if away != "" {
			round.leader = away
		}
		d.allowed(t, d.reviewer, round.article, newsroom.MoveForward)
		d.clock.forward(time.Duration(1+rng.IntN(30*60)) * time.Minute)
		asked := []newsroom.Person{d.leader, writing}
		if round.leader != d.leader.ID {
			asked[0] = d.deputy
		}
		if round.author == writing.ID {
			asked = asked[:1]
		}
		who := asked[rng.IntN(len(asked))]
		at := d.clock.now()
		switch move := rng.IntN(8); {
		case move == 0: // nobody answers
		case move == 1:
			d.allowed(t, author, round.article, newsroom.MoveRecall)
		default:
			m := newsroom.MoveApprove
			if move == 2 {
				m = newsroom.MoveRequestChanges
			}
			if current := d.scalar(t, `SELECT coalesce(string_agg(user_id, ' '), '') FROM asks WHERE article_id = $1 AND closed_at IS NULL AND user_id = $2`, round.article, who.ID); current == "" {
				break // the seat changed hands meanwhile
			}
			d.allowed(t, who, round.article, m)
			round.settled, round.decided, round.took = &at, who.ID, walked(round.start, at)
			if pace[who.ID] == nil {
				pace[who.ID] = map[time.Time]time.Duration{}
			}
			pace[who.ID][round.start] = round.took
		}
		past = append(past, round)
	}
	d.clock.forward(50 * time.Hour)
	since := d.clock.now().AddDate(0, 0, -90)

	next := newsroom.DefaultPolicy("ubnd")
	next.Steps = []newsroom.Step{{Office: "ubnd", Quorum: newsroom.QuorumN, N: 2}, {Office: "chu-tich", Quorum: newsroom.QuorumAny}}
	next.ApproveMinutes, next.BlockingChecks = 240, []string{"double_space"}

	// By hand.
	want := newsroom.Rehearsal{Days: 90}
	answers := map[string]time.Duration{}
	for person, list := range pace {
		var recent []time.Duration
		for at, took := range list {
			if !at.Before(since) {
				recent = append(recent, took)
			}
		}
		if len(recent) > 0 {
			answers[person] = middle(recent)
		}
	}
	usual := func(person string) time.Duration {
		if took, known := answers[person]; known {
			return took
		}
		return 4 * time.Hour
	}
	var took, now, then []time.Duration
	nowAsked, thenAsked := map[string]int{}, map[string]int{}
	older := 0
	for _, r := range past {
		if r.start.Before(since) {
			older++
			continue
		}
		want.Rounds++
		if r.settled != nil {
			took = append(took, r.took)
		}
		if r.doubled {
			want.Then.Blocked++
		}
		board := []string{r.leader}
		if r.author != writing.ID {
			board = append(board, writing.ID)
		}
		quickest, slowest := usual(board[0]), usual(board[0])
		for _, person := range board {
			nowAsked[person]++
			quickest, slowest = min(quickest, usual(person)), max(slowest, usual(person))
		}
		now = append(now, quickest)
		want.Changed++ // the chief is asked too, or nobody can be
		if len(board) < 2 {
			want.Then.Nobody++
			want.Examples = append([]string{r.article}, want.Examples...) // the newest first
			continue
		}
		for _, person := range append(board, d.second.ID) {
			thenAsked[person]++
		}
		then = append(then, slowest+usual(d.second.ID))
	}
	want.Actual, want.Now.Wait, want.Then.Wait = middle(took), middle(now), middle(then)
	want.Added = want.Then.Wait - want.Now.Wait
	if older < 5 || want.Rounds < 25 || want.Then.Nobody < 3 || want.Then.Blocked < 3 || nowAsked[d.deputy.ID] == 0 || want.Actual == 0 {
		t.Fatalf("the history is too plain: %d older, %+v", older, want)
	}

	got, err := d.RehearsePolicy(ctx, "", next)
	must(err)
	counts := func(people []newsroom.TriedPerson) map[string]int {
		found := map[string]int{}
		for _, p := range people {
			found[p.ID] = p.Asked
			if p.Name == "" {
				t.Errorf("%s has no name", p.ID)
			}
		}
		return found
	}
	if g := counts(got.Now.People); !maps.Equal(g, nowAsked) {
		t.Errorf("asked now: %v, want %v", g, nowAsked)
	}
	if g := counts(got.Then.People); !maps.Equal(g, thenAsked) {
		t.Errorf("asked then: %v, want %v", g, thenAsked)
	}
	if !slices.Equal(got.Examples, want.Examples) {
		t.Errorf("examples %v, want %v", got.Examples, want.Examples)
	}
	got.Now.People, got.Then.People, got.Examples, want.Examples = nil, nil, nil, nil
	if got.Days != want.Days || got.Rounds != want.Rounds || got.Actual != want.Actual || got.Changed != want.Changed || got.Added != want.Added ||
		got.Now.Wait != want.Now.Wait || got.Now.Nobody != want.Now.Nobody || got.Now.Blocked != want.Now.Blocked ||
		got.Then.Wait != want.Then.Wait || got.Then.Nobody != want.Then.Nobody || got.Then.Blocked != want.Then.Blocked {
		t.Errorf("the rehearsal says\n  %+v\nby hand it is\n  %+v", got, want)
	}
}
