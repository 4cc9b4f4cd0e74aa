package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// measureStart starts the whole product on a data folder that it has used before, and waits until all of it is ready.
func measureStart(ctx context.Context, b *bench) error {
	p, err := b.open(ctx) // for the built program; its servers rest
	if err != nil {
		return err
	}
	data := filepath.Join(p.folder, "start")
	first, err := p.whole(ctx, data)
	if err != nil {
		return err
	}
	say("the first start, with database, schema and demo content made: %.1f s", first.Seconds())
	times := 3
	if b.quick {
		times = 2
	}
	var warm []time.Duration
	for range times {
		took, err := p.whole(ctx, data)
		if err != nil {
			return err
		}
		warm = append(warm, took)
	}
	b.report.value("start.warm_s", slices.Min(warm).Seconds(), "s", fmt.Sprintf("`toasoan run` to /readyz 200, the best of %d; the first start took %.1f s", times, first.Seconds()))
	return nil
}

// whole runs `toasoan run` until it is ready, and ends it.
func (p *plant) whole(ctx context.Context, data string) (took time.Duration, err error) {
	var at [4]string
	for i := range at {
		if at[i], err = freeAddress(); err != nil {
			return 0, err
		}
	}
	kept, err := os.Create(filepath.Join(p.folder, "run.log"))
	if err != nil {
		return 0, err
	}
	defer kept.Close()                   //nolint:errcheck // the process has its own
	cmd := exec.Command(p.binary, "run") //nolint:noctx // ended below
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.folder, "TOASOAN_DATA=" + data, "TOASOAN_DEMO=1", "TOASOAN_LISTEN=" + at[0],
		"MAILBOX_LISTEN=" + at[1], "METRICS_LISTEN=" + at[2], "TEMPORAL_UI_LISTEN=" + at[3], "LOG_LEVEL=warn",
	}
	cmd.Stdout, cmd.Stderr = kept, kept
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-exited:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			<-exited
			err = errors.Join(err, errors.New("the product did not stop within a minute"))
		}
	}()
	for deadline := began.Add(5 * time.Minute); !answers("http://" + at[0] + "/readyz"); {
		select {
		case <-exited:
			said, _ := os.ReadFile(kept.Name())
			return 0, fmt.Errorf("`toasoan run` ended: %s", said[max(0, len(said)-2000):])
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return 0, errors.New("not ready after five minutes")
		}
	}
	return time.Since(began), nil
}
