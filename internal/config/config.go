package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config is every setting of the product. Empty addresses of servers mean: `run` provides them embedded.
type Config struct {
	Listen         string
	URL            *url.URL // public base URL; nil: made from Listen
	Data           string
	Demo           bool
	Install        bool
	Secret         string
	Passphrase     string // of backups
	DatabaseURL    string
	MigrateURL     string
	NATSURL        string
	NATSReplicas   int
	Temporal       Temporal
	SMTPURL        string
	Mail           Mail
	IMAPURL        string
	InspectorEmail string
	TrustedProxies []netip.Prefix
	CheckURL       string
	MailboxListen  string
	MetricsListen  string
	UIListen       string
	TimeScale      int
	LogFormat      string
	LogLevel       string
}

// Temporal says where the Temporal server is. TLS is used when any of its files is named.
type Temporal struct {
	Address, Namespace                    string
	TLSCA, TLSCert, TLSKey, TLSServerName string
}

// Mail is who sends, how fast, and with what signature.
type Mail struct {
	From         string
	Domain       string // of From: Message-IDs end in it
	FromTX       string // approvals, opt-ins; "": From
	ReplyTo      string
	BounceDomain string
	BounceListen string // host:port, smtp://host:port or lmtp://host:port; "": none
	BounceCert   string // PEM files of its certificate …
	BounceKey    string // … and key; "": it speaks no TLS
	SoftIssues   int    // an address that fails in so many newsletters …
	SoftDays     int    // … within so many days gets no more
	Rate         int    // mails per second for the whole installation; 0: no cap
	Connections  int    // likewise
	Window       int    // mails in flight on a connection
	DKIMDomain   string
	DKIMSelector string
	DKIMKeyFile  string
	InDoubt      string       // newsletters in doubt: resend_once or hold
	RelayLog     string       // file in which the relay writes down what it takes; "": nobody is asked
	Gate         string       // newsletters of a sender that receivers will refuse: warn or refuse
	Outbound     []netip.Addr // addresses from which the relay sends on
	Embedded     bool         // the relay is the embedded mailbox; set by `run`
	AuthServer   string       // whose Authentication-Results of received mails are believed; "": DKIM is verified here
}

// Held reports that newsletters in doubt wait for a person.
func (m Mail) Held() bool { return m.InDoubt == "hold" }

// Load reads settings for a command: flags win over the environment, the environment over the defaults. NAME_FILE names a file
// that holds the value of NAME, for secrets. Everything that is wrong comes back as one error with a line each.
func Load(flags *flag.FlagSet, arguments []string, getenv func(string) string) (Config, error) {
	values := make([]*string, len(settings))
	for i, s := range settings {
		values[i] = flags.String(s.flag(), "", s.usage())
	}
	if err := flags.Parse(arguments); err != nil {
		return Config{}, err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var c Config
	var wrong []error
	for i, s := range settings {
		value, err := s.value(given[s.flag()], *values[i], getenv)
		if err == nil {
			err = s.set(&c, value)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s (--%s): %w", s.env, s.flag(), err))
		}
	}
	if len(wrong) == 0 {
		wrong = append(wrong, c.check()...)
	}
	return c, errors.Join(wrong...)
}

// value is what a setting is set to: flag, environment, file, default.
func (s setting) value(given bool, flagged string, getenv func(string) string) (string, error) {
	if given {
		return flagged, nil
	}
	if v := getenv(s.env); v != "" {
		return v, nil
	}
	if path := getenv(s.env + "_FILE"); path != "" {
		content, err := os.ReadFile(path)
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			return "", fmt.Errorf("read %s_FILE: %w", s.env, pathErr.Err)
		}
		return strings.TrimSpace(string(content)), err
	}
	return s.def, nil
}

// check holds the rules between settings.
func (c *Config) check() []error {
	var wrong []error
	if c.URL == nil {
		c.URL = &url.URL{Scheme: "http", Host: c.Listen}
	}
	if c.CheckURL == "" {
		c.CheckURL = c.URL.String()
	}
	if c.Mail.FromTX == "" {
		c.Mail.FromTX = c.Mail.From
	}
	if from, err := mail.ParseAddress(c.Mail.From); err == nil {
		_, c.Mail.Domain, _ = strings.Cut(from.Address, "@")
	}
	if c.Mail.DKIMDomain == "" {
		c.Mail.DKIMDomain = c.Mail.Domain
	}
	if c.MigrateURL == "" {
		c.MigrateURL = c.DatabaseURL
	}
	if (c.Mail.DKIMKeyFile == "") != (c.Mail.DKIMSelector == "") {
		wrong = append(wrong, errors.New("DKIM_SELECTOR and DKIM_KEY_FILE belong together"))
	}
	if c.Mail.BounceListen != "" && c.Mail.BounceDomain == "" {
		wrong = append(wrong, errors.New("BOUNCE_LISTEN takes mail for BOUNCE_DOMAIN, which is not set"))
	}
	if (c.Mail.BounceCert == "") != (c.Mail.BounceKey == "") {
		wrong = append(wrong, errors.New("BOUNCE_TLS_CERT and BOUNCE_TLS_KEY belong together"))
	}
	if (c.Temporal.TLSCert == "") != (c.Temporal.TLSKey == "") {
		wrong = append(wrong, errors.New("TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY belong together"))
	}
	return wrong
}

// CheckDemo refuses demo content, whose sign-ins lie in a file, on an address that others reach.
func (c Config) CheckDemo() error {
	if c.Demo && !Loopback(c.Listen) {
		return fmt.Errorf("TOASOAN_LISTEN %s: demo content is only served on a loopback address; set TOASOAN_DEMO=0", c.Listen)
	}
	return nil
}

// Loopback reports whether a listen address only reaches this machine.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Need lists the settings a role cannot start without.
func (c Config) Need(names ...string) error {
	have := map[string]string{
		"DATABASE_URL": c.DatabaseURL, "NATS_URL": c.NATSURL, "TEMPORAL_ADDRESS": c.Temporal.Address, "SMTP_URL": c.SMTPURL,
		"TOASOAN_SECRET": c.Secret,
	}
	var wrong []error
	for _, name := range names {
		if have[name] == "" {
			wrong = append(wrong, fmt.Errorf("%s is not set; this role needs it (only `toasoan run` provides servers of its own)", name))
		}
	}
	return errors.Join(wrong...)
}

// MailTimeout is how long a relay may be silent before the connection is given up.
const MailTimeout = 30 * time.Second
