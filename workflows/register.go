package workflows

import "go.temporal.io/sdk/worker"

// Register makes the workflows known to a worker. Every queue's worker knows all of them; which queue a run uses is said
// where it is started.
func Register(r worker.WorkflowRegistry) {
	for _, w := range []any{
		Article, Publication, Letter, Delivery, Subscription,
		Reconcile, SweepRequests, Rollover, QuietDay, AuditRoot, Digests,
	} {
		r.RegisterWorkflow(w)
	}
}
