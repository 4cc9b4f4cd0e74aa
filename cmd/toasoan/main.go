package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	_ "time/tzdata" // schedules and pages are in Asia/Ho_Chi_Minh wherever we run

	"toasoan/internal/config"
)

// command is one subcommand. Its error is one clear sentence for whoever typed it.
type command struct {
	name    string
	usage   string // what stands behind the name
	summary string
	run     func(ctx context.Context, t terminal, arguments []string) error
}

// commands are the subcommands in the order in which help lists them.
func commands() []command {
	return []command{
		{"run", "[flags]", "the whole newsroom in one process; provides embedded servers for whatever is not configured", runAll},
		{"web", "[flags]", "role: portal, desk and API", runWeb},
		{"worker", "[flags]", "role: Temporal workers, which settle moves and send mail", runWorker},
		{"consumers", "[flags]", "role: consumers of the events (feeds, counters, mailer)", runConsumers},
		{"migrate", "[flags]", "bring the database to this program's schema, and Temporal's search attributes", runMigrate},
		{"demo", "[flags]", "walk one article from draft to mailbox against a running newsroom", runDemo},
		{"doctor", "[flags]", "check database, schema, NATS, Temporal, mail relay, clock and disk, and say what to do", runDoctor},
		{"user", "add|list|token|invite [flags]", "accounts", runUser},
		{"section", "list|add|retire [flags]", "sections of the portal", runSection},
		{"subscriber", "import|export [flags]", "subscribers", runSubscriber},
		{"calendar", "import [flags] FILE", "holidays and swapped working days", runCalendar},
		{"probe", "URL", "fail unless a URL answers 200: the health check of the image", runProbe},
		{"audit", "export [flags]", "the audit chain as a file that proves itself", runAudit},
		{"verify-audit", "[flags]", "prove that the audit chain, or an exported file, was not altered", runVerifyAudit},
		{"backup", "[flags] FILE", "database, media and keys as one encrypted file", runBackup},
		{"restore", "[flags] FILE", "bring a backup into an empty data folder or database; what may have gone out since is held", runRestore},
		{"rebuild", "feeds|workflows [flags]", "make anew from the database what can be made anew", runRebuild},
	}
}

// terminal is what a command sees of the outside.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

func main() {
	runtime.MemProfileRate = 0 // nothing here shows a profile of the heap: no memory is kept for one
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(execute(ctx, terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}, os.Args[1:]))
}

// execute runs one command and returns the exit code: 0 done, 1 failed, 2 wrongly called.
func execute(ctx context.Context, t terminal, arguments []string) int {
	if len(arguments) == 0 || arguments[0] == "help" || arguments[0] == "-h" || arguments[0] == "--help" {
		help(t.out)
		if len(arguments) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name != arguments[0] {
			continue
		}
		err := c.run(ctx, t, arguments[1:])
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			fmt.Fprintf(t.err, "toasoan %s: %v\nusage: toasoan %s %s\n", c.name, err, c.name, c.usage)
			return 2
		default:
			fmt.Fprintf(t.err, "toasoan %s: %v\n", c.name, err)
			return 1
		}
	}
	fmt.Fprintf(t.err, "toasoan: no command %q; `toasoan help` lists them\n", arguments[0])
	return 2
}

// errUsage says that a command was called wrongly.
var errUsage = errors.New("wrong arguments")

func help(w io.Writer) {
	fmt.Fprint(w, "Tòa Soạn, the newsroom of a local government's portal.\n\nusage: toasoan COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-13s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nEvery command has --help. Settings come from flags or from the environment (TOASOAN_LISTEN, DATABASE_URL, …).\n")
}

// flagSet is a command's flags; its help goes where it was asked for.
func (t terminal) flagSet(name, usage string) *flag.FlagSet {
	flags := flag.NewFlagSet("toasoan "+name, flag.ContinueOnError)
	flags.SetOutput(t.out)
	flags.Usage = func() {
		fmt.Fprintf(t.out, "usage: toasoan %s %s\n\nflags:\n", name, usage)
		flags.PrintDefaults()
	}
	return flags
}

// settings reads the configuration of a command that has no flags of its own.
func (t terminal) settings(name string, arguments []string) (config.Config, error) {
	return config.Load(t.flagSet(name, "[flags]"), arguments, t.getenv)
}
