package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // schedules name Asia/Ho_Chi_Minh, and a small machine may hold no zone files
)

func main() { os.Exit(exitCode()) }

func exitCode() int {
	s, err := readSettings(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "temporald:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := dieWithParent(s.parentPID); err != nil {
		fmt.Fprintln(os.Stderr, "temporald:", err)
		return 1
	}
	if err := run(ctx, s, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "temporald:", err)
		return 1
	}
	return 0
}
