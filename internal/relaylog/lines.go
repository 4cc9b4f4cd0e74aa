package relaylog

import "bytes"

// reader goes through the lines of a log and keeps what they say of the mails that are asked for.
type reader struct {
	asked  map[string]bool
	queued map[string]string // Postfix: its name for a mail whose Message-ID it has read, which it need not have accepted yet
	took   map[string]string
}

func newReader(messageIDs []string) *reader {
	r := &reader{asked: map[string]bool{}, queued: map[string]string{}, took: map[string]string{}}
	for _, id := range messageIDs {
		r.asked[id] = true
	}
	return r
}

func (r *reader) line(line []byte) error {
	if name, id, ok := exim(line); ok && r.asked[string(id)] {
		r.took[string(id)] = string(name)
		return nil
	}
	if name, id, ok := postfixRead(line); ok {
		if r.asked[string(id)] {
			r.queued[string(name)] = string(id)
		} else if len(r.queued) > 0 {
			delete(r.queued, string(name)) // Postfix gives a name again once its mail is gone
		}
		return nil
	}
	if len(r.queued) == 0 {
		return nil
	}
	if name, _, ok := postfixQueued(line); ok {
		if id := r.queued[string(name)]; id != "" {
			r.took[id] = string(name)
		}
	}
	return nil
}

// postfixRead is Postfix's line about a mail whose headers it is reading: the client may still go away before the last byte, or be refused.
//
//	Nov 23 05:40:02 mail postfix/cleanup[811]: 4XyZ1w2Q3z: message-id=<d.k3.b7xq@vankhe.example.vn>
func postfixRead(line []byte) (name, id []byte, ok bool) {
	name, rest, ok := postfix(line, "/cleanup[")
	if !ok {
		return nil, nil, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte("message-id=")); !ok {
		return nil, nil, false
	}
	if id, ok = bytes.CutPrefix(rest, []byte("<")); ok {
		id, ok = bytes.CutSuffix(id, []byte(">"))
	}
	if !ok {
		id = nil // whatever a stranger writes there, the name is that of his mail
	}
	return name, id, true
}

// postfixQueued is Postfix's line about a mail that it has on its disk: from here on it is Postfix's to deliver or to return.
//
//	Nov 23 05:40:02 mail postfix/qmgr[802]: 4XyZ1w2Q3z: from=<b+k7@bounce.vankhe.example.vn>, size=29604, nrcpt=1 (queue active)
func postfixQueued(line []byte) (name, rest []byte, ok bool) {
	if name, rest, ok = postfix(line, "/qmgr["); !ok || !bytes.HasPrefix(rest, []byte("from=<")) || !bytes.HasSuffix(rest, []byte("(queue active)")) {
		return nil, nil, false
	}
	return name, rest, true
}

// postfix cuts a line of one of Postfix's programs into the name of a mail and what is said of it. The program's name is what stands
// before the first "]: ": no stranger's words come earlier.
func postfix(line []byte, program string) (name, rest []byte, ok bool) {
	head, rest, ok := bytes.Cut(line, []byte("]: "))
	if !ok {
		return nil, nil, false
	}
	at := bytes.LastIndex(head, []byte(program))
	if at < 0 || !word(head[at+len(program):], false) {
		return nil, nil, false
	}
	name, rest, ok = bytes.Cut(rest, []byte(": "))
	return name, rest, ok && word(name, true)
}

// exim is Exim's line about a mail that it has on its disk.
//
//	2026-11-23 05:46:09 1xVMsT-0007PR-2s <= b+k7@bounce.vankhe.example.vn H=(x) [127.0.0.1] P=esmtp S=291 id=d.k3.b7xq@vankhe.example.vn
func exim(line []byte) (name, id []byte, ok bool) {
	head, rest, ok := bytes.Cut(line, []byte(" <= "))
	if !ok {
		return nil, nil, false
	}
	name = head[bytes.LastIndexByte(head, ' ')+1:]
	if bytes.Count(name, []byte("-")) != 2 || !word(bytes.ReplaceAll(name, []byte("-"), nil), true) {
		return nil, nil, false
	}
	for field := range bytes.SplitSeq(rest, []byte(" ")) {
		if id, ok := bytes.CutPrefix(field, []byte("id=")); ok {
			return name, id, true
		}
	}
	return nil, nil, false
}

// word reports that a text is digits, or letters and digits.
func word(text []byte, letters bool) bool {
	for _, c := range text {
		digit, letter := '0' <= c && c <= '9', 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !digit && !(letters && letter) {
			return false
		}
	}
	return len(text) > 0
}
