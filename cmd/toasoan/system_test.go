package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"toasoan/internal/standalone"
	"toasoan/internal/testkit/smtpfake"
)

// built is the product's binary, built once for all whole-system tests, with the Temporal server beside it.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "toasoan-system-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "toasoan")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	temporald, err := filepath.Abs(filepath.Join("..", "..", "bin", "temporald"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(temporald); err != nil {
		return "", errNoTemporald
	}
	return path, os.Symlink(temporald, filepath.Join(folder, "temporald"))
})

var errNoTemporald = errors.New("bin/temporald is not built (make bin/temporald)")

// plant is a running newsroom of its own: the real binary with real servers in a folder of the test.
type plant struct {
	t       *testing.T
	binary  string
	data    string
	env     []string
	url     string
	mailbox string
	process *exec.Cmd
	exited  chan struct{}
	log     *syncBuffer
	demo    demoFile
	relay   *smtpfake.Server // in place of the mailbox, where the test brought one
}

// syncBuffer collects what the process says.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// tail is the end of what was said.
func (s *syncBuffer) tail(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.b.Bytes()
	return string(all[max(0, len(all)-n):])
}

// freeAddress is a loopback address that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // free again
	return l.Addr().String()
}

// newPlant starts a newsroom with demo content and waits until it is ready.
func newPlant(t *testing.T, env ...string) *plant {
	t.Helper()
	if testing.Short() {
		t.Skip("whole-system tests start the real product")
	}
	binary, err := built()
	if errors.Is(err, errNoTemporald) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	listen, box := freeAddress(t), freeAddress(t)
	p := &plant{
		t: t, binary: binary, data: shortTemp(t), url: "http://" + listen, mailbox: "http://" + box, log: &syncBuffer{},
		env: append(os.Environ(), append([]string{
			"TOASOAN_LISTEN=" + listen, "MAILBOX_LISTEN=" + box, "METRICS_LISTEN=" + freeAddress(t), "TEMPORAL_UI_LISTEN=" + freeAddress(t),
			"TOASOAN_DEMO=1", "TOASOAN_URL=", "MAIL_RATE=0", "LOG_LEVEL=info",
		}, env...)...),
	}
	p.env = append(p.env, "TOASOAN_DATA="+p.data)
	p.start()
	t.Cleanup(p.stop)
	p.ready(3 * time.Minute)
	content, err := os.ReadFile(filepath.Join(p.data, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &p.demo); err != nil {
		t.Fatal(err)
	}
	return p
}

// shortTemp is a folder that PostgreSQL's unprivileged user can reach.
func shortTemp(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/var/tmp", "ts-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // passed through by PostgreSQL's user; secrets lie deeper
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func (p *plant) start() {
	p.t.Helper()
	p.process = exec.Command(p.binary, "run")
	p.process.Env, p.process.Stdout, p.process.Stderr = p.env, p.log, p.log
	p.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.exited = make(chan struct{})
	go func(c *exec.Cmd, done chan struct{}) { _ = c.Wait(); close(done) }(p.process, p.exited)
}

// ready waits until /readyz says 200.
func (p *plant) ready(patience time.Duration) {
	p.t.Helper()
	p.until(patience, "the newsroom is ready", func() bool {
		res, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// until polls a condition.
func (p *plant) until(patience time.Duration, what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			p.t.Fatalf("not within %s: %s\n%s", patience, what, p.log.tail(6000))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stop ends the newsroom in order.
func (p *plant) stop() {
	_ = p.process.Process.Signal(os.Interrupt)
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		p.t.Errorf("did not stop within a minute:\n%s", p.log.tail(4000))
		_ = p.process.Process.Kill()
		<-p.exited
	}
}

// pids are the processes of the newsroom by name: app, postgres, temporald.
func (p *plant) pids() map[string]int {
	run, err := standalone.ReadRun(p.data)
	if err != nil {
		return nil
	}
	pids := map[string]int{"app": p.process.Process.Pid}
	for name, pid := range run.Pids {
		pids[name] = pid
	}
	return pids
}

// as returns the demo user with a role.
func (p *plant) as(role string) demoUser {
	p.t.Helper()
	for _, u := range p.demo.Users {
		if u.Role == role {
			return u
		}
	}
	p.t.Fatalf("no demo user with role %s", role)
	return demoUser{}
}

// call sends one API request and decodes its JSON answer; status 0 when nobody answered.
func (p *plant) call(ctx context.Context, who demoUser, method, path string, body, into any, header ...string) int {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			p.t.Error(err)
			return 0
		}
		sent = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, sent)
	if err != nil {
		p.t.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	if who.Token != "" {
		req.Header.Set("Authorization", "Bearer "+who.Token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return 0
	}
	if into != nil && len(raw) > 0 {
		_ = json.Unmarshal(raw, into)
	}
	return res.StatusCode
}

// get reads a page as a stranger.
func (p *plant) get(path string) (int, string) {
	res, err := http.Get(p.url + path)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	return res.StatusCode, string(raw)
}

// mail is what the mailbox tells about one message.
type mailMessage struct {
	ID      string
	Subject string
	To      []struct{ Address string }
}

// mails lists the messages whose subject contains part.
func (p *plant) mails(part string) []mailMessage {
	if p.relay != nil {
		return relayed(p.relay, part)
	}
	var found []mailMessage
	for start := 0; ; start += 500 {
		res, err := http.Get(fmt.Sprintf("%s/api/v1/messages?start=%d&limit=500", p.mailbox, start))
		if err != nil {
			return nil
		}
		var page struct{ Messages []mailMessage }
		err = json.NewDecoder(res.Body).Decode(&page)
		_ = res.Body.Close()
		if err != nil || len(page.Messages) == 0 {
			return found
		}
		for _, m := range page.Messages {
			if bytes.Contains([]byte(m.Subject), []byte(part)) {
				found = append(found, m)
			}
		}
	}
}

// text is the plain text of a message.
func (p *plant) text(id string) string {
	if p.relay != nil {
		return relayedText(p.t, p.relay, id)
	}
	res, err := http.Get(p.mailbox + "/api/v1/message/" + id)
	if err != nil {
		return ""
	}
	defer res.Body.Close() //nolint:errcheck // read only
	var m struct{ Text string }
	_ = json.NewDecoder(res.Body).Decode(&m)
	return m.Text
}
