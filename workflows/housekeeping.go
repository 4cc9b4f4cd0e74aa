package workflows

import (
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
)

// The schedules' workflows: each one activity, so that a schedule shows in Temporal what it did last and when.

// Reconcile starts from Postgres whatever is open and has no run.
func Reconcile(ctx workflow.Context) (activities.Reconciled, error) {
	return call(workflow.WithActivityOptions(ctx, keeping), desk.Reconcile, struct{}{})
}

// SweepRequests sends recorded moves again that nobody has settled.
func SweepRequests(ctx workflow.Context) (int, error) {
	return call(workflow.WithActivityOptions(ctx, keeping), desk.SweepRequests, struct{}{})
}

// Rollover announces, at 00:00 (+07:00), that the day's counters start anew.
func Rollover(ctx workflow.Context) error {
	_, err := call(workflow.WithActivityOptions(ctx, keeping), desk.Rollover, struct{}{})
	return err
}

// QuietDay tells the chief, before the office closes, that nothing was published this working day.
func QuietDay(ctx workflow.Context) (int, error) {
	return call(workflow.WithActivityOptions(ctx, keeping), desk.QuietDay, struct{}{})
}

// AuditRoot mails the root of the day that is over to the inspector, once, after midnight (+07:00) or when the machine is on again.
func AuditRoot(ctx workflow.Context) (int, error) {
	return call(workflow.WithActivityOptions(ctx, keeping), desk.AuditRoot, struct{}{})
}
