package deliverability

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers on a loopback port from a zone, as a real one would: the product's resolver asks it over the wire.
func nameServer(t *testing.T, z zone) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var ask dnsmessage.Message
			if ask.Unpack(buffer[:n]) != nil || len(ask.Questions) != 1 {
				continue
			}
			if reply, err := z.reply(ask).Pack(); err == nil {
				_, _ = socket.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func (z zone) reply(ask dnsmessage.Message) *dnsmessage.Message {
	q := ask.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	out := &dnsmessage.Message{Header: dnsmessage.Header{ID: ask.ID, Response: true, Authoritative: true}, Questions: ask.Questions}
	add := func(body dnsmessage.ResourceBody) {
		out.Answers = append(out.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: body})
	}
	switch q.Type {
	case dnsmessage.TypeTXT:
		for _, text := range z.txt[name] {
			var parts []string
			for len(text) > 255 {
				parts, text = append(parts, text[:255]), text[255:]
			}
			add(&dnsmessage.TXTResource{TXT: append(parts, text)})
		}
	case dnsmessage.TypeMX:
		if host, there := z.mx[name]; there {
			add(&dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(host)})
		}
	case dnsmessage.TypeA:
		if ip, there := z.ip[name]; there {
			add(&dnsmessage.AResource{A: [4]byte(net.ParseIP(ip).To4())})
		}
	case dnsmessage.TypePTR:
		if name == "25.113.0.203.in-addr.arpa" {
			for _, host := range z.ptr["203.0.113.25"] {
				add(&dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(host)})
			}
		}
	default:
	}
	if len(out.Answers) == 0 {
		out.RCode = dnsmessage.RCodeNameError
	}
	if z.away[name] {
		out.RCode, out.Answers = dnsmessage.RCodeServerFailure, nil
	}
	return out
}

// Over real DNS everything is found as with the resolver that only remembers: a key in two strings, a name that is not there, a
// server that fails.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	s, z := good(t)
	found := looked(t, s, nameServer(t, z))
	for _, name := range Checks {
		if found[name].State != Passed {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
	delete(z.txt, "_dmarc.vankhe.gov.vn")
	z.away = map[string]bool{"ts1._domainkey.vankhe.gov.vn": true}
	found = looked(t, s, nameServer(t, z))
	if found["dmarc"].State != Failed || found["dkim"].State != Unknown {
		t.Errorf("%+v %+v", found["dmarc"], found["dkim"])
	}
}

func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// relayAt is a relay that greets, and encrypts with pair where it is told to offer that.
func relayAt(t *testing.T, offers bool, pair tls.Certificate) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				say := func(text string) { _, _ = conn.Write([]byte(text + "\r\n")) }
				line := make([]byte, 512)
				say("220 relay ESMTP")
				for {
					n, err := conn.Read(line)
					if err != nil {
						return
					}
					switch command := strings.ToUpper(string(line[:n])); {
					case strings.HasPrefix(command, "EHLO") && offers:
						say("250-relay\r\n250 STARTTLS")
					case strings.HasPrefix(command, "EHLO"):
						say("250 relay")
					case strings.HasPrefix(command, "STARTTLS"):
						say("220 go")
						conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
					default:
						say("221 bye")
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// relayName leads to this machine in the zone.
const relayName = "smtp.vankhe.gov.vn"

func TestRelayTLS(t *testing.T) {
	t.Parallel()
	right, pool := certificate(t, relayName)
	wrong, _ := certificate(t, "khac.vn")
	for name, one := range map[string]struct {
		offers bool
		pair   tls.Certificate
		want   State
	}{
		"a certificate of its own": {true, right, Passed},
		"somebody else's":          {true, wrong, Failed},
		"no STARTTLS":              {false, right, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, z := good(t)
			z.ip[relayName] = "127.0.0.1"
			s.Relay = Relay{Host: relayName, Port: relayAt(t, one.offers, one.pair), TLS: "required", CAs: pool}
			if f := looked(t, s, z)["tls"]; f.State != one.want {
				t.Errorf("%+v", f)
			}
		})
	}
	s, z := good(t)
	z.ip[relayName] = "127.0.0.1"
	s.Relay = Relay{Host: relayName, Port: 1, TLS: "implicit"}
	if f := looked(t, s, z)["tls"]; f.State != Unknown {
		t.Errorf("a relay that is away: %+v", f)
	}
}

// The gate refuses only what is known to be wrong, keeps a verdict while DNS is away, and opens soon after the record is mended.
func TestGate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 2, 8, 0, 0, 0, time.UTC)
	state := Failed
	looks := 0
	var told [][]string
	open := func(refuse bool) *Gate {
		return NewGate(GateOptions{
			Look: func(context.Context) ([]Finding, error) {
				looks++
				if state == "" {
					return nil, errors.New("no settings")
				}
				return []Finding{{Check: "dmarc", State: state}, {Check: "spf", State: Passed}}, nil
			},
			Refuse: refuse, Tell: func(_ context.Context, failed []string) { told = append(told, failed) },
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		})
	}
	if g := open(false); len(g.Closed(t.Context())) != 0 || looks != 0 {
		t.Error("a gate that only warns refuses")
	}
	g := open(true)
	for range 3 {
		if failed := g.Closed(t.Context()); len(failed) != 1 || failed[0] != "dmarc" {
			t.Errorf("closed for %v", failed)
		}
	}
	if looks != 1 || len(told) != 1 {
		t.Errorf("looked %d times, told %v", looks, told)
	}
	state = Unknown
	now = now.Add(2 * time.Minute)
	if len(g.Closed(t.Context())) != 1 || looks != 2 {
		t.Error("a verdict was dropped while DNS is away")
	}
	state = Passed
	now = now.Add(2 * time.Minute)
	if len(g.Closed(t.Context())) != 0 || len(told[len(told)-1]) != 0 {
		t.Error("a mended record keeps the gate closed")
	}
	state = Failed
	if len(g.Closed(t.Context())) != 0 {
		t.Error("an open gate is looked at each time it is asked")
	}
}

func TestWatchLooksAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	looked := make(chan struct{}, 1)
	g := NewGate(GateOptions{
		Look: func(context.Context) ([]Finding, error) {
			looked <- struct{}{}
			return []Finding{{Check: "mx", State: Failed}}, nil
		},
		Refuse: true, Tell: func(context.Context, []string) {}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	done := make(chan struct{})
	go func() { g.Watch(ctx); close(done) }()
	<-looked
	cancel()
	<-done
}
