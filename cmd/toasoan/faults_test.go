package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// The fault campaign of the mail side (docs/faults.md). `make faults` runs all of it; `make test` runs a part that is drawn from the
// same seed. After each fault the invariants I1 to I9 are held, and what was seen becomes a line of the table.

var (
	faultsTable    = flag.String("faults", "", "run the whole fault campaign and write its table into this file, between its markers")
	faultsUnscaled = flag.String("faults-unscaled", "", "sit out a handful of faults with every wait as in production (about 25 minutes), and write their table into this file")
)

const faultsSeedEnv = "TOASOAN_FAULTS_SEED"

// campaign is one run of it.
type campaign struct {
	whole bool
	seed  uint64

	mu   sync.Mutex
	seen []faultSeen
}

// faultSeen is what became of one fault: a line of the table.
type faultSeen struct {
	fault             string
	times, mails      int
	lost, doubled, in int // readers without a mail that is not accounted for; with two copies; in doubt
	resumed           []time.Duration
}

func newCampaign(t *testing.T, whole bool) *campaign {
	t.Helper()
	c := &campaign{whole: whole, seed: 20261122}
	if said := os.Getenv(faultsSeedEnv); said != "" {
		seed, err := strconv.ParseUint(said, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", faultsSeedEnv, err)
		}
		c.seed = seed
	}
	t.Logf("%s=%d", faultsSeedEnv, c.seed)
	return c
}

// rng draws the points of one fault: the same for the same seed, whatever runs beside it.
func (c *campaign) rng(fault string) *rand.Rand {
	mixed := c.seed
	for _, b := range []byte(fault) {
		mixed = mixed*1099511628211 + uint64(b)
	}
	return rand.New(rand.NewPCG(c.seed, mixed)) //nolint:gosec // drawn to be drawn again
}

// size is n in the whole campaign, some where only a part runs.
func (c *campaign) size(n, some int) int {
	if c.whole {
		return n
	}
	return some
}

// add notes what became of a fault; the same fault seen in several runs is one line.
func (c *campaign) add(s faultSeen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.seen {
		if o := &c.seen[i]; o.fault == s.fault {
			o.times, o.mails, o.lost, o.doubled, o.in = o.times+s.times, o.mails+s.mails, o.lost+s.lost, o.doubled+s.doubled, o.in+s.in
			o.resumed = append(o.resumed, s.resumed...)
			return
		}
	}
	c.seen = append(c.seen, s)
}

// note is add for a lane's verdict.
func (c *campaign) note(fault string, times int, s standing, resumed ...time.Duration) {
	mails := 0
	for _, n := range s.states {
		mails += n
	}
	c.add(faultSeen{fault: fault, times: times, mails: mails, lost: s.lost, doubled: s.doubled, in: s.in, resumed: resumed})
}

// table is what was seen, as Markdown.
func (c *campaign) table() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := slices.SortedFunc(slices.Values(c.seen), func(a, b faultSeen) int { return cmp.Compare(a.fault, b.fault) })
	var out strings.Builder
	out.WriteString("| fault | times | mails | lost | two copies | in doubt | resumed after (median / longest) |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, s := range seen {
		books := "– | – | – | –" // in the books of another line
		if s.mails > 0 {
			books = fmt.Sprintf("%d | %d | %d | %d", s.mails, s.lost, s.doubled, s.in)
		}
		fmt.Fprintf(&out, "| %s | %d | %s | %s |\n", s.fault, s.times, books, spread(s.resumed))
	}
	return out.String()
}

func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "–"
	}
	slices.Sort(d)
	say := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	return say(d[len(d)/2]) + " / " + say(d[len(d)-1])
}

// report prints the table and, where asked for, writes it between the markers of a file.
func (c *campaign) report(t *testing.T, marker, file string, began time.Time) {
	t.Helper()
	table := c.table()
	var plain strings.Builder
	w := tabwriter.NewWriter(&plain, 0, 0, 2, ' ', 0)
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|--") {
			fmt.Fprint(w, strings.ReplaceAll(strings.Trim(line, "| \n"), " | ", "\t")+"\n")
		}
	}
	_ = w.Flush()
	t.Logf("%s=%d, %s\n%s", faultsSeedEnv, c.seed, time.Since(began).Round(time.Second), plain.String())
	if file == "" || t.Failed() {
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opening, closing := "<!-- "+marker+" -->\n", "<!-- /"+marker+" -->"
	before, rest, ok := strings.Cut(string(text), opening)
	_, after, closed := strings.Cut(rest, closing)
	if !ok || !closed {
		t.Fatalf("%s has no %s … %s", file, opening, closing)
	}
	said := fmt.Sprintf("Seed %d, %s, %s.\n\n%s", c.seed, began.UTC().Format("2006-01-02 15:04 UTC"), time.Since(began).Round(time.Second), table)
	if err := os.WriteFile(file, []byte(before+opening+"\n"+said+"\n"+closing+after), 0o644); err != nil { //nolint:gosec // a document
		t.Fatal(err)
	}
}

// TestFaults is the campaign.
func TestFaults(t *testing.T) {
	t.Parallel()
	if *faultsUnscaled != "" {
		t.Skip("this run sits out the production waits")
	}
	began := time.Now()
	c := newCampaign(t, *faultsTable != "")
	t.Cleanup(func() { c.report(t, "campaign", *faultsTable, began) })
	for _, f := range []struct {
		name string
		run  func(*campaign, *testing.T)
	}{
		{"kills", (*campaign).kills},
		{"kills-in-flight", (*campaign).killsInFlight},
		{"kills-with-a-rate", (*campaign).killsWithARate},
		{"steps", (*campaign).steps},
		{"letter-steps", (*campaign).letterSteps},
		{"zombie", (*campaign).zombies},
		{"clock", (*campaign).clocks},
		{"postgres", (*campaign).postgres},
		{"disk-tablespace", (*campaign).fullTablespace},
		{"disk-everything", (*campaign).fullDisk},
		{"relay", (*campaign).relayAway},
		{"line", (*campaign).connections},
		{"slow-dot", (*campaign).slowDot},
		{"unreachable", (*campaign).unreachable},
		{"codes", (*campaign).codes},
		{"addresses", (*campaign).addresses},
		{"content", (*campaign).content},
		{"letters", (*campaign).lettersGoOn},
		{"postfix", (*campaign).realRelay},
		{"asked", (*campaign).askedRelay},
		{"dkim", (*campaign).signatures},
		{"system", (*campaign).system},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(c, t)
		})
	}
}

// within is ctx for a wait that must come to an end.
func within(t *testing.T, patience time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls a condition.
func eventually(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
