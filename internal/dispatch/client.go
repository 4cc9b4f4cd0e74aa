package dispatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"toasoan/newsroom"
	"toasoan/workflows"
)

// Requests keeps recorded moves. Met by store.
type Requests interface {
	RecordRequest(ctx context.Context, r newsroom.Request) error
	Request(ctx context.Context, id string) (newsroom.Request, *newsroom.Outcome, error)
	RefuseRequest(ctx context.Context, id string, refused *newsroom.MoveError) (newsroom.Outcome, error)
}

// Client starts and addresses workflows. It is safe for concurrent use.
type Client struct {
	temporal  client.Client
	namespace string
	requests  Requests
	scale     int
	log       *slog.Logger
}

// Options of Dial.
type Options struct {
	Address   string
	Namespace string
	TLS       *tls.Config // nil: plain
	Requests  Requests
	TimeScale int // divides the heartbeat timeouts of the mail lanes, for fault drills; 0 or 1: as they are
	Log       *slog.Logger
}

// Dial opens a client. It does not wait for Temporal to be there: what it cannot deliver is recorded and sent again.
func Dial(o Options) (*Client, error) {
	c, err := client.NewLazyClient(client.Options{
		HostPort: o.Address, Namespace: o.Namespace, Logger: log.NewStructuredLogger(o.Log),
		// Ids and codes travel here, a few hundred bytes: to compress them costs a megabyte of memory a call and gains nothing.
		ConnectionOptions: client.ConnectionOptions{TLS: o.TLS, GrpcCompression: &client.GrpcCompressionNone{}},
	})
	if err != nil {
		return nil, fmt.Errorf("open temporal client: %w", err)
	}
	return &Client{temporal: c, namespace: o.Namespace, requests: o.Requests, scale: o.TimeScale, log: o.Log}, nil
}

// Temporal is the client underneath, for workers.
func (c *Client) Temporal() client.Client { return c.temporal }

// Close gives the connection back.
func (c *Client) Close() { c.temporal.Close() }

// Check asks Temporal for a sign of life, and whether our namespace is there.
func (c *Client) Check(ctx context.Context) error {
	if _, err := c.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.namespace}); err != nil {
		return fmt.Errorf("temporal: %w", err)
	}
	return nil
}

// Follow makes sure that an article has a run.
func (c *Client) Follow(ctx context.Context, articleID string) error {
	return c.start(ctx, articleOptions(articleID), workflows.Article, workflows.ArticleInput{ArticleID: articleID})
}

func articleOptions(articleID string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: workflows.ArticleID(articleID), TaskQueue: workflows.QueueDesk,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
}

// once is for work with one run at a time: an id that runs is left alone. One that has finished is started again only by
// whoever found in Postgres that its work is still open.
func once(id, queue string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: queue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
}

// Publish makes sure that a public change is followed until every receipt is in.
func (c *Client) Publish(ctx context.Context, articleID string, n int64) error {
	return c.start(ctx, once(workflows.PublicationID(articleID, n), workflows.QueueDesk), workflows.Publication,
		workflows.PublicationInput{ArticleID: articleID, N: n})
}

// Deliver makes sure that an issue is being mailed.
func (c *Client) Deliver(ctx context.Context, issueID string) error {
	return c.start(ctx, once(workflows.DeliveryID(issueID), workflows.QueueMailBulk), workflows.Delivery,
		workflows.DeliveryInput{IssueID: issueID, Scale: c.drill()})
}

// Post makes sure that a letter is being sent.
func (c *Client) Post(ctx context.Context, letterID string) error {
	return c.start(ctx, once(workflows.LetterID(letterID), workflows.QueueMailTx), workflows.Letter,
		workflows.LetterInput{LetterID: letterID, Scale: c.drill()})
}

// drill is the scale that a run carries: none outside of fault drills.
func (c *Client) drill() int {
	if c.scale > 1 {
		return c.scale
	}
	return 0
}

// Subscribed makes sure that an opt-in is followed.
func (c *Client) Subscribed(ctx context.Context, subscriberID string) error {
	return c.start(ctx, once(workflows.SubscriptionID(subscriberID), workflows.QueueMailTx), workflows.Subscription,
		workflows.SubscriptionInput{SubscriberID: subscriberID})
}

func (c *Client) start(ctx context.Context, o client.StartWorkflowOptions, workflow any, in any) error {
	if _, err := c.temporal.ExecuteWorkflow(ctx, o, workflow, in); err != nil {
		return fmt.Errorf("start %s: %w", o.ID, err)
	}
	return nil
}

// Nudge tells a publication that a receipt was written. One that is not running needs no telling.
func (c *Client) Nudge(ctx context.Context, articleID string, n int64) error {
	return c.signal(ctx, workflows.PublicationID(articleID, n), workflows.SignalReceipt)
}

// Reload tells an article's run that what its times depend on has changed.
func (c *Client) Reload(ctx context.Context, articleID string) error {
	return c.signal(ctx, workflows.ArticleID(articleID), workflows.SignalReload)
}

func (c *Client) signal(ctx context.Context, id, name string) error {
	err := c.temporal.SignalWorkflow(ctx, id, "", name, nil)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); err == nil || gone {
		return nil
	}
	return fmt.Errorf("signal %s to %s: %w", name, id, err)
}

// StopDelivery tells an issue's run that somebody paused, resumed, stopped or retried it. One that is not running needs no
// telling.
func (c *Client) StopDelivery(ctx context.Context, issueID string) error {
	return c.signal(ctx, workflows.DeliveryID(issueID), workflows.SignalIssue)
}

// SubscriberChanged tells an opt-in's run that somebody asked again, confirmed or left.
func (c *Client) SubscriberChanged(ctx context.Context, subscriberID string) error {
	return c.signal(ctx, workflows.SubscriptionID(subscriberID), workflows.SignalSubscriber)
}
