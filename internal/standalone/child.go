package standalone

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	firstRestartWait = 100 * time.Millisecond
	longRestartWait  = 10 * time.Second
	steadyAfter      = time.Minute // a child that lived this long starts its back-off anew
	readyPoll        = 25 * time.Millisecond
	notInstalledWait = 500 * time.Millisecond
	stillStarting    = 10 * time.Second // between log lines while a child is not ready
)

// errNotInstalled is what a command returns whose program is not there (yet).
var errNotInstalled = errors.New("not installed")

// stopStep is one signal on the way to a child's end, and how long it gets.
type stopStep struct {
	signal   syscall.Signal
	patience time.Duration
}

// child is a server in a process of its own. Started, it is kept alive until stop: when it dies it is started again
// after 100 ms, 200 ms … 10 s. Its goroutine alone starts and ends processes, so none is ever left over.
type child struct {
	name       string
	log        *slog.Logger
	logPath    string
	pidPath    string
	command    func(context.Context) (*exec.Cmd, error)  // a fresh command, after tidying what a dead one left
	ready      func(context.Context, *childProcess) bool // polled until true
	stopSteps  []stopStep                                // after the last one it is killed
	onOurDeath syscall.Signal                            // what the kernel sends it when we are killed
	onStart    func()                                    // the pid is new

	mu       sync.Mutex
	current  *childProcess
	stopping chan struct{}
	ended    chan struct{}
}

// childProcess is one life of a child.
type childProcess struct {
	pid      int
	started  time.Time
	logSince int64         // where its log begins
	done     chan struct{} // closed when it has ended
	err      error         // why it ended; to be read after done
	lines    sync.Map      // short lines that it wrote to its standard output
}

// said tells whether it wrote exactly this line to its standard output.
func (p *childProcess) said(line string) bool {
	_, ok := p.lines.Load(line)
	return ok
}

// saidPrefix tells whether it wrote a line that begins so.
func (p *childProcess) saidPrefix(prefix string) (said bool) {
	p.lines.Range(func(line, _ any) bool {
		said = strings.HasPrefix(line.(string), prefix)
		return !said
	})
	return said
}

// start launches the child and waits until it is ready. An error says what the child last wrote to its log.
func (c *child) start(ctx context.Context) error {
	first, err := c.launch(ctx)
	if err != nil {
		return err
	}
	c.stopping, c.ended = make(chan struct{}), make(chan struct{})
	go c.watch(context.WithoutCancel(ctx), first)
	return nil
}

// startLater returns at once; the child is launched, and again until it runs, in the background.
func (c *child) startLater(ctx context.Context) {
	c.stopping, c.ended = make(chan struct{}), make(chan struct{})
	go c.watch(context.WithoutCancel(ctx), nil)
}

// stop ends the child in order and returns when it is gone. It does nothing for one that was never started.
func (c *child) stop() {
	if c.stopping == nil {
		return
	}
	close(c.stopping)
	<-c.ended
}

// pid is the pid of the running process, 0 between two lives.
func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return 0
	}
	return c.current.pid
}

func (c *child) watch(ctx context.Context, p *childProcess) {
	defer close(c.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-c.stopping
		cancel()
	}()
	wait, waiting := firstRestartWait, false
	for {
		if p != nil {
			select {
			case <-c.stopping:
				c.end(p)
				return
			case <-p.done:
			}
			c.lost()
			if time.Since(p.started) > steadyAfter {
				wait = firstRestartWait
			}
			c.log.Error("server died, starting it again", "server", c.name, "err", p.err, "wait", wait, "log", c.logPath)
		}
		select {
		case <-c.stopping:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, longRestartWait)
		next, err := c.launch(ctx)
		switch {
		case errors.Is(err, errNotInstalled):
			if wait = notInstalledWait; !waiting {
				c.log.Info("server waits for its program", "server", c.name, "err", err)
			}
			waiting = true
		case err != nil && ctx.Err() == nil:
			c.log.Error("server does not start, trying again", "server", c.name, "err", err, "wait", wait)
		case err == nil:
			c.log.Info("server runs", "server", c.name, "pid", next.pid)
		}
		p = next
	}
}

// launch starts one process and waits until it is ready; on failure nothing of it is left.
func (c *child) launch(ctx context.Context) (*childProcess, error) {
	cmd, err := c.command(ctx)
	if err != nil {
		return nil, err
	}
	p, err := c.spawn(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	c.mu.Lock()
	c.current = p
	c.mu.Unlock()
	if err := c.awaitReady(ctx, p); err != nil {
		c.end(p)
		return nil, err
	}
	if c.onStart != nil {
		c.onStart()
	}
	return p, nil
}

func (c *child) spawn(cmd *exec.Cmd) (*childProcess, error) {
	logFile, err := openLog(c.logPath)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logFile.Close() }() // the process has its own handle
	p := &childProcess{started: time.Now(), done: make(chan struct{})}
	if info, err := logFile.Stat(); err == nil {
		p.logSince = info.Size()
	}
	cmd.Stderr = logFile
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startChild(cmd, c.onOurDeath); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	if err := notePid(c.pidPath, p.pid); err != nil {
		c.log.Warn("pid file not written", "server", c.name, "err", err)
	}
	copyLog, err := openLog(c.logPath)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.listen(output, copyLog)
		_ = copyLog.Close()
		p.err = cmd.Wait()
	}()
	return p, nil
}

// listen copies the standard output to the log and remembers its short lines.
func (p *childProcess) listen(output io.Reader, log io.Writer) {
	lines := bufio.NewReaderSize(output, 4096)
	for kept := 0; ; {
		line, isPrefix, err := lines.ReadLine()
		if err != nil {
			return
		}
		if !isPrefix && len(line) < 64 && kept < 100 {
			p.lines.Store(string(line), true)
			kept++
		}
		if !isPrefix {
			line = append(line[:len(line):len(line)], '\n')
		}
		_, _ = log.Write(line)
	}
}

func (c *child) awaitReady(ctx context.Context, p *childProcess) error {
	say := time.NewTicker(stillStarting)
	defer say.Stop()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for !c.ready(ctx, p) {
		select {
		case <-p.done:
			reason := p.err
			if reason == nil {
				reason = errors.New("it ended by itself")
			}
			return fmt.Errorf("start %s: %w; its log %s says: %s", c.name, reason, c.logPath, logTail(c.logPath, p.logSince))
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w", c.name, context.Cause(ctx))
		case <-say.C:
			c.log.Info("server is still starting", "server", c.name, "since", time.Since(p.started).Round(time.Second))
		case <-poll.C:
		}
	}
	return nil
}

// end stops one process, step by step, and returns when it is gone.
func (c *child) end(p *childProcess) {
	defer c.lost()
	for _, step := range c.stopSteps {
		_ = syscall.Kill(p.pid, step.signal) // not yet waited for until done, so the pid cannot be a stranger's
		select {
		case <-p.done:
			return
		case <-time.After(step.patience):
			c.log.Warn("server does not stop", "server", c.name, "signal", step.signal.String(), "after", step.patience)
		}
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.done
}

func (c *child) lost() {
	c.mu.Lock()
	c.current = nil
	c.mu.Unlock()
}
