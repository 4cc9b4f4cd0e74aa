package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the kernel's unit of CPU time in /proc (USER_HZ, 100 on every Linux that Go runs on).
const tick = 10 * time.Millisecond

// stat is what /proc tells about a process.
type stat struct {
	parent   int
	own      time.Duration // user and system
	children time.Duration // of children that have ended and were waited for
}

func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	_, after, found := strings.Cut(string(raw), ") ") // the name may hold spaces
	fields := strings.Fields(after)
	if !found || len(fields) < 15 {
		return stat{}, fmt.Errorf("process %d: no stat", pid)
	}
	number := func(i int) int { n, _ := strconv.Atoi(fields[i]); return n }
	return stat{
		parent: number(1), own: time.Duration(number(11)+number(12)) * tick, children: time.Duration(number(13)+number(14)) * tick,
	}, nil
}

// cpuOf is the CPU time that a process and its children have used so far, those that have ended included. A process that is not
// there has used none.
func cpuOf(pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	root, err := readStat(pid)
	if err != nil {
		return 0
	}
	sum := root.own + root.children
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(child); err == nil && s.parent == pid {
			sum += s.own + s.children
		}
	}
	return sum
}

// peakMemory is the most resident memory a process has had, in MB.
func peakMemory(pid int) (float64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return float64(kb) / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d tells no peak", pid)
}

// usage is CPU time by who used it.
type usage map[string]time.Duration

func (u usage) sum() (total time.Duration) {
	for _, d := range u {
		total += d
	}
	return total
}

func (u usage) minus(before usage) usage {
	left := usage{}
	for name, d := range u {
		left[name] = d - before[name]
	}
	return left
}

// without takes away what would have been used in the same time with nothing to do: idle, measured over span.
func (u usage) without(idle usage, span, took time.Duration) usage {
	left := usage{}
	for name, d := range u {
		left[name] = max(0, d-time.Duration(float64(idle[name])*float64(took)/float64(span)))
	}
	return left
}

// String names who used more than a hundredth of a second, the one who used most first.
func (u usage) String() string {
	who := slices.SortedFunc(maps.Keys(u), func(a, b string) int { return cmp.Or(cmp.Compare(u[b], u[a]), cmp.Compare(a, b)) })
	var said []string
	for _, name := range who {
		if u[name] >= tick {
			said = append(said, fmt.Sprintf("%s %.2f", name, u[name].Seconds()))
		}
	}
	return cmp.Or(strings.Join(said, ", "), "none")
}
