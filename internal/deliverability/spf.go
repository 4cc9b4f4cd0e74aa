package deliverability

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"blitiri.com.ar/go/spf"
)

// spf evaluates the record of an envelope's domain for each sending address (RFC 7208).
func (c *checker) spf(ctx context.Context, domain string) Finding {
	records, err := c.txt(ctx, domain, "v=spf1")
	switch {
	case err != nil:
		return dnsAway("spf", err)
	case len(records) == 0:
		f := Finding{Check: "spf", State: Failed, Said: domain + " has no SPF record", Do: "publish which addresses send for " + domain}
		if senders := c.mechanisms(); senders != "" {
			f.Record = txtRecord(domain, "v=spf1 "+senders+" -all")
		} else {
			f.Do = "name the addresses from which mail leaves your network in MAIL_OUTBOUND, then ask again for the record"
		}
		return f
	case len(records) > 1:
		return Finding{
			Check: "spf", State: Failed, Said: fmt.Sprintf("%s has %d SPF records: receivers take none", domain, len(records)),
			Do: "keep one of them with everything in it",
		}
	}
	for _, ip := range c.addresses {
		result, why := spf.CheckHostWithSender(ip.AsSlice(), c.Relay.Host, "b@"+domain, spf.WithContext(ctx), spf.WithResolver(c.dns))
		if result == spf.Pass {
			continue
		}
		f := Finding{
			Check: "spf", State: Failed, Said: fmt.Sprintf("SPF of %s says %s to %s (%v)", domain, result, ip, why),
			Do: "let the record name the relay", Record: txtRecord(domain, c.amended(records[0])),
		}
		switch {
		case result == spf.TempError:
			return dnsAway("spf", why)
		case result == spf.PermError:
			f.Said, f.Do, f.Record = fmt.Sprintf("SPF of %s is wrong: %v", domain, why), "mend the record", ""
		case !public(ip):
			f.Said, f.Record = fmt.Sprintf("%s in MAIL_OUTBOUND is no address that receivers see", ip), ""
			f.Do = "name there the addresses from which mail leaves your network"
		case c.guessed:
			f.State, f.Do = Unknown, "name the addresses from which the relay sends in MAIL_OUTBOUND, so that this can be judged"
			f.Said, f.Record = fmt.Sprintf("SPF of %s does not name %s, the relay's own address", domain, ip), ""
		}
		return f
	}
	if len(c.addresses) == 0 {
		return Finding{
			Check: "spf", State: Unknown, Said: domain + " has an SPF record; from which addresses the relay sends is not known",
			Do: "name them in MAIL_OUTBOUND",
		}
	}
	return Finding{Check: "spf", State: Passed, Said: fmt.Sprintf("%s lets %s send", domain, list(c.addresses))}
}

// mechanisms are the parts of an SPF record that name the sending addresses, "" where none is known that receivers see. What was only
// guessed from the relay's name is named by it.
func (c *checker) mechanisms() string {
	if _, err := netip.ParseAddr(c.Relay.Host); err != nil && c.guessed && len(c.addresses) > 0 {
		return "a:" + c.Relay.Host
	}
	var parts []string
	for _, ip := range c.addresses {
		if !public(ip) {
			continue
		}
		kind := "ip4:"
		if ip.Is6() {
			kind = "ip6:"
		}
		parts = append(parts, kind+ip.String())
	}
	return strings.Join(parts, " ")
}

// amended is a record with the sending addresses before its "all" or "redirect".
func (c *checker) amended(record string) string {
	fields := strings.Fields(record)
	for i, field := range fields {
		bare := strings.ToLower(strings.TrimLeft(field, "+-~?"))
		if bare == "all" || strings.HasPrefix(bare, "redirect=") {
			return strings.Join(append(append(append([]string{}, fields[:i]...), c.mechanisms()), fields[i:]...), " ")
		}
	}
	return record + " " + c.mechanisms() + " -all"
}

func list(addresses []netip.Addr) string {
	words := make([]string, len(addresses))
	for i, ip := range addresses {
		words[i] = ip.String()
	}
	return strings.Join(words, ", ")
}
