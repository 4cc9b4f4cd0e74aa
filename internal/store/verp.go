package store

import (
	"crypto/subtle"
	"strings"
)

// verpOf is the token of a newsletter's return address and of its unsubscribe address, d<issue>-<subscriber>-<seal>. It says itself
// which mail it is of, for as long as the installation's keys live, and survives a server that changes the case of addresses.
func (s *Store) verpOf(issueID, subscriberID string) string {
	return "d" + issueID + "-" + subscriberID + "-" + lower32(s.deliveryNames(issueID, subscriberID)[:15])
}

// mailOfVERP is the mail that such a token is of; ok is false for one that we have not made.
func (s *Store) mailOfVERP(token string) (issueID, subscriberID string, ok bool) {
	parts := strings.Split(token, "-")
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "d") {
		return "", "", false
	}
	issueID, subscriberID = parts[0][1:], parts[1]
	return issueID, subscriberID, subtle.ConstantTimeCompare([]byte(s.verpOf(issueID, subscriberID)), []byte(token)) == 1
}

// deliveryNames is what the names of a newsletter to a subscriber are made of: the same for every attempt.
func (s *Store) deliveryNames(issueID, subscriberID string) []byte {
	return s.keys.MAC("delivery", issueID+"/"+subscriberID)
}
