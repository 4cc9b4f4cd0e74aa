package workflows

import (
	"go.temporal.io/sdk/workflow"
)

// Digests opens the daily and weekly digests whose time has come: the schedule looks every few minutes, and the calendar says
// which days have one.
func Digests(ctx workflow.Context) (int, error) {
	return call(workflow.WithActivityOptions(ctx, keeping), desk.OpenDigests, struct{}{})
}
