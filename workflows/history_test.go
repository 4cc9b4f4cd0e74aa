package workflows

import (
	"bytes"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"toasoan/activities"
	"toasoan/internal/testkit"
)

// `make histories` saves the histories of finished runs against a real Temporal; every later build must replay them.
var save = flag.Bool("save", false, "save the workflows' histories anew")

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

// saveHistory keeps what a run did under testdata/histories.
func saveHistory(t *testing.T, c client.Client, id, runID, name string) {
	t.Helper()
	var history historypb.History
	events := c.GetWorkflowHistory(t.Context(), id, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, e)
	}
	data, err := protojson.MarshalOptions{Indent: " "}.Marshal(&history)
	if err != nil {
		t.Fatal(err)
	}
	if host, err := os.Hostname(); err == nil { // sticky queues are named by it
		data = bytes.ReplaceAll(data, []byte(host), []byte("worker"))
	}
	folder := filepath.Join("testdata", "histories")
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // committed test data
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".json"), append(data, '\n'), 0o644); err != nil { //nolint:gosec // likewise
		t.Fatal(err)
	}
}

func TestSavedHistoriesReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "histories", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no saved histories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			r := worker.NewWorkflowReplayer()
			Register(r)
			quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
			if err := r.ReplayWorkflowHistoryFromJSONFile(quiet, file); err != nil {
				t.Error(err)
			}
		})
	}
}
