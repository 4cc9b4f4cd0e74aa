package text

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// EmailError says why an address is refused. Its Code is the last part of the translation key "email.<code>";
// the address itself is never part of it, so that it may be logged.
type EmailError struct{ Code string }

func (e *EmailError) Error() string { return "mail address refused: " + e.Code }

// What Email refuses.
var (
	ErrEmailEmpty    = &EmailError{"empty"}
	ErrEmailControl  = &EmailError{"control_character"} // CR, LF, NUL and their like
	ErrEmailSeveral  = &EmailError{"several"}           // more than one address, or a display name
	ErrEmailNoAt     = &EmailError{"no_at"}
	ErrEmailLocal    = &EmailError{"local_part"} // quoted, dots in wrong places, characters outside of dot-atom
	ErrEmailNotASCII = &EmailError{"local_part_not_ascii"}
	ErrEmailTooLong  = &EmailError{"too_long"} // local part over 64, or the whole over 254 octets
	ErrEmailDomain   = &EmailError{"domain"}
	ErrEmailIP       = &EmailError{"ip_literal"}
)

const (
	maxLocalPart = 64  // RFC 5321 §4.5.3.1.1
	maxAddress   = 254 // RFC 5321 §4.5.3.1.3 less the angle brackets
)

var domainRules = idna.New(
	idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(true), idna.VerifyDNSLength(true), idna.ValidateLabels(true), idna.CheckHyphens(true))

// Email normalises one bare address that any relay can carry without SMTPUTF8: ASCII dot-atom before the @, kept as
// written; a domain with a dot after it, lower-cased, international names in punycode. White space around it is dropped.
// Everything else (display names, lists, quoted local parts, IP literals, control characters) is an *EmailError.
func Email(s string) (string, error) {
	for _, r := range s {
		if r < ' ' || r == 0x7F || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return "", ErrEmailControl
		}
	}
	s = Line(s)
	if s == "" {
		return "", ErrEmailEmpty
	}
	at := strings.LastIndexByte(s, '@')
	switch {
	case at < 0:
		return "", ErrEmailNoAt
	case strings.ContainsAny(s, "<>,; "):
		return "", ErrEmailSeveral
	}
	local, domain := s[:at], s[at+1:]
	if err := checkLocalPart(local); err != nil {
		return "", err
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", ErrEmailTooLong
	}
	return local + "@" + domain, nil
}

// EmailKey is what two addresses share when they reach the same mailbox in practice: the normalised address in lower
// case. It is "" where Email refuses the address.
func EmailKey(s string) string {
	address, err := Email(s)
	if err != nil {
		return ""
	}
	return strings.ToLower(address)
}

func checkLocalPart(local string) error {
	switch {
	case len(local) > maxLocalPart:
		return ErrEmailTooLong
	case strings.ContainsRune(local, '@'):
		return ErrEmailSeveral
	case local == "", local[0] == '.', local[len(local)-1] == '.', strings.Contains(local, ".."),
		strings.Contains(local, "=?"), strings.Contains(local, "?="): // an encoded word may be decoded on the way
		return ErrEmailLocal
	}
	for i := range len(local) {
		c := local[i]
		switch {
		case c >= 0x80:
			return ErrEmailNotASCII
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0:
		default:
			return ErrEmailLocal
		}
	}
	return nil
}

func asciiDomain(domain string) (string, error) {
	if strings.HasPrefix(domain, "[") {
		return "", ErrEmailIP
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return "", ErrEmailIP
	}
	ascii, err := domainRules.ToASCII(domain)
	if err != nil {
		return "", ErrEmailDomain
	}
	dot := strings.LastIndexByte(ascii, '.')
	if dot <= 0 || dot == len(ascii)-1 || strings.Contains(ascii, "..") {
		return "", ErrEmailDomain
	}
	if strings.Trim(ascii[dot+1:], "0123456789") == "" { // a top-level name of digits is an IPv4 address in disguise
		return "", ErrEmailIP
	}
	return ascii, nil
}
