package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"toasoan/internal/standalone"
)

// temporalLimit is how long a new namespace may take until everything in it can be used.
const temporalLimit = time.Minute

// Temporal is a fresh namespace with these search attributes (workflows.SearchAttributes) on the shared Temporal server,
// for this test alone. Without a built bin/temporald the test is skipped, but fails when CI=true.
func Temporal(t testing.TB, attributes map[string]enumspb.IndexedValueType) (address, namespace string) {
	t.Helper()
	run := servers(t, standalone.Options{Postgres: true, Temporal: true, TemporalBinary: Temporald(t)})
	if run.TemporalAddress == "" {
		t.Fatalf("the servers of %s were started without Temporal", ServersEnv)
	}
	namespace = "test-" + strings.ReplaceAll(plainName(t.Name()), "_", "-") + "-" + strings.ToLower(rand.Text()[:10])
	if err := makeNamespace(t.Context(), run.TemporalAddress, namespace, attributes); err != nil {
		t.Fatalf("make temporal namespace: %v", err)
	}
	return run.TemporalAddress, namespace
}

// Temporald is the path of the built Temporal launcher. Without it the test is skipped, but fails when CI=true.
func Temporald(t testing.TB) (path string) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(root, "bin", "temporald")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not built: make bin/temporald", path)
	}
	t.Skipf("%s is not built: make bin/temporald", path)
	return ""
}

// moduleRoot is the folder of the go.mod above the test's package.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("no go.mod above the working folder")
		}
		folder = filepath.Dir(folder)
	}
}

// makeNamespace returns once runs with all search attributes can be started and counted in the namespace.
func makeNamespace(ctx context.Context, address, namespace string, attributes map[string]enumspb.IndexedValueType) error {
	ctx, cancel := context.WithTimeout(ctx, temporalLimit)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Namespace: namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if err := retry(ctx, func() error {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: namespace, SearchAttributes: attributes,
		})
		return err
	}); err != nil {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return retry(ctx, func() error { return usable(ctx, c, namespace, attributes) })
}

// usable starts a run that carries every search attribute, and ends it.
func usable(ctx context.Context, c client.Client, namespace string, attributes map[string]enumspb.IndexedValueType) error {
	values := map[string]any{}
	for name, kind := range attributes {
		values[name] = "ready"
		if kind == enumspb.INDEXED_VALUE_TYPE_DATETIME {
			values[name] = time.Unix(0, 0)
		}
	}
	options := client.StartWorkflowOptions{
		ID: "ready", TaskQueue: "nobody", SearchAttributes: values, //nolint:staticcheck // the untyped form needs no key per attribute
	}
	run, err := c.ExecuteWorkflow(ctx, options, "Ready")
	if err != nil {
		return fmt.Errorf("start a run with all search attributes: %w", err)
	}
	if err := c.TerminateWorkflow(ctx, run.GetID(), run.GetRunID(), "it only showed that it can start"); err != nil {
		return fmt.Errorf("end the first run: %w", err)
	}
	_, err = c.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
	})
	return err
}

func retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
