package config

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, env map[string]string, arguments ...string) (Config, error) {
	t.Helper()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Load(flags, arguments, func(name string) string { return env[name] })
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	c, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.URL.String() != "http://127.0.0.1:8080" || c.CheckURL != c.URL.String() || c.Mail.Rate != 50 {
		t.Errorf("defaults: %+v", c)
	}
}

func TestFlagWinsOverEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "level")
	if err := os.WriteFile(file, []byte("debug\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"LOG_LEVEL_FILE": file}
	if c, err := load(t, env); err != nil || c.LogLevel != "debug" {
		t.Errorf("from file: %q, %v", c.LogLevel, err)
	}
	env["LOG_LEVEL"] = "warn"
	if c, err := load(t, env); err != nil || c.LogLevel != "warn" {
		t.Errorf("from environment: %q, %v", c.LogLevel, err)
	}
	if c, err := load(t, env, "--log-level", "error"); err != nil || c.LogLevel != "error" {
		t.Errorf("from flag: %q, %v", c.LogLevel, err)
	}
}

func TestEverythingWrongIsSaidAtOnceWithoutSecrets(t *testing.T) {
	t.Parallel()
	_, err := load(t, map[string]string{
		"DATABASE_URL": "mysql://u:hunter2@h/d", "MAIL_RATE": "many", "TOASOAN_URL": "https://a.vn/x", "LOG_FORMAT": "xml",
		"TRUSTED_PROXIES": "nowhere", "SMTP_URL": "smtp://u:hunter2@h:%zz", "MAIL_GATE": "open", "MAIL_OUTBOUND": "relay.vn",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"DATABASE_URL", "MAIL_RATE", "TOASOAN_URL", "LOG_FORMAT", "TRUSTED_PROXIES", "SMTP_URL", "MAIL_GATE", "MAIL_OUTBOUND"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is shown: %v", err)
	}
}

func TestDemoIsRefusedBeyondThisMachine(t *testing.T) {
	t.Parallel()
	for listen, refused := range map[string]bool{"0.0.0.0:8080": true, "10.1.2.3:80": true, "[::1]:8080": false, "localhost:1": false} {
		c, err := load(t, map[string]string{"TOASOAN_LISTEN": listen})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.CheckDemo() != nil; got != refused {
			t.Errorf("%s: refused = %v, want %v", listen, got, refused)
		}
	}
}

func TestReceiverOfBouncesNeedsADomain(t *testing.T) {
	t.Parallel()
	for setting, good := range map[string]bool{"127.0.0.1:2525": true, "smtp://:25": true, "lmtp://127.0.0.1:24": true, "imap://x:1": false, "2525": false} {
		c, err := load(t, map[string]string{"BOUNCE_LISTEN": setting, "BOUNCE_DOMAIN": "bounce.vankhe.example"})
		if (err == nil) != good || good && c.Mail.BounceListen != setting {
			t.Errorf("%s: %q, %v", setting, c.Mail.BounceListen, err)
		}
	}
	if _, err := load(t, map[string]string{"BOUNCE_LISTEN": "127.0.0.1:2525"}); err == nil || !strings.Contains(err.Error(), "BOUNCE_DOMAIN") {
		t.Errorf("without a domain: %v", err)
	}
}

func TestACertificateHasItsKey(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{{"BOUNCE_TLS_CERT": "/cert.pem"}, {"BOUNCE_TLS_KEY": "/key.pem"}} {
		if _, err := load(t, env); err == nil || !strings.Contains(err.Error(), "belong together") {
			t.Errorf("%v: %v", env, err)
		}
	}
	c, err := load(t, map[string]string{"BOUNCE_TLS_CERT": "/cert.pem", "BOUNCE_TLS_KEY": "/key.pem"})
	if err != nil || c.Mail.BounceCert != "/cert.pem" || c.Mail.BounceKey != "/key.pem" {
		t.Errorf("%+v, %v", c.Mail, err)
	}
}

// Every leave link of a newsletter begins with the address: one that is too long would fail each mail, one by one.
func TestALongAddressIsRefusedWithItsLimit(t *testing.T) {
	t.Parallel()
	fits := "https://" + strings.Repeat("x", MaxURL-len("https://.vn")) + ".vn"
	if c, err := load(t, map[string]string{"TOASOAN_URL": fits + "/"}); err != nil || c.URL.String() != fits {
		t.Errorf("%d characters: %v", len(fits), err)
	}
	_, err := load(t, map[string]string{"TOASOAN_URL": "https://x" + fits[len("https://"):]})
	if err == nil || !strings.Contains(err.Error(), "TOASOAN_URL") || !strings.Contains(err.Error(), "has 65 characters, want at most 64") {
		t.Errorf("65 characters: %v", err)
	}
}
