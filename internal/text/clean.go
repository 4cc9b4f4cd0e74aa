package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many combining marks may follow one letter; Vietnamese needs two.
const maxMarks = 6

// Line cleans a one-line field: NFC, every kind of white space (line breaks too) to single spaces, trimmed; without
// control, zero-width, soft-hyphen and bidi-override characters; invalid UTF-8 becomes U+FFFD.
// Look for legacy encodings first (SuggestLegacy): TCVN3 writes ư as the soft hyphen that Line drops.
func Line(s string) string {
	if plainLine(s) {
		return s
	}
	return strings.Join(strings.Fields(clean(s)), " ")
}

// Block cleans a multi-line field as Line does, but keeps line breaks (as LF) and at most one empty line in a row.
func Block(s string) string {
	var lines []string
	for line := range strings.SplitSeq(clean(s), "\n") {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, line)
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

// plainLine is the quick way out for text that Line would not change.
func plainLine(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || (c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ')) {
			return false
		}
	}
	return true
}

// clean drops or maps single characters and brings the rest to NFC. White space comes back as ' ' or '\n', uncollapsed.
func clean(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	for range 16 { // a dropped character may let its neighbours compose; two or three turns settle it
		next := norm.NFC.String(keepRunes(s))
		if next == s {
			break
		}
		s = next
	}
	return s
}

func keepRunes(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	marks := 0
	prev := rune(0) // last rune kept
	for i, r := range s {
		if r < utf8.RuneSelf && r >= ' ' && r != 0x7F {
			out.WriteByte(byte(r))
			prev, marks = r, 0
			continue
		}
		if r == '\r' {
			if strings.HasPrefix(s[i+1:], "\n") {
				continue
			}
			r = '\n'
		}
		if r == zeroWidthJoiner { // kept only where it glues two pictographs
			next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if !pictograph(prev) || !pictograph(next) {
				continue
			}
		}
		r = mapRune(r)
		if r < 0 {
			continue
		}
		if mark(r) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		out.WriteRune(r)
		prev = r
	}
	return out.String()
}

// mark says whether r stacks on the letter before it.
func mark(r rune) bool {
	if r < 0x300 || r >= 0x1E00 && r < 0x2000 { // where Vietnamese letters live: spares a look-up each
		return false
	}
	return unicode.In(r, unicode.Mn, unicode.Me) || norm.NFC.PropertiesString(string(r)).CCC() != 0
}

const zeroWidthJoiner = '\u200D'

func pictograph(r rune) bool { return r >= 0x2190 && r != utf8.RuneError }

// mapRune returns what r is kept as, or -1 where it is dropped.
func mapRune(r rune) rune {
	switch {
	case r == '\n', r == '\v', r == '\f', r == 0x85, r == 0x2028, r == 0x2029:
		return '\n' // Word writes its soft line break as VT
	case r == '\t', unicode.Is(unicode.Zs, r):
		return ' '
	case r < ' ', r >= 0x7F && r < 0xA0:
		return -1
	case r == 0xAD, r == 0x034F, r == 0x061C, r == 0x115F, r == 0x1160, r == 0x180E, r == 0x3164, r == 0xFEFF, r == 0xFFA0:
		return -1 // soft hyphen, joiners and fillers that show nothing
	case r >= 0x200B && r <= 0x200F && r != zeroWidthJoiner, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F:
		return -1 // zero width, direction marks, overrides and isolates
	case r >= 0xFFF9 && r <= 0xFFFB, r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE, r >= 0xE0000 && r <= 0xE0FFF:
		return -1 // annotations, non-characters (not allowed in XML feeds), invisible tags
	}
	if shown, ok := symbolFont[r]; ok {
		return shown
	}
	return r
}

// symbolFont holds what Word writes for the bullets of its Symbol and Wingdings fonts.
var symbolFont = map[rune]rune{
	0xF02D: '-', 0xF0A7: '▪', 0xF0B7: '•', 0xF0D8: '➢', 0xF0E0: '→', 0xF0FC: '✓',
}
