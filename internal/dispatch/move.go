package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"toasoan/newsroom"
	"toasoan/workflows"
)

// answerTime is how long a person waits for the answer to a move before "đã ghi nhận, đang xử lý" is shown.
const answerTime = 8 * time.Second

// Move records r and has it settled. From the moment it returns without an error of its own the move is never lost:
//   - settled: the outcome, the same for every repeat of r.ID;
//   - refused: a *newsroom.MoveError, nothing was changed;
//   - Outcome.Pending: recorded, and sent again by the sweep until it is settled.
//
// newsroom.ErrNotFound for an unknown article, newsroom.ErrConflict for an id that belongs to another move.
func (c *Client) Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error) {
	if !newsroom.ValidRequestID(r.ID) {
		return newsroom.Outcome{}, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "id", Code: "uuid"}}}
	}
	if !r.Move.Known() {
		return newsroom.Outcome{}, &newsroom.MoveError{Code: newsroom.RefusedUnknownMove, Move: r.Move}
	}
	if err := c.requests.RecordRequest(ctx, r); err != nil {
		return newsroom.Outcome{}, err
	}
	wait, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	outcome, err := c.settle(wait, r)
	if err != nil {
		if _, ok := errors.AsType[*newsroom.MoveError](err); ok {
			return outcome, err
		}
		c.log.Warn("move recorded, not settled yet", "article_id", r.ArticleID, "request_id", r.ID, "error", err)
		return newsroom.Outcome{RequestID: r.ID, ArticleID: r.ArticleID, Move: r.Move, Pending: true}, nil
	}
	return outcome, nil
}

// Resend has a recorded move settled, as the sweep does. A refusal settles it too and is no error.
func (c *Client) Resend(ctx context.Context, r newsroom.Request) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_, err := c.settle(ctx, r)
	if _, refused := errors.AsType[*newsroom.MoveError](err); refused {
		return nil
	}
	return err
}

// settle sends the Update, again where the run ended under it or had too many in hand, until it is answered or ctx ends.
func (c *Client) settle(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		if _, done, err := c.requests.Request(ctx, r.ID); err != nil {
			return newsroom.Outcome{}, err
		} else if done != nil {
			return answer(*done)
		}
		outcome, err := c.update(ctx, r)
		if err == nil {
			return answer(outcome)
		}
		if refused, ok := workflows.Refused(err); ok {
			// Memory refused it. Postgres has the last word: a repeat may have been settled by an earlier run.
			outcome, err := c.requests.RefuseRequest(ctx, r.ID, refused)
			if err != nil {
				return newsroom.Outcome{}, err
			}
			return answer(outcome)
		}
		if !passing(err) {
			return newsroom.Outcome{}, fmt.Errorf("settle move %s: %w", r.ID, err)
		}
		select {
		case <-ctx.Done():
			return newsroom.Outcome{}, fmt.Errorf("settle move %s: %w", r.ID, err)
		case <-time.After(pause):
		}
	}
}

func (c *Client) update(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error) {
	start := c.temporal.NewWithStartWorkflowOperation(articleOptions(r.ArticleID), workflows.Article, workflows.ArticleInput{ArticleID: r.ArticleID})
	handle, err := c.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateID: r.ID, UpdateName: workflows.UpdateMove, WaitForStage: client.WorkflowUpdateStageCompleted,
			Args: []any{workflows.Move{RequestID: r.ID, Move: r.Move, Revision: r.Revision}},
		},
	})
	if err != nil {
		return newsroom.Outcome{}, err
	}
	var outcome newsroom.Outcome
	return outcome, handle.Get(ctx, &outcome)
}

// answer turns a settled outcome into what Move promises.
func answer(o newsroom.Outcome) (newsroom.Outcome, error) {
	if o.Refused != nil {
		return o, o.Refused
	}
	return o, nil
}

// passing reports errors after which the same Update may be sent at once again: the run ended under it, or it has too many
// updates in hand.
func passing(err error) bool {
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return true
	}
	if _, ok := errors.AsType[*serviceerror.ResourceExhausted](err); ok {
		return true
	}
	if _, ok := errors.AsType[*serviceerror.WorkflowNotReady](err); ok {
		return true
	}
	if _, ok := errors.AsType[*serviceerror.Aborted](err); ok {
		return true
	}
	app, ok := errors.AsType[interface {
		error
		Type() string
	}](err)
	return ok && app.Type() == "AcceptedUpdateCompletedWorkflow"
}
