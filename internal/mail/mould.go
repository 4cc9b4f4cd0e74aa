package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/mail"
	"slices"

	"toasoan/newsroom"
)

// mould is a whole mail as go-mail built it, and where in it the slots are. Values of the lengths it was cast with fit.
type mould struct {
	lengths [slotCount]int
	head    []line   // header lines, those of one recipient apart
	body    []byte   // from the first header that follows them to the end
	windows []window // in body
	sums    []byte   // hashes of body's blocks
	mixed   []int    // blocks that the windows touch: their hashes are each mail's own
	proven  bool     // every line of body ends in CR LF and none begins with a dot, whatever the windows hold
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
	d.proven = lineEnds(d.body) && !leadingDot(d.body)
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
	d.sums, d.mixed = blockSums(d.body), d.blocks()
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

// pour appends the mail to one recipient to dst, which is empty, and says how many octets its header has.
func (d *mould) pour(dst []byte, m *Master, to mail.Address, values [slotCount]string, r newsroom.Recipient) (raw []byte, base int) {
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
	base = len(dst)
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
	return dst, base
}
