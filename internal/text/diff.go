package text

import (
	"strings"
)

// ChangeKind says what happened at one place of a text.
type ChangeKind string

// The kinds of change.
const (
	Inserted  ChangeKind = "inserted"
	Deleted   ChangeKind = "deleted"
	Replaced  ChangeKind = "replaced"
	Formatted ChangeKind = "formatted" // the same words: emphasis, link, heading or list changed
)

// Change is one difference between two bodies, for a list of changes or a line of mail.
type Change struct {
	Kind          ChangeKind
	Where         int    // which paragraph of the new body it is in or before, from 0
	Old, New      string // plain text; "" where nothing was or is
	Before, After string // a few words around it
}

// Diff lists what changed between two bodies, word by word, in reading order. Equal bodies have no changes; different
// canonical bodies have at least one.
func Diff(oldHTML, newHTML string) []Change {
	var out []Change
	where := 0
	for _, p := range align(oldHTML, newHTML) {
		out = append(out, p.changes(where)...)
		if p.new != nil {
			where++
		}
	}
	return out
}

// DiffHTML shows both bodies in one: the canonical markup with <del> around what went and <ins> around what came.
// Text is escaped and links are checked as in HTML, so that the result may stand in a page.
func DiffHTML(oldHTML, newHTML string) string {
	var w diffWriter
	for _, p := range align(oldHTML, newHTML) {
		w.pair(p)
	}
	w.closeAll()
	return diffGate.Sanitize(w.String())
}

// DiffText does the same for two plain texts, such as titles: escaped text with <del> and <ins>.
func DiffText(old, new string) string {
	var w diffWriter
	w.inline([]run{{text: Line(old)}}, []run{{text: Line(new)}})
	return w.String()
}

// plain is what a list of changes shows of a whole unit.
func (u *unit) plain() string {
	if u == nil {
		return ""
	}
	said := Line(runsText(u.allRuns()))
	for _, im := range u.images {
		said = strings.TrimSpace(said + " [" + im.alt + "]")
	}
	return said
}

func (p pair) changes(where int) []Change {
	switch {
	case p.same():
		return nil
	case p.old == nil:
		return []Change{{Kind: Inserted, Where: where, New: p.new.plain()}}
	case p.new == nil:
		return []Change{{Kind: Deleted, Where: where, Old: p.old.plain()}}
	}
	var out []Change
	for i := range p.old.images {
		if was, is := p.old.images[i], p.new.images[i]; was.alt != is.alt {
			out = append(out, Change{Kind: kindOf(was.alt, is.alt), Where: where, Old: was.alt, New: is.alt})
		}
	}
	for i := range p.old.cells {
		out = append(out, runChanges(p.old.cells[i].kids[0].runs, p.new.cells[i].kids[0].runs, where)...)
	}
	out = append(out, runChanges(p.old.runs, p.new.runs, where)...)
	if len(out) == 0 { // the picture's drawn size
		out = append(out, Change{Kind: Formatted, Where: where, Old: p.old.plain(), New: p.new.plain()})
	}
	return out
}

const contextWords = 5

func runChanges(old, new []run, where int) []Change {
	a, b := tokens(old), tokens(new)
	var out []Change
	for _, s := range readable(a, compare(a, b)) {
		if s.same {
			continue
		}
		was, is := tokenText(a[s.oldFrom:s.oldTo]), tokenText(b[s.newFrom:s.newTo])
		out = append(out, Change{
			Kind: kindOf(was, is), Where: where, Old: was, New: is,
			Before: tokenText(b[max(0, s.newFrom-2*contextWords):s.newFrom]),
			After:  tokenText(b[s.newTo:min(len(b), s.newTo+2*contextWords)]),
		})
	}
	return out
}

func kindOf(old, new string) ChangeKind {
	switch {
	case old == new:
		return Formatted
	case old == "":
		return Inserted
	case new == "":
		return Deleted
	}
	return Replaced
}

func tokenText(list []token) string { return Line(runsText(untoken(list))) }

// readable joins edits that are apart by next to nothing: a space or mark, or a lone syllable between longer edits
// (Vietnamese shares those by chance), since one phrase for another reads better than confetti.
func readable(old []token, script []stretch) []stretch {
	for {
		var out []stretch
		joined := false
		for i, s := range script {
			last := len(out) - 1
			if s.same && last >= 0 && i+1 < len(script) && !out[last].same && thin(old, s, out[last], script[i+1]) {
				out[last].oldTo, out[last].newTo = s.oldTo, s.newTo
				joined = true
				continue
			}
			if last >= 0 && !s.same && !out[last].same {
				out[last].oldTo, out[last].newTo = s.oldTo, s.newTo
				continue
			}
			out = append(out, s)
		}
		if !joined {
			return out
		}
		script = out
	}
}

func thin(old []token, same, before, after stretch) bool {
	words := 0
	for _, t := range old[same.oldFrom:same.oldTo] {
		if t.text == breakToken {
			return false
		}
		if t.wordy() {
			words++
		}
	}
	edited := func(s stretch) int { return max(s.oldTo-s.oldFrom, s.newTo-s.newFrom) }
	switch words {
	case 0:
		return same.oldTo-same.oldFrom == 1
	case 1:
		return edited(before) >= 3 && edited(after) >= 3
	}
	return false
}
