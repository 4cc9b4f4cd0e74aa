package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// hashes are values of a flag that may be given several times.
type hashes []string

func (h *hashes) String() string { return strings.Join(*h, ",") }

func (h *hashes) Set(v string) error {
	if raw, err := hex.DecodeString(strings.TrimSpace(v)); err != nil || len(raw) != 32 {
		return errors.New("a root is 64 hexadecimal digits")
	}
	*h = append(*h, strings.TrimSpace(v))
	return nil
}

// runVerifyAudit walks the audit chain, of the database or of an exported file, and names the first row that does not hold. With a
// file it needs no newsroom: an inspector runs it anywhere.
func runVerifyAudit(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("verify-audit", "[--file EXPORT] [--root HASH]… [flags]")
	file := flags.String("file", "", "check an exported file (JSONL or CSV) instead of the database; - reads standard input")
	var roots hashes
	flags.Var(&roots, "root", "a root that was mailed: some row must have it; may be given several times")
	if namesFile(arguments) { // no settings are needed, and none are asked for
		if err := flags.Parse(arguments); err != nil {
			return err
		}
		if flags.NArg() > 0 {
			return fmt.Errorf("%w: %s", errUsage, flags.Arg(0))
		}
		return t.verifyFile(*file, roots)
	}
	o, err := t.openTool(ctx, flags, arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	at, err := o.store.VerifyAudit(ctx, roots...)
	return t.verified(at, err)
}

// namesFile reports whether the arguments name a file to check.
func namesFile(arguments []string) bool {
	return slices.ContainsFunc(arguments, func(a string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		return strings.HasPrefix(a, "-") && name == "file"
	})
}

func (t terminal) verifyFile(name string, roots []string) error {
	in := t.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	at, err := store.VerifyExport(in, roots...)
	return t.verified(at, err)
}

func (t terminal) verified(at newsroom.AuditPoint, err error) error {
	if err != nil {
		return fmt.Errorf("%d rows hold, then: %w", at.ID, err)
	}
	_, err = fmt.Fprintf(t.out, "the audit chain holds: %d rows, the last one is %s\n", at.ID, hex.EncodeToString(at.Hash))
	return err
}

// runAudit is `toasoan audit export`: the whole chain as a file that proves itself.
func runAudit(ctx context.Context, t terminal, arguments []string) error {
	if len(arguments) == 0 || arguments[0] != "export" {
		return fmt.Errorf("%w: say `audit export`", errUsage)
	}
	flags := t.flagSet("audit export", "[--format jsonl|csv] [--out FILE] [flags]")
	format := flags.String("format", "jsonl", "jsonl or csv")
	out := flags.String("out", "-", "the file to write; - is standard output")
	o, err := t.openTool(ctx, flags, arguments[1:])
	if err != nil {
		return err
	}
	defer o.store.Close()
	f := newsroom.AuditFormat(*format)
	if f != newsroom.AuditJSONL && f != newsroom.AuditCSV {
		return fmt.Errorf("%w: --format is jsonl or csv", errUsage)
	}
	if *out == "-" {
		w := bufio.NewWriter(t.out)
		if _, err := o.store.ExportAudit(ctx, w, f); err != nil {
			return err
		}
		return w.Flush()
	}
	at, err := exportTo(*out, func(w io.Writer) (newsroom.AuditPoint, error) { return o.store.ExportAudit(ctx, w, f) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s: %d rows, the last one is %s\n", *out, at.ID, hex.EncodeToString(at.Hash))
	return err
}

// exportTo writes a file that is there whole or not at all.
func exportTo(name string, write func(io.Writer) (newsroom.AuditPoint, error)) (at newsroom.AuditPoint, err error) {
	f, err := os.OpenFile(name+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return at, err
	}
	if at, err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return at, errors.Join(err, os.Remove(name+".part"))
	}
	return at, os.Rename(name+".part", name)
}
