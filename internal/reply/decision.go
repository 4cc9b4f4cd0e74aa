package reply

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"toasoan/newsroom"
)

// maxReason is how much of a reason is taken over.
const maxReason = 2000

// decision is what an answer decides: "DUYỆT", or "TRẢ LẠI: lý do", on its first line, with or without marks, in any case. why says
// why it decides nothing: unclear, or reason (a return without one).
func decision(lines []string) (move newsroom.Move, reason, why string) {
	if len(lines) == 0 {
		return "", "", "unclear"
	}
	first := lines[0]
	if fold(first) == "duyet" {
		return newsroom.MoveApprove, "", ""
	}
	head, rest, found := cutAny(first, ":：-–—")
	if fold(head) != "tra lai" {
		return "", "", "unclear"
	}
	reason = strings.TrimSpace(rest)
	if found {
		for _, line := range lines[1:] {
			if line == "" {
				break
			}
			reason = strings.TrimSpace(reason + "\n" + line)
		}
	}
	if fold(reason) == "" {
		return "", "", "reason"
	}
	if runes := []rune(reason); len(runes) > maxReason {
		reason = string(runes[:maxReason])
	}
	return newsroom.MoveRequestChanges, reason, ""
}

// cutAny splits s at the first of any of the separators.
func cutAny(s, separators string) (before, after string, found bool) {
	i := strings.IndexAny(s, separators)
	if i < 0 {
		return s, "", false
	}
	for _, r := range s[i:] {
		return s[:i], s[i+len(string(r)):], true
	}
	return s, "", false
}

// fold takes marks, case and the punctuation around words away: "Duyệt." and "DUYET" are the same.
func fold(s string) string {
	var out strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case r == 'đ':
			out.WriteByte('d')
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			out.WriteRune(r)
		case unicode.IsSpace(r):
			out.WriteByte(' ')
		case strings.ContainsRune(".!,;*\"'“”", r): // around the word, or bold
		default:
			out.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
