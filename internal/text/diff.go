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

// pair is an old unit and the new one it became; either may be missing.
type pair struct{ old, new *unit }

func (p pair) same() bool { return p.old != nil && p.new != nil && p.old.key() == p.new.key() }

func align(oldHTML, newHTML string) []pair {
	oldDoc, _ := parseBody(oldHTML)
	newDoc, _ := parseBody(newHTML)
	old, new := units(oldDoc), units(newDoc)
	var out []pair
	for _, s := range compare(keys(old), keys(new)) {
		if !s.same {
			out = append(out, match(old[s.oldFrom:s.oldTo], new[s.newFrom:s.newTo])...)
			continue
		}
		for i := range s.oldTo - s.oldFrom {
			out = append(out, pair{&old[s.oldFrom+i], &new[s.newFrom+i]})
		}
	}
	return out
}

func keys(list []unit) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.key()
	}
	return out
}

const (
	alike    = 0.4    // share of common words from which one unit is told as an edit of the other
	maxMatch = 40_000 // pairs of units that are weighed against each other
)

// match pairs the units of a changed stretch that are edits of each other, keeping order, so that the pairs have as
// much in common as possible.
func match(old, new []unit) []pair {
	n, m := len(old), len(new)
	if n*m > maxMatch {
		half := min(n, m, maxMatch/max(n, m)) // too long to weigh: the first ones, then all gone and all new
		var out []pair
		if half > 0 {
			out = match(old[:half], new[:half])
		}
		return append(out, apart(old[half:], new[half:])...)
	}
	oldBags, newBags := bags(old), bags(new)
	weight := make([][]float64, n+1) // best total of old[i:], new[j:]
	for i := range weight {
		weight[i] = make([]float64, m+1)
	}
	score := make([][]float64, n)
	for i := n - 1; i >= 0; i-- {
		score[i] = make([]float64, m)
		for j := m - 1; j >= 0; j-- {
			weight[i][j] = max(weight[i+1][j], weight[i][j+1])
			if !old[i].editable(new[j]) {
				continue
			}
			if score[i][j] = oldBags[i].likeness(newBags[j]); old[i].kind == figure || score[i][j] >= alike {
				weight[i][j] = max(weight[i][j], weight[i+1][j+1]+score[i][j]+1e-6)
			}
		}
	}
	var out []pair
	i, j := 0, 0
	for i < n && j < m {
		matches := old[i].editable(new[j]) && (old[i].kind == figure || score[i][j] >= alike)
		switch {
		case matches && weight[i][j] == weight[i+1][j+1]+score[i][j]+1e-6:
			out = append(out, pair{&old[i], &new[j]})
			i, j = i+1, j+1
		case weight[i][j] == weight[i+1][j]:
			out = append(out, pair{&old[i], nil})
			i++
		default:
			out = append(out, pair{nil, &new[j]})
			j++
		}
	}
	return append(out, apart(old[i:], new[j:])...)
}

func apart(old, new []unit) []pair {
	var out []pair
	for i := range old {
		out = append(out, pair{&old[i], nil})
	}
	for i := range new {
		out = append(out, pair{nil, &new[i]})
	}
	return out
}

// editable says whether two units can be shown as one with changes inside.
func (u unit) editable(v unit) bool {
	if u.kind != v.kind || u.quoted != v.quoted || u.level != v.level || u.more != v.more || u.ordered != v.ordered || len(u.cells) != len(v.cells) || len(u.images) != len(v.images) {
		return false
	}
	for i := range u.cells {
		a, b := u.cells[i], v.cells[i]
		if a.header != b.header || a.colspan != b.colspan || a.rowspan != b.rowspan {
			return false
		}
	}
	for i := range u.images {
		if u.images[i].src != v.images[i].src {
			return false
		}
	}
	return true
}

type bag struct {
	words map[string]int
	total int
}

func bags(list []unit) []bag {
	out := make([]bag, len(list))
	for i, u := range list {
		out[i].words = map[string]int{}
		for _, t := range tokens(u.allRuns()) {
			if t.wordy() {
				out[i].words[t.text]++
				out[i].total++
			}
		}
	}
	return out
}

func (b bag) likeness(c bag) float64 {
	if b.total+c.total == 0 {
		return 1
	}
	common := 0
	for word, n := range b.words {
		common += min(n, c.words[word])
	}
	return 2 * float64(common) / float64(b.total+c.total)
}

func (u unit) allRuns() []run {
	runs := u.runs
	for i, c := range u.cells {
		if i > 0 {
			runs = append(runs[:len(runs):len(runs)], run{text: " "})
		}
		runs = append(runs[:len(runs):len(runs)], c.kids[0].runs...)
	}
	return runs
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

// diffWriter writes units back into nested markup, with changes marked.
type diffWriter struct {
	writer
	quoted  bool
	inTable bool
	lists   []string // tags of open lists, each with an open li
}

func (w *diffWriter) closeAll() {
	w.closeTable()
	w.closeLists(0)
	if w.quoted {
		w.put("</blockquote>")
		w.quoted = false
	}
}

func (w *diffWriter) closeTable() {
	if w.inTable {
		w.put("</tbody></table>")
		w.inTable = false
	}
}

func (w *diffWriter) closeLists(keep int) {
	for len(w.lists) > keep {
		last := len(w.lists) - 1
		w.put("</li></", w.lists[last], ">")
		w.lists = w.lists[:last]
	}
}

// enter opens and closes what is around the next unit.
func (w *diffWriter) enter(u *unit) {
	if u.quoted != w.quoted {
		w.closeAll()
		if w.quoted = u.quoted; w.quoted {
			w.put("<blockquote>")
		}
	}
	if u.kind != table {
		w.closeTable()
	}
	switch {
	case u.kind == listItem:
		tag := "ul"
		if u.ordered {
			tag = "ol"
		}
		w.closeLists(u.level)
		if len(w.lists) == u.level {
			if w.lists[u.level-1] == tag {
				w.put("</li><li>")
				return
			}
			w.closeLists(u.level - 1)
		}
		for len(w.lists) < u.level {
			w.put("<", tag, "><li>")
			w.lists = append(w.lists, tag)
		}
	case u.more:
		w.closeLists(u.level)
	default:
		w.closeLists(0)
	}
	if u.kind == table && !w.inTable {
		w.put("<table><tbody>")
		w.inTable = true
	}
}

func (w *diffWriter) pair(p pair) {
	shape := p.new
	if shape == nil {
		shape = p.old
	}
	w.enter(shape)
	was, is := p.old, p.new
	if was == nil {
		was = &unit{cells: make([]cell, len(shape.cells))}
	}
	if is == nil {
		is = &unit{cells: make([]cell, len(shape.cells))}
	}
	switch shape.kind {
	case figure:
		w.figure(was, is)
	case table:
		w.put("<tr>")
		for i, c := range shape.cells {
			name := "td"
			if c.header {
				name = "th"
			}
			w.put("<", name, ">")
			w.inline(was.cells[i].firstRuns(), is.cells[i].firstRuns())
			w.put("</", name, ">")
		}
		w.put("</tr>")
	case listItem:
		w.inline(was.runs, is.runs)
	default:
		tag := map[kind]string{heading2: "h2", heading3: "h3"}[shape.kind]
		if tag == "" {
			tag = "p"
		}
		w.put("<", tag, ">")
		w.inline(was.runs, is.runs)
		w.put("</", tag, ">")
	}
}

func (c cell) firstRuns() []run {
	if len(c.kids) == 0 {
		return nil
	}
	return c.kids[0].runs
}

func (w *diffWriter) figure(was, is *unit) {
	w.put("<figure>")
	switch {
	case len(was.images) == 0:
		w.pictures("ins", is.images)
	case len(is.images) == 0:
		w.pictures("del", was.images)
	default:
		for _, im := range is.images {
			w.image(im)
		}
	}
	w.put("<figcaption>")
	w.inline(was.runs, is.runs)
	for i := range min(len(was.images), len(is.images)) {
		if was.images[i].alt != is.images[i].alt {
			w.put("<br><small>alt: ")
			w.inline([]run{{text: was.images[i].alt}}, []run{{text: is.images[i].alt}})
			w.put("</small>")
		}
	}
	w.put("</figcaption></figure>")
}

func (w *diffWriter) pictures(tag string, images []image) {
	w.put("<", tag, ">")
	for _, im := range images {
		w.image(im)
	}
	w.put("</", tag, ">")
}

func (w *diffWriter) inline(old, new []run) {
	a, b := tokens(old), tokens(new)
	for _, s := range readable(a, compare(a, b)) {
		if s.same {
			w.runs(untoken(b[s.newFrom:s.newTo]))
			continue
		}
		w.marked("del", a[s.oldFrom:s.oldTo])
		w.marked("ins", b[s.newFrom:s.newTo])
	}
}

func (w *diffWriter) marked(tag string, list []token) {
	if len(list) == 0 {
		return
	}
	w.put("<", tag, ">")
	w.runs(untoken(list))
	w.put("</", tag, ">")
}

var diffGate = newGate().AllowElements("ins", "del", "small")
