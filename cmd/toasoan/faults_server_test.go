package main

import (
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/standalone"
	"toasoan/internal/testkit"
	"toasoan/internal/testkit/smtpfake"
	"toasoan/migrations"
)

// ownPostgres is a PostgreSQL of this test alone, durable as in production, supervised as in production, which may be killed.
func ownPostgres(t *testing.T, folder string) *standalone.Stack {
	t.Helper()
	stack, err := standalone.Start(t.Context(), standalone.Options{Data: folder, Postgres: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(within(t, time.Minute)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Logf("stop PostgreSQL: %v", err)
		}
	})
	if _, err := migrations.Migrate(t.Context(), stack.OwnerURL); err != nil {
		t.Fatal(err)
	}
	return stack
}

// insist runs couriers until one brings the issue to its end, as Temporal does with an activity that fails. It ends when it did.
func (l *lane) insist(j laneJob, couriers chan<- laneProcess) (done <-chan error) {
	ended := make(chan error, 1)
	patience := 5 * time.Minute
	if j.Real {
		patience = time.Hour
	}
	go func() {
		for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
			courier := l.process(j)
			if couriers != nil {
				couriers <- courier
			}
			err := courier.Wait()
			if err == nil || time.Now().After(deadline) {
				ended <- err
				return
			}
		}
	}()
	return ended
}

// answers waits until the database can be asked again.
func (l *lane) answers() {
	l.t.Helper()
	eventually(l.t, 2*time.Minute, "PostgreSQL answers", func() bool {
		_, err := l.raw.Exec(l.t.Context(), `SELECT 1`)
		return err == nil
	})
}

// postgres is kill -9 of PostgreSQL under a run: the courier holds its results and goes on, and nothing is even in doubt.
func (c *campaign) postgres(t *testing.T) {
	n, mails := c.size(10, 2), c.size(5000, 600)
	stack := ownPostgres(t, testkit.DataFolder(t))
	l := openLane(t, stack.AppURL, func(o *smtpfake.Options) { o.Pipelining = true })
	l.subscribe(mails)
	issue := l.issue("article00001")
	rng := c.rng("postgres")
	done := l.insist(laneJob{Issue: issue}, nil)
	var deaths []death
	for i := range n {
		if err := l.relay.Await(within(t, 3*time.Minute), 1+(i*mails+rng.IntN(mails/2))/n); err != nil {
			t.Fatal(err)
		}
		pid := stack.Pids()["postgres"]
		if pid == 0 {
			t.Fatal("no PostgreSQL to kill")
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		died := death{at: time.Now()} // the connections live on
		l.answers()
		died.back = time.Now()
		deaths = append(deaths, died)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l.answers()
	s := l.verdict(issue, 0)
	if s.states["sent"] != mails {
		t.Errorf("%v", s.states)
	}
	c.note("PostgreSQL killed", n, s, l.resumed(deaths)...)
}

// relayAway is a relay that is gone in the middle of a run, with every connection, and comes back.
func (c *campaign) relayAway(t *testing.T) {
	n, mails := c.size(20, 3), c.size(4000, 400)
	l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
	l.subscribe(mails)
	issue := l.issue("article00001")
	rng := c.rng("relay")
	done := l.insist(laneJob{Issue: issue}, nil)
	var deaths []death
	for i := range n {
		if err := l.relay.Await(within(t, 3*time.Minute), 1+(i*mails+rng.IntN(mails/2))/n); err != nil {
			t.Fatal(err)
		}
		died := l.dead()
		l.relay.Down()
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		if err := l.relay.Up(); err != nil {
			t.Fatal(err)
		}
		died.conns, _ = l.relay.Connections()
		deaths = append(deaths, died)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s := l.verdict(issue, n*laneConns)
	if s.states["sent"]+s.states["in_doubt_resent"] != mails {
		t.Errorf("%v", s.states)
	}
	c.note("relay away and back", n, s, l.resumed(deaths)...)
}

// smallDisk is a file system of some megabytes, seen by PostgreSQL's user, whose free space can be taken away.
type smallDisk struct {
	t      *testing.T
	folder string
}

// newSmallDisk mounts one. Where that is not permitted (in most containers) the test is skipped and says so.
func newSmallDisk(t *testing.T, size string) smallDisk {
	t.Helper()
	folder := filepath.Join(testkit.DataFolder(t), "disk")
	if err := os.Mkdir(folder, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=0711,size="+size); err != nil {
		t.Skipf("a disk of limited size needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return smallDisk{t, folder}
}

// fill takes all the space that is left.
func (d smallDisk) fill() {
	d.t.Helper()
	junk, err := os.Create(filepath.Join(d.folder, "junk"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer junk.Close()
	if _, err := io.Copy(junk, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatalf("filling the disk: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// free gives the space back.
func (d smallDisk) free() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.folder, "junk")); err != nil {
		d.t.Fatal(err)
	}
}

// fullTablespace is a ledger whose disk is full in the middle of a run.
func (c *campaign) fullTablespace(t *testing.T) {
	mails := c.size(3000, 600)
	disk := newSmallDisk(t, "64m")
	stack := ownPostgres(t, testkit.DataFolder(t))
	space := filepath.Join(disk.folder, "space")
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	cluster, err := os.Stat(filepath.Join(stack.Data(), "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	owner, ok := cluster.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no owner")
	}
	if err := os.Chown(space, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	asAdmin(t, stack, "CREATE TABLESPACE tiny LOCATION '"+space+"'")
	// Without room in its pages the ledger needs more of them with each change.
	asAdmin(t, stack, "ALTER TABLE mail_deliveries SET (fillfactor = 100)")
	asAdmin(t, stack, "ALTER TABLE mail_deliveries SET TABLESPACE tiny")
	c.full(t, stack, disk, mails, "PostgreSQL's tablespace is full")
}

// fullDisk is a PostgreSQL whose only disk is full: it cannot even write its log, and stops.
func (c *campaign) fullDisk(t *testing.T) {
	mails := c.size(3000, 600)
	disk := newSmallDisk(t, "400m")
	c.full(t, ownPostgres(t, filepath.Join(disk.folder, "data")), disk, mails, "PostgreSQL's whole disk is full")
}

func (c *campaign) full(t *testing.T, stack *standalone.Stack, disk smallDisk, mails int, fault string) {
	t.Helper()
	l := openLane(t, stack.AppURL, func(o *smtpfake.Options) { o.Pipelining = true })
	l.subscribe(mails)
	issue := l.issue("article00001")
	couriers := make(chan laneProcess, 1000)
	done := l.insist(laneJob{Issue: issue, Rate: 300}, couriers)
	if err := l.relay.Await(within(t, 2*time.Minute), mails/4); err != nil {
		t.Fatal(err)
	}
	disk.fill()
	courier := <-couriers
	eventually(t, 2*time.Minute, "the courier notices that nothing can be written", func() bool {
		select {
		case courier = <-couriers:
			return true // the one before gave up: Temporal would try again
		default:
			return strings.Contains(courier.said.tail(1<<20), "ledger commit failed")
		}
	})
	disk.free()
	freed := death{at: time.Now(), back: time.Now()}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l.answers()
	s := l.verdict(issue, 0)
	if s.states["sent"] != mails {
		t.Errorf("%v", s.states)
	}
	c.note(fault, 1, s, l.resumed([]death{freed})...)
}

// asAdmin runs one statement in the product's database as the superuser.
func asAdmin(t *testing.T, stack *standalone.Stack, sql string) {
	t.Helper()
	admin, err := url.Parse(stack.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	admin.Path = "/toasoan"
	conn, err := pgx.Connect(t.Context(), admin.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
