package store

import (
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

// A database that comes back mails nothing that may have gone out meanwhile, unless a person says so.
func TestARestoredDatabaseHoldsWhatMayHaveGoneOut(t *testing.T) {
	t.Parallel()
	h, running := onePublished(t, 6) // Monday 23/11/2026, 09:01
	ctx := t.Context()
	h.at(newsroom.CadenceDaily, "daily@example.vn", "kinh-te")
	lease, rows := h.take(running, 3)
	h.commit(ctx, h.entry(running, rows[0], lease, newsroom.DeliveryDot), h.entry(running, rows[1], lease, newsroom.DeliveryDot))
	h.commit(ctx, h.entry(running, rows[0], lease, newsroom.DeliverySent))
	// Announced, and the mailer had not heard of it.
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	old := h.value(`SELECT count(*)::int FROM letters WHERE done_at IS NULL`)
	if old == 0 {
		t.Fatal("no letter waits: the test shows nothing")
	}
	made := h.now()
	h.later(9 * time.Hour) // 18:01: a digest of today was made and mailed, and is lost with what came after the backup
	if _, err := h.Subscribe(ctx, request("late@example.vn", "kinh-te")); err != nil {
		t.Fatal(err)
	}
	fresh := h.text(`SELECT id FROM letters WHERE done_at IS NULL ORDER BY created_at DESC LIMIT 1`)

	r, err := h.SettleRestore(ctx, h.admin, made)
	if err != nil || r.Issues != 1 || r.Letters != old || r.Digests == 0 || r.Doubts != 1 {
		t.Fatalf("%+v, %v; %d letters were old", r, err, old)
	}
	// What ran is paused, and says why; its dot without an answer stays in doubt, its claimed row is free again.
	if got := h.text(`SELECT status || ' ' || why FROM mail_issues WHERE id = $1`, running); got != "paused restored" {
		t.Errorf("the issue is %s", got)
	}
	st, err := h.DeliveryStanding(ctx, running)
	if err != nil || st.Counts.Sent != 1 || st.Counts.InDoubt != 1 || st.Counts.Waiting != 4 || !st.Counts.Balanced() {
		t.Errorf("%+v, %v", st, err)
	}
	if open, err := h.OpenIssues(ctx, 10); err != nil || len(open) != 0 {
		t.Errorf("runs are made for %v, %v", open, err)
	}
	if _, again := h.take(running, 10); len(again) != 0 {
		t.Errorf("%d mails of a paused issue are claimed", len(again))
	}
	if unsent, err := h.UnsentLetters(ctx, h.now().Add(time.Second), 10); err != nil || !slices.Equal(unsent, []string{fresh}) {
		t.Errorf("letters that go out: %v, %v", unsent, err)
	}
	if ids, err := h.OpenDigests(ctx, h.now()); err != nil || len(ids) != 0 {
		t.Errorf("digests again: %v, %v", ids, err)
	}
	if alerts, err := h.Alerts(ctx); err != nil || !slices.ContainsFunc(alerts, func(a newsroom.Alert) bool { return a.Code == "restored" }) {
		t.Errorf("nobody is told: %v, %v", alerts, err)
	}

	// The lost event is announced again: its issue waits for a person, and goes on when one says so.
	late := h.mail("article00002", 1, "published", newsroom.ChangeNew)
	if len(late.Issues) != 1 || h.text(`SELECT status || ' ' || why FROM mail_issues WHERE id = $1`, late.Issues[0]) != "paused restored" {
		t.Fatalf("opened %+v", late)
	}
	for _, id := range []string{running, late.Issues[0]} {
		if err := h.ResumeIssue(ctx, h.admin, id); err != nil {
			t.Errorf("resumed: %v", err)
		}
	}
	if st := h.ready(late.Issues[0]); st.Status != newsroom.IssuePrepared {
		t.Errorf("resumed, it is %s", st.Status)
	}
	lease, rest := h.take(running, 10) // those whose row is made now first
	if rest = append(rest, h.claim(running, lease, 10)...); len(rest) != 4 {
		t.Errorf("resumed, %d mails go out", len(rest))
	}

	// An article whose hour came between backup and restore is released now: readers had its mail then.
	h.later(time.Minute)
	h.exec(`INSERT INTO articles (id, section_id, title, author_id, draft, draft_hash) VALUES ('article00003', 'kinh-te', 'Hẹn giờ', 'author000000', '{}', '')`)
	h.exec(`INSERT INTO revisions (article_id, n, content, hash, created_by, created_at)
	  VALUES ('article00003', 1, jsonb_build_object('release_at', $1::timestamptz), '', 'author000000', $1)`, made.Add(time.Hour))
	h.publish("article00003", 1, 1, "published", newsroom.ChangeNew)
	if out := h.mail("article00003", 1, "published", newsroom.ChangeNew); h.text(`SELECT why FROM mail_issues WHERE id = $1`, out.Issues[0]) != "restored" {
		t.Error("an article of the lost hours is mailed again")
	}
	// What is new is mailed as ever.
	h.publish("article00004", 1, 1, "published", newsroom.ChangeNew)
	if out := h.mail("article00004", 1, "published", newsroom.ChangeNew); h.ready(out.Issues[0]).Status != newsroom.IssuePrepared {
		t.Error("what is new is held")
	}
	h.later(24 * time.Hour)
	if ids, err := h.OpenDigests(ctx, h.now()); err != nil || len(ids) != 1 {
		t.Errorf("the next day's digest: %v, %v", ids, err)
	}
}
