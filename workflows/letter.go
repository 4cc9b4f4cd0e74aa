package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// LetterInput names a letter; what it says and to whom is loaded for each attempt.
type LetterInput struct {
	LetterID string `json:"letter_id"`
	Scale    int    `json:"scale,omitempty"` // of a fault drill; see scaled
}

// LetterResult is what became of a letter.
type LetterResult struct {
	State newsroom.DeliveryState `json:"state"`
}

// Letter sends one letter: attempt after attempt, when the ledger says that the next is due, until it was accepted, refused for
// good, or has nothing to say any more. A letter that did not arrive is put before the operator.
func Letter(ctx workflow.Context, in LetterInput) (LetterResult, error) {
	lane := workflow.WithActivityOptions(ctx, scaled(letterLane, in.Scale))
	for {
		at, err := call(lane, desk.SendLetter, activities.LetterInput{LetterID: in.LetterID})
		if err != nil {
			return LetterResult{}, fmt.Errorf("send letter %s: %w", in.LetterID, err)
		}
		if at.Next == nil && at.State.Final() {
			return LetterResult{State: at.State}, reportLetter(ctx, in.LetterID, at.State)
		}
		pause := letterPause
		if at.Next != nil {
			pause = max(leastPause, at.Next.Sub(workflow.Now(ctx)))
		}
		if err := workflow.Sleep(ctx, pause); err != nil {
			return LetterResult{}, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return LetterResult{}, workflow.NewContinueAsNewError(ctx, Letter, in)
		}
	}
}

func reportLetter(ctx workflow.Context, id string, state newsroom.DeliveryState) error {
	switch state {
	case newsroom.DeliveryHard, newsroom.DeliveryExpired, newsroom.DeliveryInDoubt:
	default:
		return nil
	}
	_, err := call(workflow.WithActivityOptions(ctx, bookkeeping), desk.ReportLetter, activities.FailedLetterInput{LetterID: id, State: state})
	if err != nil {
		return fmt.Errorf("report letter %s: %w", id, err)
	}
	return nil
}
