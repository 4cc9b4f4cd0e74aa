package activities

import (
	"context"
	"errors"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// Issues is the ledger of the newsletters. Met by store.
type Issues interface {
	IssueView(ctx context.Context, issueID string) (newsroom.IssueView, error)
	KeepMaster(ctx context.Context, issueID, subject, html, text, hash string) error
	FreezeRecipients(ctx context.Context, issueID string) error
	DeliveryStanding(ctx context.Context, issueID string) (newsroom.DeliveryStanding, error)
	ChunkLeft(ctx context.Context, issueID string, chunk int, c newsroom.IssueCounts) (articleID string, candidates, done, failed int, err error)
	HoldIssue(ctx context.Context, issueID, why string, seen time.Time) error
	CloseIssue(ctx context.Context, issueID string) (newsroom.DeliveryStanding, error)
}

// IssueInput names an issue.
type IssueInput struct {
	IssueID string `json:"issue_id"`
}

// PrepareIssue freezes what an issue says and who gets it, before the first mail goes out, and announces that it starts. Of an issue
// that is prepared already it says where it stands. One that cannot be composed is held for a person.
func (d *Desk) PrepareIssue(ctx context.Context, in IssueInput) (newsroom.DeliveryStanding, error) {
	defer beating(ctx)()
	issues, began := d.Mail.Issues, d.Now()
	st, err := issues.DeliveryStanding(ctx, in.IssueID)
	if err != nil || st.Status != newsroom.IssuePreparing {
		return st, err
	}
	view, err := issues.IssueView(ctx, in.IssueID)
	if errors.Is(err, newsroom.ErrConflict) { // nothing is left to tell: it was stopped
		return issues.DeliveryStanding(ctx, in.IssueID)
	}
	if err != nil {
		return st, err
	}
	master, err := d.Mail.Courier.Compose(view)
	if err != nil {
		d.Log.Error("issue cannot be composed", "issue_id", in.IssueID, "error", err)
		if err := issues.HoldIssue(ctx, in.IssueID, "cannot_compose", began); err != nil {
			return st, err
		}
		return issues.DeliveryStanding(ctx, in.IssueID)
	}
	if err := issues.KeepMaster(ctx, in.IssueID, master.Subject, master.HTML, master.Text, master.Hash); err != nil {
		return st, err
	}
	if err := issues.FreezeRecipients(ctx, in.IssueID); err != nil {
		return st, err
	}
	if st, err = issues.DeliveryStanding(ctx, in.IssueID); err != nil {
		return st, err
	}
	d.tell(ctx, d.delivery(st).With("started"))
	return st, nil
}

// delivery is the wire form of a standing.
func (d *Desk) delivery(st newsroom.DeliveryStanding) events.Delivery {
	c := st.Counts
	return events.Delivery{
		IssueID: st.IssueID, ArticleID: st.ArticleID, Candidates: c.Candidates, Done: c.Candidates - c.Waiting,
		Failed: c.Hard + c.Expired + c.InDoubt, At: d.Now().UTC(),
	}
}

// CloseIssue ends an issue in which nothing waits any more, or says what still does.
func (d *Desk) CloseIssue(ctx context.Context, in IssueInput) (newsroom.DeliveryStanding, error) {
	defer beating(ctx)()
	st, err := d.Mail.Issues.CloseIssue(ctx, in.IssueID)
	if err != nil {
		return st, err
	}
	if st.Counts.Waiting == 0 && (st.Status == newsroom.IssueDone || st.Status == newsroom.IssueAborted) {
		d.tell(ctx, d.delivery(st).With("finished"))
	}
	return st, nil
}

// HoldInput names an issue and why nothing more of it may go out.
type HoldInput struct {
	IssueID string `json:"issue_id"`
	Why     string `json:"why"`
}

// HoldIssue pauses an issue until a person resumes it, and tells the operator.
func (d *Desk) HoldIssue(ctx context.Context, in HoldInput) (newsroom.DeliveryStanding, error) {
	defer beating(ctx)()
	if err := d.Mail.Issues.HoldIssue(ctx, in.IssueID, in.Why, d.Now()); err != nil {
		return newsroom.DeliveryStanding{}, err
	}
	return d.Mail.Issues.DeliveryStanding(ctx, in.IssueID)
}
