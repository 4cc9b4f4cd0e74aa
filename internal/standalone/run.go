package standalone

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const runFile = "run.json"

// Run is what <data>/run.json tells while a Stack runs: where its servers are and as which processes. It holds
// passwords, so only its owner can read it.
type Run struct {
	Pid               int            `json:"pid"`
	Started           time.Time      `json:"started"`
	OwnerURL          string         `json:"owner_url,omitempty"`
	AppURL            string         `json:"app_url,omitempty"`
	AdminURL          string         `json:"admin_url,omitempty"`
	NATSURL           string         `json:"nats_url,omitempty"`
	TemporalAddress   string         `json:"temporal_address,omitempty"`
	TemporalNamespace string         `json:"temporal_namespace,omitempty"`
	TemporalUIURL     string         `json:"temporal_ui_url,omitempty"`
	SMTPURL           string         `json:"smtp_url,omitempty"`
	MailboxURL        string         `json:"mailbox_url,omitempty"`
	Pids              map[string]int `json:"pids"`
}

// ReadRun tells what runs on a data folder. It is the word of the last Stack there, which may have been killed since.
func ReadRun(data string) (Run, error) {
	content, err := os.ReadFile(filepath.Join(data, runFile))
	if err != nil {
		return Run{}, fmt.Errorf("read what runs on %s: %w", data, err)
	}
	var run Run
	if err := json.Unmarshal(content, &run); err != nil {
		return Run{}, fmt.Errorf("read what runs on %s: %w", data, err)
	}
	return run, nil
}

// note writes run.json anew.
func (s *Stack) note() {
	s.noting.Lock()
	defer s.noting.Unlock()
	s.mu.Lock()
	run := Run{
		Pid: os.Getpid(), Started: s.started.UTC().Truncate(time.Second), Pids: s.pids(),
		OwnerURL: s.OwnerURL, AppURL: s.AppURL, AdminURL: s.AdminURL, NATSURL: s.NATSURL,
		TemporalAddress: s.TemporalAddress, TemporalNamespace: s.TemporalNamespace, TemporalUIURL: s.TemporalUIURL,
		SMTPURL: s.SMTPURL, MailboxURL: s.MailboxURL,
	}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	content, err := json.MarshalIndent(run, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(s.data, runFile), append(content, '\n'), 0o600)
	}
	if err != nil {
		s.log.Error("run file not written", "err", err)
	}
}
