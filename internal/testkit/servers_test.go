package testkit_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"toasoan/internal/testkit"
)

func TestNATSHasJetStream(t *testing.T) {
	t.Parallel()
	conn, err := nats.Connect(testkit.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"a.>"}}); err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(t.Context(), "a.b", nil); err != nil || ack.Sequence != 1 {
		t.Errorf("published as %v, %v", ack, err)
	}
}

func stageOf(ctx workflow.Context, stage string) (string, error) {
	err := workflow.UpsertSearchAttributes(ctx, map[string]any{"ToasoanStage": stage, "ToasoanDue": workflow.Now(ctx)}) //nolint:staticcheck // untyped on purpose
	return stage, err
}

func TestTemporalRunsAWorkflow(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			address, namespace := testkit.Temporal(t, map[string]enums.IndexedValueType{
				"ToasoanStage": enums.INDEXED_VALUE_TYPE_KEYWORD, "ToasoanDue": enums.INDEXED_VALUE_TYPE_DATETIME,
			})
			t.Logf("namespace %s after %s", namespace, time.Since(began))
			c, err := client.Dial(client.Options{HostPort: address, Namespace: namespace})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			w := worker.New(c, "queue", worker.Options{})
			w.RegisterWorkflow(stageOf)
			if err := w.Start(); err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "queue"}, stageOf, "draft")
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if err := run.Get(t.Context(), &got); err != nil || got != "draft" {
				t.Errorf("got %q, %v", got, err)
			}
			t.Logf("done after %s", time.Since(began))
		})
	}
}
