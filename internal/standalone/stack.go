package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"toasoan/internal/standalone/mailbox"
)

const (
	mailboxListen = "127.0.0.1:8025"
	smtpListen    = "127.0.0.1:1025"
)

// Options say what to start. What is false is left out, and its fields in Stack stay empty.
type Options struct {
	Data                              string // folder of everything that is kept; made if missing
	Postgres, NATS, Temporal, Mailbox bool

	MailboxListen  string // the mailbox page, default 127.0.0.1:8025; a taken port moves
	SMTPListen     string // the mailbox's SMTP, default 127.0.0.1:1025; a taken port moves
	NATSListen     string // default 127.0.0.1:4222; a taken port moves
	TemporalListen string // Temporal's frontend, default 127.0.0.1:7233; a taken port moves
	UIListen       string // the Temporal UI, default 127.0.0.1:8233; a taken port moves
	MailboxKeep    int    // messages that the mailbox keeps, default 20,000

	// TemporalBinary is the temporald or temporal program to use. Default: temporald beside our own program, in ./bin
	// or on PATH, else the temporal CLI on PATH.
	TemporalBinary string

	// TemporalLater lets Start return before Temporal is ready; its address is known at once, and
	// Stack.TemporalReady tells when. It also waits for a temporald that is still being built.
	TemporalLater bool

	// Install lets Start bring PostgreSQL onto a machine that has none; it says so first.
	Install bool

	// Throwaway is for tests: nothing waits for the disk. Data survives kill -9, but not a power cut.
	Throwaway bool

	Log *slog.Logger // default: discarded
}

// Stack is the set of running servers. Its addresses hold until Close.
type Stack struct {
	OwnerURL, AppURL, AdminURL string // PostgreSQL: owner and app role of database toasoan; the superuser
	NATSURL                    string // with user and password
	TemporalAddress            string // host:port of the frontend
	TemporalNamespace          string
	TemporalUIURL              string            // empty when this Temporal has none
	SMTPURL                    string            // smtp://127.0.0.1:port?tls=none
	MailboxURL                 string            // the page, with Mailpit's read API below /api/v1
	Moved                      map[string]string // servers whose wanted port was taken, with the wanted address

	data     string
	log      *slog.Logger
	lock     *folderLock
	started  time.Time
	postgres *Postgres
	nats     *natsServer
	temporal *temporalServer
	mailbox  *mailbox.Mailbox

	noting sync.Mutex // run.json is written by one at a time
	mu     sync.Mutex
	closed bool
}

// Start starts what the options ask for and returns when all of it is ready. It refuses with ErrInUse when another
// process runs on the same data folder, and with ErrNoPostgres or a sentence that says what to install. After an error
// nothing is left running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	data, err := dataFolder(o.Data)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(data)
	if err != nil {
		return nil, err
	}
	s := &Stack{data: data, log: o.Log, lock: lock, started: time.Now()}
	if err := s.Add(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// Data is the absolute path of the data folder.
func (s *Stack) Data() string { return s.data }

// Add starts what the options ask for and does not run yet, each server beside the others; Temporal waits for
// PostgreSQL. After an error, what ran before still runs.
func (s *Stack) Add(ctx context.Context, o Options) error {
	starting, ctx := errgroup.WithContext(ctx)
	starting.Go(func() error {
		if err := s.addPostgres(ctx, o); err != nil {
			return err
		}
		return s.addTemporal(ctx, o)
	})
	starting.Go(func() error { return s.addNATS(o) })
	starting.Go(func() error { return s.addMailbox(o) })
	return starting.Wait()
}

func (s *Stack) addPostgres(ctx context.Context, o Options) error {
	if !o.Postgres || s.postgres != nil {
		return nil
	}
	began := time.Now()
	server, err := startPostgres(ctx, s.data, o, s.log, s.note)
	if err != nil {
		return err
	}
	s.set(func() {
		s.postgres = server
		s.OwnerURL, s.AppURL, s.AdminURL = server.OwnerURL(), server.AppURL(), server.AdminURL()
	})
	s.ready("postgres", server.cluster.folder, began)
	return nil
}

func (s *Stack) addNATS(o Options) error {
	if !o.NATS || s.nats != nil {
		return nil
	}
	began, wanted := time.Now(), or(o.NATSListen, natsListen)
	server, err := startNATS(s.data, wanted, o.Throwaway, s.log)
	if err != nil {
		return err
	}
	s.set(func() { s.nats, s.NATSURL = server, server.url() })
	s.moved("nats", wanted, server.port.address())
	s.ready("nats", server.port.address(), began)
	return nil
}

func (s *Stack) addMailbox(o Options) error {
	if !o.Mailbox || s.mailbox != nil {
		return nil
	}
	began, wantedWeb, wantedSMTP := time.Now(), or(o.MailboxListen, mailboxListen), or(o.SMTPListen, smtpListen)
	web, _, err := Listen(wantedWeb)
	if err != nil {
		return fmt.Errorf("mailbox page: %w", err)
	}
	smtp, _, err := Listen(wantedSMTP)
	if err != nil {
		return errors.Join(fmt.Errorf("mailbox: %w", err), web.Close())
	}
	box, err := mailbox.Start(mailbox.Options{
		Folder: filepath.Join(s.data, "mailbox"), SMTP: smtp, Web: web, Keep: o.MailboxKeep, Throwaway: o.Throwaway, Log: s.log,
	})
	if err != nil {
		return errors.Join(err, web.Close(), smtp.Close())
	}
	s.set(func() { s.mailbox, s.MailboxURL, s.SMTPURL = box, box.URL(), box.SMTPURL() })
	s.moved("mailbox", wantedWeb, web.Addr().String())
	s.moved("smtp", wantedSMTP, smtp.Addr().String())
	s.ready("mailbox", box.URL(), began)
	return nil
}

func (s *Stack) ready(server, address string, began time.Time) {
	s.log.Info("server is ready", "server", server, "address", address, "took", time.Since(began).Round(time.Millisecond))
}

// moved notes that a server had to take another port than the wanted one. Wanting port 0 is wanting any.
func (s *Stack) moved(server, wanted, got string) {
	if wanted == got || strings.HasSuffix(wanted, ":0") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Moved == nil {
		s.Moved = map[string]string{}
	}
	s.Moved[server] = wanted
}

// addTemporal starts Temporal. A port that somebody else took between our look and the server's costs another try.
func (s *Stack) addTemporal(ctx context.Context, o Options) error {
	if !o.Temporal || s.temporal != nil {
		return nil
	}
	began := time.Now()
	for tries := 1; ; tries++ {
		server, err := newTemporal(s, o)
		if err != nil {
			return err
		}
		s.set(func() {
			s.temporal, s.TemporalAddress, s.TemporalNamespace = server, server.port.address(), TemporalNamespace
		})
		s.moved("temporal", or(o.TemporalListen, temporalListen), server.port.address())
		s.moved("temporal-ui", or(o.UIListen, temporalUI), server.ui.address())
		if o.TemporalLater {
			server.child.startLater(ctx)
			return nil
		}
		err = server.child.start(ctx)
		if err == nil {
			s.ready("temporal", server.port.address(), began)
			return nil
		}
		server.stop()
		s.set(func() { s.temporal, s.TemporalAddress, s.TemporalNamespace = nil, "", "" })
		if tries == 5 || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
}

// TemporalReady is closed when Temporal was ready for the first time; nil when it was not asked for.
func (s *Stack) TemporalReady() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.temporal == nil {
		return nil
	}
	return s.temporal.ready
}

// set changes fields that run.json tells, and writes it.
func (s *Stack) set(change func()) {
	s.mu.Lock()
	change()
	s.mu.Unlock()
	s.note()
}

// Close stops the servers in reverse order and returns when they are gone and everything is on disk.
func (s *Stack) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	if s.temporal != nil {
		s.temporal.stop()
	}
	var failed error
	if s.mailbox != nil {
		failed = s.mailbox.Close(ctx)
	}
	if s.nats != nil {
		s.nats.stop()
	}
	if s.postgres != nil {
		s.postgres.stop()
	}
	s.noting.Lock()
	defer s.noting.Unlock()
	err := os.Remove(filepath.Join(s.data, runFile))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	s.lock.release()
	return errors.Join(failed, err)
}

// Pids are the processes of the children that run just now, by name ("postgres", "temporald").
func (s *Stack) Pids() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pids()
}

func (s *Stack) pids() map[string]int {
	pids := map[string]int{}
	if s.postgres != nil && s.postgres.child.pid() != 0 {
		pids["postgres"] = s.postgres.child.pid()
	}
	if s.temporal != nil && s.temporal.child.pid() != 0 {
		pids["temporald"] = s.temporal.child.pid()
	}
	return pids
}

// dataFolder makes the folder and gives its absolute path. When we are root, the servers' unprivileged user may pass
// through it; what is secret inside has folders of its own.
func dataFolder(wanted string) (string, error) {
	if wanted == "" {
		return "", errors.New("no data folder given")
	}
	data, err := filepath.Abs(wanted)
	if err != nil {
		return "", fmt.Errorf("data folder %s: %w", wanted, err)
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(data, mode); err != nil {
		return "", fmt.Errorf("make data folder: %w", err)
	}
	return data, nil
}
