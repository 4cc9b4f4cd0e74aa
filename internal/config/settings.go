package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// setting is one row: its environment name, default and what it means. The flag is made from the name.
type setting struct {
	env    string
	def    string
	help   string
	secret bool
	set    func(*Config, string) error
}

// flag is the command-line name: TOASOAN_LISTEN → listen, SMTP_URL → smtp-url.
func (s setting) flag() string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(s.env, "TOASOAN_"), "_", "-"))
}

func (s setting) usage() string {
	text := s.help + " [" + s.env + "]"
	if s.def != "" && !s.secret {
		text += " (default " + s.def + ")"
	}
	return text
}

// settings is the table: whoever adds a setting adds a row, and docker-compose.yml is held against it by a test.
var settings = []setting{
	{"TOASOAN_LISTEN", "127.0.0.1:8080", "address the portal listens on", false, address(func(c *Config) *string { return &c.Listen })},
	{"TOASOAN_URL", "", "public base URL, as readers and mailed links see it, at most 64 characters (default http://LISTEN)", false, baseURL},
	{"TOASOAN_DATA", "./data", "folder of everything that the embedded servers keep", false, text(func(c *Config) *string { return &c.Data })},
	{"TOASOAN_DEMO", "1", "1: `run` loads demo content into an empty database; 0: the first start asks for unit and admin", false, toggle(func(c *Config) *bool { return &c.Demo })},
	{"TOASOAN_INSTALL", "0", "1: `run` brings PostgreSQL onto a machine that has none: Debian's package as root or with passwordless sudo, else a download", false, toggle(func(c *Config) *bool { return &c.Install })},
	{"TOASOAN_SECRET", "", "keys for tokens, version:base64 lines, the newest signs", true, text(func(c *Config) *string { return &c.Secret })},
	{"BACKUP_PASSPHRASE", "", "what `backup` encrypts with and `restore` opens, at least 12 characters; not kept anywhere: write it down", true, text(func(c *Config) *string { return &c.Passphrase })},
	{"DATABASE_URL", "", "PostgreSQL, as the app's role", true, link(func(c *Config) *string { return &c.DatabaseURL }, "postgres", "postgresql")},
	{"MIGRATE_DATABASE_URL", "", "PostgreSQL, as the owner's role, for migrations (default DATABASE_URL)", true, link(func(c *Config) *string { return &c.MigrateURL }, "postgres", "postgresql")},
	{"NATS_URL", "", "NATS with JetStream", true, link(func(c *Config) *string { return &c.NATSURL }, "nats", "tls", "ws", "wss")},
	{"NATS_REPLICAS", "1", "copies of each stream: 3 in a cluster", false, number(func(c *Config) *int { return &c.NATSReplicas }, 1, 5)},
	{"TEMPORAL_ADDRESS", "", "host:port of Temporal's frontend", false, address(func(c *Config) *string { return &c.Temporal.Address })},
	{"TEMPORAL_NAMESPACE", "toasoan", "namespace in Temporal", false, text(func(c *Config) *string { return &c.Temporal.Namespace })},
	{"TEMPORAL_TLS_CA", "", "file with the CA of Temporal's certificate", false, text(func(c *Config) *string { return &c.Temporal.TLSCA })},
	{"TEMPORAL_TLS_CERT", "", "file with our certificate for Temporal", false, text(func(c *Config) *string { return &c.Temporal.TLSCert })},
	{"TEMPORAL_TLS_KEY", "", "file with its key", false, text(func(c *Config) *string { return &c.Temporal.TLSKey })},
	{"TEMPORAL_TLS_SERVER_NAME", "", "name in Temporal's certificate", false, text(func(c *Config) *string { return &c.Temporal.TLSServerName })},
	{"SMTP_URL", "", "mail relay: smtp://user:pass@host:port?tls=none|starttls|required, or smtps://", true, link(func(c *Config) *string { return &c.SMTPURL }, "smtp", "smtps")},
	{"MAIL_FROM", "Cổng thông tin <ban-tin@localhost.localdomain>", "sender of newsletters", false, sender(func(c *Config) *string { return &c.Mail.From })},
	{"MAIL_FROM_TX", "", "sender of approvals and opt-ins (default MAIL_FROM)", false, sender(func(c *Config) *string { return &c.Mail.FromTX })},
	{"MAIL_REPLY_TO", "", "where answers go", false, sender(func(c *Config) *string { return &c.Mail.ReplyTo })},
	{"BOUNCE_DOMAIN", "", "domain of the bounce addresses; empty: bounces go to the sender", false, text(func(c *Config) *string { return &c.Mail.BounceDomain })},
	{"BOUNCE_LISTEN", "", "address that takes returned mails by SMTP, or lmtp://address; empty: none", false, receiver},
	{"BOUNCE_TLS_CERT", "", "file with its certificate and chain, for STARTTLS; read again when it is renewed; empty: no TLS", false, text(func(c *Config) *string { return &c.Mail.BounceCert })},
	{"BOUNCE_TLS_KEY", "", "file with the certificate's key", false, text(func(c *Config) *string { return &c.Mail.BounceKey })},
	{"BOUNCE_SOFT_ISSUES", "5", "an address from which so many newsletters come back gets no more; 0: never", false, number(func(c *Config) *int { return &c.Mail.SoftIssues }, 0, 1000)},
	{"BOUNCE_SOFT_DAYS", "30", "days within which they count", false, number(func(c *Config) *int { return &c.Mail.SoftDays }, 1, 365)},
	{"MAIL_RATE", "50", "mails per second for the whole installation, 0: no cap", false, number(func(c *Config) *int { return &c.Mail.Rate }, 0, 100_000)},
	{"MAIL_CONNECTIONS", "8", "connections to the relay for the whole installation", false, number(func(c *Config) *int { return &c.Mail.Connections }, 1, 64)},
	{"MAIL_WINDOW", "1", "newsletters in flight on a connection whose relay offers CHUNKING; as many are in doubt when it dies", false, number(func(c *Config) *int { return &c.Mail.Window }, 1, 8)},
	{"MAIL_IN_DOUBT", "resend_once", "newsletters without an answer after the dot: resend_once or hold", false, oneOf(func(c *Config) *string { return &c.Mail.InDoubt }, "resend_once", "hold")},
	{"MAIL_RELAY_LOG", "", "the relay's log (Postfix or Exim): mails without an answer after the dot are looked up there before they are sent once more; empty: they are not", false, text(func(c *Config) *string { return &c.Mail.RelayLog })},
	{"MAIL_GATE", "warn", "newsletters while SPF, DKIM, DMARC, PTR, MX or TLS are wrong: warn or refuse", false, oneOf(func(c *Config) *string { return &c.Mail.Gate }, "warn", "refuse")},
	{"MAIL_OUTBOUND", "", "addresses from which the relay sends, comma-separated, for the checks of SPF and PTR", false, outbound},
	{"TOASOAN_TIME_SCALE", "1", "divides every wait of the mail lanes, Temporal's patience with their workers included: for fault drills only", false, number(func(c *Config) *int { return &c.TimeScale }, 1, 10_000)},
	{"DKIM_DOMAIN", "", "domain that signs (default: the sender's)", false, text(func(c *Config) *string { return &c.Mail.DKIMDomain })},
	{"DKIM_SELECTOR", "", "selector of the DKIM key; empty: the relay signs", false, text(func(c *Config) *string { return &c.Mail.DKIMSelector })},
	{"DKIM_KEY_FILE", "", "PEM file with the DKIM key (RSA or Ed25519)", false, text(func(c *Config) *string { return &c.Mail.DKIMKeyFile })},
	{"IMAP_URL", "", "mailbox of replies and bounces", true, link(func(c *Config) *string { return &c.IMAPURL }, "imap", "imaps")},
	{"MAIL_AUTH_SERVER", "", "name of the mail server whose Authentication-Results are believed; empty: DKIM is verified here", false, text(func(c *Config) *string { return &c.Mail.AuthServer })},
	{"INSPECTOR_EMAIL", "", "who gets the daily root of the audit chain", false, sender(func(c *Config) *string { return &c.InspectorEmail })},
	{"TRUSTED_PROXIES", "", "networks whose X-Forwarded-For is believed, comma-separated", false, networks},
	{"TOASOAN_CHECK_URL", "", "where the checks from outside read the portal (default TOASOAN_URL)", false, link(func(c *Config) *string { return &c.CheckURL }, "http", "https")},
	{"MAILBOX_LISTEN", "127.0.0.1:8025", "address of the embedded mailbox", false, address(func(c *Config) *string { return &c.MailboxListen })},
	{"METRICS_LISTEN", "127.0.0.1:9090", "address of /metrics", false, address(func(c *Config) *string { return &c.MetricsListen })},
	{"TEMPORAL_UI_LISTEN", "127.0.0.1:8233", "address of the embedded Temporal UI", false, address(func(c *Config) *string { return &c.UIListen })},
	{"LOG_FORMAT", "text", "text or json", false, oneOf(func(c *Config) *string { return &c.LogFormat }, "text", "json")},
	{"LOG_LEVEL", "info", "debug, info, warn or error", false, oneOf(func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn", "error")},
}

// Names lists the environment names of every setting; Secrets those whose values must not be shown.
func Names() (names []string) {
	for _, s := range settings {
		names = append(names, s.env)
	}
	return names
}

// IsSecret reports whether the value of a setting must never be shown.
func IsSecret(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.env == name && s.secret })
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error { *field(c) = v; return nil }
}

func toggle(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) (err error) {
		if *field(c), err = strconv.ParseBool(v); err != nil {
			return errors.New("want 0 or 1")
		}
		return nil
	}
}

func number(field func(*Config) *int, least, most int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a number from %d to %d", least, most)
		}
		*field(c) = n
		return nil
	}
}

func oneOf(field func(*Config) *string, allowed ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("want one of %s", strings.Join(allowed, ", "))
		}
		*field(c) = v
		return nil
	}
}

func address(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v != "" {
			if _, port, err := net.SplitHostPort(v); err != nil || port == "" {
				return errors.New("want host:port")
			}
		}
		*field(c) = v
		return nil
	}
}

// receiver takes host:port, with the protocol in front where it is not SMTP.
func receiver(c *Config, v string) error {
	bare := v
	for _, protocol := range []string{"smtp://", "lmtp://"} {
		bare = strings.TrimPrefix(bare, protocol)
	}
	c.Mail.BounceListen = v
	return address(func(*Config) *string { return &bare })(c, bare)
}

// link takes a URL of one of the schemes. Its errors never repeat the value, which may hold a password.
func link(field func(*Config) *string, schemes ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v != "" {
			u, err := url.Parse(v)
			if err != nil || !slices.Contains(schemes, u.Scheme) {
				return fmt.Errorf("want a URL that begins with %s://", strings.Join(schemes, ":// or "))
			}
		}
		*field(c) = v
		return nil
	}
}

func sender(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v != "" {
			if _, err := mail.ParseAddress(v); err != nil {
				return errors.New("want one mail address, with or without a name")
			}
		}
		*field(c) = v
		return nil
	}
}

// MaxURL is the most octets of TOASOAN_URL: a leave link is that and up to 56 more, and mail headers carry 120 (mail.MaxLeaveURL).
const MaxURL = 64

func baseURL(c *Config, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return errors.New("want http(s)://host without a path")
	}
	u.Path = ""
	if n := len(u.String()); n > MaxURL {
		return fmt.Errorf("has %d characters, want at most %d: the leave link in a newsletter's header has room for no more", n, MaxURL)
	}
	c.URL = u
	return nil
}

func outbound(c *Config, v string) error {
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		addr, err := netip.ParseAddr(part)
		if err != nil {
			return errors.New("want addresses such as 203.0.113.25")
		}
		c.Mail.Outbound = append(c.Mail.Outbound, addr.Unmap())
	}
	return nil
}

func networks(c *Config, v string) error {
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			addr, addrErr := netip.ParseAddr(part)
			if addrErr != nil {
				return errors.New("want networks such as 10.0.0.0/8")
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	return nil
}
