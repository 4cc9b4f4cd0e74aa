package newsroom

import (
	"crypto/rand"
	"regexp"
)

// idAlphabet is Crockford's base 32 in lower case: no i, l, o, u, so that an id can be read out on the phone.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID returns a fresh id of 12 characters (60 random bits) for anything that has none of its own.
func NewID() string {
	var raw [12]byte
	rand.Read(raw[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	for i, b := range raw {
		raw[i] = idAlphabet[b&31]
	}
	return string(raw[:])
}

var (
	idForm      = regexp.MustCompile(`^[0-9a-z]{12}$`)
	requestForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// ValidID reports whether s has the form of NewID.
func ValidID(s string) bool { return idForm.MatchString(s) }

// ValidRequestID reports whether s is a UUID in lower-case canonical form, the id a caller gives a move.
func ValidRequestID(s string) bool { return requestForm.MatchString(s) }
