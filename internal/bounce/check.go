package bounce

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// Check asks whoever takes mail at BOUNCE_LISTEN how it does so, and says it in a few words. It refuses when nobody answers, and when
// the certificate is over: the stricter senders of bounces would give theirs up.
func Check(ctx context.Context, setting string, now time.Time) (string, error) {
	address, lmtp := ParseListen(setting)
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("nobody takes mail at %s", address)
	}
	defer conn.Close() //nolint:errcheck // nothing was said
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	hello := "EHLO localhost"
	if lmtp {
		hello = "LHLO localhost"
	}
	text := textproto.NewConn(conn)
	if _, _, err := text.ReadResponse(220); err != nil {
		return "", fmt.Errorf("no mail server answers at %s", address)
	}
	said, err := ask(text, hello, 250)
	if err != nil {
		return "", fmt.Errorf("the mail server at %s does not answer %s", address, hello)
	}
	if !strings.Contains(said, "\nSTARTTLS") {
		return fmt.Sprintf("taken at %s in the clear: BOUNCE_TLS_CERT is not set", address), nil
	}
	if _, err := ask(text, "STARTTLS", 220); err != nil {
		return "", fmt.Errorf("the mail server at %s does not start TLS", address)
	}
	// It is looked at, not trusted: the name of the receiver is whatever the MX record says.
	over := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nothing is sent over it
	if err := over.HandshakeContext(ctx); err != nil {
		return "", fmt.Errorf("the mail server at %s breaks TLS off", address)
	}
	leaf := over.ConnectionState().PeerCertificates[0]
	until := leaf.NotAfter.Format(time.DateOnly)
	if now.After(leaf.NotAfter) {
		return "", fmt.Errorf("the certificate at %s was over on %s", address, until)
	}
	return fmt.Sprintf("taken at %s, STARTTLS with a certificate of %s until %s", address, strings.Join(leaf.DNSNames, ", "), until), nil
}

func ask(text *textproto.Conn, command string, want int) (string, error) {
	if err := text.PrintfLine("%s", command); err != nil {
		return "", err
	}
	_, said, err := text.ReadResponse(want)
	return said, err
}
