package activities

import (
	"context"
	"time"

	"toasoan/newsroom"
)

// Open lists what Postgres says must be running. Met by store.
type Open interface {
	OpenArticles(ctx context.Context, after string, limit int) ([]string, error)
	OpenPublications(ctx context.Context, after string, afterN int64, limit int) ([]newsroom.Publication, error)
	OpenIssues(ctx context.Context, limit int) ([]string, error)
	UntoldIssues(ctx context.Context, limit int) ([]newsroom.UntoldIssue, error)
	IssueTold(ctx context.Context, u newsroom.UntoldIssue) error
	OpenSubscriptions(ctx context.Context, after string, limit int) ([]string, error)
	UnsentLetters(ctx context.Context, before time.Time, limit int) ([]string, error)
	Unanswered(ctx context.Context, limit int) ([]newsroom.Request, error)
	Reseated(ctx context.Context, since time.Time) ([]string, error)
	RemindQuietDay(ctx context.Context, now time.Time) ([]string, error)
	Sweep(ctx context.Context, now time.Time) error
}

// Counters announces that day, week and month start anew. Met by consumers.Counters.
type Counters interface {
	AnnounceRollover(ctx context.Context, now time.Time) error
}

// Runs starts workflows; starting one that runs already is no error. Met by dispatch.
type Runs interface {
	Follow(ctx context.Context, articleID string) error
	Publish(ctx context.Context, articleID string, n int64) error
	Deliver(ctx context.Context, issueID string) error
	StopDelivery(ctx context.Context, issueID string) error
	Post(ctx context.Context, letterID string) error
	Subscribed(ctx context.Context, subscriberID string) error
	Resend(ctx context.Context, r newsroom.Request) error
	Reload(ctx context.Context, articleID string) error
}

// reconcilePage is how many rows are looked at in one go.
const reconcilePage = 500

// Reconciled counts what a reconciliation looked at.
type Reconciled struct {
	Articles      int `json:"articles"`
	Publications  int `json:"publications"`
	Issues        int `json:"issues"`
	Subscriptions int `json:"subscriptions"`
	Letters       int `json:"letters"`
	Reseated      int `json:"reseated"`
}

// Reconcile starts, from Postgres, whatever is open and has no run: losing Temporal's database loses no work.
func (d *Desk) Reconcile(ctx context.Context, _ struct{}) (out Reconciled, err error) {
	if out.Articles, err = eachID(ctx, d.Open.OpenArticles, d.Runs.Follow); err != nil {
		return out, err
	}
	for after, afterN := "", int64(0); ; {
		page, err := d.Open.OpenPublications(ctx, after, afterN, reconcilePage)
		if err != nil {
			return out, err
		}
		for _, p := range page {
			if err := d.Runs.Publish(ctx, p.ArticleID, p.N); err != nil {
				return out, err
			}
			after, afterN = p.ArticleID, p.N
		}
		out.Publications += len(page)
		if len(page) < reconcilePage {
			break
		}
	}
	issues, err := d.Open.OpenIssues(ctx, reconcilePage)
	if err != nil {
		return out, err
	}
	for _, id := range issues {
		if err := d.Runs.Deliver(ctx, id); err != nil {
			return out, err
		}
	}
	untold, err := d.Open.UntoldIssues(ctx, reconcilePage)
	if err != nil {
		return out, err
	}
	for _, u := range untold {
		if err := d.tellRun(ctx, u); err != nil {
			return out, err
		}
	}
	out.Issues = len(issues)
	letters, err := d.Open.UnsentLetters(ctx, d.Now().Add(-letterGrace), reconcilePage)
	if err != nil {
		return out, err
	}
	for _, id := range letters {
		if err := d.Runs.Post(ctx, id); err != nil {
			return out, err
		}
	}
	out.Letters = len(letters)
	if out.Reseated, err = d.reseat(ctx); err != nil {
		return out, err
	}
	// Last, since anybody's form adds to them: however many there are, the newsroom's own work is looked at first.
	out.Subscriptions, err = eachID(ctx, d.Open.OpenSubscriptions, d.Runs.Subscribed)
	return out, err
}

// tellRun makes sure that an issue has a run which looks at what was asked.
func (d *Desk) tellRun(ctx context.Context, u newsroom.UntoldIssue) error {
	if err := d.Runs.Deliver(ctx, u.ID); err != nil {
		return err
	}
	if err := d.Runs.StopDelivery(ctx, u.ID); err != nil {
		return err
	}
	return d.Open.IssueTold(ctx, u)
}

// letterGrace leaves a fresh letter to whoever wrote it.
const letterGrace = 15 * time.Second

// eachID walks every id of list in pages and starts it.
func eachID(ctx context.Context, list func(context.Context, string, int) ([]string, error), start func(context.Context, string) error) (n int, err error) {
	for after := ""; ; {
		page, err := list(ctx, after, reconcilePage)
		if err != nil {
			return n, err
		}
		for _, id := range page {
			if err := start(ctx, id); err != nil {
				return n, err
			}
			after = id
		}
		n += len(page)
		if len(page) < reconcilePage {
			return n, nil
		}
	}
}

// SweepRequests sends again the recorded moves that nobody has settled: a tap is never lost.
func (d *Desk) SweepRequests(ctx context.Context, _ struct{}) (int, error) {
	requests, err := d.Open.Unanswered(ctx, 50)
	if err != nil {
		return 0, err
	}
	for _, r := range requests {
		if err := d.Runs.Resend(ctx, r); err != nil {
			d.Log.Warn("recorded move not settled yet", "request_id", r.ID, "article_id", r.ArticleID, "error", err)
		}
	}
	return len(requests), nil
}

// Rollover announces that the counters of day, week and month start anew, checks them and sweeps what has served its time.
// Views carry their own time, so that a late rollover moves nothing.
func (d *Desk) Rollover(ctx context.Context, _ struct{}) (struct{}, error) {
	if err := d.Counters.AnnounceRollover(ctx, d.Now()); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, d.Open.Sweep(ctx, d.Now())
}

// QuietDay tells the chief when nothing was published on a working day (146/QĐ-BTTTT 2017).
func (d *Desk) QuietDay(ctx context.Context, _ struct{}) (int, error) {
	letters, err := d.Open.RemindQuietDay(ctx, d.Now())
	if err != nil {
		return 0, err
	}
	for _, id := range letters {
		if err := d.Runs.Post(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(letters), nil
}
