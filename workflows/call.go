package workflows

import (
	"context"

	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
)

// desk names the activities; it is never called here.
var desk *activities.Desk

// call is ExecuteActivity with the compiler watching input and result.
func call[In, Out any](ctx workflow.Context, do func(context.Context, In) (Out, error), in In) (out Out, err error) {
	err = workflow.ExecuteActivity(ctx, do, in).Get(ctx, &out)
	return out, err
}
