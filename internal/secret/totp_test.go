package secret_test

import (
	"strings"
	"testing"
	"time"

	"toasoan/internal/secret"
)

// The vectors of RFC 6238 appendix B (SHA-1), shortened to six digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for unix, want := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 2000000000: "279037"} {
		if got := secret.TOTPCode(key, unix/secret.Period); got != want {
			t.Errorf("code at %d is %s, want %s", unix, got, want)
		}
	}
}

func TestTOTPStep(t *testing.T) {
	t.Parallel()
	key := secret.NewTOTP()
	now := time.Unix(1_700_000_000, 0)
	at := now.Unix() / secret.Period
	for name, c := range map[string]struct {
		code string
		last int64
		ok   bool
	}{
		"now":         {secret.TOTPCode(key, at), 0, true},
		"with spaces": {secret.TOTPCode(key, at)[:3] + " " + secret.TOTPCode(key, at)[3:], 0, true},
		"just before": {secret.TOTPCode(key, at-1), 0, true},
		"just after":  {secret.TOTPCode(key, at+1), 0, true},
		"too old":     {secret.TOTPCode(key, at-2), 0, false},
		"replayed":    {secret.TOTPCode(key, at), at, false},
		"older":       {secret.TOTPCode(key, at-1), at, false},
		"empty":       {"", 0, false},
	} {
		if _, ok := secret.TOTPStep(key, c.code, now, c.last); ok != c.ok {
			t.Errorf("%s: accepted %v, want %v", name, ok, c.ok)
		}
	}
	if url := secret.TOTPURL(key, "Cổng Vân Khê", "a@example.vn"); !strings.HasPrefix(url, "otpauth://totp/C%E1%BB%95ng") || !strings.Contains(url, secret.TOTPText(key)) {
		t.Errorf("url is %s", url)
	}
}
