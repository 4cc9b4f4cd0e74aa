package workflows

import (
	"flag"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/internal/testkit"
)

// `make histories` saves the histories of finished runs against a real Temporal; every later build must replay them.
var save = flag.Bool("save", false, "save the workflows' histories anew")

// histories is where they are kept.
var histories = filepath.Join("testdata", "histories")

// newsroomOn starts a worker for every queue on a Temporal namespace of its own, with d as the activities.
func newsroomOn(t *testing.T, d *activities.Desk) client.Client {
	t.Helper()
	address, namespace := testkit.Temporal(t, SearchAttributes())
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.Dial(client.Options{HostPort: address, Namespace: namespace, Logger: quiet, Identity: "worker"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, queue := range []string{QueueDesk, QueueMailTx, QueueMailBulk} {
		w := worker.New(c, queue, worker.Options{})
		Register(w)
		w.RegisterActivity(d)
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
	}
	return c
}

// replay runs a saved history through the workflows as r knows them.
func replay(t *testing.T, r worker.WorkflowReplayer, file string) error {
	t.Helper()
	history, err := testkit.LoadHistory(file)
	if err != nil {
		t.Fatal(err)
	}
	return r.ReplayWorkflowHistory(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)), history)
}

func savedHistories(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(histories, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no saved histories %s: %v", pattern, err)
	}
	return files
}

func TestSavedHistoriesReplay(t *testing.T) {
	t.Parallel()
	for _, file := range savedHistories(t, "*") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			r := worker.NewWorkflowReplayer()
			Register(r)
			if err := replay(t, r, file); err != nil {
				t.Error(err)
			}
		})
	}
}

// A workflow that takes other steps than its saved runs did is found out: here each has one more, in another place.
func TestAChangedWorkflowDoesNotReplay(t *testing.T) {
	t.Parallel()
	ask := func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(settling(ctx), desk.Reconcile, struct{}{}).Get(ctx, nil)
	}
	for name, changed := range map[string]any{
		"article": func(ctx workflow.Context, in ArticleInput) (ArticleResult, error) {
			if err := ask(ctx); err != nil {
				return ArticleResult{}, err
			}
			return Article(ctx, in)
		},
		"publication": func(ctx workflow.Context, in PublicationInput) error {
			if err := Publication(ctx, in); err != nil {
				return err
			}
			return ask(ctx)
		},
	} {
		r := worker.NewWorkflowReplayer()
		r.RegisterWorkflowWithOptions(changed, workflow.RegisterOptions{Name: strings.ToUpper(name[:1]) + name[1:]})
		for _, file := range savedHistories(t, name+"_*") {
			if err := replay(t, r, file); err == nil {
				t.Errorf("%s replays with a changed workflow", file)
			}
		}
	}
}
