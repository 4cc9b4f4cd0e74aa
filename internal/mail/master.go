package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync/atomic"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// slot is a place in a master copy where recipients differ. Its mark holds the issue's random id, which nobody who
// writes an article can know.
type slot int

const (
	slotLeave slot = iota
	slotPrefs
	slotSince
	slotCount
)

func (s slot) in(issueID string) string {
	switch s {
	case slotLeave:
		return "https://slot.invalid/" + issueID + "/leave"
	case slotPrefs:
		return "https://slot.invalid/" + issueID + "/prefs"
	default:
		return "slot-" + issueID + "-since"
	}
}

// MaxLeaveURL is the most octets a leave link may have: some signers break a folded List-Unsubscribe (mail.md, trap 10).
const MaxLeaveURL = 120

// Master is the one copy of an issue from which every recipient's mail is spliced. go-mail composes it, for the first
// recipient; for each other one only the header lines and the base64 groups that hold a slot are written anew. It is
// safe for concurrent use.
type Master struct {
	c          *Composer
	frozen     IssueCopy
	from       mail.Address
	text, html []piece
	cast       atomic.Pointer[mould]
}

// piece is a stretch of words or, with words "", a slot.
type piece struct {
	words string
	slot  slot
}

// OpenMaster makes the master of a frozen issue. It refuses a copy whose text or HTML lacks the leave link.
func (c *Composer) OpenMaster(frozen IssueCopy) (*Master, error) {
	m := &Master{c: c, frozen: frozen, from: c.from}
	if m.from.Name == "" {
		m.from.Name = text.Excerpt(frozen.Portal, mostName)
	}
	id := frozen.Issue.ID
	if id == "" || frozen.Issue.Subject == "" {
		return nil, errors.New("open master: issue without id or subject")
	}
	for part, said := range map[*[]piece]string{&m.text: frozen.Text, &m.html: frozen.HTML} {
		*part = cut(said, id)
		if !slices.ContainsFunc(*part, func(p piece) bool { return p.words == "" && p.slot == slotLeave }) {
			return nil, fmt.Errorf("open master %s: no leave link", id)
		}
	}
	return m, nil
}

// cut splits words at the slots of an issue.
func cut(said, issueID string) []piece {
	var pieces []piece
	for {
		at, which := -1, slot(0)
		for s := range slotCount {
			if i := strings.Index(said, s.in(issueID)); i >= 0 && (at < 0 || i < at) {
				at, which = i, s
			}
		}
		if at < 0 {
			break
		}
		if at > 0 {
			pieces = append(pieces, piece{words: said[:at]})
		}
		pieces = append(pieces, piece{slot: which})
		said = said[at+len(which.in(issueID)):]
	}
	if said != "" {
		pieces = append(pieces, piece{words: said})
	}
	return pieces
}

// Subject, Text and HTML are what the issue's row keeps.
func (m *Master) Subject() string { return m.frozen.Issue.Subject }

// Text is the plain part with its slots.
func (m *Master) Text() string { return m.frozen.Text }

// HTML is the HTML part with its slots.
func (m *Master) HTML() string { return m.frozen.HTML }

// Hash is sha256 over subject, text and HTML as frozen, in hex.
func (m *Master) Hash() string {
	h := sha256.New()
	for _, s := range []string{m.frozen.Issue.Subject, m.frozen.Text, m.frozen.HTML} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// For is the mail to r: byte for byte what go-mail would have built for r alone. It refuses an address that no relay can
// carry (*text.EmailError) and links with anything that would need escaping.
func (m *Master) For(r newsroom.Recipient) (Message, error) {
	return m.splice(nil, r)
}

// splice is For into buf, which is overwritten and may be grown.
func (m *Master) splice(buf []byte, r newsroom.Recipient) (Message, error) {
	to, err := recipient(r.Name, r.Email)
	if err != nil {
		return Message{}, fmt.Errorf("compose %s: %w", r.MessageID, err)
	}
	values := m.values(r)
	if err := m.check(values, r); err != nil {
		return Message{}, fmt.Errorf("compose %s: %w", r.MessageID, err)
	}
	mould := m.cast.Load()
	if mould == nil || !mould.fits(values) {
		raw, err := compose(m.parts(to, values, r))
		if err != nil {
			return Message{}, err
		}
		if mould == nil {
			if fresh, err := cast(raw, m, values); err == nil {
				m.cast.CompareAndSwap(nil, fresh)
			}
		}
		return m.seal(append(buf[:0], raw...), Fingerprint(raw), to, r)
	}
	raw, base := mould.pour(buf[:0], m, to, values, r)
	out, err := m.seal(raw, mould.fingerprint(raw, base), to, r)
	if mould.proven {
		out.proven = len(mould.body)
	}
	return out, err
}

func (m *Master) seal(raw []byte, hash [sha256.Size]byte, to mail.Address, r newsroom.Recipient) (Message, error) {
	out := Message{From: m.c.envelope(r.VERP, m.from), To: to.Address, Raw: raw, BodyHash: hash}
	var err error
	if out.Raw, err = m.c.signer.newsletter(raw); err != nil {
		return Message{}, fmt.Errorf("sign %s: %w", r.MessageID, err)
	}
	return out, nil
}

// values are r's words for the slots.
func (m *Master) values(r newsroom.Recipient) [slotCount]string {
	return [slotCount]string{r.LeaveURL, r.PrefsURL, m.c.locale.Date(r.Since)}
}

func (m *Master) check(values [slotCount]string, r newsroom.Recipient) error {
	switch {
	case len(r.LeaveURL) > MaxLeaveURL:
		return errors.New("leave link too long")
	case r.Date.IsZero():
		return errors.New("no date")
	}
	for _, url := range values[:slotSince] {
		if url == "" || !made(url, "-._~:/?=%@[]") {
			return errors.New("link with a character that needs escaping")
		}
	}
	if !made(r.VERP, "._-") {
		return errors.New("bad verp token")
	}
	id := messageID(r.MessageID, m.from.Address)
	if id == "" || strings.ContainsAny(id, "<> ") || strings.ContainsFunc(id, control) {
		return errors.New("bad message id")
	}
	return nil
}

// made reports that s consists of ASCII letters, digits and the others alone.
func made(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// parts is r's mail before it is bytes: what go-mail would build it from.
func (m *Master) parts(to mail.Address, values [slotCount]string, r newsroom.Recipient) parts {
	return parts{
		from: m.from, to: to, replyTo: m.c.replyTo,
		subject: m.frozen.Issue.Subject, messageID: messageID(r.MessageID, m.from.Address), date: r.Date,
		language: m.c.locale.Tag(), boundary: boundary("issue/" + m.frozen.Issue.ID),
		headers: m.c.bulkHeaders(m.frozen, m.from, r.LeaveURL, r.VERP),
		text:    fill(m.text, values), html: fill(m.html, values),
	}
}

func fill(pieces []piece, values [slotCount]string) string {
	var out strings.Builder
	for _, p := range pieces {
		if p.words == "" {
			out.WriteString(values[p.slot])
			continue
		}
		out.WriteString(p.words)
	}
	return out.String()
}
