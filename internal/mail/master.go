package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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
		return m.seal(append(buf[:0], raw...), to, r)
	}
	return m.seal(mould.pour(buf[:0], m, to, values, r), to, r)
}

func (m *Master) seal(raw []byte, to mail.Address, r newsroom.Recipient) (Message, error) {
	out := Message{From: m.c.envelope(r.VERP, m.from), To: to.Address, Raw: raw, BodyHash: sha256.Sum256(raw)}
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

// mould is a whole mail as go-mail built it, and where in it the slots are. Values of the lengths it was cast with fit.
type mould struct {
	lengths [slotCount]int
	head    []line   // header lines, those of one recipient apart
	body    []byte   // from the first header that follows them to the end
	windows []window // in body
}

// line is header lines that everybody shares, or the name of one that is each recipient's own.
type line struct {
	same []byte
	own  string
}

// window is a run of whole base64 groups that holds at least one slot.
type window struct {
	at     int     // where the base64 of the part begins, in body
	start  int     // of the run, in octets of the part before encoding; a multiple of 3
	pieces []piece // what the run is made of
	size   int     // octets before encoding
}

var ownHeaders = []string{"Date", "List-Unsubscribe", "Message-ID", "To"}

// cast takes a mail apart that go-mail built for values.
func cast(raw []byte, m *Master, values [slotCount]string) (*mould, error) {
	end := bytes.Index(raw, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, errors.New("cast: no end of header")
	}
	d := &mould{body: bytes.Clone(raw[end+2:])}
	for s, v := range values {
		d.lengths[s] = len(v)
	}
	for _, field := range fields(raw[:end+2]) {
		name, _, _ := bytes.Cut(field, []byte(":"))
		if slices.Contains(ownHeaders, string(name)) {
			d.head = append(d.head, line{own: string(name)})
			continue
		}
		if last := len(d.head) - 1; last >= 0 && d.head[last].own == "" {
			d.head[last].same = append(d.head[last].same, field...)
			continue
		}
		d.head = append(d.head, line{same: bytes.Clone(field)})
	}
	from := 0
	for _, pieces := range [][]piece{m.text, m.html} {
		encoded := encode(fill(pieces, values))
		at := bytes.Index(d.body[from:], encoded)
		if at < 0 {
			return nil, errors.New("cast: part not found")
		}
		d.windows = append(d.windows, windows(pieces, values, from+at)...)
		from += at + len(encoded)
	}
	return d, nil
}

// fields splits a header block into its fields with their folded lines.
func fields(head []byte) [][]byte {
	var list [][]byte
	for l := range bytes.Lines(head) {
		if len(list) > 0 && (l[0] == ' ' || l[0] == '\t') {
			last := len(list) - 1
			list[last] = append(list[last][:len(list[last]):len(list[last])], l...)
			continue
		}
		list = append(list, l)
	}
	return list
}

const (
	lineChars = 76 // base64 characters of a line
	lineBytes = lineChars / 4 * 3
)

// encode is base64 in lines of 76 characters, as go-mail writes it.
func encode(part string) []byte {
	out := make([]byte, 0, len(part)/3*4+len(part)/lineBytes*2+8)
	for len(part) > 0 {
		n := min(lineBytes, len(part))
		out = base64.StdEncoding.AppendEncode(out, []byte(part[:n]))
		out = append(out, '\r', '\n')
		part = part[n:]
	}
	return out
}

// windows finds the base64 groups that hold slots; slots that share a group share a window.
func windows(pieces []piece, values [slotCount]string, at int) []window {
	whole := fill(pieces, values)
	var list []window
	pos := 0
	for _, p := range pieces {
		size := len(p.words)
		if p.words == "" {
			size = len(values[p.slot])
			start, end := pos-pos%3, min(len(whole), (pos+size+2)/3*3)
			if last := len(list) - 1; last >= 0 && start < list[last].start+list[last].size {
				list[last].size = end - list[last].start
			} else {
				list = append(list, window{at: at, start: start, size: end - start})
			}
		}
		pos += size
	}
	for i := range list {
		list[i].pieces = part(pieces, values, list[i].start, list[i].start+list[i].size)
	}
	return list
}

// part is pieces between two octets of the filled text; slots are never torn.
func part(pieces []piece, values [slotCount]string, start, end int) []piece {
	var list []piece
	pos := 0
	for _, p := range pieces {
		size := len(p.words)
		if p.words == "" {
			size = len(values[p.slot])
		}
		from, to := max(start, pos), min(end, pos+size)
		if from < to {
			if p.words != "" {
				p.words = p.words[from-pos : to-pos]
			}
			list = append(list, p)
		}
		pos += size
	}
	return list
}

func (d *mould) fits(values [slotCount]string) bool {
	for s, v := range values {
		if len(v) != d.lengths[s] {
			return false
		}
	}
	return true
}

// pour appends the mail to one recipient to dst.
func (d *mould) pour(dst []byte, m *Master, to mail.Address, values [slotCount]string, r newsroom.Recipient) []byte {
	dst = slices.Grow(dst, len(d.body)+2048)
	for _, l := range d.head {
		switch l.own {
		case "":
			dst = append(dst, l.same...)
		case "Date":
			dst = fold(dst, l.own, r.Date.In(zone).Format(rfc1123z))
		case "List-Unsubscribe":
			dst = fold(dst, l.own, m.c.unsubscribe(r.LeaveURL, r.VERP))
		case "Message-ID":
			dst = fold(dst, l.own, "<"+messageID(r.MessageID, m.from.Address)+">")
		case "To":
			dst = fold(dst, l.own, to.String())
		}
	}
	base := len(dst)
	dst = append(dst, d.body...)
	var plain, chars [512]byte
	for _, w := range d.windows {
		run := plain[:0]
		for _, p := range w.pieces {
			if p.words == "" {
				run = append(run, values[p.slot]...)
				continue
			}
			run = append(run, p.words...)
		}
		coded := base64.StdEncoding.AppendEncode(chars[:0], run)
		first := w.start / 3 * 4 // in characters of the part, without its line ends
		for len(coded) > 0 {
			n := min(len(coded), lineChars-first%lineChars)
			copy(dst[base+w.at+first+first/lineChars*2:], coded[:n])
			coded, first = coded[n:], first+n
		}
	}
	return dst
}
