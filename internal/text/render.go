package text

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
)

const externalRel = "nofollow noopener noreferrer"

// gate is bluemonday's view of the canonical markup. What render writes passes it unchanged (a test and a fuzz target
// hold that), so it only ever acts on a mistake of ours.
var gate = newGate()

func newGate() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "h2", "h3", "ul", "ol", "li", "strong", "em", "br", "blockquote", "figure", "figcaption",
		"table", "thead", "tbody", "tr", "th", "td")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(true)
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile("^" + externalRel + "$")).OnElements("a")
	p.AllowAttrs("src").Matching(ownImage).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	number := regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
	p.AllowAttrs("width", "height").Matching(number).OnElements("img")
	p.AllowAttrs("start").Matching(number).OnElements("ol")
	p.AllowAttrs("colspan", "rowspan").Matching(number).OnElements("td", "th")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^(?:col|row)$`)).OnElements("th")
	return p
}

func render(blocks []*block) string {
	var w writer
	w.blocks(blocks)
	return w.String()
}

type writer struct{ strings.Builder }

func (w *writer) put(parts ...string) {
	for _, part := range parts {
		w.WriteString(part)
	}
}

func (w *writer) blocks(blocks []*block) {
	for _, b := range blocks {
		w.block(b)
	}
}

func (w *writer) block(b *block) {
	switch b.kind {
	case paragraph, listItem:
		w.wrapped("p", b.runs)
	case heading2:
		w.wrapped("h2", b.runs)
	case heading3:
		w.wrapped("h3", b.runs)
	case quote:
		w.put("<blockquote>")
		w.blocks(b.kids)
		w.put("</blockquote>")
	case list:
		w.list(b)
	case figure:
		w.put("<figure>")
		for _, im := range b.images {
			w.image(im)
		}
		if len(b.runs) > 0 {
			w.wrapped("figcaption", b.runs)
		}
		w.put("</figure>")
	case table:
		w.put("<table>")
		w.rows("thead", b.head)
		w.rows("tbody", b.body)
		w.put("</table>")
	}
}

func (w *writer) wrapped(tag string, runs []run) {
	w.put("<", tag, ">")
	w.runs(runs)
	w.put("</", tag, ">")
}

func (w *writer) list(b *block) {
	tag := "ul"
	if b.ordered {
		tag = "ol"
	}
	w.put("<", tag)
	if b.ordered && b.start > 1 {
		w.put(` start="`, strconv.Itoa(b.start), `"`)
	}
	w.put(">")
	for _, item := range b.items {
		w.put("<li>")
		w.tight(item)
		w.put("</li>")
	}
	w.put("</", tag, ">")
}

// tight leaves out the p of an only paragraph, also where lists follow it.
func (w *writer) tight(kids []*block) {
	bare := len(kids) > 0 && kids[0].kind == paragraph
	for _, kid := range kids[min(1, len(kids)):] {
		bare = bare && kid.kind == list
	}
	if bare {
		w.runs(kids[0].runs)
		kids = kids[1:]
	}
	w.blocks(kids)
}

func (w *writer) image(im image) {
	w.put(`<img src="`, html.EscapeString(im.src), `" alt="`, html.EscapeString(im.alt), `"`)
	if im.width > 0 && im.height > 0 {
		w.put(` width="`, strconv.Itoa(im.width), `" height="`, strconv.Itoa(im.height), `"`)
	}
	w.put(">")
}

func (w *writer) rows(tag string, rows [][]cell) {
	if len(rows) == 0 {
		return
	}
	w.put("<", tag, ">")
	for _, row := range rows {
		w.put("<tr>")
		for _, c := range row {
			name := "td"
			if c.header {
				name = "th"
			}
			w.put("<", name)
			if c.colspan > 1 {
				w.put(` colspan="`, strconv.Itoa(c.colspan), `"`)
			}
			if c.rowspan > 1 {
				w.put(` rowspan="`, strconv.Itoa(c.rowspan), `"`)
			}
			switch {
			case c.header && tag == "thead":
				w.put(` scope="col"`)
			case c.header:
				w.put(` scope="row"`)
			}
			w.put(">")
			w.tight(c.kids)
			w.put("</", name, ">")
		}
		w.put("</tr>")
	}
	w.put("</", tag, ">")
}

// runs writes inline text; a is outermost, then strong, then em, each opened and closed as rarely as possible.
func (w *writer) runs(runs []run) {
	var open style
	for _, r := range runs {
		if r.br {
			open = w.turn(open, style{})
			w.put("<br>")
			continue
		}
		open = w.turn(open, r.style)
		w.put(html.EscapeString(r.text))
	}
	w.turn(open, style{})
}

// turn closes and opens what differs between two styles.
func (w *writer) turn(from, to style) style {
	keepLink := from.href == to.href
	keepBold := keepLink && from.bold && to.bold
	keepItalic := keepLink && from.bold == to.bold && from.italic && to.italic
	if from.italic && !keepItalic {
		w.put("</em>")
	}
	if from.bold && !keepBold {
		w.put("</strong>")
	}
	if from.href != "" && !keepLink {
		w.put("</a>")
	}
	if to.href != "" && !keepLink {
		w.put(`<a href="`, html.EscapeString(to.href), `"`)
		if external(to.href) {
			w.put(` rel="`, externalRel, `"`)
		}
		w.put(">")
	}
	if to.bold && !keepBold {
		w.put("<strong>")
	}
	if to.italic && !keepItalic {
		w.put("<em>")
	}
	return to
}
