package testkit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
)

// SaveHistory keeps what a run did as <folder>/<name>.json.gz, for the replay tests. A history that takes the same steps as the
// one kept before is not written again. Of one that takes other steps the former stays beside it under its date, since runs
// that began like it may still be open; workflows/versions.go says when it may go.
func SaveHistory(t testing.TB, c client.Client, id, runID, folder, name string) {
	t.Helper()
	var history historypb.History
	events := c.GetWorkflowHistory(t.Context(), id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, e)
	}
	path := filepath.Join(folder, name+historySuffix)
	said := "saved"
	switch former, err := LoadHistory(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		t.Fatal(err)
	case slices.Equal(steps(former), steps(&history)):
		t.Logf("%s: as before", name)
		return
	default:
		beside := name + ".until_" + time.Now().UTC().Format("20060102T150405") + historySuffix
		if err := os.Rename(path, filepath.Join(folder, beside)); err != nil {
			t.Fatal(err)
		}
		said = "CHANGED, the former one is kept as " + beside
	}
	if err := writeHistory(path, &history); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", name, said)
}

// historySuffix: they are long and repetitive.
const historySuffix = ".json.gz"

func writeHistory(path string, history *historypb.History) error {
	data, err := protojson.Marshal(history)
	if err != nil {
		return err
	}
	if host, err := os.Hostname(); err == nil { // sticky queues and clients are named by it
		data = bytes.ReplaceAll(data, []byte(`"`+host+`:`), []byte(`"worker:`))
		data = bytes.ReplaceAll(data, []byte(`@`+host+`@`), []byte(`@worker@`))
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o644) //nolint:gosec // committed test data
}

// LoadHistory reads a saved history.
func LoadHistory(path string) (*historypb.History, error) {
	packed, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = packed.Close() }() // only read
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	history := &historypb.History{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, history); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return history, nil
}

// steps are the kinds of things that a history's workflow did: when, how often and in which order differs from run to run. A
// change of a workflow that has runs in flight leaves a mark of its version, and so another step.
func steps(h *historypb.History) (list []string) {
	for _, e := range h.GetEvents() {
		step := strings.TrimPrefix(e.GetEventType().String(), "EVENT_TYPE_")
		switch e.GetEventType() { //nolint:exhaustive // what the server and the world did differs from run to run
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			step = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			step = e.GetStartChildWorkflowExecutionInitiatedEventAttributes().GetWorkflowType().GetName()
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			step = markerName(e.GetMarkerRecordedEventAttributes())
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		default:
			continue
		}
		list = append(list, step)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// markerName is the mark and, of a version, which change it is about.
func markerName(m *historypb.MarkerRecordedEventAttributes) string {
	name := m.GetMarkerName()
	for _, about := range m.GetDetails()["change-id"].GetPayloads() {
		name += " " + string(about.GetData())
	}
	return name
}
