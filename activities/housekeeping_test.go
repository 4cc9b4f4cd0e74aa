package activities_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"toasoan/activities"
	"toasoan/newsroom"
)

// lost is a newsroom of which every run is lost: one of each kind.
type lost struct {
	activities.Open
	activities.Runs
	begun []string
}

func (*lost) OpenArticles(context.Context, string, int) ([]string, error) { return []string{"a"}, nil }

func (*lost) OpenPublications(context.Context, string, int64, int) ([]newsroom.Publication, error) {
	return []newsroom.Publication{{ArticleID: "a", N: 1}}, nil
}
func (*lost) OpenIssues(context.Context, int) ([]string, error) { return []string{"i"}, nil }
func (*lost) UntoldIssues(context.Context, int) ([]newsroom.UntoldIssue, error) {
	return nil, nil
}

func (*lost) OpenSubscriptions(context.Context, string, int) ([]string, error) {
	return []string{"s"}, nil
}

func (*lost) UnsentLetters(context.Context, time.Time, int) ([]string, error) {
	return []string{"l"}, nil
}
func (*lost) Reseated(context.Context, time.Time) ([]string, error) { return nil, nil }

func (l *lost) Follow(context.Context, string) error         { return l.begin("article") }
func (l *lost) Publish(context.Context, string, int64) error { return l.begin("publication") }
func (l *lost) Deliver(context.Context, string) error        { return l.begin("issue") }
func (l *lost) Post(context.Context, string) error           { return l.begin("letter") }
func (l *lost) Subscribed(context.Context, string) error {
	return errors.Join(l.begin("subscription"), errors.New("too many for the time there is"))
}

func (l *lost) begin(what string) error {
	l.begun = append(l.begun, what)
	return nil
}

// However many requests strangers have left behind, the newsroom's own work is started before them.
func TestReconcileBeginsWithTheNewsroomsWork(t *testing.T) {
	t.Parallel()
	l := &lost{}
	desk := &activities.Desk{Open: l, Runs: l, Now: time.Now}
	if _, err := desk.Reconcile(t.Context(), struct{}{}); err == nil {
		t.Error("what could not be started is not told")
	}
	if want := []string{"article", "publication", "issue", "letter", "subscription"}; !slices.Equal(l.begun, want) {
		t.Errorf("begun %v", l.begun)
	}
}
