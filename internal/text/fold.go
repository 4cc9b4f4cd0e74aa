package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold is the accent-blind, lower-case key of a one-line text: "Nông thôn mới" and "nong thon moi" share one, đ is d.
func Fold(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	for _, r := range norm.NFD.String(strings.ToLower(Line(s))) {
		switch {
		case r == 'đ':
			out.WriteByte('d')
		case unicode.Is(unicode.Mn, r):
		default:
			out.WriteRune(r)
		}
	}
	return strings.ToLower(norm.NFC.String(out.String()))
}
