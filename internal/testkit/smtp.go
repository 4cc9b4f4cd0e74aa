package testkit

import (
	"testing"

	"toasoan/internal/testkit/smtpfake"
)

// SMTPServer is the fake relay of package smtpfake.
type SMTPServer = smtpfake.Server

// SMTP is a fake relay for this test alone, the oracle of what was mailed. The options are applied in order.
func SMTP(t testing.TB, options ...func(*smtpfake.Options)) *SMTPServer {
	t.Helper()
	var o smtpfake.Options
	for _, set := range options {
		set(&o)
	}
	s, err := smtpfake.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
