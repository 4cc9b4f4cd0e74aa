package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"strings"

	"toasoan/internal/config"
	"toasoan/internal/secret"
	"toasoan/internal/standalone"
	"toasoan/internal/store"
	"toasoan/newsroom"
)

// tool is what an operator's command works on: the configured servers, or those of a running `toasoan run`.
type tool struct {
	terminal
	config config.Config
	keys   *secret.Ring
	store  *store.Store
}

// openTool reads the settings and opens the database. Without DATABASE_URL it finds the newsroom that runs on the data folder.
func (t terminal) openTool(ctx context.Context, flags *flag.FlagSet, arguments []string) (*tool, error) {
	c, err := config.Load(flags, arguments, t.getenv)
	if err != nil {
		return nil, err
	}
	if c, err = running(c); err != nil {
		return nil, err
	}
	o := &tool{terminal: t, config: c}
	if c.Secret != "" {
		o.keys, err = keyRing(c)
	} else {
		o.keys, err = secret.Kept(c.Data)
	}
	if err != nil {
		return nil, err
	}
	o.store, err = openStore(ctx, c, o.keys, logger(c, t.err))
	return o, err
}

// running fills in the addresses of the newsroom that runs on the data folder.
func running(c config.Config) (config.Config, error) {
	if c.DatabaseURL != "" {
		return c, nil
	}
	run, err := standalone.ReadRun(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("no newsroom runs on %s and DATABASE_URL is not set: start `toasoan run` first, or name the database", c.Data)
	}
	if err != nil {
		return c, err
	}
	c.DatabaseURL, c.MigrateURL = run.AppURL, run.OwnerURL
	if c.NATSURL == "" {
		c.NATSURL = run.NATSURL
	}
	if c.Temporal.Address == "" {
		c.Temporal.Address, c.Temporal.Namespace = run.TemporalAddress, run.TemporalNamespace
	}
	if c.SMTPURL == "" {
		c.Mail.Embedded = true
		c.SMTPURL = run.SMTPURL
	}
	return c, nil
}

// app connects the rest of the product, for tools that start workflows or render feeds.
func (o *tool) app(ctx context.Context) (*app, error) {
	if err := o.config.Need("NATS_URL", "TEMPORAL_ADDRESS"); err != nil {
		return nil, err
	}
	return open(ctx, o.config, o.keys, logger(o.config, o.err))
}

// console is who acts on record when somebody works on the command line: whoever can read the keys may.
var console = newsroom.Person{Name: "dòng lệnh", Roles: []newsroom.Role{newsroom.RoleAdmin}, Active: true, Locale: "vi"}

// subcommand takes the word behind a command: user add → add.
func subcommand(arguments []string, known ...string) (string, []string, error) {
	if len(arguments) > 0 {
		for _, k := range known {
			if arguments[0] == k {
				return k, arguments[1:], nil
			}
		}
	}
	return "", nil, fmt.Errorf("%w: want %s", errUsage, strings.Join(known, ", "))
}

// commas splits a flag that lists things.
func commas(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// invalid turns what is wrong with an input into one sentence for a terminal.
func invalid(err error) error {
	wrong, ok := errors.AsType[*newsroom.InvalidError](err)
	if !ok {
		return err
	}
	var parts []string
	for _, f := range wrong.Fields {
		parts = append(parts, f.Field+": "+strings.ReplaceAll(f.Code, "_", " "))
	}
	return errors.New(strings.Join(parts, "; "))
}
