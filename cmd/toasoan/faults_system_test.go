package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"index/suffixarray"
	"mime"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"toasoan/internal/standalone"
	"toasoan/internal/testkit"
	"toasoan/internal/testkit/smtpfake"
)

// natsEnv makes this process a NATS server: natsJob as JSON.
const natsEnv = "TOASOAN_LANE_NATS"

type natsJob struct {
	Folder string
	Port   int
}

// TestNATSProcess is a NATS server in a process of its own, which can be killed.
func TestNATSProcess(t *testing.T) {
	raw := os.Getenv(natsEnv)
	if raw == "" {
		t.Skip("runs as a NATS server of the other tests")
	}
	var job natsJob
	if err := json.Unmarshal([]byte(raw), &job); err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "faults", Host: "127.0.0.1", Port: job.Port, JetStream: true, StoreDir: job.Folder, NoSigs: true, SyncAlways: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	s.WaitForShutdown()
}

// ownNATS is such a process, started again after each kill on the same port and folder.
type ownNATS struct {
	t       *testing.T
	job     natsJob
	process *exec.Cmd
}

func newNATS(t *testing.T) *ownNATS {
	t.Helper()
	n := &ownNATS{t: t, job: natsJob{Folder: t.TempDir(), Port: freePort(t)}}
	n.start()
	t.Cleanup(n.kill)
	return n
}

func (n *ownNATS) url() string { return "nats://127.0.0.1:" + strconv.Itoa(n.job.Port) }

func (n *ownNATS) start() {
	n.t.Helper()
	raw, err := json.Marshal(n.job)
	if err != nil {
		n.t.Fatal(err)
	}
	n.process = exec.CommandContext(context.WithoutCancel(n.t.Context()), os.Args[0], "-test.run=^TestNATSProcess$", "-test.timeout=0")
	n.process.Env = append(os.Environ(), natsEnv+"="+string(raw))
	n.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	eventually(n.t, time.Minute, "NATS answers", func() bool {
		conn, err := nats.Connect(n.url(), nats.Timeout(time.Second))
		if err != nil {
			return false
		}
		defer conn.Close()
		js, err := jetstream.New(conn)
		if err != nil {
			return false
		}
		_, err = js.AccountInfo(n.t.Context())
		return err == nil || n.t.Context().Err() != nil
	})
}

func (n *ownNATS) kill() {
	_ = n.process.Process.Kill()
	_ = n.process.Wait()
}

// relayed is what plant.mails tells, read from a fake relay.
func relayed(relay *smtpfake.Server, part string) []mailMessage {
	var found []mailMessage
	words := mime.WordDecoder{}
	for i, m := range slices.Backward(relay.Accepted()) { // the newest first, as the mailbox has it
		parsed, err := netmail.ReadMessage(bytes.NewReader(m.Data))
		if err != nil {
			continue
		}
		subject, err := words.DecodeHeader(parsed.Header.Get("Subject"))
		if err != nil || !strings.Contains(subject, part) {
			continue
		}
		one := mailMessage{ID: strconv.Itoa(i), Subject: subject}
		for _, to := range m.To {
			one.To = append(one.To, struct{ Address string }{to})
		}
		found = append(found, one)
	}
	return found
}

func relayedText(t *testing.T, relay *smtpfake.Server, id string) string {
	n, err := strconv.Atoi(id)
	if err != nil {
		return ""
	}
	return plainText(t, relay.Accepted()[n].Data)
}

// system is the whole product with a newsletter under way: the real binary, its Temporal, PostgreSQL and NATS are killed, the relay
// goes away. The issue ends with every invariant held, and neither Temporal nor NATS has seen an address or a token (I9).
func (c *campaign) system(t *testing.T) {
	testkit.Temporald(t)
	const scale = 60
	mails, rounds := c.size(4000, 1200), c.size(2, 1)
	relay := testkit.SMTP(t, func(o *smtpfake.Options) { o.Pipelining = true })
	bus := newNATS(t)
	heard := listen(t, bus.url())
	p := newPlant(t, "SMTP_URL="+relay.URL(), "NATS_URL="+bus.url(), "MAIL_RATE=60", "MAIL_CONNECTIONS="+strconv.Itoa(laneConns),
		"TOASOAN_TIME_SCALE="+strconv.Itoa(scale))
	p.relay = relay
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	w.imports(mails)
	w.begin("Bản tin giữa cơn giông")
	for _, step := range w.steps()[:8] {
		if err := step.do(within(t, 4*time.Minute)); err != nil {
			t.Fatalf("%v\n%s", err, p.log.tail(4000))
		}
	}
	l := w.lane(relay)
	var issue string
	w.until(2*time.Minute, "the issue is opened", func() bool {
		return l.raw.QueryRow(t.Context(), `SELECT id FROM mail_issues WHERE article_id = $1`, w.article).Scan(&issue) == nil
	})
	total := 0
	w.until(2*time.Minute, "the first mails are out", func() bool {
		return l.raw.QueryRow(t.Context(), `SELECT count(*)::int FROM mail_recipients WHERE issue_id = $1`, issue).Scan(&total) == nil &&
			l.sent(issue) > mails/40
	})
	rng := c.rng("system")
	victims := []string{"NATS", "temporald", "PostgreSQL", "worker and web (the whole binary)", "relay"}
	resumed := map[string][]time.Duration{}
	for round := range rounds {
		for _, v := range rng.Perm(len(victims)) {
			died := w.strike(l, bus, victims[v])
			before := l.sent(issue)
			if before >= total {
				t.Logf("round %d: the issue was over before %s was killed", round+1, victims[v])
			}
			w.until(4*time.Minute, "mails go out after "+victims[v]+" was killed", func() bool { return l.sent(issue) > before+rng.IntN(40)+10 || l.sent(issue) == total })
			resumed[victims[v]] = append(resumed[victims[v]], l.resumed([]death{died})...)
		}
	}
	w.until(6*time.Minute, "the issue is done", func() bool {
		var status string
		return l.raw.QueryRow(t.Context(), `SELECT status FROM mail_issues WHERE id = $1`, issue).Scan(&status) == nil && status == "done"
	})
	s := l.verdict(issue, 2*rounds*laneConns)
	if s.states["sent"]+s.states["in_doubt_resent"] != total || total < mails {
		t.Errorf("%d recipients: %v", total, s.states)
	}
	if err := w.receipts(within(t, 4*time.Minute)); err != nil {
		t.Error(err)
	}
	for _, victim := range victims {
		c.note("whole system: "+victim+" killed", rounds, standing{}, resumed[victim]...)
	}
	c.note("whole system: the issue through all of it", rounds*len(victims), s)
	w.leaksNothing(l, bus, heard)
}

// imports puts n readers of the section on the list.
func (w *walk) imports(n int) {
	w.t.Helper()
	var list strings.Builder
	list.WriteString("email,sections\n")
	for k := range n {
		fmt.Fprintf(&list, "reader%04d@faults.example.vn,%s\n", k, crashSection)
	}
	file := filepath.Join(w.t.TempDir(), "list.csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	out, err := exec.CommandContext(w.t.Context(), w.binary, "subscriber", "import", "--data", w.data, "--source", "giấy", file).CombinedOutput()
	if err != nil {
		w.t.Fatalf("import: %v: %s", err, out)
	}
}

// lane looks at the newsroom's ledger and the relay's books.
func (w *walk) lane(relay *smtpfake.Server) *lane {
	w.t.Helper()
	run, err := standalone.ReadRun(w.data)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := pgxpool.New(w.t.Context(), run.AppURL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(raw.Close)
	s, err := laneStore(w.t.Context(), run.AppURL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return &lane{t: w.t, url: run.AppURL, raw: raw, store: s, relay: relay, copies: map[string][]laneCopy{}, dots: map[string]bool{}}
}

// sent is how many rows of an issue have their mail; what cannot be asked is none.
func (l *lane) sent(issue string) (n int) {
	_ = l.raw.QueryRow(l.t.Context(), `SELECT count(*)::int FROM mail_deliveries WHERE issue_id = $1 AND state IN ('sent', 'in_doubt_resent')`, issue).Scan(&n)
	return n
}

// strike kills one part of the system and returns when it can be asked again.
func (w *walk) strike(l *lane, bus *ownNATS, victim string) death {
	w.t.Helper()
	died := death{at: time.Now()}
	switch victim {
	case "NATS":
		bus.kill()
		bus.start()
	case "relay":
		l.relay.Down()
		time.Sleep(time.Second)
		if err := l.relay.Up(); err != nil {
			w.t.Fatal(err)
		}
	case "temporald":
		died.at = w.killRunning("temporald")
	case "PostgreSQL":
		died.at = w.killRunning("postgres")
		time.Sleep(100 * time.Millisecond)
		l.answers()
	default:
		w.kill("app")
		l.answers()
	}
	died.back = time.Now()
	if victim != "temporald" && victim != "NATS" && victim != "PostgreSQL" {
		died.conns, _ = l.relay.Connections()
	}
	return died
}

// killRunning kills a server that may just be coming back from an earlier kill, and says when.
func (w *walk) killRunning(server string) time.Time {
	w.t.Helper()
	w.until(2*time.Minute, server+" runs", func() bool { pid := w.pids()[server]; return pid != 0 && syscall.Kill(pid, 0) == nil })
	w.kill(server)
	return time.Now()
}

// wire is everything that went over NATS, subjects, headers and bodies, also what no stream keeps.
type wire struct {
	all syncBuffer
}

func listen(t *testing.T, url string) *wire {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	w := &wire{}
	if _, err := conn.Subscribe(">", func(m *nats.Msg) { w.keep(m.Subject, m.Header, m.Data) }); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wire) keep(subject string, header nats.Header, data []byte) {
	_, _ = fmt.Fprintf(&w.all, "%s %v ", subject, header)
	_, _ = w.all.Write(append(data, '\n'))
}

// leaksNothing is I9: no address and no token in Temporal's histories or in NATS.
func (w *walk) leaksNothing(l *lane, bus *ownNATS, heard *wire) {
	t := w.t
	t.Helper()
	needles := w.secrets(l)
	histories, runs := w.histories()
	streams, messages := streamed(t, bus.url())
	t.Logf("I9: %d addresses and tokens; %d runs with %d bytes of history; %d messages in streams with %d bytes; %d bytes heard",
		len(needles), runs, len(histories), messages, len(streams), len(heard.all.tail(1<<30)))
	if runs < 5 || messages < 3 || len(needles) < 1000 {
		t.Errorf("that is too little to show anything")
	}
	for name, text := range map[string][]byte{"Temporal": histories, "a stream": streams, "NATS": []byte(heard.all.tail(1 << 30))} {
		index := suffixarray.New(text)
		if !bytes.Contains(text, []byte(w.article)) {
			t.Errorf("%s does not even name the article: what is looked at?", name)
		}
		for needle, what := range needles {
			if at := index.Lookup([]byte(needle), 1); len(at) > 0 {
				t.Errorf("I9: %s holds %s: …%q…", name, what, text[max(0, at[0]-60):min(len(text), at[0]+60)])
				break
			}
		}
	}
}

var (
	linkToken = regexp.MustCompile(`/[a-z-]+/([A-Za-z0-9_-]{32,})`)
	mailToken = regexp.MustCompile(`[ub]\+([A-Za-z0-9._-]{8,})@`)
)

// secrets are every subscriber's and every person's address, and every token that any mail carried.
func (w *walk) secrets(l *lane) map[string]string {
	w.t.Helper()
	needles := map[string]string{}
	rows, err := l.raw.Query(w.t.Context(), `SELECT email FROM subscribers WHERE email <> '' UNION SELECT email FROM users WHERE email <> ''`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var email string
		if err := rows.Scan(&email); err != nil {
			w.t.Fatal(err)
		}
		needles[email] = "an address"
	}
	for _, m := range l.relay.Accepted() {
		text := string(m.Data) + m.From + plainText(w.t, m.Data)
		for _, form := range []*regexp.Regexp{linkToken, mailToken} {
			for _, found := range form.FindAllStringSubmatch(text, -1) {
				needles[found[1]] = "a token"
			}
		}
	}
	return needles
}

// histories is every event of every run that Temporal knows.
func (w *walk) histories() (all []byte, runs int) {
	t := w.t
	t.Helper()
	run, err := standalone.ReadRun(w.data)
	if err != nil {
		t.Fatal(err)
	}
	temporal, err := client.Dial(client.Options{HostPort: run.TemporalAddress, Namespace: run.TemporalNamespace})
	if err != nil {
		t.Fatal(err)
	}
	defer temporal.Close()
	var next []byte
	for {
		page, err := temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 200, NextPageToken: next})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Executions {
			runs++
			raw, err := proto.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, raw...)
			events := temporal.GetWorkflowHistory(t.Context(), one.Execution.WorkflowId, one.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				if err != nil {
					t.Fatal(err)
				}
				if raw, err = proto.Marshal(event); err != nil {
					t.Fatal(err)
				}
				all = append(all, raw...)
			}
		}
		if next = page.NextPageToken; len(next) == 0 {
			return all, runs
		}
	}
}

// streamed is every message that any stream keeps.
func streamed(t *testing.T, url string) (all []byte, messages int) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	streams := js.ListStreams(t.Context())
	for info := range streams.Info() {
		stream, err := js.Stream(t.Context(), info.Config.Name)
		if err != nil {
			t.Fatal(err)
		}
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
			m, err := stream.GetMsg(t.Context(), seq)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			messages++
			all = append(append(all, m.Subject...), fmt.Sprintf(" %v ", m.Header)...)
			all = append(append(all, m.Data...), '\n')
		}
	}
	if err := streams.Err(); err != nil {
		t.Fatal(err)
	}
	return all, messages
}
