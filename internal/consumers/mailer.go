package consumers

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// IssueStore opens and stops newsletters. Met by store.
type IssueStore interface {
	Parking
	MailPublicChange(ctx context.Context, eventID, articleID string, n int64, verb string, kind newsroom.ChangeKind) (newsroom.IssueOpened, error)
}

// IssueRuns starts the runs that mail an issue and tells a running one to look at it. Met by dispatch.
type IssueRuns interface {
	Nudge
	// Deliver makes sure that an issue has a run.
	Deliver(ctx context.Context, issueID string) error
	// StopDelivery tells an issue's run that it was stopped; one that is not running needs no telling.
	StopDelivery(ctx context.Context, issueID string) error
}

// Mailer opens an issue for each public change that readers by mail must hear of: durable "mailer".
type Mailer struct {
	Store IssueStore
	Runs  IssueRuns
	Log   *slog.Logger
	Now   func() time.Time
}

// MailedVerbs are the public changes that concern the newsletters.
var MailedVerbs = []string{"published", "corrected", "withdrawn", "taken_down"}

// Consumer is the durable as the bus runs it.
func (m Mailer) Consumer() events.Consumer {
	subjects := make([]string, len(MailedVerbs))
	for i, verb := range MailedVerbs {
		subjects[i] = events.ArticleSubject(verb)
	}
	return events.Consumer{Durable: "mailer", Subjects: subjects, Handle: m.Handle, Park: parkWith(m.Store)}
}

// Handle opens or stops what the event asks for, once, with its receipt. A repeat only makes sure that the runs are there.
func (m Mailer) Handle(ctx context.Context, e events.Envelope) error {
	var a events.Article
	if err := e.Open(&a); err != nil {
		return err
	}
	verb, known := strings.CutPrefix(strings.TrimSuffix(e.Type, ".v1"), "newsroom.article.")
	if !known {
		return fmt.Errorf("event %s is about no article", e.ID)
	}
	out, err := m.Store.MailPublicChange(ctx, e.ID, a.ArticleID, a.N, verb, newsroom.ChangeKind(a.Kind))
	if err != nil {
		return err
	}
	for _, id := range out.Stopped {
		if err := m.Runs.StopDelivery(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range append(out.Stopped, out.Issues...) { // a stopped one is closed by its run
		if err := m.Runs.Deliver(ctx, id); err != nil {
			return err
		}
	}
	if !out.Again && len(out.Issues)+len(out.Stopped) > 0 {
		m.Log.Info("public change mailed", "event_id", e.ID, "article_id", a.ArticleID, "issues", len(out.Issues), "stopped", len(out.Stopped),
			"candidates", out.Candidates)
	}
	nudge(ctx, m.Runs, m.Log, a.ArticleID, a.N)
	return nil
}
