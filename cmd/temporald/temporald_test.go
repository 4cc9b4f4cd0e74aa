package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
)

// asLauncher makes the test binary behave as temporald itself, so that the tests need no second build.
const asLauncher = "TEMPORALD_TEST_AS_LAUNCHER"

func TestMain(m *testing.M) {
	if os.Getenv(asLauncher) != "" {
		os.Exit(exitCode())
	}
	os.Exit(m.Run())
}

// launched is one running temporald.
type launched struct {
	cmd   *exec.Cmd
	out   *bufio.Reader // what it prints to standard output
	told  readiness
	ended chan error
}

// launch starts temporald on the cluster and waits for its "ready".
func launch(t *testing.T, c *privatePostgres, args ...string) *launched {
	t.Helper()
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	cmd := c.command(t, append([]string{"-frontend-port", "0", "-ui-port", "0", "-ready-file", readyFile}, args...)...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &launched{cmd: cmd, out: bufio.NewReader(pipe), ended: make(chan error, 1)}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := l.out.ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("temporald said %q instead of ready: %v", line, err)
	}
	t.Logf("ready after %s", time.Since(begin).Round(time.Millisecond))
	go func() {
		_, _ = io.Copy(io.Discard, l.out)
		l.ended <- cmd.Wait()
	}()
	text, err := os.ReadFile(readyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &l.told); err != nil {
		t.Fatal(err)
	}
	if l.told.PID != cmd.Process.Pid {
		t.Errorf("ready file names process %d, it is %d", l.told.PID, cmd.Process.Pid)
	}
	return l
}

// end signals temporald and returns how it ended.
func (l *launched) end(t *testing.T, signal syscall.Signal) error {
	t.Helper()
	if err := l.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-l.ended:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("temporald ignores %s", signal)
		return nil
	}
}

func (l *launched) dial(t *testing.T, namespace string) client.Client {
	t.Helper()
	temporal, err := client.DialContext(t.Context(), client.Options{
		HostPort: l.told.Frontend, Namespace: namespace, Logger: silent{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	return temporal
}

// silent is the SDK's log in tests: a server that gets killed on purpose makes a lot of noise.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// eventually repeats try until it returns nil, at most for a minute.
func eventually(t *testing.T, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// refusal runs temporald to its end and returns the exit code and what it said.
func refusal(t *testing.T, cmd *exec.Cmd) (code int, said string) {
	t.Helper()
	var text strings.Builder
	cmd.Stderr = &text
	err := cmd.Run()
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatalf("temporald did not refuse: %v\n%s", err, text.String())
	}
	return failed.ExitCode(), text.String()
}

func TestServesItsNamespace(t *testing.T) {
	t.Parallel()
	c := newPostgres(t)
	first := launch(t, c, "-ui-port", "1", "-retention", "240h") // port 1: nothing can be told by chance
	temporal := first.dial(t, "toasoan")

	described, err := temporal.WorkflowService().DescribeNamespace(t.Context(), describeNamespace("toasoan"))
	if err != nil {
		t.Fatal(err)
	}
	if kept := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept != 240*time.Hour {
		t.Errorf("retention is %s", kept)
	}
	addAttributes(t, temporal, "toasoan")
	startWithAttributes(t, temporal, "article/before")
	checkLoopbackOnly(t, first.cmd.Process.Pid)
	checkUI(t, first.told)

	if err := first.end(t, syscall.SIGTERM); err != nil {
		t.Fatalf("after SIGTERM: %v", err)
	}

	second := launch(t, c)
	temporal = second.dial(t, "toasoan")
	eventually(t, func(ctx context.Context) error { return findByAttributes(ctx, temporal, "article/before") })
	described, err = temporal.WorkflowService().DescribeNamespace(t.Context(), describeNamespace("toasoan"))
	if err != nil {
		t.Fatal(err)
	}
	if kept := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); kept != 168*time.Hour {
		t.Errorf("retention after the restart is %s", kept)
	}
	moveTogether(t, temporal)
	for n := range 10 {
		useNamespace(t, second, fmt.Sprintf("test-%d", n))
	}

	code, said := refusal(t, c.command(t, "-frontend-port", "0", "-start-wait", "5s"))
	if code != 1 || !strings.Contains(said, "served by another temporald") {
		t.Errorf("a second server on the same databases: exit %d, %s", code, said)
	}
	port := second.told.Frontend[strings.LastIndex(second.told.Frontend, ":")+1:]
	code, said = refusal(t, c.command(t, "-frontend-port", port, "-database", "other", "-visibility-database", "other_visibility"))
	if code != 1 || !strings.Contains(said, "address already in use") {
		t.Errorf("a taken frontend port: exit %d, %s", code, said)
	}
}

func TestSurvivesKills(t *testing.T) {
	t.Parallel()
	c := newPostgres(t)
	first := launch(t, c)
	temporal := first.dial(t, "toasoan")
	addAttributes(t, temporal, "toasoan")
	startWithAttributes(t, temporal, "article/one")

	c.kill(t)
	c.start(t)
	eventually(t, func(ctx context.Context) error { return describeRun(ctx, temporal, "article/one") })
	eventually(t, func(ctx context.Context) error { return startRun(ctx, temporal, "article/two") })

	_ = first.end(t, syscall.SIGKILL)
	second := launch(t, c)
	temporal = second.dial(t, "toasoan")
	for _, id := range []string{"article/one", "article/two"} {
		eventually(t, func(ctx context.Context) error { return findByAttributes(ctx, temporal, id) })
	}

	if err := second.end(t, syscall.SIGINT); err != nil {
		t.Fatalf("after SIGINT: %v", err)
	}
	c.exec(t, "temporal", "UPDATE schema_version SET curr_version = '99.0'")
	code, said := refusal(t, c.command(t, "-frontend-port", "0"))
	if code != 1 || !strings.Contains(said, "99.0") {
		t.Errorf("a newer schema: exit %d, %s", code, said)
	}
}

func TestDiesWithItsParent(t *testing.T) {
	t.Parallel()
	c := newPostgres(t)
	template := c.command(t, "-frontend-port", "0", "-ui-port", "0")
	shell := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `"$0" "$@" & echo $!; wait`}, template.Args...)...)
	shell.Env = template.Env
	pipe, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	var pid int
	if _, err := fmt.Fscanln(out, &pid); err != nil {
		t.Fatal(err)
	}
	if line, err := out.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("temporald said %q: %v", line, err)
	}
	if err := shell.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !isZombie(pid) {
			return fmt.Errorf("process %d outlives its parent: %v", pid, err)
		}
		return nil
	})

	code, said := refusal(t, c.command(t, "-parent-pid", "1"))
	if code != 1 || !strings.Contains(said, "parent process 1 is gone") {
		t.Errorf("an expected parent that is not there: exit %d, %s", code, said)
	}
}

// checkUI looks at the UI as a browser would, and at a change it must refuse.
func checkUI(t *testing.T, told readiness) {
	t.Helper()
	if told.UI == "" {
		t.Fatal("the ready file names no UI")
	}
	eventually(t, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, told.UI+"/api/v1/settings", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		var settings struct {
			DefaultNamespace    string
			DisableWriteActions bool
		}
		if err := json.NewDecoder(answer.Body).Decode(&settings); err != nil {
			return err
		}
		if settings.DefaultNamespace != "toasoan" || !settings.DisableWriteActions {
			return fmt.Errorf("UI settings are %+v", settings)
		}
		return nil
	})
}
