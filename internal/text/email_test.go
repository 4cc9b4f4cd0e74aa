package text

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" An.Nguyen+tin@Xa.VanKhe.GOV.vn ": "An.Nguyen+tin@xa.vankhe.gov.vn",
		"a@tên-miền.vn":                    "a@xn--tn-min-iva0322d.vn",
		"a@xn--tn-min-iva0322d.vn":         "a@xn--tn-min-iva0322d.vn",
		"o'hara_1/2@b-c.vn":                "o'hara_1/2@b-c.vn",
		"\ufeffa@b.vn\u00a0":               "a@b.vn",
		strings.Repeat("a", 64) + "@b.vn":  strings.Repeat("a", 64) + "@b.vn",
	} {
		if got, err := Email(in); err != nil || got != want {
			t.Errorf("Email(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"": ErrEmailEmpty, " ": ErrEmailEmpty, "a": ErrEmailNoAt, "a@x": ErrEmailDomain, "a@": ErrEmailDomain, "@b.vn": ErrEmailLocal,
		"a..b@c.vn": ErrEmailLocal, ".a@c.vn": ErrEmailLocal, "a.@c.vn": ErrEmailLocal, `"a b"@c.vn`: ErrEmailSeveral, `"a"@c.vn`: ErrEmailLocal,
		"a@[127.0.0.1]": ErrEmailIP, "a@127.0.0.1": ErrEmailIP, "a@[IPv6:::1]": ErrEmailIP, "a@1.2.3": ErrEmailIP, "a@b.vn.": ErrEmailDomain,
		"á@b.vn": ErrEmailNotASCII, "a@b.vn\r\nBcc: c@d.vn": ErrEmailControl, "a\x00@b.vn": ErrEmailControl, "a@b.vn\n": ErrEmailControl,
		"a@b.vn> ORCPT=rfc822;x": ErrEmailSeveral, "a@b.vn,c@d.vn": ErrEmailSeveral, "a@b.vn c@d.vn": ErrEmailSeveral, "a@b.vn;": ErrEmailSeveral,
		"A <a@b.vn>": ErrEmailSeveral, "a@b@c.vn": ErrEmailSeveral, "=?utf-8?q?a?=@b.vn": ErrEmailLocal, "a(b)@c.vn": ErrEmailLocal,
		strings.Repeat("a", 65) + "@b.vn": ErrEmailTooLong, strings.Repeat("a", 30) + "@" + strings.Repeat("bbbbbbbbb.", 24) + "vn": ErrEmailTooLong,
		"a@" + strings.Repeat("b", 64) + ".vn": ErrEmailDomain, "a@-b.vn": ErrEmailDomain, "a@b_c.vn": ErrEmailDomain, "a@b..vn": ErrEmailDomain, "a@b。": ErrEmailDomain,
	} {
		if got, err := Email(in); !errors.Is(err, want) {
			t.Errorf("Email(%q) = %q, %v, want %v", in, got, err, want)
		}
	}
	if EmailKey("An@B.vn") != EmailKey("aN@b.VN") || EmailKey("x") != "" {
		t.Error("EmailKey does not make one of two spellings")
	}
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"a@b.vn", "a@tên.vn", "a\r\n@b.vn", "a@[::1]", "\"a\"@b.vn", "a@b。vn", "a@ß.vn", "a@\u00adb.vn"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Email(s)
		if err != nil {
			if _, ok := errors.AsType[*EmailError](err); !ok || got != "" {
				t.Fatalf("%q: %q, %v", s, got, err)
			}
			return
		}
		if again, err := Email(got); err != nil || again != got {
			t.Fatalf("not idempotent: %q -> %q -> %q, %v", s, got, again, err)
		}
		if parsed, err := mail.ParseAddress(got); err != nil || parsed.Address != got {
			t.Fatalf("%q: net/mail reads %q as %v, %v", s, got, parsed, err)
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7F {
				t.Fatalf("%q -> %q", s, got)
			}
		}
	})
}
