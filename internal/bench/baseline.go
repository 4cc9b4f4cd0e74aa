package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wneessen/go-mail"
	"golang.org/x/sync/errgroup"
)

// baselineCommand makes this program the baseline's process, so that its CPU time is its own.
const baselineCommand = "go-mail-baseline"

// baselineJob is what one would write with go-mail alone: a Msg per recipient, composed and sent by Send, on several connections.
// There is no ledger: a crash would lose or repeat what was under way.
type baselineJob struct {
	Host        string
	Port        int
	Connections int
	Mails       int
	Encoding    string // quoted-printable, which is go-mail's default, base64 or 8bit
	From        string
	Subject     string
	Text, HTML  string // with baselineLeave where each recipient's own link stands
}

const baselineLeave = "https://leave.invalid/here"

// baselineResult is what it took.
type baselineResult struct {
	Seconds float64
	CPU     float64 // seconds of this process
}

func (r baselineResult) rate(mails int) float64 { return float64(mails) / r.Seconds }

func (r baselineResult) cpuPer1000(mails int) float64 { return r.CPU / float64(mails) * 1000 }

// baseline runs a job in a process of its own.
func baseline(ctx context.Context, job baselineJob) (baselineResult, error) {
	var out baselineResult
	self, err := os.Executable()
	if err != nil {
		return out, err
	}
	said, err := json.Marshal(job)
	if err != nil {
		return out, err
	}
	cmd := exec.CommandContext(ctx, self, baselineCommand)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(said), os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("baseline: %w", err)
	}
	return out, json.Unmarshal(answer, &out)
}

// runBaseline is that process.
func runBaseline(in io.Reader, out io.Writer) error {
	var job baselineJob
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return err
	}
	before := ownCPU()
	began := time.Now()
	var next atomic.Int64
	group, ctx := errgroup.WithContext(context.Background())
	for range job.Connections {
		group.Go(func() error { return job.send(ctx, &next) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(baselineResult{Seconds: time.Since(began).Seconds(), CPU: (ownCPU() - before).Seconds()})
}

func (j baselineJob) send(ctx context.Context, next *atomic.Int64) (err error) {
	client, err := mail.NewClient(j.Host, mail.WithPort(j.Port), mail.WithTLSPolicy(mail.NoTLS), mail.WithHELO("localhost"))
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	for {
		n := int(next.Add(1))
		if n > j.Mails {
			return nil
		}
		m, err := j.compose(n)
		if err != nil {
			return err
		}
		if err := client.Send(m); err != nil {
			return fmt.Errorf("send mail %d: %w", n, err)
		}
	}
}

func (j baselineJob) compose(n int) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithEncoding(mail.Encoding(j.Encoding)), mail.WithNoDefaultUserAgent())
	leave := fmt.Sprintf("https://portal.example/huy/%043d", n)
	if err := errors.Join(m.From(j.From), m.To(fmt.Sprintf("reader%06d@example.vn", n)),
		m.EnvelopeFrom(fmt.Sprintf("b+%024d@bounce.example.vn", n))); err != nil {
		return nil, err
	}
	m.Subject(j.Subject)
	m.SetDateWithValue(time.Now())
	m.SetMessageIDWithValue(fmt.Sprintf("d.%024d@example.vn", n))
	m.SetBulk()
	m.SetGenHeader("List-Id", "Tin <tin.example.vn>")
	m.SetGenHeader("List-Unsubscribe", "<"+leave+">")
	m.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	m.SetBodyString(mail.TypeTextPlain, strings.ReplaceAll(j.Text, baselineLeave, leave))
	m.AddAlternativeString(mail.TypeTextHTML, strings.ReplaceAll(j.HTML, baselineLeave, leave))
	return m, nil
}

// ownCPU is the CPU time of this process so far.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
