package main

import (
	"bytes"
	"errors"
	"net/url"
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
