package deliverability

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/smtp"
	"strconv"
	"strings"
	"time"
)

// ptr wants each sending address to have a name that leads back to it.
func (c *checker) ptr(ctx context.Context) Finding {
	if c.guessed {
		return Finding{Check: "ptr", State: Unknown, Said: "from which addresses the relay sends is not known", Do: "name them in MAIL_OUTBOUND"}
	}
	var names []string
	for _, ip := range c.addresses {
		name, err := c.confirmed(ctx, ip)
		if err != nil {
			return dnsAway("ptr", err)
		}
		if name == "" {
			return Finding{
				Check: "ptr", State: Failed, Said: fmt.Sprintf("%s has no name that leads back to it", ip),
				Do: fmt.Sprintf("ask whoever gave you %s for a PTR record to a name whose address it is", ip),
			}
		}
		names = append(names, ip.String()+" is "+name)
	}
	return Finding{Check: "ptr", State: Passed, Said: strings.Join(names, ", ")}
}

// confirmed is a name of ip that has ip as an address, "" none.
func (c *checker) confirmed(ctx context.Context, ip netip.Addr) (string, error) {
	names, err := c.dns.LookupAddr(ctx, ip.String())
	if err != nil && !notThere(err) {
		return "", err
	}
	for _, name := range names {
		addresses, err := c.dns.LookupIPAddr(ctx, name)
		if err != nil && !notThere(err) {
			return "", err
		}
		for _, one := range addresses {
			if back, ok := netip.AddrFromSlice(one.IP); ok && back.Unmap() == ip {
				return strings.TrimSuffix(name, "."), nil
			}
		}
	}
	return "", nil
}

// mx wants an envelope's domain to take mail: bounces come back there.
func (c *checker) mx(ctx context.Context, domain string) Finding {
	found, err := c.dns.LookupMX(ctx, domain)
	if err != nil && !notThere(err) {
		return dnsAway("mx", err)
	}
	for _, one := range found {
		if host := strings.TrimSuffix(one.Host, "."); host != "" {
			return Finding{Check: "mx", State: Passed, Said: "bounces to " + domain + " are taken by " + host}
		}
	}
	return Finding{
		Check: "mx", State: Failed, Said: domain + " takes no mail: bounces and complaints are lost",
		Do: "publish the server that takes them", Record: domain + ". MX 10 mail." + organizational(domain) + ".",
	}
}

// relayPatience bounds the conversation with the relay.
const relayPatience = 15 * time.Second

// tls wants the way to the relay to be encrypted with a certificate that is the relay's.
func (c *checker) tls(ctx context.Context) Finding {
	at := net.JoinHostPort(c.Relay.Host, strconv.Itoa(c.Relay.Port))
	if ip := net.ParseIP(c.Relay.Host); c.Relay.Host == "localhost" || ip != nil && ip.IsLoopback() {
		return Finding{Check: "tls", State: Passed, Said: "the relay is on this machine"}
	}
	if c.Relay.TLS == "none" {
		return Finding{
			Check: "tls", State: Failed, Said: "mails and password go to " + at + " as plain text",
			Do: "drop tls=none from SMTP_URL, or use smtps://",
		}
	}
	until, err := c.certificate(ctx, at)
	if err == nil {
		return Finding{Check: "tls", State: Passed, Said: fmt.Sprintf("%s is encrypted; its certificate holds until %s", at, until.Format(time.DateOnly))}
	}
	if errors.Is(err, errNoTLS) || badCertificate(err) {
		return Finding{Check: "tls", State: Failed, Said: at + ": " + err.Error(), Do: "have the relay offer TLS with a certificate for " + c.Relay.Host}
	}
	return Finding{Check: "tls", State: Unknown, Said: at + ": " + err.Error(), Do: "check SMTP_URL and the way to the relay"}
}

var errNoTLS = errors.New("the relay offers no STARTTLS")

func badCertificate(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// certificate talks to the relay until the connection is encrypted and returns when its certificate ends.
func (c *checker) certificate(ctx context.Context, at string) (until time.Time, err error) {
	limit, cancel := context.WithTimeout(ctx, relayPatience)
	defer cancel()
	addresses, err := c.dns.LookupIPAddr(limit, c.Relay.Host)
	if err != nil {
		return until, err
	}
	if len(addresses) == 0 {
		return until, errors.New("the relay has no address")
	}
	raw, err := (&net.Dialer{}).DialContext(limit, "tcp", net.JoinHostPort(addresses[0].String(), strconv.Itoa(c.Relay.Port)))
	if err != nil {
		return until, err
	}
	defer raw.Close() //nolint:errcheck // only looked at
	if err := raw.SetDeadline(time.Now().Add(relayPatience)); err != nil {
		return until, err
	}
	config := &tls.Config{ServerName: c.Relay.Host, RootCAs: c.Relay.CAs, MinVersion: tls.VersionTLS12}
	if c.Relay.TLS == "implicit" {
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(limit); err != nil {
			return until, err
		}
		return secure.ConnectionState().PeerCertificates[0].NotAfter, nil
	}
	talk, err := smtp.NewClient(raw, c.Relay.Host)
	if err != nil {
		return until, err
	}
	if offered, _ := talk.Extension("STARTTLS"); !offered {
		return until, errNoTLS
	}
	if err := talk.StartTLS(config); err != nil {
		return until, err
	}
	state, _ := talk.TLSConnectionState()
	_ = talk.Quit() // what is wanted is known
	return state.PeerCertificates[0].NotAfter, nil
}
