package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

func TestRehearsalOfAPolicy(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	for range 3 {
		id := d.upTo(t, story("Bài đã duyệt"), newsroom.StageAwaitingApproval)
		d.clock.forward(30 * time.Minute)
		d.allowed(t, d.leader, id, newsroom.MoveApprove)
	}
	d.upTo(t, story("Bài còn chờ  hai dấu cách"), newsroom.StageAwaitingApproval)
	next := newsroom.DefaultPolicy("ubnd")
	next.Steps = append(next.Steps, newsroom.Step{Office: "chu-tich", Quorum: newsroom.QuorumAny})
	next.ApproveMinutes = 120
	before := d.scalar(t, `SELECT count(*) FROM audit`)
	r, err := d.RehearsePolicy(t.Context(), "", next)
	if err != nil {
		t.Fatal(err)
	}
	if r.Days != 90 || r.Rounds != 4 || r.Changed != 4 || r.Actual != 30*time.Minute {
		t.Errorf("rehearsal: %+v", r)
	}
	if r.Now.Wait != 30*time.Minute || r.Then.Wait != 150*time.Minute || r.Added != 2*time.Hour {
		t.Errorf("waits: %s, %s, added %s", r.Now.Wait, r.Then.Wait, r.Added)
	}
	if !slices.ContainsFunc(r.Then.People, func(p newsroom.TriedPerson) bool { return p.Name == d.second.Name && p.Asked == 4 }) {
		t.Errorf("people: %+v", r.Then.People)
	}
	if got := d.scalar(t, `SELECT count(*) FROM audit`); got != before {
		t.Error("a rehearsal is on record as if something had happened")
	}
	if r, err := d.RehearsePolicy(t.Context(), "thong-bao", next); err != nil || r.Rounds != 0 {
		t.Errorf("another section: %+v, %v", r, err)
	}
	d.clock.forward(91 * 24 * time.Hour)
	if r, err := d.RehearsePolicy(t.Context(), "", next); err != nil || r.Rounds != 0 {
		t.Errorf("long ago: %+v, %v", r, err)
	}
	next.Steps[0].Office = "khong-co"
	if _, err := d.RehearsePolicy(t.Context(), "", next); !isInvalid(err) {
		t.Errorf("an unknown office: %v", err)
	}
}

func isInvalid(err error) bool {
	_, ok := errors.AsType[*newsroom.InvalidError](err)
	return ok
}
