package main

import (
	"context"
	"fmt"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// frontendRetry is the pause between two questions to a frontend that is still starting.
const frontendRetry = 25 * time.Millisecond

// frontend is what registering needs of a Temporal frontend.
type frontend struct {
	workflows workflowservice.WorkflowServiceClient
	operator  operatorservice.OperatorServiceClient
}

func newFrontend(conn grpc.ClientConnInterface) frontend {
	return frontend{workflowservice.NewWorkflowServiceClient(conn), operatorservice.NewOperatorServiceClient(conn)}
}

// register makes the namespace exist with this retention and returns when a query in it is answered. It is idempotent, and
// retries whatever a starting server may say until ctx ends.
func (f frontend) register(ctx context.Context, namespace string, retention time.Duration) error {
	steps := []struct {
		name string
		do   func() error
	}{
		{"register namespace", func() error { return f.ensureNamespace(ctx, namespace, retention) }},
		{"query namespace", func() error { return f.query(ctx, namespace) }},
	}
	for _, step := range steps {
		if err := retry(ctx, step.do); err != nil {
			return fmt.Errorf("%s %s: %w", step.name, namespace, err)
		}
	}
	return nil
}

func (f frontend) ensureNamespace(ctx context.Context, name string, retention time.Duration) error {
	wanted := durationpb.New(retention)
	// Registering comes first, not asking: the server remembers for a second that a namespace it was asked for is
	// missing, and refuses it that long.
	_, err := f.workflows.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        name,
		Description:                      "Tòa Soạn",
		WorkflowExecutionRetentionPeriod: wanted,
	})
	if _, exists := serviceerror.FromStatus(status.Convert(err)).(*serviceerror.NamespaceAlreadyExists); !exists {
		return err
	}
	described, err := f.workflows.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	if err != nil || described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == retention {
		return err
	}
	_, err = f.workflows.UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: name,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: wanted},
	})
	return err
}

func (f frontend) query(ctx context.Context, namespace string) error {
	_, err := f.workflows.CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace})
	return err
}
