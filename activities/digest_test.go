package activities_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"toasoan/activities"
)

// asked notes for which moment digests are asked.
type asked struct{ at time.Time }

func (a *asked) OpenDigests(_ context.Context, now time.Time) ([]string, error) {
	a.at = now
	return nil, nil
}

// An article of the last second before the hour may not stand in the database yet when the hour comes.
func TestDigestsAreMadeAMomentAfterTheirHour(t *testing.T) {
	t.Parallel()
	hour := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for after, made := range map[time.Duration]bool{0: false, 5 * time.Second: false, 30 * time.Second: true} {
		a := &asked{}
		desk := &activities.Desk{Now: func() time.Time { return hour.Add(after) }, Mail: activities.Mailing{Digests: a}}
		suite := testsuite.WorkflowTestSuite{}
		env := suite.NewTestActivityEnvironment()
		env.RegisterActivity(desk)
		if _, err := env.ExecuteActivity(desk.OpenDigests, struct{}{}); err != nil {
			t.Fatal(err)
		}
		if got := !a.at.Before(hour); got != made {
			t.Errorf("%s after the hour they are asked for as of %s", after, a.at)
		}
	}
}
