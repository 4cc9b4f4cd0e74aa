package newsroom

import "strings"

// MailLimits is how much the installation may hand to its relay: the setting "mail". What is nil is as the program was started.
type MailLimits struct {
	Rate        *int          `json:"rate,omitempty"`        // newsletters per second; 0: no cap
	Connections *int          `json:"connections,omitempty"` // of the newsletters' lane at once
	Domains     []DomainLimit `json:"domains,omitempty"`
}

// DomainLimit bounds the newsletters to the addresses of one domain. 0: no bound of that kind.
type DomainLimit struct {
	Domain string `json:"domain"`            // as in the addresses: lower case, gmail.com
	Rate   int    `json:"rate,omitempty"`    // mails per second
	AtOnce int    `json:"at_once,omitempty"` // mails on their way at the same time
}

const (
	mostMailRate        = 100_000
	mostMailConnections = 64
	mostDomainLimits    = 200
)

// Wrong lists what is not allowed: numbers out of range, a domain that is none, without a bound, or named twice.
func (m MailLimits) Wrong() (wrong []FieldError) {
	if m.Rate != nil && (*m.Rate < 0 || *m.Rate > mostMailRate) {
		wrong = append(wrong, FieldError{Field: "rate", Code: "out_of_range"})
	}
	if m.Connections != nil && (*m.Connections < 1 || *m.Connections > mostMailConnections) {
		wrong = append(wrong, FieldError{Field: "connections", Code: "out_of_range"})
	}
	seen := map[string]bool{}
	for _, d := range m.Domains {
		if !domainName(d.Domain) || seen[d.Domain] || d.Rate < 0 || d.AtOnce < 0 || d.Rate+d.AtOnce == 0 || d.Rate > mostMailRate || d.AtOnce > mostMailConnections {
			wrong = append(wrong, FieldError{Field: "domains", Code: "domain_limit", Params: map[string]string{"domain": d.Domain}})
		}
		seen[d.Domain] = true
	}
	if len(m.Domains) > mostDomainLimits {
		wrong = append(wrong, FieldError{Field: "domains", Code: "out_of_range"})
	}
	return wrong
}

// domainName reports a lower-case ASCII name with a dot in it, as an address that was checked ends in.
func domainName(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return true
}
