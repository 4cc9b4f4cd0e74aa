package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"toasoan/internal/backup"
	"toasoan/internal/config"
	"toasoan/internal/standalone"
	"toasoan/internal/store"
)

// runBackup writes one encrypted file that holds everything which cannot be made anew: the database, media included, as of one moment,
// the keys, and the DKIM key where there is one. The newsroom goes on working meanwhile.
func runBackup(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("backup", "[flags] FILE (- is standard output)")
	o, err := t.openTool(ctx, flags, arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	name, err := oneFile(flags.Args())
	if err != nil {
		return err
	}
	if err := checkPassphrase(o.config); err != nil {
		return err
	}
	if name == "-" {
		m, err := o.backup(ctx, t.out)
		if err == nil {
			tellBackup(t.err, name, m)
		}
		return err
	}
	if _, err := os.Stat(name); err == nil {
		return fmt.Errorf("%s is there already", name)
	}
	f, err := os.OpenFile(name+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	m, err := o.backup(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name+".part"))
	}
	if err := os.Rename(name+".part", name); err != nil {
		return err
	}
	tellBackup(t.out, name, m)
	return nil
}

func oneFile(arguments []string) (string, error) {
	if len(arguments) != 1 {
		return "", fmt.Errorf("%w: want one file", errUsage)
	}
	return arguments[0], nil
}

func tellBackup(w io.Writer, name string, m backup.Manifest) {
	fmt.Fprintf(w, "%s: the newsroom of %s, schema %d, %s; dump %d MB, audit chain up to row %d\n", name,
		m.Made.Format(time.RFC3339), m.Schema, counted(m.Counts), m.Files[backup.Database].Size>>20, m.Audit.ID)
}

func counted(counts map[string]int64) string {
	return fmt.Sprintf("%d articles, %d media, %d subscribers, %d newsletters", counts["articles"], counts["media"], counts["subscribers"], counts["mail_issues"])
}

// backup writes the file to w and says what is in it.
func (o *tool) backup(ctx context.Context, w io.Writer) (m backup.Manifest, err error) {
	moment, err := store.OpenSnapshot(ctx, o.config.MigrateURL)
	if err != nil {
		return m, err
	}
	defer moment.Close(context.WithoutCancel(ctx))
	m = backup.Manifest{
		Made: time.Now().UTC().Truncate(time.Second), Schema: moment.Schema, Postgres: moment.Postgres, Counts: moment.Counts,
		Audit: backup.AuditTip{ID: moment.AuditID, Hash: moment.Audit},
	}
	program, err := standalone.ClientTool(ctx, o.config.Data, "pg_dump", moment.Postgres)
	if err != nil {
		return m, err
	}
	file, err := backup.NewWriter(w, o.config.Passphrase)
	if err != nil {
		return m, err
	}
	if err := file.Add(backup.Keys, strings.NewReader(o.keys.Text())); err != nil {
		return m, err
	}
	if dkim := o.config.Mail.DKIMKeyFile; dkim != "" {
		key, err := os.ReadFile(dkim)
		if err != nil {
			return m, fmt.Errorf("DKIM_KEY_FILE: %w", err)
		}
		if err := file.Add(backup.DKIM, strings.NewReader(string(key))); err != nil {
			return m, err
		}
	}
	// Seats at the relay and the like live for seconds: unlogged tables stay out.
	dump, err := postgresTool(ctx, program, o.config.MigrateURL, "--format=custom", "--compress=0", "--no-unlogged-table-data", "--snapshot="+moment.ID)
	if err != nil {
		return m, err
	}
	if err := piped(dump, func(out io.Reader) error {
		p := newProgress(o.err, "backed up", 0)
		defer p.end()
		return file.Add(backup.Database, io.TeeReader(out, p))
	}); err != nil {
		return m, err
	}
	return file.Close(m)
}

// piped runs a program and hands what it says to take. The program's own words come back as the error when it fails.
func piped(program *exec.Cmd, take func(io.Reader) error) error {
	out, err := program.StdoutPipe()
	if err != nil {
		return err
	}
	words := &strings.Builder{}
	program.Stderr = words
	if err := program.Start(); err != nil {
		return err
	}
	err = take(out)
	if err != nil {
		_ = program.Process.Kill()
	}
	if ended := program.Wait(); ended != nil && err == nil {
		return failed(program, ended, words.String())
	}
	return err
}

func failed(program *exec.Cmd, err error, words string) error {
	words, _, _ = strings.Cut(strings.TrimSpace(words), "\n")
	return fmt.Errorf("%s: %w: %s", program.Path, err, words)
}

// postgresTool is one of PostgreSQL's client programs on a database. The password goes by the environment, where other users of the
// machine do not see it.
func postgresTool(ctx context.Context, program, databaseURL string, arguments ...string) (*exec.Cmd, error) {
	at, err := url.Parse(databaseURL)
	if err != nil {
		return nil, errors.New("MIGRATE_DATABASE_URL is no URL")
	}
	password, _ := at.User.Password()
	at.User = url.User(at.User.Username())
	cmd := exec.CommandContext(ctx, program, append(arguments, "--no-password", "--dbname="+at.String())...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	return cmd, nil
}

// progress tells every two seconds how much has passed.
type progress struct {
	out       io.Writer
	what      string
	all, done int64 // bytes; all 0: not known
	next      time.Time
	told      bool
}

const progressEvery = 2 * time.Second

func newProgress(out io.Writer, what string, all int64) *progress {
	return &progress{out: out, what: what, all: all, next: time.Now().Add(progressEvery)}
}

// Write implements io.Writer.
func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if now := time.Now(); now.After(p.next) {
		p.next, p.told = now.Add(progressEvery), true
		if p.all > 0 {
			fmt.Fprintf(p.out, "\r%s: %d %%", p.what, p.done*100/p.all)
		} else {
			fmt.Fprintf(p.out, "\r%s: %d MB", p.what, p.done>>20)
		}
	}
	return len(b), nil
}

func (p *progress) end() {
	if p.told {
		fmt.Fprintln(p.out)
	}
}

// checkPassphrase is what both commands want before they begin.
func checkPassphrase(c config.Config) error {
	if len(c.Passphrase) < backup.LeastPassphrase {
		return fmt.Errorf("BACKUP_PASSPHRASE is not set or too short: at least %d characters", backup.LeastPassphrase)
	}
	return nil
}
