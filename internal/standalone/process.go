package standalone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// birth tells processes apart that had the same pid: the boot, and the clock tick at which the process started.
// It is empty when there is no such process.
func birth(pid int) string {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	// The command name, field 2, may hold blanks and brackets; the fields after its last bracket are plain (proc(5)).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(boot)) + "/" + string(fields[19])
}

// pidNote is what a pid file holds.
type pidNote struct {
	Pid   int    `json:"pid"`
	Birth string `json:"birth"`
}

func notePid(path string, pid int) error {
	note, err := json.Marshal(pidNote{Pid: pid, Birth: birth(pid)})
	if err != nil {
		return err
	}
	return writeFile(path, note, 0o600)
}

// stopLeftover ends the process that a pid file of an earlier run names, if it still is that process, and removes
// the file. It asks with the signal first and kills after the patience.
func stopLeftover(path string, ask syscall.Signal, patience time.Duration) (stopped bool, err error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read pid file: %w", err)
	}
	defer func() { _ = os.Remove(path) }()
	var note pidNote
	if json.Unmarshal(content, &note) != nil || note.Pid <= 1 || note.Birth == "" {
		return false, nil
	}
	same := func() bool { return birth(note.Pid) == note.Birth }
	if !same() {
		return false, nil
	}
	_ = syscall.Kill(note.Pid, ask)
	if !waitUntil(patience, func() bool { return !same() }) {
		_ = syscall.Kill(note.Pid, syscall.SIGKILL)
		if !waitUntil(10*time.Second, func() bool { return !same() }) {
			return true, fmt.Errorf("process %d of an earlier run does not end", note.Pid)
		}
	}
	return true, nil
}

// waitUntil polls a condition and tells whether it came true within the limit.
func waitUntil(limit time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return condition()
}

// nursery runs functions on one operating system thread that lives as long as we do. The kernel sends a child its
// parent-death signal when the thread that started it ends, and Go ends threads as it pleases.
var nursery = sync.OnceValue(func() chan<- func() {
	births := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range births {
			start()
		}
	}()
	return births
})

// startChild starts a command that gets the signal when we die, in whatever way, and that does not hear the Ctrl-C of
// our terminal: we stop our children in order.
func startChild(cmd *exec.Cmd, onOurDeath syscall.Signal) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = onOurDeath
	started := make(chan error)
	nursery() <- func() { started <- cmd.Start() }
	return <-started
}
