package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var writtenAddress = regexp.MustCompile(`[^\s<>()\[\]"',;:@]+@[^\s<>()\[\]"',;:@]+`)

// MaskAddresses takes the mail addresses out of what somebody wrote.
func MaskAddresses(s string) string { return writtenAddress.ReplaceAllString(s, "(@)") }

// leastName is the shortest local part that is looked for: shorter ones stand in ordinary words.
const leastName = 3

// HideName takes the local part of address, which may be a person's name, out of what a server wrote about it: wherever it stands as a
// word, in any case, also without what follows a plus. It is looked for from three characters on.
func HideName(said, address string) string {
	local, _, _ := strings.Cut(address, "@")
	said = hideWord(said, local)
	if bare, _, tagged := strings.Cut(local, "+"); tagged {
		said = hideWord(said, bare)
	}
	return said
}

// hideWord replaces an ASCII word that has no letter or digit on either side.
func hideWord(said, word string) string {
	if len(word) < leastName {
		return said
	}
	for i := 0; i+len(word) <= len(said); i++ {
		end := i + len(word)
		if strings.EqualFold(said[i:end], word) && !endsInWord(said[:i]) && !beginsWithWord(said[end:]) {
			said = said[:i] + "…" + said[end:]
			i += len("…") - 1
		}
	}
	return said
}

func endsInWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func beginsWithWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
