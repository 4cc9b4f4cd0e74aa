package mail

import "time"

const rfc1123z = time.RFC1123Z

// foldAt is where go-mail v0.8 begins to fold a header line.
const foldAt = 76

// fold appends one header line, folded at spaces exactly as go-mail does it (msgwriter.go, writeHeader). A test holds it
// against go-mail on every run.
func fold(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	room := foldAt - 2 - len(name) - 2
	for {
		word, rest, more := cutSpace(value)
		if room-len(word) <= 1 {
			if dst[len(dst)-1] == ' ' {
				dst = dst[:len(dst)-1]
			}
			dst = append(dst, '\r', '\n', ' ')
			room = foldAt - 3
		}
		dst = append(dst, word...)
		if !more {
			return append(dst, '\r', '\n')
		}
		dst = append(dst, ' ')
		room -= 1 + len(word)
		value = rest
	}
}

func cutSpace(s string) (word, rest string, more bool) {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
