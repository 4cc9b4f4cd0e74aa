package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// What is published is what was approved, whatever was saved beside it.

// save changes the working text, as the editor's page does.
func (d *newsdesk) save(t *testing.T, who newsroom.Person, id string, bend func(*newsroom.Content)) {
	t.Helper()
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	bend(&draft.Content)
	if _, err := d.SaveDraft(t.Context(), id, who, draft.Article.Version, draft.Content); err != nil {
		t.Fatal(err)
	}
}

// live is what readers see: title, public state and the revision's number.
func (d *newsdesk) live(t *testing.T, id string) string {
	t.Helper()
	return d.scalar(t, `SELECT title || '|' || public || '|' || revision FROM live_articles WHERE article_id = $1`, id)
}

// embargoed is an article before the office whose release time is three hours ahead.
func (d *newsdesk) embargoed(t *testing.T, title string) (id string, at time.Time) {
	t.Helper()
	at = d.clock.now().Add(3 * time.Hour)
	c := story(title)
	c.ReleaseAt = &at
	return d.upTo(t, c, newsroom.StageAwaitingApproval), at
}

// correcting is a live article, corrected by its author and sent up to the office.
func (d *newsdesk) correcting(t *testing.T, title, corrected string, bend ...func(*newsroom.Content)) string {
	t.Helper()
	c := story(title)
	for _, b := range bend {
		b(&c)
	}
	id := d.upTo(t, c, newsroom.StageReleased)
	d.correct(t, id, func(c *newsroom.Content) { c.Title = corrected })
	return id
}

func correction(r *newsroom.Request) {
	r.Kind, r.Note = newsroom.ChangeCorrection, newsroom.Correction{Old: "850 m", New: "580 m"}
}

// correct walks a correction of a public article up to the office.
func (d *newsdesk) correct(t *testing.T, id string, bend func(*newsroom.Content)) {
	t.Helper()
	d.allowed(t, d.author, id, newsroom.MoveRevise, correction)
	d.save(t, d.author, id, bend)
	d.allowed(t, d.author, id, newsroom.MoveSubmit)
	d.allowed(t, d.reviewer, id, newsroom.MoveClaim)
	d.allowed(t, d.reviewer, id, newsroom.MoveForward)
}

func at(when time.Time) func(*newsroom.Request) {
	return func(r *newsroom.Request) { r.ReleaseAt = &when }
}

func TestRescheduledIsWhatWasApproved(t *testing.T) {
	t.Parallel()
	for name, byReviewer := range map[string]bool{"leader": false, "reviewer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newNewsdesk(t)
			d.policy(t, func(p *newsroom.Policy) { p.ReviewerReschedules = true })
			id, due := d.embargoed(t, "Đã duyệt")
			d.save(t, d.reviewer, id, func(c *newsroom.Content) { c.Title, c.Body = "Chưa ai duyệt", "<p>Chưa ai duyệt.</p>" })
			if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Stage != newsroom.StageScheduled {
				t.Fatalf("approved: %+v", s)
			}
			later := due.Add(time.Hour)
			if byReviewer {
				d.allowed(t, d.reviewer, id, newsroom.MoveReschedule, at(later))
				d.allowed(t, d.leader, id, newsroom.MoveApprove)
			} else {
				d.allowed(t, d.second, id, newsroom.MoveReschedule, at(later))
			}
			first, err := d.Revision(t.Context(), id, 1)
			if err != nil {
				t.Fatal(err)
			}
			second, err := d.Revision(t.Context(), id, 2)
			if err != nil {
				t.Fatal(err)
			}
			want := first.Content
			want.ReleaseAt = &later
			if second.Hash != want.Hash() {
				t.Errorf("revision 2 is %q at %v, want the approved text at %s", second.Content.Title, second.Content.ReleaseAt, later)
			}
			d.clock.forward(5 * time.Hour)
			if s, err := d.SettleDue(t.Context(), id); err != nil || s.Stage != newsroom.StageReleased {
				t.Fatalf("released: %+v, %v", s, err)
			}
			if got := d.live(t, id); got != "Đã duyệt|live|2" {
				t.Errorf("readers see %s", got)
			}
		})
	}
}

// Text that its writer has not sent up is put aside at the approval, not lost and not taken for what was approved.
func TestUnsentTextIsPutAside(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Đã duyệt"), newsroom.StageAwaitingApproval)
	d.save(t, d.reviewer, id, func(c *newsroom.Content) { c.Title = "Chưa ai duyệt" })
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	draft, err := d.Draft(t.Context(), id)
	if err != nil || draft.Content.Title != "Đã duyệt" || draft.Article.Title != "Đã duyệt" {
		t.Errorf("the working text of what is published is %q, %v", draft.Content.Title, err)
	}
	if got := d.scalar(t, `SELECT content->>'title' || ' ' || by_id FROM kept_drafts WHERE article_id = $1`, id); got != "Chưa ai duyệt "+d.reviewer.ID {
		t.Errorf("put aside: %s", got)
	}
}

func TestEmbargoIsTheApprovedOne(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id, due := d.embargoed(t, "Tin hẹn giờ")
	d.save(t, d.reviewer, id, func(c *newsroom.Content) { c.ReleaseAt = nil })
	cards, err := d.Planned(t.Context(), d.leader, due.Add(-time.Minute), due.Add(time.Minute))
	if err != nil || len(cards) != 1 || cards[0].ReleaseAt == nil || !cards[0].ReleaseAt.Equal(due) {
		t.Errorf("what is before the office is planned as %+v, %v", cards, err)
	}
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if s.Stage != newsroom.StageScheduled || s.Wake == nil || !s.Wake.Equal(due) {
		t.Errorf("approved with an embargo until %s: %s, wakes at %v", due, s.Stage, s.Wake)
	}
}

func TestCorrectionIsRecordedAsApproved(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.correcting(t, "Tuyến đường 850 m", "Tuyến đường 580 m")
	d.save(t, d.reviewer, id, func(c *newsroom.Content) {
		c.Change, c.Note, c.Authors, c.Section = newsroom.ChangeMinor, nil, []newsroom.Author{{PenName: "Ai khác", UserID: d.second.ID}}, "thong-bao"
	})
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if got := d.scalar(t, `SELECT event || ' ' || kind FROM publications WHERE article_id = $1 AND n = $2`, id, s.Outcome.Publish); got != "corrected correction" {
		t.Errorf("recorded as %s", got)
	}
	if got := d.scalar(t, `SELECT count(*) FROM receipts WHERE article_id = $1 AND n = $2 AND effect = 'mail'`, id, s.Outcome.Publish); got != "1" {
		t.Error("no correction mail is awaited")
	}
	for _, a := range s.Announce {
		if a.Kind != newsroom.ChangeCorrection || a.Section != "kinh-te" {
			t.Errorf("%s is announced as %s in %s", a.Verb, a.Kind, a.Section)
		}
	}
	if got := d.scalar(t, `SELECT string_agg(DISTINCT user_id, ' ') FROM letters WHERE article_id = $1 AND kind = 'published'`, id); got != d.author.ID {
		t.Errorf("told: %s", got)
	}
}

// What happens to what readers see is told as such, whatever is being written beside it.
func TestWithdrawalIsAboutWhatReadersSee(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Tuyến đường"), newsroom.StageReleased)
	d.allowed(t, d.author, id, newsroom.MoveRevise, correction)
	d.save(t, d.author, id, func(c *newsroom.Content) { c.Section = "thong-bao" })
	s := d.allowed(t, d.leader, id, newsroom.MoveWithdraw)
	if a := s.Announce[0]; a.Section != "kinh-te" || a.Kind != newsroom.ChangeNew || a.Revision != 1 {
		t.Errorf("announced as %+v", a)
	}
	if got := d.scalar(t, `SELECT kind FROM publications WHERE article_id = $1 AND event = 'withdrawn'`, id); got != "" {
		t.Errorf("recorded as %s", got)
	}
}

// Nothing brings back what somebody took from readers but a decision after that.
func TestTakenDownStaysDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move   newsroom.Move
		public string
		wait   func(*newsroom.Policy, *newsroom.Content, time.Time)
	}{
		"withdrawn before a scheduled correction":  {newsroom.MoveWithdraw, "withdrawn", func(_ *newsroom.Policy, c *newsroom.Content, at time.Time) { c.ReleaseAt = &at }},
		"taken down before a scheduled correction": {newsroom.MoveTakeDown, "taken_down", func(_ *newsroom.Policy, c *newsroom.Content, at time.Time) { c.ReleaseAt = &at }},
		"taken down in the cooling-off":            {newsroom.MoveTakeDown, "taken_down", func(p *newsroom.Policy, _ *newsroom.Content, _ time.Time) { p.CoolingOffMinutes = 60 }},
		"expired before a scheduled correction":    {newsroom.MoveExpire, "expired", func(_ *newsroom.Policy, c *newsroom.Content, at time.Time) { c.ReleaseAt = &at }},
		"expired in the cooling-off":               {newsroom.MoveExpire, "expired", func(p *newsroom.Policy, _ *newsroom.Content, _ time.Time) { p.CoolingOffMinutes = 60 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newNewsdesk(t)
			id := d.upTo(t, story("Tuyến đường 850 m"), newsroom.StageReleased)
			due := d.clock.now().Add(time.Hour)
			d.correct(t, id, func(content *newsroom.Content) {
				content.Title = "Tuyến đường 580 m"
				d.policy(t, func(p *newsroom.Policy) { c.wait(p, content, due) })
			})
			if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Wake == nil || !s.Wake.Equal(due) {
				t.Fatalf("approved: %+v", s)
			}
			if c.move == newsroom.MoveExpire {
				d.allowed(t, d.reviewer, id, c.move)
			} else {
				d.allowed(t, d.leader, id, c.move)
				d.allowed(t, d.second, id, newsroom.MoveSecondSign)
			}
			if s, err := d.Standing(t.Context(), id); err != nil || s.Wake != nil || s.Idle {
				t.Errorf("it still waits for its time: %+v, %v", s, err)
			}
			d.clock.forward(2 * time.Hour)
			if _, err := d.SettleDue(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if got := d.live(t, id); got != "Tuyến đường 850 m|"+c.public+"|1" {
				t.Fatalf("readers see %s", got)
			}
			a, err := d.Article(t.Context(), id)
			if err != nil || !a.Frozen || string(a.FrozenWhy) != c.public {
				t.Errorf("held: %v because of %q, %v", a.Frozen, a.FrozenWhy, err)
			}
			if work, err := d.Work(t.Context(), d.leader); err != nil || len(work.Frozen) != 1 || work.Frozen[0].FrozenWhy != a.FrozenWhy {
				t.Errorf("a leader finds %+v, %v", work.Frozen, err)
			}
			d.allowed(t, d.second, id, newsroom.MoveUnschedule)
			d.allowed(t, d.leader, id, newsroom.MoveApprove)
			if _, err := d.SettleDue(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			d.clock.forward(2 * time.Hour)
			if _, err := d.SettleDue(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if got := d.live(t, id); got != "Tuyến đường 580 m|live|2" {
				t.Errorf("approved after that, readers see %s", got)
			}
		})
	}
}

// The end of display that was approved with the text is no person's decision against the correction that waits.
func TestEndByTheClockHoldsNothing(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	end, due := d.clock.now().Add(time.Hour), d.clock.now().Add(2*time.Hour)
	id := d.correcting(t, "Thông báo", "Thông báo gia hạn", func(c *newsroom.Content) { c.DisplayEnd = &end })
	d.save(t, d.reviewer, id, func(c *newsroom.Content) { c.ReleaseAt, c.DisplayEnd = &due, nil })
	d.allowed(t, d.reviewer, id, newsroom.MoveResubmit)
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	for _, want := range []string{"Thông báo|expired|1", "Thông báo gia hạn|live|3"} {
		d.clock.forward(61 * time.Minute)
		if _, err := d.SettleDue(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if got := d.live(t, id); got != want {
			t.Errorf("readers see %s, want %s", got, want)
		}
	}
}

// A disowned approval is held for that reason, whatever is taken down besides; restoring the article does not end the hold.
func TestHoldOutlastsRestoring(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.policy(t, func(p *newsroom.Policy) { p.CoolingOffMinutes = 60 })
	id := d.upTo(t, story("Tuyến đường"), newsroom.StageReleased)
	d.clock.forward(61 * time.Minute)
	if _, err := d.SettleDue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d.correct(t, id, func(c *newsroom.Content) { c.Title = "Tuyến đường mới" })
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	d.allowed(t, d.second, id, newsroom.MoveTakeDown)
	d.allowed(t, d.leader, id, newsroom.MoveRestore)
	d.clock.forward(2 * time.Hour)
	if _, err := d.SettleDue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := d.live(t, id); got != "Tuyến đường|live|1" {
		t.Errorf("restored, readers see %s", got)
	}
	d.allowed(t, d.leader, id, newsroom.MoveNotMe, func(r *newsroom.Request) { r.Decision = s.Outcome.RequestID })
	d.allowed(t, d.second, id, newsroom.MoveTakeDown)
	if a, err := d.Article(t.Context(), id); err != nil || !a.Frozen || a.FrozenWhy != newsroom.HoldNotMe {
		t.Errorf("held because of %q, %v", a.FrozenWhy, err)
	}
}

func TestRestoredOutlivesItsEnd(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	end := d.clock.now().Add(24 * time.Hour)
	c := story("Thông báo có hạn")
	c.DisplayEnd = &end
	id := d.upTo(t, c, newsroom.StageReleased)
	other := d.upTo(t, c, newsroom.StageReleased)
	d.allowed(t, d.leader, other, newsroom.MoveWithdraw)
	d.allowed(t, d.second, other, newsroom.MoveRestore)
	if a, err := d.Article(t.Context(), other); err != nil || a.ExpireAt == nil || !a.ExpireAt.Equal(end) {
		t.Errorf("restored before its end, it ends at %v, %v", a.ExpireAt, err)
	}
	d.clock.forward(25 * time.Hour)
	if s, err := d.SettleDue(t.Context(), id); err != nil || s.Public != newsroom.PublicExpired {
		t.Fatalf("expired: %+v, %v", s, err)
	}
	if s := d.allowed(t, d.leader, id, newsroom.MoveRestore); s.Wake != nil || !s.Idle {
		t.Errorf("restored, it wakes at %v", s.Wake)
	}
	if s, err := d.SettleDue(t.Context(), id); err != nil || s.Public != newsroom.PublicLive {
		t.Errorf("it expired again: %+v, %v", s, err)
	}
	// What is written next does not bring the old end back.
	d.correct(t, id, func(c *newsroom.Content) { c.Title = "Thông báo" })
	if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Public != newsroom.PublicLive || !s.Idle {
		t.Errorf("corrected after that: %+v", s)
	}
}

func TestCorrectionThatExtendsTheEndStaysLive(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"released at the old end": 0, "both due after an outage": 6 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newNewsdesk(t)
			end := d.clock.now().Add(24 * time.Hour)
			extended := end.Add(7 * 24 * time.Hour)
			c := story("Thông báo có hạn")
			c.DisplayEnd = &end
			id := d.upTo(t, c, newsroom.StageReleased)
			d.correct(t, id, func(c *newsroom.Content) { c.ReleaseAt, c.DisplayEnd = &end, &extended })
			d.allowed(t, d.leader, id, newsroom.MoveApprove)
			d.clock.at = end.Add(late)
			s, err := d.SettleDue(t.Context(), id)
			if err != nil || s.Stage != newsroom.StageReleased || s.Public != newsroom.PublicLive || s.Wake == nil || !s.Wake.Equal(extended) {
				t.Errorf("at the old end: %+v, %v", s, err)
			}
			if got := d.live(t, id); got != "Thông báo có hạn|live|2" {
				t.Errorf("readers see %s", got)
			}
		})
	}
}

// Nothing is published that would leave the lists at once.
func TestNothingIsPublishedPastItsEnd(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	ending := func(c newsroom.Content, after time.Duration) newsroom.Content {
		c.DisplayEnd = new(d.clock.now().Add(after))
		return c
	}
	inReview := d.upTo(t, ending(story("Chưa trình"), time.Hour), newsroom.StageInReview)
	before := d.upTo(t, ending(story("Chờ duyệt"), time.Hour), newsroom.StageAwaitingApproval)
	scheduled := ending(story("Hẹn giờ"), 3*time.Hour)
	scheduled.ReleaseAt = new(d.clock.now().Add(2 * time.Hour))
	due := d.upTo(t, scheduled, newsroom.StageAwaitingApproval)
	d.allowed(t, d.leader, due, newsroom.MoveApprove)
	d.clock.forward(4 * time.Hour)
	d.refused(t, newsroom.RefusedTime, d.reviewer, inReview, newsroom.MoveForward)
	d.refused(t, newsroom.RefusedTime, d.leader, before, newsroom.MoveApprove)
	frozen, err := d.Revision(t.Context(), before, 1)
	if err != nil {
		t.Fatal(err)
	}
	d.refused(t, newsroom.RefusedTime, d.leader, before, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash = frozen.Hash })
	d.allowed(t, d.leader, before, newsroom.MoveRequestChanges)
	s, err := d.SettleDue(t.Context(), due)
	if err != nil || s.Stage != newsroom.StageScheduled || s.Public != newsroom.PublicHidden || len(s.Publish) != 0 || s.Wake != nil {
		t.Errorf("released after its end: %+v, %v", s, err)
	}
	if a, err := d.Article(t.Context(), due); err != nil || a.FrozenWhy != newsroom.HoldRefused {
		t.Errorf("held because of %q, %v", a.FrozenWhy, err)
	}
	if got := d.scalar(t, `SELECT code || ' ' || (detail->>'code') FROM alerts`); got != "release_refused bad_time" {
		t.Errorf("alert %s", got)
	}
}

func TestApprovedForLaterIsAnnouncedAsScheduled(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id, due := d.embargoed(t, "Tin hẹn giờ")
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	verbs := func(s newsroom.Settled) (list []string) {
		for _, a := range s.Announce {
			list = append(list, fmt.Sprint(a.Verb, " ", a.N, " ", a.Stage))
		}
		return list
	}
	want := []string{fmt.Sprintf("approved %d scheduled", s.Outcome.N), fmt.Sprintf("scheduled %d scheduled", s.Outcome.N)}
	if got := verbs(s); !slices.Equal(got, want) {
		t.Errorf("announced %q, want %q", got, want)
	}
	if again, err := d.RecordMove(t.Context(), s.Outcome.RequestID); err != nil || !slices.Equal(verbs(again), want) {
		t.Errorf("the repeat announces %q, %v", verbs(again), err)
	}
	if s := d.allowed(t, d.leader, id, newsroom.MoveReschedule, at(due.Add(time.Hour))); len(s.Announce) != 1 || s.Announce[0].Verb != "scheduled" {
		t.Errorf("rescheduled: %q", verbs(s))
	}
	now := d.upTo(t, story("Đăng ngay"), newsroom.StageAwaitingApproval)
	if s := d.allowed(t, d.leader, now, newsroom.MoveApprove); strings.Contains(strings.Join(verbs(s), ","), "scheduled") {
		t.Errorf("released at once: %q", verbs(s))
	}
}

// An article is moved only to a section that whoever edits it has a part in; a writer chooses freely while they have the ball.
func TestSectionsThatAnEditorMayMoveTo(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	limited, _, err := d.CreateUser(t.Context(), d.admin, newsroom.AccountInput{
		Email: "kinh-te@vankhe.example", Name: "Biên tập Kinh tế", Locale: "vi", Roles: []newsroom.Role{newsroom.RoleReviewer}, Sections: []string{"kinh-te", "thong-bao"}, Active: true,
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	id := d.create(t, story("Chuyển mục"))
	section := func(who newsroom.Person, to string) error {
		t.Helper()
		draft, err := d.Draft(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		draft.Content.Section = to
		_, err = d.SaveDraft(t.Context(), id, who, draft.Article.Version, draft.Content)
		return err
	}
	for _, to := range []string{"van-hoa", "kinh-te"} {
		if err := section(d.author, to); err != nil {
			t.Fatalf("its author: %v", err)
		}
	}
	d.allowed(t, d.author, id, newsroom.MoveSubmit)
	d.allowed(t, limited.Person, id, newsroom.MoveClaim)
	d.allowed(t, limited.Person, id, newsroom.MoveForward)
	for _, to := range []string{"van-hoa", ""} {
		err := section(limited.Person, to)
		if wrong, ok := errors.AsType[*newsroom.InvalidError](err); !ok || wrong.Fields[0].Field != "section" {
			t.Errorf("moved to %q: %v", to, err)
		}
	}
	if err := section(limited.Person, "thong-bao"); err != nil {
		t.Errorf("to an own section: %v", err)
	}
	d.allowed(t, limited.Person, id, newsroom.MoveResubmit)
	d.allowed(t, limited.Person, id, newsroom.MoveWithdrawRequest)
}

// What is written next about an article that readers know begins with what they see.
func TestRevisionBeginsWithWhatReadersSee(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.correcting(t, "Tuyến đường 850 m", "Không được duyệt")
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	d.allowed(t, d.leader, id, newsroom.MoveReject, func(r *newsroom.Request) { r.Hash = hash })
	d.allowed(t, d.author, id, newsroom.MoveRevise, correction)
	draft, err := d.Draft(t.Context(), id)
	if err != nil || draft.Content.Title != "Tuyến đường 850 m" || draft.Article.Title != draft.Content.Title || draft.Content.Change != newsroom.ChangeCorrection || draft.Content.Note == nil {
		t.Errorf("it begins with %+v, %v", draft.Content, err)
	}
	if got := d.scalar(t, `SELECT count(*) FROM kept_drafts WHERE article_id = $1`, id); got != "0" {
		t.Errorf("%s texts put aside that are in a revision", got)
	}
	// A revision that was given up is in no revision: it is put aside.
	d.save(t, d.author, id, func(c *newsroom.Content) { c.Title = "Bỏ dở" })
	d.allowed(t, d.author, id, newsroom.MoveAbandon)
	d.allowed(t, d.author, id, newsroom.MoveRevise, func(r *newsroom.Request) { r.Kind = newsroom.ChangeMinor })
	if draft, err = d.Draft(t.Context(), id); err != nil || draft.Content.Title != "Tuyến đường 850 m" || draft.Content.Note != nil {
		t.Errorf("after one that was given up it begins with %+v, %v", draft.Content, err)
	}
	if got := d.scalar(t, `SELECT content->>'title' FROM kept_drafts WHERE article_id = $1`, id); got != "Bỏ dở" {
		t.Errorf("put aside: %s", got)
	}
}

// A round is asked anew under the policy of the section that was sent up, wherever the working text has moved meanwhile.
func TestRoundAdoptsThePolicyOfWhatWasSentUp(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if _, err := d.SaveSection(t.Context(), d.admin, newsroom.Section{ID: "thong-bao", NameVI: "Thông báo"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SavePolicy(t.Context(), d.admin, "thong-bao", newsroom.DefaultPolicy("chu-tich")); err != nil {
		t.Fatal(err)
	}
	id := d.upTo(t, story("Chuyển mục"), newsroom.StageAwaitingApproval)
	d.save(t, d.reviewer, id, func(c *newsroom.Content) { c.Section = "thong-bao" })
	if s := d.allowed(t, d.admin, id, newsroom.MoveAdoptPolicy); s.Outcome.N != 0 {
		t.Error("the round was asked anew under another section's policy")
	}
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
}
