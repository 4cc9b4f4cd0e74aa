package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// The audit chain is locked last: whoever waits for anything else does not hold it, or the whole newsroom waits along and two of them
// wait for each other.

// auditIsFree runs do, which must come to wait for what hold locks, and checks that it waits without the audit chain.
func (d *newsdesk) auditIsFree(t *testing.T, hold string, do func(context.Context) error, values ...any) {
	t.Helper()
	tx, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), hold, values...); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- do(t.Context()) }()
	d.somebodyWaits(t, tx)
	var free bool
	if err := tx.QueryRow(t.Context(), `SELECT pg_try_advisory_xact_lock(7305118002)`).Scan(&free); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !free {
		t.Error("it waits with the audit chain in hand")
	}
}

// somebodyWaits returns when a session of this database waits for tx.
func (d *newsdesk) somebodyWaits(t *testing.T, tx pgx.Tx) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		var waits bool
		if err := tx.QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
	}
	t.Fatal("nobody waits")
}

func TestNotMeLocksThePersonFirst(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.policy(t, func(p *newsroom.Policy) { p.CoolingOffMinutes = 60 })
	id := d.upTo(t, story("Đã duyệt"), newsroom.StageAwaitingApproval)
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	r := newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: d.leader.ID, Door: newsroom.DoorLink, Move: newsroom.MoveNotMe, Decision: s.Outcome.RequestID,
	}
	if err := d.RecordRequest(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	d.auditIsFree(t, `UPDATE users SET updated_at = now() WHERE id = $1`, func(ctx context.Context) error { // a new PIN, a change of roles
		_, err := d.RecordMove(ctx, r.ID)
		return err
	}, d.leader.ID)
}

func TestClosingAnAccountLocksAllItsArticlesFirst(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	now := d.clock.now()
	d.delegate(t, d.leader, d.leader, d.deputy, now, now.Add(48*time.Hour))
	first := d.upTo(t, story("Trước văn phòng thứ nhất"), newsroom.StageAwaitingApproval)
	second := d.upTo(t, story("Trước văn phòng thứ hai"), newsroom.StageAwaitingApproval)
	// The deputy sits in another office too, which is asked about the second article.
	d.exec(t, `INSERT INTO offices (id, name, position) VALUES ('z-van-phong', 'Văn phòng', 9)`)
	d.exec(t, `INSERT INTO office_holders (office_id, user_id, from_at) VALUES ('z-van-phong', $1, $2)`, d.deputy.ID, now.Add(-time.Hour))
	d.exec(t, `UPDATE asks SET office_id = 'z-van-phong' WHERE article_id = $1`, second)
	if first == second {
		t.Fatal("one article")
	}
	d.auditIsFree(t, `SELECT FROM articles WHERE id = $1 FOR UPDATE`, func(ctx context.Context) error {
		return d.UpdateUser(ctx, d.admin, d.deputy.ID, input(d.deputy, false))
	}, second)
}

// A token that may decide is issued upon the PIN that holds when it is made, not upon one that was made void meanwhile.
func TestTokenIssuedUponAVoidedPIN(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.SetPIN(t.Context(), d.leader.ID, "836152"); err != nil {
		t.Fatal(err)
	}
	tx, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `UPDATE users SET pin_hash = '', pin_void = true WHERE id = $1`, d.leader.ID); err != nil {
		t.Fatal(err)
	}
	issued := make(chan error, 1)
	go func() {
		_, _, err := d.IssueToken(t.Context(), d.leader, d.leader.ID, []newsroom.Scope{newsroom.ScopeDecide}, "thử", "836152", nil)
		issued <- err
	}()
	d.somebodyWaits(t, tx)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-issued; !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("issued: %v", err)
	}
}
