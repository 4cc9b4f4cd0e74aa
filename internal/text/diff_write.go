package text

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
