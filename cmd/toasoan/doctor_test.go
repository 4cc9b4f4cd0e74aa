package main

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toasoan/internal/config"
)

// What must not stay so before real mail is sent is marked as a warning: neither all right, nor a failure.
func TestDoctorWarns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := &doctor{terminal: terminal{out: &out}, config: config.Config{URL: &url.URL{Scheme: "http", Host: "portal.example"}}}
	ask := func() string {
		t.Helper()
		out.Reset()
		said, err := d.returned(t.Context())
		d.show("returned mail", said, err, "set IMAP_URL")
		said, err = d.address(t.Context())
		d.show("public address", said, err, "set TOASOAN_URL")
		return out.String()
	}
	if got := ask(); strings.Contains(got, "✓") || strings.Count(got, "  ! ") != 2 || !strings.Contains(got, "one-click") || d.failed != 0 {
		t.Errorf("%d failed:\n%s", d.failed, got)
	}
	d.config.Mail.BounceDomain, d.config.URL.Scheme = "bounce.portal.example", "https"
	if got := ask(); strings.Count(got, "  ! ") != 1 || !strings.Contains(got, "✓ public address https://portal.example") {
		t.Errorf("%s", got)
	}
	d.show("disk", "", errors.New("full"), "free some")
	if d.failed != 1 || !strings.Contains(out.String(), "✗ disk") {
		t.Errorf("%d failed:\n%s", d.failed, out.String())
	}
}

// The relay's log is another program's: it may be missing, closed to us, or speak of other things.
func TestDoctorReadsTheRelaysLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mail.log")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &doctor{}
	for _, c := range []struct {
		name    string
		prepare func()
		said    string // "": an error
		warns   bool
	}{
		{"none", func() {}, "sent once more", false},
		{"none, held", func() { d.config.Mail.InDoubt = "hold" }, "waits for a person", false},
		{"missing", func() { d.config.Mail.RelayLog = path }, "", false},
		{"of something else", func() { write("Nov 23 05:40:02 mail sshd[1]: hello\n") }, "", true},
		{"Postfix's", func() {
			write("Nov 23 05:40:02 mail postfix/qmgr[802]: 4XyZ1w2Q3z: from=<b@bounce.vn>, size=29604, nrcpt=1 (queue active)\n")
		}, "names the mails", false},
	} {
		c.prepare()
		said, err := d.relayLog(t.Context())
		_, warns := errors.AsType[warning](err)
		if (c.said == "") != (err != nil) || warns != c.warns || !strings.Contains(said, c.said) {
			t.Errorf("%s: %q, %v", c.name, said, err)
		}
	}
}
