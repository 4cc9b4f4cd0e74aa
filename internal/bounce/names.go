package bounce

import (
	"regexp"
	"slices"
	"strings"
)

// names are the tokens of addresses that only mails of ours carry.
type names struct {
	bounce []string // of return paths: b+<token>@
	leave  []string // of unsubscribe addresses: u+<token>@
}

// maxNames is how many of them one mail may bring.
const maxNames = 10

var ownAddress = regexp.MustCompile(`(?i)(?:^|[^a-z0-9.+_-])([bu])\+([dl][a-z2-7]{24}|d[a-z0-9]{12}-[a-z0-9]{12}-[a-z2-7]{24})@([a-z0-9.-]+)`)

// find takes the tokens out of whatever holds addresses.
func (n *names) find(text, domain string) {
	if domain == "" || !strings.Contains(text, "+") {
		return
	}
	for _, m := range ownAddress.FindAllStringSubmatch(text, maxNames) {
		if strings.ToLower(strings.TrimRight(m[3], ".")) != domain {
			continue
		}
		into := &n.bounce
		if strings.EqualFold(m[1], "u") {
			into = &n.leave
		}
		if token := strings.ToLower(m[2]); len(*into) < maxNames && !slices.Contains(*into, token) {
			*into = append(*into, token)
		}
	}
}

// Own reports whether an address is one that only mails of ours name: b+<token>@domain, or u+<token>@domain.
func Own(address, domain string) bool {
	var n names
	n.find(address, strings.ToLower(domain))
	m := ownAddress.FindString(address)
	return len(n.bounce)+len(n.leave) == 1 && len(m) == len(address)
}
