package bounce

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// papers writes a certificate for a name and its key into a folder, over those that are there.
func papers(t *testing.T, folder, name string, until time.Time) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	put(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	put(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certFile, keyFile, pool
}

// put replaces a file as renewal programs do, so that its time is another one whatever the file system's clock says.
func put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(time.Now().UnixNano()%1e9, time.Now().UnixNano()%1e9)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

const host = "mx.bounce.example"

func TestReceiverSpeaksTLSWithWhoeverWantsIt(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certFile, keyFile, pool := papers(t, folder, host, time.Now().AddDate(0, 1, 0))
	certificate, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &till{}
	address := serve(t, s, certificate)
	own := []string{"b+" + token(1) + "@" + domain}
	secured := func(roots *x509.CertPool) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := smtp.NewClientStartTLS(conn, &tls.Config{RootCAs: roots, ServerName: host})
		if err != nil {
			return err
		}
		defer c.Close() //nolint:errcheck // a test's
		if err := send(c, "", own, dsn(1)); err != nil {
			return err
		}
		if ok, _ := c.Extension("STARTTLS"); ok {
			t.Error("TLS is offered within TLS")
		}
		return c.Quit()
	}
	if err := secured(pool); err != nil || s.count() != 1 {
		t.Fatalf("over TLS: %v, %d taken", err, s.count())
	}
	plain, err := smtp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := send(plain, "", own, dsn(2)); err != nil || s.count() != 2 {
		t.Errorf("without TLS: %v, %d taken", err, s.count())
	}
	if said, err := Check(t.Context(), address, time.Now()); err != nil || !strings.Contains(said, host) {
		t.Errorf("looked at: %q, %v", said, err)
	}

	// Renewed: the connection that is open goes on, the next one sees the new certificate.
	_, _, renewed := papers(t, folder, host, time.Now().AddDate(0, 3, 0))
	if err := secured(pool); err == nil {
		t.Error("the former certificate is still shown")
	}
	if err := secured(renewed); err != nil {
		t.Errorf("the renewed certificate: %v", err)
	}
	if err := send(plain, "", own, dsn(3)); err != nil {
		t.Errorf("a connection from before: %v", err)
	}

	// Halfway through a renewal, and a renewal that went wrong: the last good one goes on.
	key, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	_, _, third := papers(t, folder, host, time.Now().AddDate(0, 6, 0))
	next, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	put(t, keyFile, key)
	if err := secured(renewed); err != nil {
		t.Errorf("halfway: %v", err)
	}
	put(t, keyFile, next)
	if err := secured(third); err != nil {
		t.Errorf("and done: %v", err)
	}
	put(t, certFile, bytes.ToLower(good))
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if err := secured(third); err != nil {
		t.Errorf("without its files: %v", err)
	}
}

// What was said in the clear before TLS began counts for nothing after it (CVE-2011-0411).
func TestNothingIsSmuggledInFrontOfTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := papers(t, t.TempDir(), host, time.Now().AddDate(0, 1, 0))
	certificate, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &till{}
	conn, err := net.Dial("tcp", serve(t, s, certificate))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's
	plain := textproto.NewReader(bufio.NewReader(conn))
	for _, line := range []string{"", "EHLO a\r\n", "STARTTLS\r\nEHLO b\r\nMAIL FROM:<>\r\nRCPT TO:<b+" + token(1) + "@" + domain + ">\r\n"} {
		if _, err := conn.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := plain.ReadResponse(2); err != nil { // 220, 250, 220: nothing else is said before the handshake
			t.Fatal(err)
		}
	}
	secured := tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: host})
	if _, err := secured.Write([]byte("DATA\r\n")); err != nil {
		t.Fatal(err)
	}
	if code, said, err := textproto.NewReader(bufio.NewReader(secured)).ReadResponse(5); err != nil {
		t.Errorf("DATA is answered %d %q, %v", code, said, err)
	}
}

func TestBadCertificatesAreRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certFile, keyFile, _ := papers(t, folder, host, time.Now().AddDate(0, 1, 0))
	_, otherKey, _ := papers(t, t.TempDir(), host, time.Now().AddDate(0, 1, 0))
	nothing := filepath.Join(folder, "nothing.pem")
	words := filepath.Join(folder, "words.pem")
	put(t, words, []byte("no certificate\n"))
	for _, files := range [][2]string{{nothing, keyFile}, {certFile, nothing}, {words, keyFile}, {certFile, words}, {certFile, otherKey}, {folder, keyFile}} {
		_, err := LoadCertificate(files[0], files[1], slog.New(slog.DiscardHandler))
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), ".pem") && !strings.Contains(err.Error(), folder) {
			t.Errorf("%v: %v", files, err)
		}
	}
}

func TestAnOldCertificateIsSaid(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := papers(t, t.TempDir(), host, time.Now().AddDate(0, 0, -1))
	certificate, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &till{}
	if said, err := Check(t.Context(), serve(t, s, certificate), time.Now()); err == nil {
		t.Errorf("a certificate that is over: %q", said)
	}
	if said, err := Check(t.Context(), serve(t, s, nil), time.Now()); err != nil || !strings.Contains(said, "in the clear") {
		t.Errorf("without TLS: %q, %v", said, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	r := &Receiver{Handler: &Handler{Store: s, Domain: domain, Log: slog.New(slog.DiscardHandler)}, LMTP: true, Log: slog.New(slog.DiscardHandler)}
	go func() { done <- r.Serve(ctx, listener) }()
	if said, err := Check(t.Context(), "lmtp://"+address, time.Now()); err != nil || !strings.Contains(said, "in the clear") {
		t.Errorf("LMTP: %q, %v", said, err)
	}
	if said, err := Check(t.Context(), address, time.Now()); err == nil {
		t.Errorf("LMTP asked as SMTP: %q", said)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if said, err := Check(t.Context(), address, time.Now()); err == nil {
		t.Errorf("nobody is there: %q", said)
	}
}

// serve runs a receiver until the test ends.
func serve(t *testing.T, s *till, certificate *Certificate) (address string) {
	t.Helper()
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, certificate, listener)
	return listener.Addr().String()
}

// run lets a receiver take mail at a listener until stop or the test's end.
func run(t *testing.T, s *till, certificate *Certificate, listener net.Listener) (stop func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &Receiver{Handler: &Handler{Store: s, Domain: domain, Log: log}, Certificate: certificate, Log: log}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// Two workers share one address: each takes mail, and when one has gone the other takes all of it.
func TestTwoReceiversShareAnAddress(t *testing.T) {
	t.Parallel()
	one, two := &till{}, &till{}
	first, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(t.Context(), first.Addr().String())
	if err != nil {
		t.Fatalf("the second worker: %v", err)
	}
	stop := run(t, one, nil, first)
	run(t, two, nil, second)
	own := []string{"b+" + token(1) + "@" + domain}
	deliver := func(k int) {
		t.Helper()
		c, err := smtp.Dial(first.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // a test's
		if err := send(c, "", own, dsn(k)); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	for ; sent < 1000 && (one.count() == 0 || two.count() == 0); sent++ {
		deliver(sent)
	}
	if one.count() == 0 || two.count() == 0 {
		t.Errorf("of %d mails one worker took %d, the other %d", sent, one.count(), two.count())
	}
	stop()
	for range 20 {
		deliver(sent)
		sent++
	}
	if got := one.count() + two.count(); got != sent {
		t.Errorf("%d mails taken of %d", got, sent)
	}
	// A port of another program's stays its own.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a test's
	if l, err := Listen(t.Context(), taken.Addr().String()); err == nil {
		_ = l.Close()
		t.Error("another program's port was taken")
	}
}
