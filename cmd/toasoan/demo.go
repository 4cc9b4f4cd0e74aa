package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"toasoan/internal/standalone"
)

// runDemo walks one article from a reader's subscription and a reporter's draft to the mailboxes, through nothing but what everybody
// can reach: API, mailed links, portal, feeds and the mailbox. It uses the newsroom that runs on the data folder, or starts one and
// stops it afterwards. It fails with one sentence as soon as anything is missing.
func runDemo(ctx context.Context, t terminal, arguments []string) (err error) {
	flags := t.flagSet("demo", "[flags]")
	data := flags.String("data", orDefault(t.getenv("TOASOAN_DATA"), "./data"), "data folder whose newsroom is walked [TOASOAN_DATA]")
	base := flags.String("url", "", "address of the newsroom (default: as demo.json says; with it none is started)")
	box := flags.String("mailbox", "", "address of the mailbox (default: as demo.json says)")
	lang := flags.String("lang", "vi", "language in which the reader and the leader read the pages: vi or en")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 || (*lang != "vi" && *lang != "en") {
		return fmt.Errorf("%w: see --help", errUsage)
	}
	file, running, err := findNewsroom(ctx, *data, *base)
	if err != nil {
		return err
	}
	if !running {
		var stop func() error
		if file, stop, err = startNewsroom(ctx, t, *data); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if *base != "" {
		file.URL = *base
	}
	if *box != "" {
		file.Mailbox = *box
	}
	w, err := newDemoWalk(file, *lang, t.out)
	if err != nil {
		return err
	}
	return w.run(ctx)
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// readyWait is how long a newsroom may take to be ready: a first start makes a database cluster and loads the demo content.
const readyWait = 5 * time.Minute

// findNewsroom reads where the newsroom of a data folder is, and waits until it is ready if it runs.
func findNewsroom(ctx context.Context, data, base string) (file demoFile, running bool, err error) {
	if file, err = readDemoFile(data); err != nil {
		return file, false, err
	}
	at := orDefault(base, file.URL)
	if at == "" && !starting(data) {
		return file, false, nil
	}
	if base != "" && len(file.Users) == 0 {
		return file, false, fmt.Errorf("%s/%s has no sign-ins: give the data folder of that newsroom with --data", data, demoName)
	}
	for deadline := time.Now().Add(readyWait); ; {
		status, err := readyStatus(ctx, at)
		switch {
		case err != nil && base == "" && !starting(data):
			return file, false, nil //nolint:nilerr // nobody answers there: one is started
		case err != nil && base == "" && time.Now().Before(deadline):
		case err != nil:
			return file, false, fmt.Errorf("nobody answers at %s: %w", at, err)
		case status == http.StatusOK:
			known, err := knowsUs(ctx, at, file)
			if err == nil && !known && base != "" {
				err = fmt.Errorf("the newsroom at %s does not know the sign-ins of %s: give its data folder with --data", at, data)
			}
			if err != nil || known || !starting(data) {
				return file, known, err // not known: another newsroom has taken the port since
			}
		case time.Now().After(deadline):
			return file, false, fmt.Errorf("the newsroom at %s is not ready after %s: see %s/readyz", at, readyWait, at)
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return file, false, err
		}
		if base == "" { // a start may have had to take another port
			if file, err = readDemoFile(data); err != nil {
				return file, false, err
			}
			at = file.URL
		}
	}
}

// starting reports whether a newsroom's process has the data folder.
func starting(data string) bool {
	run, err := standalone.ReadRun(data)
	return err == nil && syscall.Kill(run.Pid, 0) == nil
}

// knowsUs reports whether the newsroom at base is the one that the sign-ins belong to.
func knowsUs(ctx context.Context, base string, file demoFile) (bool, error) {
	admin, _ := file.as("admin")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/api/v1/sections", nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+admin.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask the newsroom: %w", err)
	}
	return res.StatusCode == http.StatusOK, res.Body.Close()
}

func readyStatus(ctx context.Context, base string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/readyz", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// startNewsroom starts `toasoan run` on the data folder and waits until it is ready; stop ends it in order.
func startNewsroom(ctx context.Context, t terminal, data string) (file demoFile, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return file, nil, fmt.Errorf("find own program: %w", err)
	}
	log, err := os.CreateTemp("", "toasoan-demo-*.log")
	if err != nil {
		return file, nil, fmt.Errorf("open log of the newsroom: %w", err)
	}
	fmt.Fprintf(t.out, "No newsroom runs on %s: starting one (its log: %s) …\n", data, log.Name())
	// The terminal's Ctrl-C is not the newsroom's: it is stopped once the walk has ended.
	newsroom := exec.Command(self, "run")
	newsroom.Env = append(os.Environ(), "TOASOAN_DATA="+data, "TOASOAN_DEMO=1")
	newsroom.Stdout, newsroom.Stderr = log, log
	newsroom.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := newsroom.Start(); err != nil {
		return file, nil, errors.Join(fmt.Errorf("start the newsroom: %w", err), log.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- newsroom.Wait() }()
	stop = func() error {
		defer log.Close() //nolint:errcheck // only written by the child
		fmt.Fprintln(t.out, "Stopping the newsroom …")
		if err := newsroom.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the newsroom: %w", err)
		}
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("the newsroom did not end well: %w (log: %s)", err, log.Name())
			}
			return nil
		case <-time.After(time.Minute):
			return errors.Join(fmt.Errorf("the newsroom did not stop within a minute (log: %s)", log.Name()), newsroom.Process.Kill())
		}
	}
	began := time.Now()
	for told := began; ; {
		select {
		case err := <-ended:
			ended <- err
			return file, nil, fmt.Errorf("the newsroom ended while starting; its log %s says why", log.Name())
		case <-ctx.Done():
			return file, nil, errors.Join(ctx.Err(), stop())
		case <-time.After(200 * time.Millisecond):
		}
		if file, err = readDemoFile(data); err == nil && file.URL != "" {
			if status, err := readyStatus(ctx, file.URL); err == nil && status == http.StatusOK {
				fmt.Fprintf(t.out, "The newsroom is ready after %s.\n", time.Since(began).Round(100*time.Millisecond))
				return file, stop, nil
			}
		}
		if time.Since(began) > readyWait {
			return file, nil, errors.Join(fmt.Errorf("the newsroom was not ready within %s (log: %s)", readyWait, log.Name()), stop())
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			fmt.Fprintf(t.out, "  … %s, usually 10 to 40 s, longer on a first start\n", time.Since(began).Round(time.Second))
		}
	}
}
