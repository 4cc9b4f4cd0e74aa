package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

func asApplicationError(err error) (*temporal.ApplicationError, bool) {
	return errors.AsType[*temporal.ApplicationError](err)
}

// alreadyRuns reports that a child was not started because it is there already: what was wanted.
func alreadyRuns(err error) bool {
	_, child := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err)
	return child || temporal.IsWorkflowExecutionAlreadyStartedError(err)
}
