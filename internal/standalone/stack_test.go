package standalone

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listedMails gives the subjects in a mailbox, newest first.
func listedMails(t *testing.T, mailboxURL string) []string {
	t.Helper()
	answer, err := http.Get(mailboxURL + "/api/v1/messages?limit=100")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var list struct {
		Messages []struct{ Subject string } `json:"messages"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	subjects := []string{}
	for _, m := range list.Messages {
		subjects = append(subjects, m.Subject)
	}
	return subjects
}

func sendMail(t *testing.T, smtpURL, subject string) {
	t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(smtpURL, "smtp://"), "?tls=none")
	message := "From: a@x.test\r\nTo: b@x.test\r\nSubject: " + subject + "\r\n\r\ntext\r\n"
	if err := smtp.SendMail(address, nil, "a@x.test", []string{"b@x.test"}, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

// TestKillLosesNothing kills the program right behind what it acknowledged: a mail, a commit, an event.
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), Postgres: true, NATS: true, Mailbox: true}
	for round := range 3 {
		subject := fmt.Sprintf("mail %d", round)
		left := killedProgram(t, o, func(run Run) {
			execute(t, run.OwnerURL, "CREATE TABLE IF NOT EXISTS note (id int); INSERT INTO note VALUES (1)")
			publish(t, run.NATSURL, "events.kept")
			sendMail(t, run.SMTPURL, subject)
		})
		if len(left.Pids) != 1 {
			t.Errorf("run.json tells of %v", left.Pids)
		}
	}
	s := startStack(t, o)
	if got, want := listedMails(t, s.MailboxURL), []string{"mail 2", "mail 1", "mail 0"}; !slices.Equal(got, want) {
		t.Errorf("mails %v, want %v", got, want)
	}
	if got := query[int](t, s.OwnerURL, "SELECT count(*)::int FROM note"); got != 3 {
		t.Errorf("%d rows, want 3", got)
	}
	stream, err := jetstreamOf(t, natsConn(t, s.NATSURL)).Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 3 {
		t.Errorf("stream has %+v, %v; want 3 messages", info, err)
	}
}

func TestTwoStacksDoNotMeet(t *testing.T) {
	t.Parallel()
	first := startStack(t, Options{Data: reachableFolder(t), NATS: true, Mailbox: true})
	wantedWeb := strings.TrimPrefix(first.MailboxURL, "http://")
	second := startStack(t, Options{Data: reachableFolder(t), NATS: true, Mailbox: true, MailboxListen: wantedWeb})
	if first.NATSURL == second.NATSURL || first.MailboxURL == second.MailboxURL || first.SMTPURL == second.SMTPURL {
		t.Errorf("both are at %s, %s or %s", first.NATSURL, first.MailboxURL, first.SMTPURL)
	}
	if second.Moved["mailbox"] != wantedWeb {
		t.Errorf("moved tells %v, want mailbox wanted %s", second.Moved, wantedWeb)
	}
	sendMail(t, second.SMTPURL, "second")
	if got := listedMails(t, first.MailboxURL); len(got) != 0 {
		t.Errorf("the first mailbox has %v", got)
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	t.Parallel()
	data := reachableFolder(t)
	o := Options{Data: data, Postgres: true, NATS: true, Mailbox: true, Temporal: true, TemporalBinary: "/bin/false", Throwaway: true}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "temporald") {
		t.Fatalf("got %v, want an error about temporald", err)
	}
	for _, pidFile := range []string{"postgres.pid", "temporald.pid"} {
		var note pidNote
		content, err := os.ReadFile(filepath.Join(data, pidFile))
		if err != nil || json.Unmarshal(content, &note) != nil {
			t.Fatalf("%s: %q, %v", pidFile, content, err)
		}
		if birth(note.Pid) == note.Birth && note.Birth != "" {
			t.Errorf("%s still runs", pidFile)
		}
	}
	if _, err := ReadRun(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run.json: %v, want none", err)
	}
	o.Temporal = false
	startStack(t, o)
}

func TestOnlyTheOwnerReadsWhatIsSecret(t *testing.T) {
	t.Parallel()
	s := startStack(t, Options{Data: reachableFolder(t), Postgres: true, NATS: true, Mailbox: true})
	for path, want := range map[string]os.FileMode{
		"run.json": 0o600, "secrets": 0o700, "secrets/nats": 0o600, "secrets/postgres-toasoan_owner": 0o600,
		"mailbox": 0o700, "logs": 0o700, "logs/postgres.log": 0o600, "postgres": 0o700,
	} {
		info, err := os.Stat(filepath.Join(s.Data(), path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %o", path, info, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(s.Data(), "nats")); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("nats: %v, %v; want closed to others", info.Mode(), err)
	}
}

func TestStopLeftoverSparesStrangers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "some.pid")
	for name, note := range map[string]string{
		"ourselves, born at another time": fmt.Sprintf(`{"pid":%d,"birth":"other/1"}`, os.Getpid()),
		"no birth":                        fmt.Sprintf(`{"pid":%d}`, os.Getpid()),
		"everybody":                       `{"pid":-1,"birth":"x"}`,
		"no JSON":                         "12",
		"empty":                           "",
	} {
		if err := os.WriteFile(path, []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		if stopped, err := stopLeftover(path, 0, 0); stopped || err != nil {
			t.Errorf("%s: stopped is %t, %v", name, stopped, err)
		}
	}
}

func TestLongLogsAreSetAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "logs", "a.log")
	for n := range logFilesKept + 2 {
		file, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(file, "run %d\n", n); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(file.Truncate(logFileLimit+1), file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != logFilesKept+1 {
		t.Errorf("files are %v, %v", files, err)
	}
	oldest, err := os.ReadFile(path + ".3")
	if err != nil || !strings.HasPrefix(string(oldest), "run 1\n") {
		t.Errorf("the oldest log begins with %.10q, %v", oldest, err)
	}
}
