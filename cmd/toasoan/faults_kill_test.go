package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"toasoan/internal/mail"
	"toasoan/internal/store"
	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// killPoint is where a courier is killed: after so many mails of the run, at a step of its own, at a command that the relay has just
// read, or a moment later.
type killPoint struct {
	after int
	step  string         // failpoint; ""
	stage smtpfake.Stage // the relay has read this much; ""
	delay time.Duration
}

func (p killPoint) String() string {
	switch {
	case p.step != "":
		return fmt.Sprintf("mail %d, %s", p.after, p.step)
	case p.stage != "":
		return fmt.Sprintf("mail %d, the relay read %s", p.after, p.stage)
	}
	return fmt.Sprintf("mail %d and %s", p.after, p.delay)
}

// killPoints draws n points of a run, by the mails that went before.
func (c *campaign) killPoints(fault string, n, mails, inFlight int) []killPoint {
	rng := c.rng(fault)
	steps := []string{"rendered", "granted", "dotted", "loaded"}
	if inFlight > 1 {
		steps = steps[:3] // what goes in one breath is not loaded first
	}
	stages := []smtpfake.Stage{smtpfake.MAIL, smtpfake.RCPT, smtpfake.Body, smtpfake.Dot}
	points := make([]killPoint, n)
	for i := range points {
		p := killPoint{after: 1 + rng.IntN(mails*95/100)}
		switch rng.IntN(3) {
		case 0:
			p.step = steps[rng.IntN(len(steps))]
		case 1:
			p.stage = stages[rng.IntN(len(stages))]
		default:
			p.delay = time.Duration(rng.IntN(8000)) * time.Microsecond
		}
		points[i] = p
	}
	slices.SortStableFunc(points, func(a, b killPoint) int { return a.after - b.after })
	return points
}

// victim lets a relay kill the courier when it has read a stage of the conversation.
type victim struct{ armed atomic.Pointer[armedVictim] }

type armedVictim struct {
	stage smtpfake.Stage
	after int
	kill  func()
	done  atomic.Bool
}

// script answers as a good relay does; the courier may be dead by the time it does.
func (v *victim) script(count func() int) smtpfake.Script {
	return func(s smtpfake.Step) smtpfake.Action {
		if a := v.armed.Load(); a != nil && s.Stage == a.stage && count() >= a.after && a.done.CompareAndSwap(false, true) {
			a.kill()
		}
		return smtpfake.Action{}
	}
}

// death is when something was killed, and from when on a mail says that the work goes on: one on a connection that was opened
// later, or one after a moment at which everything answered again.
type death struct {
	at    time.Time
	conns int
	back  time.Time
}

// dead is the death of a courier just now.
func (l *lane) dead() death {
	conns, _ := l.relay.Connections()
	return death{time.Now(), conns, time.Now()}
}

// resumed is how long after each death mails were accepted again.
func (l *lane) resumed(deaths []death) (after []time.Duration) {
	accepted := l.relay.Accepted()
	for _, d := range deaths {
		if i := slices.IndexFunc(accepted, func(m smtpfake.Accepted) bool { return m.Conn > d.conns && m.At.After(d.back) }); i >= 0 {
			after = append(after, accepted[i].At.Sub(d.at))
		}
	}
	return after
}

// lifeUntil is one courier that is killed at a point of the run.
func (l *lane) lifeUntil(job laneJob, v *victim, p killPoint) death {
	l.t.Helper()
	gap := max(1, p.after-l.relay.Count())
	if p.step != "" {
		job.Step, job.Nth, job.Signal = p.step, max(1, gap/max(1, job.Window)), int(syscall.SIGKILL) // a step is passed once for all that go together
	}
	courier := l.process(job)
	switch {
	case p.stage != "":
		v.armed.Store(&armedVictim{stage: p.stage, after: p.after, kill: func() { _ = courier.Process.Kill() }})
	case p.step == "":
		if err := l.relay.Await(within(l.t, 2*time.Minute), p.after); err != nil {
			l.t.Fatal(err)
		}
		time.Sleep(p.delay)
		_ = courier.Process.Kill()
	}
	if err := courier.Wait(); err == nil {
		l.t.Fatalf("the courier outlived %s", p)
	}
	died := l.dead()
	l.drained()
	return died
}

// drained waits until the database has done what a courier asked it for with its last breath: a commit goes on without whoever sent it.
func (l *lane) drained() {
	l.t.Helper()
	ctx := within(l.t, time.Minute)
	for still := 0; still < 3; still++ {
		if l.text(`SELECT count(*)::text FROM pg_locks WHERE relation = 'mail_deliveries'::regclass AND mode = 'RowExclusiveLock'
		  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) != "0" {
			still = -1
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			l.t.Fatal("a commit of a courier that is dead does not end")
		}
	}
}

// leaves lets a reader leave everything by the link of a mail that came before, and says when that was done.
func (l *lane) leaves(email string) time.Time {
	l.t.Helper()
	id := l.text(`SELECT id FROM subscribers WHERE email = $1`, email)
	if _, err := l.store.LeaveAll(l.t.Context(), laneKeys().Token(store.PurposePrefs, id, 1), newsroom.Proof{Source: "link"}); err != nil {
		l.t.Fatal(err)
	}
	return time.Now()
}

// kills is kill -9 of the courier at random points of one run, some readers leaving meanwhile.
func (c *campaign) kills(t *testing.T) {
	c.killed(t, "worker killed at a random point", c.size(200, 10), c.size(10_000, 600), laneJob{}, 1, "pipelining")
}

// killsInFlight is the same with several mails on their way on each connection.
func (c *campaign) killsInFlight(t *testing.T) {
	const window = 4
	c.killed(t, "worker killed at a random point, 4 mails in flight on a connection", c.size(40, 5), c.size(3000, 500), laneJob{Window: window}, window, "chunking")
}

func (c *campaign) killed(t *testing.T, fault string, n, mails int, job laneJob, inFlight int, offer string) {
	t.Helper()
	v := &victim{}
	l := newLane(t, offers[offer])
	l.relay.SetScript(v.script(l.relay.Count))
	l.subscribe(mails)
	issue := l.issue("article00001")
	job.Issue = issue
	left, doubts := map[string]time.Time{}, 0
	var deaths []death
	for i, p := range c.killPoints(fault, n, mails, inFlight) {
		deaths = append(deaths, l.lifeUntil(job, v, p))
		now := l.compare(issue)
		if len(now.dots) > laneConns*inFlight { // those of a chunk that nobody has taken up since an earlier kill are that one's
			t.Errorf("kill %d (%s): I3: %d rows at their dot with %d connections of %d mails", i+1, p, len(now.dots), laneConns, inFlight)
		}
		doubts += len(now.dots)
		if i%10 == 3 {
			email := fmt.Sprintf("reader%04d@example.vn", mails-1-i)
			left[email] = l.leaves(email)
		}
	}
	if err := l.process(job).Wait(); err != nil {
		t.Fatalf("the last courier: %v", err)
	}
	s := l.verdict(issue, doubts)
	for _, r := range l.rows(issue) {
		if at, gone := left[r.email]; gone && r.dotAt != nil && r.dotAt.After(at) {
			t.Errorf("I5: the dot of %s came after the leaving", r.email)
		}
	}
	if s.states["sent"]+s.states["in_doubt_resent"]+s.states["suppressed"]+s.states["in_doubt"] != mails {
		t.Errorf("%v", s.states)
	}
	t.Logf("%d kills: %v, %d in two copies", n, s.states, s.doubled)
	c.note(fault, n, s, l.resumed(deaths)...)
}

// killsWithARate is the same with a cap on the rate: I7 holds across the restarts.
func (c *campaign) killsWithARate(t *testing.T) {
	const rate = 100
	n, mails := c.size(20, 4), c.size(1000, 300)
	l := newLane(t)
	l.subscribe(mails)
	issue := l.issue("article00001")
	rng := c.rng("kills with a rate")
	var deaths []death
	doubts := 0
	for i := range n {
		at := killPoint{after: (i+1)*mails/(n+1) - rng.IntN(20), delay: time.Duration(rng.IntN(20)) * time.Millisecond}
		deaths = append(deaths, l.lifeUntil(laneJob{Issue: issue, Rate: rate}, &victim{}, at))
		doubts += len(l.compare(issue).dots)
	}
	if err := l.process(laneJob{Issue: issue, Rate: rate}).Wait(); err != nil {
		t.Fatalf("the last courier: %v", err)
	}
	s := l.verdict(issue, doubts)
	// A connection has one mail under way at most; those of a killed courier may arrive with those of the next.
	l.holdsRate(time.Second, rate+2*laneConns)
	l.holdsRate(time.Minute, 60*rate+2*laneConns)
	c.note("worker killed, rate capped", n, s, l.resumed(deaths)...)
}

// holdsRate holds every window, as the relay saw it, against what may be in it.
func (l *lane) holdsRate(window time.Duration, most int) {
	l.t.Helper()
	accepted := l.relay.Accepted()
	first := 0
	for i, m := range accepted {
		for m.At.Sub(accepted[first].At) >= window {
			first++
		}
		if i-first+1 > most {
			l.t.Errorf("I7: %d mails within %s, at most %d may be", i-first+1, window, most)
			return
		}
	}
}

// steps is kill -9 exactly at each step of the protocol.
func (c *campaign) steps(t *testing.T) {
	for _, step := range []string{"claimed", "rendered", "loaded", "granted", "dotted", "committed"} {
		for _, nth := range []int{1, 2, 37} {
			if (step == "claimed" || step == "committed") && nth > 2 {
				nth = 3 // there are fewer of them
			}
			t.Run(fmt.Sprintf("%s-%d", step, nth), func(t *testing.T) {
				t.Parallel()
				l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
				l.subscribe(90)
				issue := l.issue("article00001")
				if err := l.process(laneJob{Issue: issue, Step: step, Nth: nth, Signal: int(syscall.SIGKILL)}).Wait(); err == nil {
					t.Fatalf("the courier outlived %s", step)
				}
				died := l.dead()
				if err := l.process(laneJob{Issue: issue}).Wait(); err != nil {
					t.Fatalf("the courier after it: %v", err)
				}
				s := l.verdict(issue, laneConns)
				if s.states["sent"]+s.states["in_doubt_resent"] != 90 {
					t.Errorf("%v", s.states)
				}
				c.note("worker killed at the step "+step, 1, s, l.resumed([]death{died})...)
			})
		}
	}
}

// letterSteps is the same for a letter, in its own lane.
func (c *campaign) letterSteps(t *testing.T) {
	for _, step := range []string{"claimed", "rendered", "loaded", "granted", "dotted", "committed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
			letter, err := l.store.ForgotPassword(t.Context(), "a@example.vn")
			if err != nil || letter == "" {
				t.Fatalf("letter %q, %v", letter, err)
			}
			if err := l.process(laneJob{Letter: letter, Step: step, Nth: 1, Signal: int(syscall.SIGKILL)}).Wait(); err == nil {
				t.Fatalf("the courier outlived %s", step)
			}
			died := l.dead()
			if err := l.process(laneJob{Letter: letter}).Wait(); err != nil {
				t.Fatalf("the courier after it: %v", err)
			}
			var state string
			var hash []byte
			if err := l.raw.QueryRow(t.Context(), `SELECT state, body_hash FROM letters WHERE id = $1`, letter).Scan(&state, &hash); err != nil {
				t.Fatal(err)
			}
			seen := faultSeen{fault: "worker killed with a letter, at each step", times: 1, mails: 1, resumed: l.resumed([]death{died})}
			copies := l.relay.Accepted()
			for _, m := range copies {
				if sum := mail.Fingerprint(m.Data); !bytes.Equal(sum[:], hash) {
					t.Error("I4: the letter has other bytes than the ledger says")
				}
			}
			switch {
			case state == string(newsroom.DeliverySent) && len(copies) == 1:
			case state == string(newsroom.DeliveryResent) && (len(copies) == 1 || len(copies) == 2):
				seen.in, seen.doubled = 1, len(copies)-1
			default:
				seen.lost = max(0, 1-len(copies))
				t.Errorf("the letter is %s and has %d copies", state, len(copies))
			}
			c.add(seen)
		})
	}
}

// zombies are couriers that sleep while another does their work, and then wake up: they send nothing more.
func (c *campaign) zombies(t *testing.T) {
	for _, step := range []string{"rendered", "loaded", "granted"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			l := newLane(t)
			l.subscribe(60)
			issue := l.issue("article00001")
			s := l.zombie(issue, step, laneJob{}, 0)
			if s.states["sent"]+s.states["in_doubt_resent"] != 60 {
				t.Errorf("%v", s.states)
			}
			c.note("worker stopped (SIGSTOP), woken without its lease", 1, s)
		})
	}
}

// zombie stops a courier at a step, lets another one finish and the first wake up, not before asleep is over.
func (l *lane) zombie(issue, step string, job laneJob, asleep time.Duration) standing {
	l.t.Helper()
	job.Issue = issue
	other := job
	job.Step, job.Nth, job.Signal = step, 20, int(syscall.SIGSTOP)
	zombie := l.process(job)
	l.stopped(zombie)
	began := time.Now()
	if err := l.process(other).Wait(); err != nil {
		l.t.Fatalf("the courier after it: %v", err)
	}
	time.Sleep(time.Until(began.Add(asleep)))
	before := l.relay.Count()
	if err := zombie.Process.Signal(syscall.SIGCONT); err != nil {
		l.t.Fatal(err)
	}
	if err := zombie.Wait(); err != nil {
		l.t.Logf("the zombie: %v", err)
	}
	s := l.verdict(issue, laneConns)
	// The one mail that was granted before it slept may be there twice; its row says so.
	if more := l.relay.Count() - before; more > s.states["in_doubt_resent"] {
		l.t.Errorf("the zombie sent %d more, rows say %v", more, s.states)
	}
	return s
}

// clocks is a clock that jumps by an hour in the middle of a run, in which a tenth of the readers is greylisted, and a kill after it.
func (c *campaign) clocks(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			t.Parallel()
			var asked greylist
			l := newLane(t, func(o *smtpfake.Options) { o.Pipelining, o.Script = true, asked.tenth })
			l.subscribe(300)
			issue := l.issue("article00001")
			courier := l.process(laneJob{Issue: issue, Jump: jump, After: 200, Step: "granted", Nth: 150, Signal: int(syscall.SIGKILL)})
			if err := courier.Wait(); err == nil {
				t.Fatal("the courier outlived its kill")
			}
			died := l.dead()
			// The clock is right again; what waits for a time of the wrong one waits at most that much longer. Two hours pass.
			if err := l.process(laneJob{Issue: issue, Jump: 2 * time.Hour}).Wait(); err != nil {
				t.Fatalf("the courier after it: %v", err)
			}
			s := l.verdict(issue, laneConns)
			if s.states["sent"]+s.states["in_doubt_resent"] != 300 {
				t.Errorf("%v", s.states)
			}
			c.note("clock jumps an hour, then a kill", 1, s, l.resumed([]death{died})...)
		})
	}
}

// greylist refuses the first attempt of some readers.
type greylist struct {
	mu    sync.Mutex
	asked map[string]bool
}

// tenth refuses the readers whose number ends in 3, once each.
func (g *greylist) tenth(s smtpfake.Step) smtpfake.Action {
	if s.Stage != smtpfake.RCPT || !strings.Contains(s.Rcpt, "3@") {
		return smtpfake.Action{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked == nil {
		g.asked = map[string]bool{}
	}
	if g.asked[s.Rcpt] {
		return smtpfake.Action{}
	}
	g.asked[s.Rcpt] = true
	return smtpfake.Reply(450, "4.2.0 greylisted, come again")
}
