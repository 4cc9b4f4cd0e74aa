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
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// stopWait is how long the services get to end what they do; after it the process ends all the same, since every
// answer they gave is committed. One second short of the ten a caller may wait.
const stopWait = 9 * time.Second

// registerWait is how long a server that has started may take until the namespace can be used; longer is a fault that
// waiting does not mend.
const registerWait = time.Minute

// run serves until ctx ends, then stops. It prints "ready" to out once everything can be used.
func run(ctx context.Context, s settings, out io.Writer) error {
	logger, quiet := newLogger(s)
	starting, cancel := context.WithTimeout(ctx, s.startWait)
	defer cancel()

	guard, err := s.takeGuard(starting, logger)
	if err != nil {
		return startError(ctx, err)
	}
	guarded, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release() // the last thing: until then the services may still write
	go guard.keep(guarded)
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
	defer func() { quiet(); stop(server) }()

	frontendAddress := listen.address(primitives.FrontendService)
	conn, err := grpc.NewClient(frontendAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("reach frontend: %w", err)
	}
	defer func() { _ = conn.Close() }()
	registering, cancel := context.WithTimeout(starting, registerWait)
	defer cancel()
	if err := newFrontend(conn).register(registering, s.namespace, s.retention); err != nil {
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
	if s.readyFile != "" {
		defer func() { _ = os.Remove(s.readyFile) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-guard.lost:
		return err
	}
}

// newLogger logs to standard error. After quiet only errors are left: four services that go one after the other
// each warn that the others are gone.
func newLogger(s settings) (logger log.Logger, quiet func()) {
	level, err := zap.ParseAtomicLevel(s.logLevel)
	if err != nil { // check has refused it
		level = zap.NewAtomicLevel()
	}
	built := log.BuildZapLogger(log.Config{Level: s.logLevel, Format: s.logFormat})
	return log.NewZapLogger(built.WithOptions(zap.IncreaseLevel(level))), func() { level.SetLevel(zap.ErrorLevel) }
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
