package text

import (
	"net/url"
	"strings"
)

const maxHref = 2048

// link returns the address as we write it, or "" where the link is dropped and its text stays.
func (r *reader) link(raw string) string {
	href := cleanHref(raw)
	if r.hrefBudget -= len(href); r.hrefBudget < 0 {
		return ""
	}
	return href
}

// cleanHref passes http, https and mailto addresses and paths of this site. "www.…" and "//…" become https.
// Addresses with a user part are dropped: they show one site and lead to another.
func cleanHref(raw string) string {
	raw = strings.TrimSpace(raw)
	if raw == "" || len(raw) > maxHref || strings.ContainsFunc(raw, func(r rune) bool {
		return r < ' ' || r == 0x7F || r == '\\' || r != ' ' && mapRune(r) != r
	}) {
		return ""
	}
	raw = strings.ReplaceAll(raw, " ", "%20")
	switch {
	case strings.HasPrefix(raw, "//"):
		raw = "https:" + raw
	case len(raw) > 4 && strings.EqualFold(raw[:4], "www."):
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" || u.Opaque != "" {
			return ""
		}
	case "mailto":
		if u.Host != "" || !strings.Contains(u.Opaque, "@") {
			return ""
		}
	case "":
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
			return ""
		}
	default:
		return ""
	}
	made := u.String()
	again, err := url.Parse(made)
	if err != nil || again.String() != made || strings.ContainsAny(made, "\\ ") ||
		u.Scheme == "" && (!strings.HasPrefix(made, "/") || strings.HasPrefix(made, "//")) {
		return ""
	}
	if len(made) > maxHref { // escapes grow it
		return ""
	}
	return made
}

// external says whether a link leaves this site; only those carry rel.
func external(href string) bool { return strings.HasPrefix(href, "http") }
