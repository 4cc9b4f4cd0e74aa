package main

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"

	"toasoan/activities"
	"toasoan/workflows"
)

// queueWorker is a worker of one queue; it tells fatal when it gives up for good.
func (a *app) queueWorker(desk *activities.Desk, name string, most int, fatal func(error)) worker.Worker {
	w := worker.New(a.dispatch.Temporal(), name, worker.Options{
		MaxConcurrentActivityExecutionSize: most, WorkerStopTimeout: 20 * time.Second, OnFatalError: fatal,
	})
	workflows.Register(w)
	w.RegisterActivity(desk)
	return w
}

// attend works on every queue until ctx ends; it returns when each has its worker, and stop waits for the end. A worker gives up for good
// where Temporal answers for two minutes that our namespace is not there, as one does that has lost its data: another takes its place
// as soon as the namespace is back.
func (a *app) attend(ctx context.Context, create func(queue string, most int, fatal func(error)) worker.Worker) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var queues sync.WaitGroup
	stop = func() { cancel(); queues.Wait() }
	for _, queue := range []struct {
		name string
		most int
	}{{workflows.QueueDesk, 32}, {workflows.QueueMailTx, 8}, {workflows.QueueMailBulk, max(a.config.Mail.Connections, 1)}} {
		gaveUp := make(chan error, 1)
		begin := func() (worker.Worker, error) {
			return a.startWorker(ctx, queue.name, func() worker.Worker {
				return create(queue.name, queue.most, func(err error) { gaveUp <- err }) // once for each worker
			})
		}
		w, err := begin()
		if err != nil {
			stop()
			return nil, err
		}
		queues.Go(func() {
			for err == nil {
				select {
				case <-ctx.Done():
					w.Stop()
					return
				case trouble := <-gaveUp:
					a.log.Error("worker starts again", "queue", queue.name, "error", trouble)
					w.Stop()
					w, err = begin()
				}
			}
		})
	}
	return stop, nil
}

// startWorker starts a worker of one queue, again until Temporal is there.
func (a *app) startWorker(ctx context.Context, queue string, create func() worker.Worker) (worker.Worker, error) {
	for {
		w := create()
		err := a.dispatch.Check(ctx)
		if err == nil {
			err = w.Start()
		}
		if err == nil {
			return w, nil
		}
		a.log.Debug("worker waits for temporal", "queue", queue, "error", err)
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (a *app) ensureSchedules(ctx context.Context) error {
	for {
		err := a.dispatch.EnsureSchedules(ctx)
		if err == nil {
			return nil
		}
		a.log.Warn("schedules wait for temporal", "error", err)
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// scheduleLook is how often the schedules are looked for.
const scheduleLook = time.Minute

// keepSchedules makes the schedules again where Temporal has lost its data: without them nothing else that was lost is missed.
func (a *app) keepSchedules(ctx context.Context) {
	for pause(ctx, scheduleLook) == nil {
		if there, err := a.dispatch.HasSchedules(ctx); err != nil || there {
			continue
		}
		a.log.Warn("schedules are missing")
		if a.ensureSchedules(ctx) != nil {
			return
		}
	}
}
