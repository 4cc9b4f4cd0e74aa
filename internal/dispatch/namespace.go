package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"toasoan/workflows"
)

// retention is how long Temporal keeps closed runs in a namespace that we register.
const retention = 7 * 24 * time.Hour

// EnsureNamespace registers the namespace and our search attributes where they are missing, and returns when runs can use
// them: on PostgreSQL visibility that takes a while after registration.
func (c *Client) EnsureNamespace(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := c.temporal.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(retention), Description: "Tòa Soạn",
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); err != nil && !there {
		return fmt.Errorf("register temporal namespace %s: %w", name, err)
	}
	for {
		missing, err := c.missingAttributes(ctx, name)
		if errors.Is(err, errOtherType) {
			return fmt.Errorf("register search attributes in %s: %w", name, err)
		}
		if err == nil && len(missing) == 0 {
			return nil
		}
		if err == nil {
			_, err = c.temporal.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
				Namespace: name, SearchAttributes: missing,
			})
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("register search attributes in %s: %w", name, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// errOtherType says that somebody registered one of our names under another type, which nothing can change.
var errOtherType = errors.New("exists under another type")

func (c *Client) missingAttributes(ctx context.Context, name string) (map[string]enums.IndexedValueType, error) {
	if _, err := c.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name}); err != nil {
		return nil, err
	}
	have, err := c.temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: name})
	if err != nil {
		return nil, err
	}
	missing := map[string]enums.IndexedValueType{}
	for attribute, kind := range workflows.SearchAttributes() {
		found, ok := have.GetCustomAttributes()[attribute]
		if ok && found != kind {
			return nil, fmt.Errorf("%s %w: %s, not %s", attribute, errOtherType, found, kind)
		}
		if !ok {
			missing[attribute] = kind
		}
	}
	return missing, nil
}
