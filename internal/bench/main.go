package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// part is one group of measurements.
type part struct {
	name    string
	measure func(ctx context.Context, b *bench) error
}

// parts in the order in which they run.
var parts = []part{
	{"mail", measureMail},
	{"portal", measurePortal},
	{"approval", measureApproval},
	{"publish", measurePublish},
	{"views", measureViews},
	{"search", measureSearch},
	{"board", measureBoard},
	{"subscribers", measureSubscribers},
	{"start", measureStart},
}

// bench is one run: its settings, its servers and what it has measured so far.
type bench struct {
	quick   bool
	binary  string // of the product; "": built from this source
	archive int    // articles in the large archives
	wanted  []string
	report  *report
	plant   *plant
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == baselineCommand { // this process is the baseline
		if err := runBaseline(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "baseline:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		if err := runBare(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "bare server:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, arguments []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	b := &bench{report: &report{}}
	out := flags.String("o", "bench.json", "`file` for the results")
	flags.BoolVar(&b.quick, "quick", os.Getenv("BENCH_QUICK") != "", "fewer repetitions and smaller archives: under 8 minutes [BENCH_QUICK]")
	flags.StringVar(&b.binary, "binary", "", "the product's `program`; default: built from this source")
	flags.IntVar(&b.archive, "archive", 0, "articles in the large archives (default 1,000,000; 100,000 with -quick)")
	limit := flags.Duration("limit", 25*time.Minute, "the run ends after this long whatever happens")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: bench [flags] [parts]\n\nparts: %s (default: all), or one measurement of a part, as mail.rate\n\n", strings.Join(names(parts), ", "))
		flags.PrintDefaults()
	}
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	for _, name := range flags.Args() {
		whole, _, _ := strings.Cut(name, ".")
		if !slices.Contains(names(parts), whole) {
			return fmt.Errorf("no part %q: there are %s", whole, strings.Join(names(parts), ", "))
		}
	}
	b.wanted = flags.Args()
	if b.archive == 0 {
		b.archive = 1_000_000
		if b.quick {
			b.archive = 100_000
		}
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	began := time.Now()
	defer func() {
		if b.plant != nil {
			err = errors.Join(err, b.plant.close())
		}
		err = errors.Join(err, b.report.write(*out))
		fmt.Printf("\n%s in %s\n", *out, time.Since(began).Round(time.Second))
	}()
	var failed error
	for _, p := range parts {
		if !b.wants(p.name) {
			continue
		}
		fmt.Printf("\n== %s\n", p.name)
		if err := p.measure(ctx, b); err != nil { // the other parts are measured all the same
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
			fmt.Printf("   %s failed: %v\n", p.name, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// wants reports whether something was asked for: a part ("mail") or one measurement of it ("mail.rate"). Nothing named is everything.
func (b *bench) wants(name string) bool {
	return len(b.wanted) == 0 || slices.ContainsFunc(b.wanted, func(wanted string) bool {
		return wanted == name || strings.HasPrefix(name, wanted+".") || strings.HasPrefix(wanted, name+".")
	})
}

func names(list []part) []string {
	found := make([]string, len(list))
	for i, p := range list {
		found[i] = p.name
	}
	return found
}

// say tells what goes on between two rows.
func say(format string, values ...any) { fmt.Printf("   "+format+"\n", values...) }
