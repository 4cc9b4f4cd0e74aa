package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"toasoan/internal/backup"
	"toasoan/internal/config"
	"toasoan/internal/secret"
	"toasoan/internal/standalone"
	"toasoan/internal/store"
	"toasoan/migrations"
	"toasoan/newsroom"
)

// runRestore brings a backup into an empty data folder, or with DATABASE_URL into an empty database. It reads the file to its end
// before it touches anything, proves the audit chain, and holds what may have gone out since the backup was taken.
func runRestore(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("restore", "[flags] FILE")
	c, err := config.Load(flags, arguments, t.getenv)
	if err != nil {
		return err
	}
	name, err := oneFile(flags.Args())
	if err != nil {
		return err
	}
	if err := checkPassphrase(c); err != nil {
		return err
	}
	if err := emptyFolder(c); err != nil {
		return err
	}
	r := &restoring{terminal: t, config: c, file: name}
	if err := r.verify(); err != nil {
		return err
	}
	done, err := r.run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "the newsroom of %s is back: %s; the audit chain holds up to row %d\n",
		r.manifest.Made.Format(time.RFC3339), counted(r.manifest.Counts), r.manifest.Audit.ID)
	fmt.Fprintf(t.out, "held since it may have gone out after that: %d newsletters paused, %d letters given up, %d digests taken as made, %d mails in doubt\n",
		done.Issues, done.Letters, done.Digests, done.Doubts)
	fmt.Fprintf(t.out, "keys are in %s; give it an empty NATS and an empty Temporal: `toasoan run` begins with both, and runs are made from the database\n", c.Data)
	return nil
}

// emptyFolder refuses a data folder that holds anything, or keys where only those are to be written.
func emptyFolder(c config.Config) error {
	if c.DatabaseURL != "" {
		if _, err := os.Stat(filepath.Join(c.Data, "secrets", secret.FileName)); err == nil {
			return fmt.Errorf("%s has keys already: restore with another TOASOAN_DATA", c.Data)
		}
		return nil
	}
	entries, err := os.ReadDir(c.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: restore into a folder that is (TOASOAN_DATA)", c.Data)
	}
	return nil
}

// restoring is one restore under way.
type restoring struct {
	terminal
	config   config.Config
	file     string
	manifest backup.Manifest
	small    map[string]*bytes.Buffer // all files but the dump
}

// maxSmall bounds what is kept of a file that is no dump.
const maxSmall = 1 << 20

// limited takes no more than maxSmall.
type limited struct{ *bytes.Buffer }

// Write implements io.Writer.
func (l limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxSmall {
		return 0, errors.New("the backup holds a file that is too large for what it is")
	}
	return l.Buffer.Write(p)
}

// verify reads the file to its end and keeps the keys.
func (r *restoring) verify() error {
	r.small = map[string]*bytes.Buffer{}
	var err error
	r.manifest, err = r.read("verified", func(name string) io.Writer {
		if name != backup.Keys && name != backup.DKIM {
			return nil
		}
		r.small[name] = &bytes.Buffer{}
		return limited{r.small[name]}
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.file, err)
	case r.manifest.Schema > migrations.Latest():
		return fmt.Errorf("%s has schema %d, this program knows %d: run a newer toasoan", r.file, r.manifest.Schema, migrations.Latest())
	case r.small[backup.Keys] == nil || r.manifest.Files[backup.Database].Size == 0:
		return fmt.Errorf("%s: %w", r.file, backup.ErrDamaged)
	}
	return nil
}

func (r *restoring) read(what string, open func(string) io.Writer) (backup.Manifest, error) {
	f, err := os.Open(r.file)
	if err != nil {
		return backup.Manifest{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return backup.Manifest{}, err
	}
	p := newProgress(r.err, what, info.Size())
	defer p.end()
	return backup.Read(io.TeeReader(f, p), r.config.Passphrase, open)
}

// run restores into the configured database, or into one of its own that it starts for that.
func (r *restoring) run(ctx context.Context) (done newsroom.Restored, err error) {
	keys, err := secret.Parse(r.small[backup.Keys].String())
	if err != nil {
		return done, fmt.Errorf("keys of the backup: %w", err)
	}
	if r.config.DatabaseURL == "" {
		stack, err := standalone.Start(ctx, standalone.Options{Data: r.config.Data, Postgres: true, Install: r.config.Install, Log: logger(r.config, r.err)})
		if err != nil {
			return done, err
		}
		r.config.DatabaseURL, r.config.MigrateURL = stack.AppURL, stack.OwnerURL
		defer func() {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			if err = errors.Join(err, stack.Close(end)); err != nil {
				err = fmt.Errorf("%w (what was begun lies in %s: remove it before you try again)", err, stack.Data())
			}
		}()
	}
	if err := r.load(ctx); err != nil {
		return done, err
	}
	if _, err := migrations.Migrate(ctx, r.config.MigrateURL); err != nil {
		return done, err
	}
	s, err := store.New(ctx, store.Options{
		URL: r.config.DatabaseURL, Keys: keys, Log: logger(r.config, r.err), BaseURL: r.config.URL.String(), Restoring: true,
	})
	if err != nil {
		return done, err
	}
	defer s.Close()
	if err := r.prove(ctx, s); err != nil {
		return done, err
	}
	if done, err = s.SettleRestore(ctx, console, r.manifest.Made); err != nil {
		return done, err
	}
	if err := r.keep(); err != nil {
		return done, err
	}
	return done, store.FinishRestore(ctx, r.config.MigrateURL)
}

// load has pg_restore write the dump in one transaction: all of it or nothing.
func (r *restoring) load(ctx context.Context) error {
	major, err := store.ReadyForRestore(ctx, r.config.MigrateURL)
	if errors.Is(err, store.ErrNotEmpty) {
		return errors.New("the database is not empty: restore into one that is")
	}
	if err != nil {
		return err
	}
	program, err := standalone.ClientTool(ctx, r.config.Data, "pg_restore", max(major, r.manifest.Postgres))
	if err != nil {
		return err
	}
	load, err := postgresTool(ctx, program, r.config.MigrateURL, "--format=custom", "--single-transaction", "--exit-on-error", "--no-owner")
	if err != nil {
		return err
	}
	words := &strings.Builder{}
	load.Stderr = words
	in, err := load.StdinPipe()
	if err != nil {
		return err
	}
	if err := load.Start(); err != nil {
		return err
	}
	again, err := r.read("restored", func(name string) io.Writer {
		if name == backup.Database {
			return in
		}
		return nil
	})
	if err == nil && again.Files[backup.Database] != r.manifest.Files[backup.Database] {
		err = fmt.Errorf("%s was changed while it was read", r.file)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) { // not its fault: what it has is rolled back
		_ = load.Process.Kill()
	}
	_ = in.Close()
	if ended := load.Wait(); ended != nil && (err == nil || errors.Is(err, syscall.EPIPE)) {
		return failed(load, ended, words.String())
	}
	return err
}

// prove compares what is there with what the backup says it holds, and walks the audit chain to its tip.
func (r *restoring) prove(ctx context.Context, s *store.Store) error {
	counts, err := s.TableCounts(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(counts, r.manifest.Counts) {
		return fmt.Errorf("the database has %v rows, the backup says %v", counts, r.manifest.Counts)
	}
	var roots []string
	if r.manifest.Audit.ID > 0 {
		roots = append(roots, r.manifest.Audit.Hash)
	}
	at, err := s.VerifyAudit(ctx, roots...)
	if err != nil {
		return fmt.Errorf("audit chain of the backup: %d rows hold, then: %w", at.ID, err)
	}
	if at.ID != r.manifest.Audit.ID {
		return fmt.Errorf("the audit chain ends at row %d, the backup says %d", at.ID, r.manifest.Audit.ID)
	}
	return nil
}

// keep writes the key files where the newsroom looks for them.
func (r *restoring) keep() error {
	folder := filepath.Join(r.config.Data, "secrets")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, file := range map[string]string{backup.Keys: secret.FileName, backup.DKIM: backup.DKIM} {
		content := r.small[name]
		if content == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, file), content.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
