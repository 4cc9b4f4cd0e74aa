package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"toasoan/internal/mail"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// needs skips a test whose programs are not installed, saying which; in continuous integration they have to be there.
func needs(t *testing.T, programs map[string]string) {
	t.Helper()
	for program, found := range programs {
		if _, err := exec.LookPath(program); err != nil {
			skipped := fmt.Sprintf("%s is not installed (apt-get install %s)", program, found)
			if os.Getenv("CI") == "true" {
				t.Fatal(skipped)
			}
			t.Skip(skipped)
		}
	}
}

// postfix is an own instance of Debian's Postfix in folders of the test, whose next hop is smtp-sink, which writes each mail down.
type postfix struct {
	t                     *testing.T
	config, taken         string
	port                  int
	master, sink          *exec.Cmd
	masterEnded, sinkOver chan struct{}
	log                   *syncBuffer // of smtp-sink, and of what Postfix says outside of its own log
}

func newPostfix(t *testing.T) *postfix {
	t.Helper()
	needs(t, map[string]string{"/usr/sbin/postfix": "postfix", "/usr/sbin/smtp-sink": "postfix"})
	if os.Geteuid() != 0 {
		t.Skip("Postfix's master runs as root only")
	}
	folder := testkit.DataFolder(t)
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // Postfix's users pass through
		t.Fatal(err)
	}
	p := &postfix{t: t, config: filepath.Join(folder, "config"), taken: filepath.Join(folder, "taken"), port: freePort(t), log: &syncBuffer{}}
	sinkPort, queue, data := freePort(t), filepath.Join(folder, "queue"), filepath.Join(folder, "data")
	for _, d := range []string{p.config, p.taken, queue, data} {
		if err := os.Mkdir(d, 0o755); err != nil { //nolint:gosec // as Postfix wants them
			t.Fatal(err)
		}
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(owner.Uid)
	gid, _ := strconv.Atoi(owner.Gid)
	if err := os.Chown(data, uid, gid); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(p.config, name), []byte(text), 0o644); err != nil { //nolint:gosec // read by Postfix's users
			t.Fatal(err)
		}
	}
	write("main.cf", fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %s
data_directory = %s
maillog_file = %s
maillog_file_prefixes = %s
myhostname = relay.example.vn
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:%d
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
alias_maps =
local_recipient_maps =
soft_bounce = yes
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_forbid_bare_newline = yes
minimal_backoff_time = 1s
queue_run_delay = 2s
`, queue, data, p.logFile(), folder, sinkPort))
	write("master.cf", fmt.Sprintf(`127.0.0.1:%d inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
`, p.port))
	p.sink = exec.CommandContext(context.WithoutCancel(t.Context()), "/usr/sbin/smtp-sink", "-4", "-u", "root", "-d", filepath.Join(p.taken, "%M%S."), "127.0.0.1:"+strconv.Itoa(sinkPort), "100")
	p.sink.Dir = p.taken
	p.sinkOver = p.run(p.sink)
	t.Cleanup(func() {
		_ = p.sink.Process.Kill()
		<-p.sinkOver
	})
	p.start()
	t.Cleanup(p.stop)
	return p
}

func freePort(t *testing.T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// run starts a program in a process group of its own.
func (p *postfix) run(cmd *exec.Cmd) (ended chan struct{}) {
	p.t.Helper()
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	return ended
}

func (p *postfix) start() {
	p.t.Helper()
	p.master = exec.CommandContext(context.WithoutCancel(p.t.Context()), "/usr/sbin/postfix", "-c", p.config, "start-fg")
	p.masterEnded = p.run(p.master)
	eventually(p.t, time.Minute, "Postfix answers", func() bool {
		conn, err := net.DialTimeout("tcp", p.address(), time.Second)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		line, err := bufio.NewReader(conn).ReadString('\n')
		return err == nil && strings.HasPrefix(line, "220 ")
	})
}

func (p *postfix) stop() {
	_ = exec.Command("/usr/sbin/postfix", "-c", p.config, "stop").Run()
	p.over()
	if p.t.Failed() {
		said, _ := os.ReadFile(p.logFile())
		p.t.Logf("postfix said: %s %s", said[max(0, len(said)-3000):], p.log.tail(3000))
	}
}

func (p *postfix) logFile() string { return filepath.Join(filepath.Dir(p.config), "mail.log") }

// kill ends every process of the instance with kill -9, as a power cut of the relay's machine would.
func (p *postfix) kill() {
	p.t.Helper()
	_ = syscall.Kill(-p.master.Process.Pid, syscall.SIGKILL)
	for pid := range p.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	p.over()
}

func (p *postfix) over() {
	select {
	case <-p.masterEnded:
	case <-time.After(time.Minute):
		p.t.Error("Postfix does not end")
		_ = syscall.Kill(-p.master.Process.Pid, syscall.SIGKILL)
	}
}

// processes are those that work in the instance's queue.
func (p *postfix) processes() map[int]bool {
	pids := map[int]bool{}
	queue := filepath.Join(filepath.Dir(p.config), "queue")
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		at, err := os.Readlink(filepath.Join(folder, "cwd"))
		pid, numberErr := strconv.Atoi(filepath.Base(folder))
		if err == nil && numberErr == nil && (at == queue || strings.HasPrefix(at, queue+"/")) {
			pids[pid] = true
		}
	}
	return pids
}

func (p *postfix) address() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

func (p *postfix) url() string { return "smtp://" + p.address() + "?tls=none" }

// mails are what came out at the next hop: the mail as it was handed in, the relay's own headers taken off.
func (p *postfix) mails() (all []sunk) {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.taken, "*"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			p.t.Fatal(err)
		}
		if m, whole := readSunk(content); whole {
			all = append(all, m)
		}
	}
	return all
}

// sunk is one file of smtp-sink: X-… lines about the envelope, then the mail with LF as line end.
type sunk struct {
	to   []string
	mail []byte // with the relay's Received, lines end in CR LF
}

func readSunk(content []byte) (m sunk, whole bool) {
	const rcpt = "X-Rcpt-Args: <"
	for {
		line, rest, ok := bytes.Cut(content, []byte("\n"))
		if !ok {
			return m, false
		}
		if !bytes.HasPrefix(line, []byte("X-")) {
			break
		}
		if to, ok := strings.CutPrefix(string(line), rcpt); ok {
			to, _, _ = strings.Cut(to, ">")
			m.to = append(m.to, to)
		}
		content = rest
	}
	m.mail = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
	return m, bytes.HasSuffix(m.mail, []byte("_--\r\n")) || bytes.HasSuffix(m.mail, []byte("_--\r\n\r\n"))
}

// handed is the mail as it was handed to the relay and, without its signature, what the ledger has the hash of.
func (m sunk) handed() (signed, unsigned []byte) {
	signed = dropHeader(bytes.TrimSuffix(m.mail, []byte("\r\n")), "Received")
	signed = append(bytes.TrimRight(signed, "\r\n"), "\r\n"...)
	return signed, dropHeader(signed, "DKIM-Signature")
}

// dropHeader removes every header of a name, with its folded lines.
func dropHeader(raw []byte, name string) []byte {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	var kept []byte
	dropping := false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > 0 && line[0] != ' ' && line[0] != '\t' {
			dropping = bytes.HasPrefix(line, []byte(name+":"))
		}
		if !dropping {
			kept = append(append(kept, line...), "\r\n"...)
		}
	}
	return append(append(kept, "\r\n"...), body...)
}

// realRelay hands newsletters to a real Postfix, the courier and then Postfix itself being killed on the way: what comes out behind
// it is what the ledger says.
func (c *campaign) realRelay(t *testing.T) {
	p := newPostfix(t)
	mails := c.size(1000, 150)
	l := newLane(t)
	l.subscribe(mails)
	issue := l.issue("article00001")
	first := l.process(laneJob{Issue: issue, Relay: p.url(), Step: "granted", Nth: mails / 4, Signal: int(syscall.SIGKILL)})
	if err := first.Wait(); err == nil {
		t.Fatal("the courier outlived its kill")
	}
	died := time.Now()
	done := l.insist(laneJob{Issue: issue, Relay: p.url()}, nil)
	var resumed time.Duration
	eventually(t, 2*time.Minute, "the courier goes on", func() bool {
		n := len(p.mails())
		if resumed == 0 && n > mails/4 {
			resumed = time.Since(died)
		}
		return n >= mails/2
	})
	p.kill()
	p.start()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, r := range l.rows(issue) {
		if r.state == "sent" {
			want++
		}
	}
	eventually(t, 2*time.Minute, "Postfix has passed everything on", func() bool { return len(p.mails()) >= want })
	var killed int
	for _, m := range p.mails() {
		_, unsigned := m.handed()
		l.add(unsigned, m.to, mail.Fingerprint(unsigned), time.Now())
		killed++
	}
	// Postfix, killed while it passed a mail on, may pass it on again: that copy is the relay's, not ours.
	s := standing{states: map[string]int{}}
	again := 0
	for _, r := range l.rows(issue) {
		s.states[r.state]++
		got := l.copies[r.messageID]
		for _, m := range got {
			if !bytes.Equal(m.hash[:], r.hash) {
				t.Errorf("I4: %s got other bytes than the ledger says", r.email)
			}
		}
		switch {
		case r.state == "in_doubt_resent":
			s.in++
			if len(got) > 1 {
				s.doubled++
			}
		case r.state != "sent" || len(got) == 0:
			s.lost++
			t.Errorf("I6: %s is %s and has %d copies", r.email, r.state, len(got))
		case len(got) > 1:
			again++
		}
	}
	if s.in > 2*laneConns {
		t.Errorf("I3: %v", s.states)
	}
	t.Logf("%d mails came out, %d of them because Postfix passed them on again: %v", killed, again, s.states)
	c.note("real relay (Postfix): worker killed, then Postfix killed", 2, s, resumed)
}

// askedRelay kills the worker behind the dots of mails that a real Postfix has taken, and before the dots of others: its log tells the
// ones from the others, so that nobody gets a second copy and everybody one.
func (c *campaign) askedRelay(t *testing.T) {
	p := newPostfix(t)
	mails := c.size(400, 60)
	l := newLane(t)
	l.subscribe(mails)
	issue := l.issue("article00001")
	job := laneJob{Issue: issue, Relay: p.url(), RelayLog: p.logFile()}
	const kills = 4
	doubtful := 0
	for n := range kills {
		dying := job
		dying.Step, dying.Nth, dying.Signal = []string{"dotted", "granted"}[n%2], mails/(kills+1), int(syscall.SIGKILL)
		if err := l.process(dying).Wait(); err == nil {
			t.Fatalf("the courier outlived kill %d", n)
		}
		at := 0
		for _, r := range l.rows(issue) {
			if r.state == "dot" {
				at++
			}
		}
		if at == 0 || at > laneConns {
			t.Errorf("kill %d left %d mails at their dot, want 1 to %d", n, at, laneConns)
		}
		doubtful += at
	}
	if err := l.process(job).Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, "Postfix has passed everything on", func() bool { return len(p.mails()) >= mails })
	for _, m := range p.mails() {
		_, unsigned := m.handed()
		l.add(unsigned, m.to, mail.Fingerprint(unsigned), time.Now())
	}
	s := standing{states: map[string]int{}}
	found := 0
	for _, r := range l.rows(issue) {
		s.states[r.state]++
		if r.state == "in_doubt_resent" {
			s.in++
		}
		if got := len(l.copies[r.messageID]); got != 1 {
			t.Errorf("%s is %s and has %d copies", r.email, r.state, got)
		}
		if r.stage == newsroom.FoundInLog {
			found++
		}
	}
	if found == 0 || s.in == 0 || found+s.in > doubtful {
		t.Errorf("%d mails found in the log and %d sent again, of %d in doubt", found, s.in, doubtful)
	}
	t.Logf("%d in doubt, %d of them found in Postfix's log: %v", doubtful, found, s.states)
	c.note("real relay (Postfix), asked by its log: worker killed before and behind the dot", kills, s)
}

// signatures lets OpenDKIM verify what came out behind Postfix, RSA and Ed25519, and refuse it where it was touched.
func (c *campaign) signatures(t *testing.T) {
	needs(t, map[string]string{"/usr/sbin/opendkim": "opendkim"})
	p := newPostfix(t)
	for _, kind := range []string{"rsa", "ed25519"} {
		t.Run(kind, func(t *testing.T) {
			key, record := dkimKey(t, kind)
			folder := t.TempDir()
			signer, err := mail.NewSigner("vankhe.example.vn", kind, key, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			composer, err := mail.NewComposer(mail.Settings{
				From: "Cổng xã Vân Khê <tin@vankhe.example.vn>", ReplyTo: "toasoan@vankhe.example.vn", BounceDomain: "bounce.vankhe.example.vn", Signer: signer,
			})
			if err != nil {
				t.Fatal(err)
			}
			relay, err := mail.ParseRelay(p.url())
			if err != nil {
				t.Fatal(err)
			}
			l := newLane(t)
			l.subscribe(10)
			issue := l.issue("article00001")
			courier := mail.NewCourier(l.store, composer, relay, mail.Options{Waits: laneWaits()})
			defer courier.Close()
			before := len(p.mails())
			if err := carry(within(t, time.Minute), l.store, courier, issue, nil); err != nil {
				t.Fatal(err)
			}
			eventually(t, time.Minute, "all ten came out", func() bool { return len(p.mails()) >= before+10 })
			public := filepath.Join(folder, "keys")
			if err := os.WriteFile(public, []byte(kind+"._domainkey.vankhe.example.vn "+record+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			good := 0
			for _, m := range p.mails() {
				if !bytes.Contains(m.mail, []byte(" s="+kind+";")) {
					continue
				}
				if said, ok := openDKIM(t, folder, public, m.mail); !ok {
					t.Errorf("OpenDKIM says: %s", said)
				}
				good++
				for _, header := range []string{"List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Subject", "From", "To", "Date", "Message-ID", "Reply-To", "Auto-Submitted"} {
					if said, ok := openDKIM(t, folder, public, touched(t, m.mail, header)); ok {
						t.Errorf("%s can be changed: %s", header, said)
					}
					if good > 1 {
						break // the others were signed the same way
					}
				}
			}
			if good != 10 {
				t.Errorf("%d signed mails came out, want 10", good)
			}
			c.add(faultSeen{fault: "real relay (Postfix), OpenDKIM verifies " + kind, times: good, mails: good})
		})
	}
}

func dkimKey(t *testing.T, kind string) (key []byte, record string) {
	t.Helper()
	var private crypto.Signer
	var err error
	if kind == "rsa" {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		if public, err = x509.MarshalPKIXPublicKey(private.Public()); err != nil {
			t.Fatal(err)
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(public)
}

// openDKIM lets OpenDKIM's verifier judge a mail with the public keys of a file.
func openDKIM(t *testing.T, folder, keys string, raw []byte) (said string, ok bool) {
	t.Helper()
	config, file := filepath.Join(folder, "opendkim.conf"), filepath.Join(folder, "mail.eml")
	if err := os.WriteFile(config, []byte("Mode v\nTestPublicKeys "+keys+"\nSyslog no\nOn-BadSignature reject\nOn-NoSignature reject\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(within(t, time.Minute), "/usr/sbin/opendkim", "-x", config, "-t", file, "-v", "-v").CombinedOutput()
	return string(out), err == nil && strings.Contains(string(out), "verification") && strings.Contains(string(out), "succeeded")
}

// touched is a mail with one letter more in a header.
func touched(t *testing.T, raw []byte, header string) []byte {
	t.Helper()
	at := bytes.Index(raw, []byte("\r\n"+header+":"))
	if at < 0 {
		t.Fatalf("no header %s", header)
	}
	at += len("\r\n" + header + ": ")
	return append(append(bytes.Clone(raw[:at]), 'x'), raw[at:]...)
}
