package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var (
	keyStage = temporal.NewSearchAttributeKeyKeyword("Stage")
	keyDue   = temporal.NewSearchAttributeKeyTime("Due")
)

// addAttributes registers search attributes as the product does.
func addAttributes(t *testing.T, c client.Client, namespace string) {
	t.Helper()
	_, err := c.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: map[string]enumspb.IndexedValueType{
			keyStage.GetName(): keyStage.GetValueType(), keyDue.GetName(): keyDue.GetValueType(),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// startRun starts a run that nobody works on, with every search attribute set.
func startRun(ctx context.Context, c client.Client, id string) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: "nobody",
		TypedSearchAttributes: temporal.NewSearchAttributes(
			keyStage.ValueSet("in_review"), keyDue.ValueSet(time.Date(2018, 10, 3, 10, 50, 0, 0, time.UTC)),
		),
	}, "Article")
	return err
}

func startWithAttributes(t *testing.T, c client.Client, id string) {
	t.Helper()
	if err := startRun(t.Context(), c, id); err != nil { // in the next breath after registering
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error { return findByAttributes(ctx, c, id) })
}

func findByAttributes(ctx context.Context, c client.Client, id string) error {
	query := fmt.Sprintf("%s = 'in_review' AND %s < '2018-10-04T00:00:00Z'", keyStage.GetName(), keyDue.GetName())
	found, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return err
	}
	for _, run := range found.GetExecutions() {
		if run.GetExecution().GetWorkflowId() == id {
			return nil
		}
	}
	return fmt.Errorf("%s is not among the %d runs found", id, len(found.GetExecutions()))
}

func describeRun(ctx context.Context, c client.Client, id string) error {
	_, err := c.DescribeWorkflowExecution(ctx, id, "")
	return err
}

func describeNamespace(name string) *workflowservice.DescribeNamespaceRequest {
	return &workflowservice.DescribeNamespaceRequest{Namespace: name}
}

// useNamespace registers a namespace as a test of the product would, and uses it in the next breath.
func useNamespace(t *testing.T, l *launched, name string) {
	t.Helper()
	conn, err := grpc.NewClient(l.told.Frontend, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	begin := time.Now()
	if err := newFrontend(conn).register(t.Context(), name, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	t.Logf("namespace registered in %s", time.Since(begin).Round(time.Millisecond))
	c := l.dial(t, name)
	addAttributes(t, c, name)
	startWithAttributes(t, c, "article/one")
}

// moves is how many Updates moveTogether has in hand at once: more than the server's default of 10 lets in.
const moves = 60

// moveTogether sends many Updates-with-Start to one run whose handlers all wait for each other.
func moveTogether(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, "desk", worker.Options{})
	w.RegisterWorkflowWithOptions(gather, workflow.RegisterOptions{Name: "Gather"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		places []int
	)
	for n := range moves {
		all.Go(func() {
			start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
				ID: "article/gather", TaskQueue: "desk",
				WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			}, "Gather")
			var place int
			update, err := c.UpdateWithStartWorkflow(t.Context(), client.UpdateWithStartWorkflowOptions{
				StartWorkflowOperation: start,
				UpdateOptions: client.UpdateWorkflowOptions{
					UpdateID: fmt.Sprint("move-", n), UpdateName: "move", WaitForStage: client.WorkflowUpdateStageCompleted,
				},
			})
			if err == nil {
				err = update.Get(t.Context(), &place)
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			places = append(places, place)
		})
	}
	all.Wait()
	slices.Sort(places)
	for n, place := range places {
		if place != n+1 {
			t.Fatalf("%d moves took the places %v", moves, places)
		}
	}
}

// gather ends when all moves are in; each learns which one it was.
func gather(ctx workflow.Context) error {
	arrived := 0
	err := workflow.SetUpdateHandler(ctx, "move", func(ctx workflow.Context) (int, error) {
		arrived++
		place := arrived
		return place, workflow.Await(ctx, func() bool { return arrived == moves })
	})
	if err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return arrived == moves && workflow.AllHandlersFinished(ctx) })
}

// checkLoopbackOnly reads the process's listening sockets and refuses any that is not on 127.0.0.1.
func checkLoopbackOnly(t *testing.T, pid int) {
	t.Helper()
	own := map[string]bool{}
	descriptors := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		target, err := os.Readlink(descriptors + "/" + entry.Name())
		if inode, isSocket := strings.CutPrefix(target, "socket:["); err == nil && isSocket {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	const listening, loopbackInHex = "0A", "0100007F"
	listeners := 0
	for _, family := range []string{"tcp", "tcp6"} {
		table, err := os.ReadFile("/proc/net/" + family)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			column := strings.Fields(line)
			if len(column) < 10 || column[3] != listening || !own[column[9]] {
				continue
			}
			listeners++
			if !strings.HasPrefix(column[1], loopbackInHex+":") {
				t.Errorf("listens on %s of %s", column[1], family)
			}
		}
	}
	if listeners < 3 {
		t.Errorf("only %d listening sockets found", listeners)
	}
}

// isZombie tells a process that has ended, but that nobody has waited for.
func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}
