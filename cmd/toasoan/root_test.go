package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"toasoan/activities"
	"toasoan/internal/store"
	"toasoan/newsroom"
	"toasoan/workflows"
)

// postbox notes which letters are to go out.
type postbox struct {
	activities.Runs
	posted []string
}

func (p *postbox) Post(_ context.Context, id string) error {
	p.posted = append(p.posted, id)
	return nil
}

// Each day that is over has one root, mailed once to somebody outside the office, on the morning after a night in which the machine was
// off as well; with it an exported record proves that nothing was cut off behind it.
func TestDailyRootProvesTheRecord(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 09:00")
	mailbox := &postbox{}
	run := func(at string) {
		t.Helper()
		o.at = local(at)
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(slog.New(slog.DiscardHandler))
		env := suite.NewTestWorkflowEnvironment()
		env.SetStartTime(o.at)
		workflows.Register(env)
		env.RegisterActivity(&activities.Desk{Record: o.Store, Runs: mailbox, Now: o.now, Inspector: "Giám sát <" + inspector + ">", Log: slog.New(slog.DiscardHandler)})
		env.ExecuteWorkflow(workflows.AuditRoot)
		o.no(env.GetWorkflowError())
	}
	act := func() {
		id := o.draft()
		o.do(o.author, id, newsroom.MoveSubmit)
		o.do(o.reviewer, id, newsroom.MoveClaim)
	}
	act()
	run("2018-10-02 17:10") // the day is not over: nothing to keep
	if len(mailbox.posted) != 0 {
		t.Fatalf("mailed before the day was over: %v", mailbox.posted)
	}
	run("2018-10-03 07:10") // the machine was off at midnight
	o.at = local("2018-10-03 08:00")
	act()
	run("2018-10-03 08:10")
	if len(mailbox.posted) != 2 || mailbox.posted[0] != mailbox.posted[1] {
		t.Fatalf("the same letter until it is sent: %v", mailbox.posted)
	}
	v, err := o.LetterView(t.Context(), mailbox.posted[0])
	o.no(err)
	if v.ToEmail != inspector || v.Root == nil || v.Root.Day != (newsroom.Date{Year: 2018, Month: time.October, Day: 2}) {
		t.Fatalf("the letter: %+v", v)
	}
	_, err = o.db.Exec(t.Context(), `UPDATE letters SET done_at = now(), state = 'sent'`)
	o.no(err)
	run("2018-10-03 09:10")
	if len(mailbox.posted) != 2 {
		t.Errorf("mailed again after it was sent: %v", mailbox.posted)
	}
	var file bytes.Buffer
	_, err = o.ExportAudit(t.Context(), &file, newsroom.AuditJSONL)
	o.no(err)
	if _, err := store.VerifyExport(bytes.NewReader(file.Bytes()), v.Root.Hash); err != nil {
		t.Errorf("the record against the mailed root: %v", err)
	}
	lines := bytes.SplitAfter(file.Bytes(), []byte("\n"))
	if _, err := store.VerifyExport(bytes.NewReader(bytes.Join(lines[:v.Root.LastID-1], nil)), v.Root.Hash); err == nil {
		t.Error("a record that ends before the mailed root passes")
	}
}
