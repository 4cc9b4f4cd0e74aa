package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/primitives"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// stopWait is how long the services get to end what they do; after it the process ends all the same, since every
// answer they gave is committed. One second short of the ten a caller may wait.
const stopWait = 9 * time.Second

// run serves until ctx ends, then stops. It prints "ready" to out once everything can be used.
func run(ctx context.Context, s settings, logger log.Logger, out io.Writer) error {
	starting, cancel := context.WithTimeout(ctx, s.startWait)
	defer cancel()

	if err := s.prepareAll(starting, logger); err != nil {
		return startError(ctx, err)
	}
	listen, err := choosePorts(s.frontendPort)
	if err != nil {
		return err
	}
	server, err := newServer(s, listen, logger)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	defer stop(server)

	frontendAddress := listen.address(primitives.FrontendService)
	conn, err := grpc.NewClient(frontendAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("reach frontend: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := newFrontend(conn).register(starting, s.namespace, s.retention); err != nil {
		return startError(ctx, err)
	}
	now := readiness{PID: os.Getpid(), Frontend: frontendAddress, Namespace: s.namespace}
	if s.uiPort != 0 {
		address, stopUI, err := startUI(s.uiPort, frontendAddress, s.namespace)
		if err != nil {
			return err
		}
		defer stopUI()
		now.UI = address
	}
	if err := announce(s, now, out); err != nil {
		return err
	}
	<-ctx.Done()
	if s.readyFile != "" {
		_ = os.Remove(s.readyFile)
	}
	return nil
}

// startError is nil for a start that was interrupted on purpose.
func startError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s settings) prepareAll(ctx context.Context, logger log.Logger) error {
	state, visibility := s.storages()
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return s.prepare(ctx, state, logger) })
	both.Go(func() error { return s.prepare(ctx, visibility, logger) })
	return both.Wait()
}

func stop(server interface{ Stop() error }) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Stop() // each service logs its own trouble
	}()
	select {
	case <-stopped:
	case <-time.After(stopWait):
	}
}

// readiness is what the ready file tells.
type readiness struct {
	PID       int    `json:"pid"`
	Frontend  string `json:"frontend"`     // host:port of the gRPC frontend
	UI        string `json:"ui,omitempty"` // URL of the Temporal UI, absent when it is off
	Namespace string `json:"namespace"`
}

func announce(s settings, r readiness, out io.Writer) error {
	if s.readyFile != "" {
		text, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write ready file: %w", err)
		}
		fresh, err := os.CreateTemp(filepath.Dir(s.readyFile), ".ready-*")
		if err != nil {
			return fmt.Errorf("write ready file: %w", err)
		}
		_, err = fresh.Write(append(text, '\n'))
		if err := errors.Join(err, fresh.Close()); err != nil {
			return fmt.Errorf("write ready file: %w", err)
		}
		if err := os.Rename(fresh.Name(), s.readyFile); err != nil {
			return fmt.Errorf("write ready file: %w", err)
		}
	}
	_, err := fmt.Fprintln(out, "ready")
	return err
}

// final marks an error that no further try can mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// retry repeats do until it works, is refused for good, or ctx ends; then it returns the last refusal.
func retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if _, isFinal := errors.AsType[final](err); err == nil || isFinal {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(frontendRetry):
		}
	}
}
