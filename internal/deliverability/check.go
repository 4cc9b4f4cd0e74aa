package deliverability

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Resolver is the part of DNS that receivers ask. Met by *net.Resolver.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) (names []string, err error)
}

// Settings say who sends and through what.
type Settings struct {
	From     string       // sender of newsletters: "Name <address>" or an address
	FromTx   string       // sender of letters; "" the same
	Bounce   string       // domain of the envelopes; "" each sender's own
	Domain   string       // d= of our DKIM signatures; "" the sender's
	Selector string       // s= of them; "" the relay signs
	Key      []byte       // PEM of the private key; nil: the relay signs
	Relay    Relay        // where mails are handed in
	Outbound []netip.Addr // addresses from which the relay sends on; none: not known, the relay's own are tried
	Mailbox  bool         // the relay is the embedded mailbox: nothing leaves this machine
}

// Relay is how the relay is reached.
type Relay struct {
	Host string
	Port int
	TLS  string         // none, starttls, required, implicit
	CAs  *x509.CertPool // nil: the system's
}

// State is what a check found.
type State string

const (
	Passed  State = "passed"
	Failed  State = "failed"  // receivers will hold it against us
	Unknown State = "unknown" // could not be looked at; changes no verdict
	Exempt  State = "exempt"  // does not apply here
)

// Checks are the names of all checks, in the order in which they are shown.
var Checks = []string{"spf", "dkim", "dmarc", "ptr", "mx", "tls"}

// Finding is what one check found, in words for a log or a terminal.
type Finding struct {
	Check  string
	State  State
	Said   string
	Do     string // what to do about it; "" nothing
	Record string // the DNS record to publish, as in a zone file; "" none
}

// Check looks at everything once. The findings come in the order of Checks; an exempt sender has one alone.
func Check(ctx context.Context, dns Resolver, s Settings) ([]Finding, error) {
	from, err := domainOf(s.From)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	tx := from
	if s.FromTx != "" {
		if tx, err = domainOf(s.FromTx); err != nil {
			return nil, fmt.Errorf("MAIL_FROM_TX: %w", err)
		}
	}
	if why := exempt(s, from); why != "" {
		return []Finding{{Check: "sender", State: Exempt, Said: why}}, nil
	}
	c := checker{Settings: s, dns: dns, from: from, signs: lower(s.Domain)}
	c.uses(from)
	c.uses(tx)
	if c.signs == "" {
		c.signs = from
	}
	c.learnAddresses(ctx)
	return []Finding{
		each(c.envelopes, func(domain string) Finding { return c.spf(ctx, domain) }), c.dkim(ctx),
		each(c.senders, func(one sender) Finding { return c.dmarc(ctx, one) }), c.ptr(ctx),
		each(c.envelopes, func(domain string) Finding { return c.mx(ctx, domain) }), c.tls(ctx),
	}, nil
}

// sender is a From domain and the domain of the envelopes that its mails leave in.
type sender struct{ from, envelope string }

// uses notes a From domain once, with its envelopes' domain once.
func (c *checker) uses(from string) {
	one := sender{from, lower(c.Bounce)}
	if one.envelope == "" {
		one.envelope = from
	}
	if !slices.Contains(c.senders, one) {
		c.senders = append(c.senders, one)
	}
	if !slices.Contains(c.envelopes, one.envelope) {
		c.envelopes = append(c.envelopes, one.envelope)
	}
}

// each looks at several of a kind: what fails counts before what could not be looked at, and where all is well all of it is said.
func each[T any](list []T, look func(T) Finding) Finding {
	var all Finding
	for i, one := range list {
		f := look(one)
		switch {
		case i == 0, f.State == Failed && all.State != Failed, f.State == Unknown && all.State == Passed:
			all = f
		case f.State == Passed && all.State == Passed:
			all.Said += "; " + f.Said
		}
	}
	return all
}

// checker is one look.
type checker struct {
	Settings
	dns         Resolver
	from, signs string // domains
	senders     []sender
	envelopes   []string // domains
	addresses   []netip.Addr
	guessed     bool // addresses are the relay's own: it may send from others
}

// reserved are the domains that never reach a receiver (RFC 2606, RFC 6761).
var reserved = []string{"localhost", "localdomain", "example", "invalid", "test", "local", "internal"}

// exempt says why nothing has to be checked, "" it has to.
func exempt(s Settings, from string) string {
	if s.Mailbox {
		return "the embedded mailbox keeps every mail on this machine: set SMTP_URL and MAIL_FROM before real mail is sent"
	}
	for _, end := range reserved {
		if from == end || strings.HasSuffix(from, "."+end) {
			return from + " is for this machine only: set MAIL_FROM before real mail is sent"
		}
	}
	return ""
}

func (c *checker) learnAddresses(ctx context.Context) {
	if c.addresses = c.Outbound; len(c.addresses) > 0 {
		return
	}
	c.guessed = true
	found, err := c.dns.LookupIPAddr(ctx, c.Relay.Host)
	if err != nil {
		return // the relay's TLS check says so
	}
	for _, one := range found {
		if ip, ok := netip.AddrFromSlice(one.IP); ok && public(ip.Unmap()) {
			c.addresses = append(c.addresses, ip.Unmap())
		}
	}
}

func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

func domainOf(sender string) (string, error) {
	address, err := mail.ParseAddress(sender)
	if err != nil {
		return "", errors.New("not a mail address")
	}
	return lower(address.Address[strings.LastIndexByte(address.Address, '@')+1:]), nil
}

func lower(domain string) string { return strings.TrimSuffix(strings.ToLower(domain), ".") }

// organizational is the domain that somebody registered (RFC 7489 §3.2), the domain itself where none can be told.
func organizational(domain string) string {
	found, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return found
}

// notThere reports that DNS answered: there is no such record. Any other error says nothing about the record.
func notThere(err error) bool {
	found, ok := errors.AsType[*net.DNSError](err)
	return ok && found.IsNotFound
}

func dnsAway(check string, err error) Finding {
	return Finding{Check: check, State: Unknown, Said: "DNS gives no answer: " + err.Error(), Do: "check the name servers of this machine"}
}

// txt finds the records under name that begin with prefix.
func (c *checker) txt(ctx context.Context, name, prefix string) ([]string, error) {
	all, err := c.dns.LookupTXT(ctx, name)
	if err != nil && !notThere(err) {
		return nil, err
	}
	var found []string
	for _, one := range all {
		if len(one) >= len(prefix) && strings.EqualFold(one[:len(prefix)], prefix) {
			found = append(found, one)
		}
	}
	return found, nil
}

func txtRecord(name, value string) string { return name + ". TXT " + quoted(value) }

// quoted writes a TXT value as zone files have it: strings of at most 255 bytes.
func quoted(value string) string {
	var parts []string
	for len(value) > 255 {
		parts, value = append(parts, `"`+value[:255]+`"`), value[255:]
	}
	return strings.Join(append(parts, `"`+value+`"`), " ")
}

// tags reads "v=DMARC1; p=none" into its parts; names are lower-cased.
func tags(record string) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(record, ";") {
		if name, value, ok := strings.Cut(part, "="); ok {
			found[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return found
}
