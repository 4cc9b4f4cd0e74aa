// Package deliverability looks at a sender with the eyes of the mail services that receive from it: SPF, DKIM, DMARC, the name of the
// sending address, the domain of the bounces and the relay's TLS. Its rule: only what was seen to be wrong fails; what cannot be
// known (DNS away, a relay whose sending addresses nobody named) is said to be unknown and changes no verdict. Read check.go first.
package deliverability
