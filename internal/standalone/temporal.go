package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// TemporalNamespace is the namespace that the embedded Temporal server registers.
const TemporalNamespace = "toasoan"

const (
	temporalListen = "127.0.0.1:7233"
	temporalUI     = "127.0.0.1:8233"
)

// temporalServer is the Temporal server in a process of its own. Everything it keeps is in the private PostgreSQL (or,
// for the temporal CLI's development server, in a file), so it may die at any moment.
type temporalServer struct {
	child *child
	port  *reservation
	ui    *reservation
	ready chan struct{} // closed when it was ready for the first time
}

// temporalLaunch is how one kind of Temporal server is started and how it says that it is ready.
type temporalLaunch struct {
	program string
	args    []string
	env     []string
	ready   func(*childProcess) bool
}

// newTemporal chooses the ports, so that the address is known before the server runs.
func newTemporal(s *Stack, o Options) (*temporalServer, error) {
	pidPath := filepath.Join(s.data, "temporald.pid")
	if _, err := stopLeftover(pidPath, syscall.SIGTERM, 15*time.Second); err != nil { // it holds the port
		return nil, err
	}
	port, err := reservePort(or(o.TemporalListen, temporalListen))
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	ui, err := reservePort(or(o.UIListen, temporalUI))
	if err != nil {
		port.release()
		return nil, fmt.Errorf("temporal UI: %w", err)
	}
	t := &temporalServer{port: port, ui: ui, ready: make(chan struct{})}
	readyFile := filepath.Join(s.data, "temporald.json")
	t.child = &child{
		name: "temporald", log: s.log, onOurDeath: syscall.SIGTERM,
		logPath:   filepath.Join(s.data, "logs", "temporald.log"),
		pidPath:   pidPath,
		stopSteps: []stopStep{{syscall.SIGTERM, 15 * time.Second}},
	}
	var launch temporalLaunch
	t.child.command = func(ctx context.Context) (*exec.Cmd, error) {
		program, err := findTemporal(o.TemporalBinary)
		if err != nil {
			return nil, err
		}
		_ = os.Remove(readyFile)
		if launch = s.cliLaunch(program, port.port, ui.port); filepath.Base(program) != "temporal" {
			if launch, err = s.temporaldLaunch(program, port.port, ui.port, readyFile); err != nil {
				return nil, err
			}
		}
		cmd := exec.CommandContext(context.WithoutCancel(ctx), launch.program, launch.args...)
		cmd.Dir = s.data
		cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=" + s.data, "LC_ALL=C.UTF-8"}, launch.env...)
		return cmd, nil
	}
	t.child.ready = func(_ context.Context, p *childProcess) bool { return launch.ready(p) }
	t.child.onStart = func() {
		s.set(func() {
			s.TemporalUIURL = temporalUIAddress(readyFile, filepath.Base(launch.program), ui)
			select {
			case <-t.ready:
			default:
				close(t.ready)
			}
		})
	}
	return t, nil
}

// temporaldLaunch is our own launcher on the private PostgreSQL, which must run.
func (s *Stack) temporaldLaunch(program string, port, uiPort int, readyFile string) (temporalLaunch, error) {
	if s.postgres == nil {
		return temporalLaunch{}, fmt.Errorf("the embedded Temporal needs the embedded PostgreSQL: set TEMPORAL_ADDRESS, " +
			"or do not set DATABASE_URL")
	}
	return temporalLaunch{
		program: program,
		args: []string{
			"-postgres-host", s.postgres.cluster.socket, "-postgres-port", strconv.Itoa(postgresPort),
			"-postgres-user", roleTemporal, "-database", databaseTemporal, "-visibility-database", databaseVisibility,
			"-frontend-port", strconv.Itoa(port), "-ui-port", strconv.Itoa(uiPort), "-namespace", TemporalNamespace,
			"-start-wait", "10m", "-ready-file", readyFile,
		},
		env:   []string{"TEMPORALD_POSTGRES_PASSWORD=" + s.postgres.password[roleTemporal]},
		ready: func(p *childProcess) bool { return p.said("ready") },
	}, nil
}

// cliLaunch is the development server of the temporal CLI, which keeps its state in a file.
func (s *Stack) cliLaunch(program string, port, uiPort int) temporalLaunch {
	args := []string{
		"server", "start-dev", "--ip", loopback, "--port", strconv.Itoa(port), "--ui-port", strconv.Itoa(uiPort),
		"--namespace", TemporalNamespace, "--db-filename", filepath.Join(s.data, "temporal.db"), "--log-level", "warn",
	}
	return temporalLaunch{program: program, args: args, ready: func(p *childProcess) bool {
		return p.saidPrefix("Server:") || p.saidPrefix("Temporal Server:")
	}}
}

// temporalUIAddress is where the UI is: temporald tells it, and tells nothing when it has none.
func temporalUIAddress(readyFile, program string, ui *reservation) string {
	if program == "temporal" {
		return (&url.URL{Scheme: "http", Host: ui.address()}).String()
	}
	var told struct {
		UI string `json:"ui"`
	}
	content, err := os.ReadFile(readyFile)
	if err != nil || json.Unmarshal(content, &told) != nil {
		return ""
	}
	return told.UI
}

// findTemporal looks for the wanted program, else for temporald beside our own, in ./bin and on PATH, else for the
// temporal CLI on PATH.
func findTemporal(wanted string) (string, error) {
	var candidates []string
	if wanted != "" {
		candidates = []string{wanted}
	} else {
		if own, err := os.Executable(); err == nil {
			candidates = append(candidates, filepath.Join(filepath.Dir(own), "temporald"))
		}
		candidates = append(candidates, filepath.Join("bin", "temporald"), "temporald", "temporal")
	}
	for _, candidate := range candidates {
		if found, err := exec.LookPath(candidate); err == nil {
			return filepath.Abs(found)
		}
	}
	return "", fmt.Errorf("no Temporal server (%s): %w: build it with `make bin/temporald`, or set TEMPORAL_ADDRESS",
		strings.Join(candidates, ", "), errNotInstalled)
}

// stop ends the server and gives its ports back.
func (t *temporalServer) stop() {
	t.child.stop()
	t.port.release()
	t.ui.release()
}

// or is the value, or the default for none.
func or[T comparable](value, otherwise T) T {
	var none T
	if value == none {
		return otherwise
	}
	return value
}
