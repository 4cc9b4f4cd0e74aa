package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/events"
	"toasoan/internal/bounce"
	"toasoan/internal/config"
	"toasoan/internal/deliverability"
	"toasoan/internal/dispatch"
	"toasoan/internal/inbox"
	"toasoan/internal/relaylog"
	"toasoan/internal/secret"
	"toasoan/migrations"
)

// runDoctor looks at everything the product needs, one line each, and says what to do about what is wrong. It changes nothing.
func runDoctor(ctx context.Context, t terminal, arguments []string) error {
	c, err := t.settings("doctor", arguments)
	if err != nil {
		return err
	}
	if c, err = running(c); err != nil {
		return err
	}
	d := &doctor{terminal: t, config: c}
	for _, check := range []struct {
		name string
		look func(context.Context) (string, error)
		then string // what to do about it
	}{
		{"database", d.database, "start PostgreSQL, check DATABASE_URL and its firewall"},
		{"schema", d.schema, "run `toasoan migrate` (or a newer toasoan)"},
		{"clock", d.clock, "synchronise the clock of this machine or of the database (chrony)"},
		{"keys", d.keys, "set TOASOAN_SECRET, or let `toasoan run` make the keys"},
		{"nats", d.nats, "start NATS with JetStream, check NATS_URL"},
		{"temporal", d.temporal, "start Temporal, check TEMPORAL_ADDRESS and TEMPORAL_TLS_*"},
		{"public address", d.address, "set TOASOAN_URL to the https:// address of the portal, and put a certificate before it"},
		{"mail relay", d.relay, "check SMTP_URL: host, port, TLS and password"},
		{"relay's log", d.relayLog, "check MAIL_RELAY_LOG: the worker's user has to be allowed to read the file, and the relay to write it"},
		{"returned mail", d.returned, "set IMAP_URL or BOUNCE_LISTEN; if one is set, check its host, TLS, password and mailbox, or whether the worker runs"},
		{"disk", d.disk, "free disk space"},
	} {
		one, cancel := context.WithTimeout(ctx, 10*time.Second)
		said, err := check.look(one)
		cancel()
		d.show(check.name, said, err, check.then)
	}
	if err := d.sender(ctx); err != nil {
		return err
	}
	if d.failed > 0 {
		return fmt.Errorf("%d checks failed", d.failed)
	}
	return nil
}

type doctor struct {
	terminal
	config config.Config
	failed int
}

// warning is what works as it is, and must not stay so before real mail is sent.
type warning string

func (w warning) Error() string { return string(w) }

// show prints what a check found, and counts what failed; a warning does not.
func (d *doctor) show(name, said string, err error, then string) {
	mark := "✓"
	if err != nil {
		mark, said = "✗", err.Error()
		if _, only := errors.AsType[warning](err); only {
			mark = "!"
		} else {
			d.failed++
		}
	}
	fmt.Fprintf(d.out, "  %s %-14s %s\n", mark, name, said)
	if err != nil {
		fmt.Fprintf(d.out, "    %-14s → %s\n", "", then)
	}
}

func (d *doctor) query(ctx context.Context, sql string, into any) error {
	db, err := pgx.Connect(ctx, d.config.DatabaseURL)
	if err != nil {
		return errors.New("no connection")
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // read only
	return db.QueryRow(ctx, sql).Scan(into)
}

func (d *doctor) database(ctx context.Context) (version string, err error) {
	err = d.query(ctx, `SHOW server_version`, &version)
	return "PostgreSQL " + version, err
}

func (d *doctor) schema(ctx context.Context) (string, error) {
	var have int
	if err := d.query(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`, &have); err != nil {
		return "", errors.New("the database was never migrated")
	}
	if want := migrations.Latest(); have != want {
		return "", fmt.Errorf("schema %d, this program needs %d", have, want)
	}
	return fmt.Sprintf("schema %d", have), nil
}

// clock compares this machine's clock with the database's: working time and tokens depend on both.
func (d *doctor) clock(ctx context.Context) (string, error) {
	var there time.Time
	before := time.Now()
	if err := d.query(ctx, `SELECT clock_timestamp()`, &there); err != nil {
		return "", err
	}
	off := there.Sub(before.Add(time.Since(before) / 2)).Abs()
	if off > 5*time.Second {
		return "", fmt.Errorf("this machine and the database differ by %s", off.Round(time.Second))
	}
	return "differs from the database's by " + off.Round(time.Millisecond).String(), nil
}

func (d *doctor) keys(context.Context) (string, error) {
	if d.config.Secret != "" {
		ring, err := keyRing(d.config)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("version %d signs", ring.Version()), nil
	}
	ring, err := secret.Kept(d.config.Data)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("version %d signs, kept in the data folder", ring.Version()), nil
}

func (d *doctor) nats(ctx context.Context) (string, error) {
	if err := d.config.Need("NATS_URL"); err != nil {
		return "", err
	}
	bus, err := events.Connect(d.config.NATSURL, d.config.NATSReplicas, logger(config.Config{LogLevel: "error"}, d.err))
	if err != nil {
		return "", err
	}
	defer bus.Close()
	if err := bus.EnsureStreams(ctx); err != nil {
		return "", err
	}
	return "JetStream has both streams", nil
}

func (d *doctor) temporal(ctx context.Context) (string, error) {
	if err := d.config.Need("TEMPORAL_ADDRESS"); err != nil {
		return "", err
	}
	tlsConfig, err := temporalTLS(d.config.Temporal)
	if err != nil {
		return "", err
	}
	runs, err := dispatch.Dial(dispatch.Options{
		Address: d.config.Temporal.Address, Namespace: d.config.Temporal.Namespace, TLS: tlsConfig, Log: logger(config.Config{LogLevel: "error"}, d.err),
	})
	if err != nil {
		return "", err
	}
	defer runs.Close()
	return "namespace " + d.config.Temporal.Namespace, runs.Check(ctx)
}

// address is where readers and mail programs find us: the one-click leave button of a newsletter wants https (RFC 8058 §3.1).
func (d *doctor) address(context.Context) (string, error) {
	if d.config.URL.Scheme != "https" {
		return "", warning("TOASOAN_URL is " + d.config.URL.String() + ": mail programs show no one-click unsubscribe without https")
	}
	return d.config.URL.String(), nil
}

func (d *doctor) relay(ctx context.Context) (string, error) {
	if err := d.config.Need("SMTP_URL"); err != nil {
		return "", err
	}
	courier, err := (&app{config: d.config, log: logger(config.Config{LogLevel: "error"}, d.err)}).courier()
	if err != nil {
		return "", err
	}
	defer courier.Close()
	return "greets us", courier.Check(ctx)
}

// relayLog looks whether the log of MAIL_RELAY_LOG can answer what it is asked.
func (d *doctor) relayLog(ctx context.Context) (string, error) {
	if d.config.Mail.RelayLog == "" {
		if d.config.Mail.Held() {
			return "not read (MAIL_RELAY_LOG): a newsletter whose answer was lost waits for a person", nil
		}
		return "not read (MAIL_RELAY_LOG): a mail whose answer was lost is sent once more", nil
	}
	speaks, err := relaylog.New(d.config.Mail.RelayLog).Check(ctx)
	if err != nil {
		return "", err
	}
	if !speaks {
		return "", warning("no line of Postfix or Exim about a mail that it took is in " + d.config.Mail.RelayLog)
	}
	return "names the mails that the relay took", nil
}

// sender shows what receivers will see of the sender's domain, each fault with the record that mends it.
func (d *doctor) sender(ctx context.Context) error {
	if d.config.SMTPURL == "" {
		return nil // the relay's check said so
	}
	settings, err := sender(d.config)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	findings, err := deliverability.Check(limit, net.DefaultResolver, settings)
	if err != nil {
		return err
	}
	for _, f := range findings {
		mark := map[deliverability.State]string{
			deliverability.Passed: "✓", deliverability.Failed: "✗", deliverability.Unknown: "?", deliverability.Exempt: "–",
		}[f.State]
		fmt.Fprintf(d.out, "  %s %-14s %s\n", mark, "mail "+f.Check, f.Said)
		if f.Do != "" {
			fmt.Fprintf(d.out, "    %-14s → %s\n", "", f.Do)
		}
		if f.Record != "" {
			fmt.Fprintf(d.out, "    %-14s   %s\n", "", f.Record)
		}
		if f.State == deliverability.Failed {
			d.failed++
		}
	}
	return nil
}

// returned looks at the ways by which bounces and answers come in.
func (d *doctor) returned(ctx context.Context) (string, error) {
	var ways []string
	if d.config.IMAPURL != "" {
		box, err := url.Parse(d.config.IMAPURL)
		if err != nil {
			return "", errors.New("IMAP_URL is no URL")
		}
		mails, idle, err := inbox.Check(ctx, box)
		if err != nil {
			return "", err
		}
		way := fmt.Sprintf("mailbox opens (%d mails)", mails)
		if !idle {
			way += ", looked at every 20 s: the server does not know IDLE"
		}
		ways = append(ways, way)
	}
	if d.config.Mail.BounceListen != "" {
		way, err := bounce.Check(ctx, d.config.Mail.BounceListen, time.Now())
		if err != nil {
			return "", err
		}
		ways = append(ways, way)
	}
	switch {
	case len(ways) > 0:
		return strings.Join(ways, "; "), nil
	case d.config.Mail.BounceDomain != "":
		return "", warning("not read here, unless the relay reports by HTTP")
	}
	return "", warning("not read: addresses that do not exist are never learnt")
}

// leastFree is how much disk the data folder wants free.
const leastFree = 2 << 30

func (d *doctor) disk(context.Context) (string, error) {
	if _, err := os.Stat(d.config.Data); err != nil {
		return "no data folder on this machine", nil
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(d.config.Data, &fs); err != nil {
		return "", err
	}
	free := fs.Bavail * uint64(fs.Bsize) //nolint:gosec // a block size is positive
	if free < leastFree {
		return "", fmt.Errorf("only %d MB free", free>>20)
	}
	return fmt.Sprintf("%d GB free", free>>30), nil
}
