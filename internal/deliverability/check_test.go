package deliverability

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// zone answers what it holds; everything else is not there. A name in away gets no answer.
type zone struct {
	txt, ptr map[string][]string
	mx       map[string]string
	ip       map[string]string
	away     map[string]bool
}

func (z zone) answer(name string, there bool) error {
	if z.away[name] {
		return &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	if !there {
		return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return nil
}

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	found := z.txt[name]
	return found, z.answer(name, found != nil)
}

func (z zone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	host, there := z.mx[name]
	return []*net.MX{{Host: host, Pref: 10}}, z.answer(name, there)
}

func (z zone) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	ip, there := z.ip[strings.TrimSuffix(name, ".")]
	return []net.IPAddr{{IP: net.ParseIP(ip)}}, z.answer(name, there)
}

func (z zone) LookupAddr(_ context.Context, addr string) ([]string, error) {
	found := z.ptr[addr]
	return found, z.answer(addr, found != nil)
}

func rsaKey(t *testing.T) (private []byte, record string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return private, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
}

// good is a sender with whom everything is in order; the relay is on this machine, so that no check opens a connection.
func good(t *testing.T) (Settings, zone) {
	t.Helper()
	key, record := rsaKey(t)
	s := Settings{
		From: "Cổng xã <ban-tin@vankhe.gov.vn>", FromTx: "duyet@vankhe.gov.vn", Bounce: "thu.vankhe.gov.vn", Domain: "vankhe.gov.vn",
		Selector: "ts1", Key: key, Relay: Relay{Host: "127.0.0.1", Port: 25, TLS: "none"}, Outbound: []netip.Addr{netip.MustParseAddr("203.0.113.25")},
	}
	return s, zone{
		txt: map[string][]string{
			"thu.vankhe.gov.vn":            {"google-site-verification=x", "v=spf1 include:_spf.vankhe.gov.vn -all"},
			"_spf.vankhe.gov.vn":           {"v=spf1 ip4:203.0.113.0/27 ~all"},
			"_dmarc.vankhe.gov.vn":         {"v=DMARC1; p=quarantine; adkim=s"},
			"ts1._domainkey.vankhe.gov.vn": {record},
		},
		ptr: map[string][]string{"203.0.113.25": {"mail.vankhe.gov.vn."}},
		ip:  map[string]string{"mail.vankhe.gov.vn": "203.0.113.25"},
		mx:  map[string]string{"thu.vankhe.gov.vn": "mail.vankhe.gov.vn."},
	}
}

func looked(t *testing.T, s Settings, z Resolver) map[string]Finding {
	t.Helper()
	findings, err := Check(t.Context(), z, s)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Finding{}
	for _, f := range findings {
		if f.Said == "" || (f.State == Failed || f.State == Unknown) && f.Do == "" {
			t.Errorf("%+v says nothing, or not what to do", f)
		}
		found[f.Check] = f
	}
	return found
}

func TestEverythingInOrder(t *testing.T) {
	t.Parallel()
	s, z := good(t)
	found := looked(t, s, z)
	for _, name := range Checks {
		if found[name].State != Passed {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
}

// Each thing that can be wrong fails its own check alone, and the record to publish mends it.
func TestEachFaultIsFound(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		spoil  func(*Settings, *zone)
		check  string
		state  State
		record string // part of the record to publish
	}{
		"no SPF":                {func(_ *Settings, z *zone) { delete(z.txt, "thu.vankhe.gov.vn") }, "spf", Failed, `thu.vankhe.gov.vn. TXT "v=spf1 ip4:203.0.113.25 -all"`},
		"SPF without the relay": {func(_ *Settings, z *zone) { z.txt["thu.vankhe.gov.vn"] = []string{"v=spf1 mx:khac.vn ~all"} }, "spf", Failed, `"v=spf1 mx:khac.vn ip4:203.0.113.25 ~all"`},
		"two SPF records":       {func(_ *Settings, z *zone) { z.txt["thu.vankhe.gov.vn"] = []string{"v=spf1 -all", "v=spf1 +all"} }, "spf", Failed, ""},
		"SPF that is wrong":     {func(_ *Settings, z *zone) { z.txt["thu.vankhe.gov.vn"] = []string{"v=spf1 ip4:nothing -all"} }, "spf", Failed, ""},
		"SPF that loops": {func(_ *Settings, z *zone) {
			z.txt["_spf.vankhe.gov.vn"] = []string{"v=spf1 include:_spf.vankhe.gov.vn -all"}
		}, "spf", Failed, ""},
		"SPF away": {func(_ *Settings, z *zone) { z.away = map[string]bool{"_spf.vankhe.gov.vn": true} }, "spf", Unknown, ""},
		"no key":   {func(_ *Settings, z *zone) { delete(z.txt, "ts1._domainkey.vankhe.gov.vn") }, "dkim", Failed, `ts1._domainkey.vankhe.gov.vn. TXT "v=DKIM1; k=rsa; p=MII`},
		"another key": {func(_ *Settings, z *zone) {
			_, other := rsaKey(t)
			z.txt["ts1._domainkey.vankhe.gov.vn"] = []string{other}
		}, "dkim", Failed, "v=DKIM1"},
		"a revoked key":   {func(_ *Settings, z *zone) { z.txt["ts1._domainkey.vankhe.gov.vn"] = []string{"v=DKIM1; p="} }, "dkim", Failed, "v=DKIM1"},
		"garbage as key":  {func(_ *Settings, z *zone) { z.txt["ts1._domainkey.vankhe.gov.vn"] = []string{"v=DKIM1; p=%%%"} }, "dkim", Failed, "v=DKIM1"},
		"no private key":  {func(s *Settings, _ *zone) { s.Key = []byte("nothing") }, "dkim", Failed, ""},
		"the relay signs": {func(s *Settings, _ *zone) { s.Selector, s.Key = "", nil }, "dkim", Unknown, ""},
		"no DMARC":        {func(_ *Settings, z *zone) { delete(z.txt, "_dmarc.vankhe.gov.vn") }, "dmarc", Failed, `_dmarc.vankhe.gov.vn. TXT "v=DMARC1; p=none`},
		"DMARC without p": {func(_ *Settings, z *zone) { z.txt["_dmarc.vankhe.gov.vn"] = []string{"v=DMARC1; rua=mailto:a@b.vn"} }, "dmarc", Failed, ""},
		"two DMARC records": {func(_ *Settings, z *zone) {
			z.txt["_dmarc.vankhe.gov.vn"] = []string{"v=DMARC1; p=none", "v=DMARC1; p=none"}
		}, "dmarc", Failed, ""},
		"letters of others":  {func(s *Settings, _ *zone) { s.FromTx = "duyet@khac.gov.vn" }, "dmarc", Failed, "_dmarc.khac.gov.vn"},
		"DMARC away":         {func(_ *Settings, z *zone) { z.away = map[string]bool{"_dmarc.vankhe.gov.vn": true} }, "dmarc", Unknown, ""},
		"no PTR":             {func(_ *Settings, z *zone) { delete(z.ptr, "203.0.113.25") }, "ptr", Failed, ""},
		"PTR led elsewhere":  {func(_ *Settings, z *zone) { z.ip["mail.vankhe.gov.vn"] = "203.0.113.26" }, "ptr", Failed, ""},
		"PTR away":           {func(_ *Settings, z *zone) { z.away = map[string]bool{"203.0.113.25": true} }, "ptr", Unknown, ""},
		"no MX":              {func(_ *Settings, z *zone) { delete(z.mx, "thu.vankhe.gov.vn") }, "mx", Failed, "thu.vankhe.gov.vn. MX 10 "},
		"null MX (RFC 7505)": {func(_ *Settings, z *zone) { z.mx["thu.vankhe.gov.vn"] = "." }, "mx", Failed, "MX"},
		"MX away":            {func(_ *Settings, z *zone) { z.away = map[string]bool{"thu.vankhe.gov.vn": true} }, "mx", Unknown, ""},
		"plain text":         {func(s *Settings, z *zone) { s.Relay.Host = "relay.vankhe.gov.vn" }, "tls", Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, z := good(t)
			one.spoil(&s, &z)
			found := looked(t, s, z)
			if f := found[one.check]; f.State != one.state || !strings.Contains(f.Record, one.record) || one.record == "" && f.Record != "" {
				t.Errorf("%s: %+v", one.check, f)
			}
			if name == "MX away" { // the same name carries SPF
				delete(found, "spf")
			}
			for _, other := range found {
				if other.Check != one.check && other.State == Failed {
					t.Errorf("%s failed too: %+v", other.Check, other)
				}
			}
		})
	}
}

// A relay whose sending addresses nobody named is judged by its own only where that speaks for it.
func TestGuessedAddressesNeverFail(t *testing.T) {
	t.Parallel()
	s, z := good(t)
	s.Outbound = nil
	s.Relay = Relay{Host: "smtp.vankhe.gov.vn", Port: 587, TLS: "none"}
	z.ip["smtp.vankhe.gov.vn"] = "203.0.113.20"
	if found := looked(t, s, z); found["spf"].State != Passed || found["ptr"].State != Unknown {
		t.Errorf("%+v", found)
	}
	z.ip["smtp.vankhe.gov.vn"] = "198.51.100.1"
	if found := looked(t, s, z); found["spf"].State != Unknown || !strings.Contains(found["spf"].Do, "MAIL_OUTBOUND") {
		t.Errorf("%+v", found["spf"])
	}
	delete(z.txt, "thu.vankhe.gov.vn")
	if found := looked(t, s, z); found["spf"].State != Failed || !strings.Contains(found["spf"].Record, "a:smtp.vankhe.gov.vn") {
		t.Errorf("%+v", found["spf"])
	}
}

// The policy decides what counts: strict wants the very domain, relaxed the registered one; a subdomain without a policy has its
// organization's.
func TestAlignment(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		from, bounce, signs, policy string
		want                        State
	}{
		{"vankhe.gov.vn", "thu.vankhe.gov.vn", "ngoai.vn", "v=DMARC1; p=none", Passed},
		{"vankhe.gov.vn", "thu.vankhe.gov.vn", "ngoai.vn", "v=DMARC1; p=none; aspf=s", Failed},
		{"vankhe.gov.vn", "ngoai.vn", "vankhe.gov.vn", "v=DMARC1; p=none; adkim=s", Passed},
		{"vankhe.gov.vn", "ngoai.vn", "thu.vankhe.gov.vn", "v=DMARC1; p=none; adkim=s", Failed},
		{"vankhe.gov.vn", "khac.gov.vn", "khac.gov.vn", "v=DMARC1; p=none", Failed}, // gov.vn is nobody's
		{"tin.vankhe.gov.vn", "vankhe.gov.vn", "vankhe.gov.vn", "v=DMARC1; p=reject", Passed},
	} {
		s, z := good(t)
		s.From, s.FromTx, s.Bounce, s.Domain = "a@"+one.from, "", one.bounce, one.signs
		z.txt["_dmarc.vankhe.gov.vn"] = []string{one.policy}
		if f := looked(t, s, z)["dmarc"]; f.State != one.want {
			t.Errorf("%+v: %+v", one, f)
		}
	}
}

// Without BOUNCE_DOMAIN letters leave in envelopes of their own sender's domain: they are judged by that, newsletters by theirs.
func TestEachSenderHasItsOwnEnvelope(t *testing.T) {
	t.Parallel()
	world := func() (Settings, zone) {
		s, z := good(t)
		s.FromTx, s.Bounce, s.Selector, s.Key = "duyet@khac.gov.vn", "", "", nil
		for _, domain := range []string{"vankhe.gov.vn", "khac.gov.vn"} {
			z.txt[domain] = []string{"v=spf1 ip4:203.0.113.25 -all"}
			z.txt["_dmarc."+domain] = []string{"v=DMARC1; p=reject; aspf=s"}
			z.mx[domain] = "mail.vankhe.gov.vn."
		}
		return s, z
	}
	s, z := world()
	found := looked(t, s, z)
	for _, name := range []string{"spf", "dmarc", "mx"} {
		if f := found[name]; f.State != Passed || !strings.Contains(f.Said, "khac.gov.vn") || !strings.Contains(f.Said, "vankhe.gov.vn") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for name, domain := range map[string]string{"spf": "khac.gov.vn", "mx": "khac.gov.vn", "dmarc": "khac.gov.vn"} {
		s, z := world()
		switch name {
		case "spf":
			delete(z.txt, domain)
		case "mx":
			delete(z.mx, domain)
		case "dmarc":
			z.away = map[string]bool{"_dmarc.vankhe.gov.vn": true} // one without an answer hides no fault of the other
			delete(z.txt, "_dmarc."+domain)
		}
		for _, f := range looked(t, s, z) {
			if (f.State == Failed) != (f.Check == name) || f.Check == name && !strings.Contains(f.Record, domain) {
				t.Errorf("%s is missing: %+v", name, f)
			}
		}
	}
	// With one, all envelopes are of that domain, which counts for its own alone.
	s, z = world()
	s.Bounce = "thu.vankhe.gov.vn"
	z.txt["_dmarc.vankhe.gov.vn"] = []string{"v=DMARC1; p=reject"}
	found = looked(t, s, z)
	if f := found["dmarc"]; f.State != Failed || !strings.Contains(f.Said, "khac.gov.vn") || found["spf"].State != Passed || found["mx"].State != Passed {
		t.Errorf("%+v", found)
	}
}

func TestEd25519Key(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	s, z := good(t)
	s.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	f := looked(t, s, z)["dkim"]
	if f.State != Failed {
		t.Fatalf("an RSA record for an Ed25519 key: %+v", f)
	}
	_, value, _ := strings.Cut(f.Record, `TXT "`)
	z.txt["ts1._domainkey.vankhe.gov.vn"] = []string{strings.Trim(value, `"`)}
	if f = looked(t, s, z)["dkim"]; f.State != Passed || !strings.Contains(z.txt["ts1._domainkey.vankhe.gov.vn"][0], base64.StdEncoding.EncodeToString(public)) {
		t.Errorf("%+v", f)
	}
}

// What is published as advised is what passes: a long key comes in strings of 255 bytes.
func TestAdvisedKeyFitsAZoneFile(t *testing.T) {
	t.Parallel()
	s, z := good(t)
	delete(z.txt, "ts1._domainkey.vankhe.gov.vn")
	_, value, _ := strings.Cut(looked(t, s, z)["dkim"].Record, " TXT ")
	joined := ""
	for _, part := range strings.Split(strings.Trim(value, `"`), `" "`) {
		if len(part) > 255 {
			t.Fatalf("a string of %d bytes", len(part))
		}
		joined += part
	}
	z.txt["ts1._domainkey.vankhe.gov.vn"] = []string{joined}
	if f := looked(t, s, z)["dkim"]; f.State != Passed {
		t.Errorf("%+v", f)
	}
}

func TestExempt(t *testing.T) {
	t.Parallel()
	s, _ := good(t)
	dead := zone{}
	s.Mailbox = true
	if f := looked(t, s, dead); len(f) != 1 || f["sender"].State != Exempt {
		t.Errorf("embedded mailbox: %+v", f)
	}
	s.Mailbox, s.From = false, "a@localhost.localdomain"
	if f := looked(t, s, dead); len(f) != 1 || f["sender"].State != Exempt {
		t.Errorf("reserved domain: %+v", f)
	}
	s.From = "nobody"
	if _, err := Check(t.Context(), dead, s); err == nil || errors.Is(err, context.Canceled) {
		t.Error("a sender that is no address was taken")
	}
}
