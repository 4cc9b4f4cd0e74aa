package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"toasoan/workflows"
)

// schedule is one thing that happens by the clock.
type schedule struct {
	id       string
	workflow any
	every    time.Duration
	offset   time.Duration // of every, from the full hour
	cron     string        // in Asia/Ho_Chi_Minh
}

var schedules = []schedule{
	{id: "reconcile", workflow: workflows.Reconcile, every: time.Minute},
	{id: "sweep-requests", workflow: workflows.SweepRequests, every: 20 * time.Second},
	{id: "rollover", workflow: workflows.Rollover, cron: "0 0 * * *"},
	{id: "quiet-day", workflow: workflows.QuietDay, cron: "30 16 * * *"},
	{id: "audit-root", workflow: workflows.AuditRoot, cron: "10 * * * *"},                          // each hour: an office's machine is off at midnight
	{id: "digests", workflow: workflows.Digests, every: 5 * time.Minute, offset: 30 * time.Second}, // they are made a moment after their hour
}

// EnsureSchedules makes the schedules as this program wants them. Safe to repeat.
func (c *Client) EnsureSchedules(ctx context.Context) error {
	for _, s := range schedules {
		spec := client.ScheduleSpec{TimeZoneName: "Asia/Ho_Chi_Minh"}
		if s.cron != "" {
			spec.CronExpressions = []string{s.cron}
		} else {
			spec.Intervals = []client.ScheduleIntervalSpec{{Every: s.every, Offset: s.offset}}
		}
		action := &client.ScheduleWorkflowAction{ID: "schedule/" + s.id, Workflow: s.workflow, TaskQueue: workflows.QueueDesk}
		_, err := c.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: s.id, Spec: spec, Action: action, Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Minute,
		})
		if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			err = c.temporal.ScheduleClient().GetHandle(ctx, s.id).Update(ctx, client.ScheduleUpdateOptions{
				DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
					in.Description.Schedule.Spec, in.Description.Schedule.Action = &spec, action
					return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
				},
			})
		}
		if err != nil {
			return fmt.Errorf("ensure schedule %s: %w", s.id, err)
		}
	}
	return nil
}

// HasSchedules reports whether Temporal knows the schedules.
func (c *Client) HasSchedules(ctx context.Context) (bool, error) {
	for _, s := range schedules {
		_, err := c.temporal.ScheduleClient().GetHandle(ctx, s.id).Describe(ctx)
		if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("look for schedule %s: %w", s.id, err)
		}
	}
	return true, nil
}
