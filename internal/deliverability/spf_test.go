package deliverability

import (
	"net/netip"
	"strings"
	"testing"
)

// The record that is printed can be published as it is: an address is named as an address, and one that receivers do not see is asked for.
func TestRecordNamesWhatReceiversSee(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		relay, resolves, outbound string
		record, do                string // "" no record, and what to do instead
	}{
		{"127.0.0.1", "127.0.0.1", "", "", "MAIL_OUTBOUND"},
		{"localhost", "127.0.0.1", "", "", "MAIL_OUTBOUND"},
		{"relay.lan", "10.0.0.5", "", "", "MAIL_OUTBOUND"},
		{"10.0.0.5", "10.0.0.5", "203.0.113.20", `"v=spf1 ip4:203.0.113.20 -all"`, "publish"},
		{"127.0.0.1", "127.0.0.1", "2001:db8::25", `"v=spf1 ip6:2001:db8::25 -all"`, "publish"},
		{"127.0.0.1", "127.0.0.1", "10.0.0.5", "", "MAIL_OUTBOUND"},
		{"203.0.113.20", "203.0.113.20", "", `"v=spf1 ip4:203.0.113.20 -all"`, "publish"},
		{"2001:db8::25", "2001:db8::25", "", `"v=spf1 ip6:2001:db8::25 -all"`, "publish"},
		{"smtp.vankhe.gov.vn", "203.0.113.20", "", `"v=spf1 a:smtp.vankhe.gov.vn -all"`, "publish"},
	} {
		s, z := good(t)
		delete(z.txt, "thu.vankhe.gov.vn")
		s.Relay, s.Outbound = Relay{Host: one.relay, Port: 25, TLS: "none"}, nil
		z.ip[one.relay] = one.resolves
		if one.outbound != "" {
			s.Outbound = []netip.Addr{netip.MustParseAddr(one.outbound)}
		}
		f := looked(t, s, z)["spf"]
		if f.State != Failed || !strings.HasSuffix(f.Record, one.record) || (one.record == "") != (f.Record == "") || !strings.Contains(f.Do, one.do) {
			t.Errorf("%s (outbound %q): %+v", one.relay, one.outbound, f)
		}
	}
	s, z := good(t) // there is a record, and it does not name what nobody sees
	s.Outbound = []netip.Addr{netip.MustParseAddr("10.0.0.5")}
	if f := looked(t, s, z)["spf"]; f.State != Failed || f.Record != "" || !strings.Contains(f.Do, "leaves your network") {
		t.Errorf("%+v", f)
	}
}
