package deliverability

import (
	"context"
	"fmt"
	"strings"
)

// dmarc looks for the policy of a sender's domain and whether an envelope or signature of ours counts for it (RFC 7489).
func (c *checker) dmarc(ctx context.Context, one sender) Finding {
	from := one.from
	name := "_dmarc." + from
	records, err := c.txt(ctx, name, "v=DMARC1")
	if err == nil && len(records) == 0 && organizational(from) != from {
		records, err = c.txt(ctx, "_dmarc."+organizational(from), "v=DMARC1")
	}
	failed := Finding{Check: "dmarc", State: Failed}
	switch {
	case err != nil:
		return dnsAway("dmarc", err)
	case len(records) == 0:
		failed.Said, failed.Do = from+" has no DMARC policy", "publish one; begin with none and read the reports"
		failed.Record = txtRecord(name, "v=DMARC1; p=none; rua=mailto:dmarc@"+from)
		return failed
	case len(records) > 1:
		failed.Said, failed.Do = fmt.Sprintf("%s has %d DMARC records: receivers take none", from, len(records)), "keep one of them"
		return failed
	}
	policy := tags(records[0])
	switch strings.ToLower(policy["p"]) {
	case "none", "quarantine", "reject":
	default:
		failed.Said, failed.Do = "the DMARC policy of "+from+" has no p=none, quarantine or reject", "mend the record"
		return failed
	}
	byEnvelope := aligned(from, one.envelope, policy["aspf"])
	bySignature := len(c.Key) > 0 && aligned(from, c.signs, policy["adkim"])
	switch {
	case byEnvelope && bySignature:
		return Finding{Check: "dmarc", State: Passed, Said: from + " has DMARC; envelope and signature count for it"}
	case byEnvelope:
		return Finding{Check: "dmarc", State: Passed, Said: from + " has DMARC; the envelope (" + one.envelope + ") counts for it, no signature of ours does"}
	case bySignature:
		return Finding{Check: "dmarc", State: Passed, Said: from + " has DMARC; the signature (" + c.signs + ") counts for it, the envelope does not"}
	default:
		failed.Said = "neither the envelope (" + one.envelope + ") nor a signature of ours counts for " + from
		failed.Do = "let BOUNCE_DOMAIN or DKIM_DOMAIN be " + from + " or below " + organizational(from)
		return failed
	}
}

// aligned reports whether domain counts for from; mode s wants the same domain, everything else the same registered one.
func aligned(from, domain, mode string) bool {
	if strings.EqualFold(mode, "s") {
		return from == domain
	}
	return organizational(from) == organizational(domain)
}
