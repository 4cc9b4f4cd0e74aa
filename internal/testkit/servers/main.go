// Command servers starts the servers that tests share, runs a command that finds them through TOASOAN_TEST_SERVERS,
// and stops them: `go run ./internal/testkit/servers -- go test ./...`.
// Its rule: the command's exit code is its own, and nothing is left behind, also when it is interrupted.
// Read package testkit for what tests do with the servers.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"toasoan/internal/standalone"
	"toasoan/internal/testkit"
)

func main() { os.Exit(run()) }

func run() int {
	temporal := flag.String("temporal", filepath.Join("bin", "temporald"), "the Temporal server's `program`; tests that need it are skipped when it is missing")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: servers [flags] -- command [arguments]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := serve(ctx, *temporal, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "test servers:", err)
		return max(code, 1)
	}
	return code
}

// serve starts the servers, runs the command and gives its exit code.
func serve(ctx context.Context, temporal string, command []string) (code int, err error) {
	data := filepath.Join(os.TempDir(), "toasoan-testkit-"+strconv.Itoa(os.Geteuid()), "shared-"+rand.Text()[:10])
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	o := standalone.Options{
		Data: data, Postgres: true, Temporal: true, TemporalBinary: temporal, Throwaway: true,
		Install: os.Getenv("TOASOAN_INSTALL") == "1",
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if _, statErr := os.Stat(temporal); statErr != nil {
		fmt.Fprintf(os.Stderr, "test servers: %s is not built: tests that need Temporal are skipped (make bin/temporald)\n", temporal)
		o.Temporal = false
	}
	began := time.Now()
	stack, err := standalone.Start(ctx, o)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, stack.Close(context.WithoutCancel(ctx))) }()
	fmt.Fprintf(os.Stderr, "test servers: ready after %s\n", time.Since(began).Round(10*time.Millisecond))

	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), testkit.ServersEnv+"="+stack.Data())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	err = cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() >= 0 {
		return failed.ExitCode(), nil
	}
	return 0, err
}
