package main

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/worker"

	"toasoan/internal/dispatch"
	"toasoan/internal/testkit"
	"toasoan/workflows"
)

// crew writes down which workers were started and stopped.
type crew struct {
	mu      sync.Mutex
	started []string
	stopped []string
	fatal   map[string]func(error) // of each queue's newest worker
}

func (c *crew) begun(queue string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.started {
		if one == queue {
			n++
		}
	}
	return n
}

type hand struct {
	worker.Worker
	crew  *crew
	queue string
}

func (h hand) Start() error {
	h.crew.mu.Lock()
	defer h.crew.mu.Unlock()
	h.crew.started = append(h.crew.started, h.queue)
	return nil
}

func (h hand) Stop() {
	h.crew.mu.Lock()
	defer h.crew.mu.Unlock()
	h.crew.stopped = append(h.crew.stopped, h.queue)
}

// Temporal's library stops a worker for good whose namespace is not there for two minutes: the queue has a new one as soon as it is.
func TestAWorkerThatGaveUpIsReplaced(t *testing.T) {
	t.Parallel()
	address, namespace := testkit.Temporal(t, workflows.SearchAttributes())
	log := slog.New(slog.DiscardHandler)
	client, err := dispatch.Dial(dispatch.Options{Address: address, Namespace: namespace, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	a := &app{dispatch: client, log: log}
	c := &crew{fatal: map[string]func(error){}}
	stop, err := a.attend(t.Context(), func(queue string, _ int, fatal func(error)) worker.Worker {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fatal[queue] = fatal
		return hand{crew: c, queue: queue}
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		c.mu.Lock()
		gone := c.fatal[workflows.QueueDesk]
		c.mu.Unlock()
		gone(errors.New("namespace is not found"))
		eventually(t, time.Minute, "the queue has a worker again", func() bool { return c.begun(workflows.QueueDesk) == n+2 })
	}
	stop()
	slices.Sort(c.started)
	slices.Sort(c.stopped)
	want := []string{workflows.QueueDesk, workflows.QueueDesk, workflows.QueueDesk, workflows.QueueDesk, workflows.QueueMailBulk, workflows.QueueMailTx}
	if !slices.Equal(c.started, want) || !slices.Equal(c.stopped, want) {
		t.Errorf("started %v, stopped %v", c.started, c.stopped)
	}
}
