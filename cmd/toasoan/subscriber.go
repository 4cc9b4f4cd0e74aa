package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"toasoan/newsroom"
)

// importLimit is the largest list that is taken (contract: 50 MB).
const importLimit = 50 << 20

// runSubscriber imports and exports subscribers as CSV.
func runSubscriber(ctx context.Context, t terminal, arguments []string) error {
	what, rest, err := subcommand(arguments, "import", "export")
	if err != nil {
		return err
	}
	flags := t.flagSet("subscriber "+what, "[flags] [FILE]")
	source := flags.String("source", "", "import: where the consent of these people is recorded")
	sections := flags.String("sections", "", "import: ids of the sections of lines that name none, separated by commas")
	dry := flags.Bool("dry-run", false, "import: only say what would happen")
	o, err := t.openTool(ctx, flags, rest)
	if err != nil {
		return err
	}
	defer o.store.Close()
	if what == "export" {
		return o.exportSubscribers(ctx)
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("%w: want one CSV file", errUsage)
	}
	return o.importSubscribers(ctx, flags.Arg(0), *source, commas(*sections), *dry)
}

func (o *tool) importSubscribers(ctx context.Context, path, source string, sections []string, dry bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	about, err := file.Stat()
	if err != nil {
		return err
	}
	if about.Size() > importLimit {
		return errors.New("the file is larger than 50 MB: split it")
	}
	list := &countedReader{from: file}
	stop := o.progress(ctx, func() string {
		return fmt.Sprintf("read and compared %d %% of the file", list.read.Load()*100/max(about.Size(), 1))
	})
	in, err := o.store.PreviewImport(ctx, console, filepath.Base(path), source, sections, list)
	stop()
	if err != nil {
		return wrongImport(err)
	}
	o.report(in.Report)
	if dry {
		return o.store.DropImport(ctx, in.ID)
	}
	stop = o.progress(ctx, func() string {
		at, err := o.store.Import(ctx, in.ID)
		if err != nil || at.Total == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d lines (%d %%)", at.Done, at.Total, at.Done*100/at.Total)
	})
	err = o.store.RunImport(ctx, console, in.ID)
	stop()
	if err != nil {
		return err
	}
	done, err := o.store.Import(ctx, in.ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.out, "imported:")
	o.report(done.Report)
	return nil
}

// wrongImport says what is wrong with the flags of an import.
func wrongImport(err error) error {
	wrong, ok := errors.AsType[*newsroom.InvalidError](err)
	if !ok {
		return err
	}
	for _, f := range wrong.Fields {
		if f.Field == "sections" {
			return fmt.Errorf("no section %q takes articles: `toasoan section list` names them", f.Params["name"])
		}
	}
	return invalid(err)
}

// countedReader knows how much was read of it.
type countedReader struct {
	from io.Reader
	read atomic.Int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// progress says every two seconds how far something is, until stop is called.
func (o *tool) progress(ctx context.Context, far func() string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for pause(ctx, 2*time.Second) == nil {
			if said := far(); said != "" {
				fmt.Fprintln(o.err, said)
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (o *tool) report(r newsroom.ImportReport) {
	fmt.Fprintf(o.out, "%d lines: %d new, %d with more sections, %d unchanged, %d skipped, %d wrong\n", r.Rows, r.Added, r.Merged, r.Same, r.Skipped, r.Failed)
	for _, e := range r.Errors {
		fmt.Fprintf(o.out, "  line %d: %s\n", e.Line, strings.ReplaceAll(e.Code, "_", " "))
	}
}

// exportSubscribers writes everybody who is not erased; the import reads it back.
func (o *tool) exportSubscribers(ctx context.Context) error {
	w := csv.NewWriter(o.out)
	if err := w.Write([]string{"email", "name", "state", "confirmed_at", "lists", "blocked"}); err != nil {
		return err
	}
	err := o.store.ExportSubscribers(ctx, console, "", func(s newsroom.Subscriber) error {
		confirmed := ""
		if s.ConfirmedAt != nil {
			confirmed = s.ConfirmedAt.Format(time.RFC3339)
		}
		return w.Write([]string{
			newsroom.GuardCell(s.Email), newsroom.GuardCell(s.Name), string(s.State), confirmed, newsroom.ListsCell(s.Lists), s.Blocked,
		})
	})
	w.Flush()
	return errors.Join(err, w.Error())
}
