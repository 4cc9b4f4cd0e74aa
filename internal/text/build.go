package text

import (
	"strconv"
	"strings"
)

// What is done with an element that is not handled by name in node.
var (
	// droppedWhole loses its content too: none of it is text that a reader saw.
	droppedWhole = set("script style title xml template svg math noscript noembed noframes iframe object embed applet audio " +
		"video canvas map select option optgroup datalist textarea button input meta link base frameset frame del " +
		"plaintext xmp listing colgroup col param source track rp rt portal fencedframe dialog")
	blockTags = set("p div section article aside header footer nav main address pre hr form fieldset legend center details " +
		"summary dl dt dd hgroup search figcaption caption tr td th tbody thead tfoot li marquee")
)

func inline(tag string) bool {
	return !blockTags[tag] && !heading(tag) && !containerTags[tag]
}

var containerTags = set("ul ol menu dir table blockquote figure body")

// reader is what the builders of one body share.
type reader struct {
	dropped    []Dropped
	hrefBudget int // bytes of link addresses still allowed, since one link around many blocks is written in each
}

// builder gathers the blocks of one container: the body, a list item, a cell, a quotation.
type builder struct {
	*reader
	out     []*block
	runs    []run
	kind    kind     // of the paragraph being gathered
	item    *wordRow // set while a Word list paragraph is being gathered
	caption bool     // the paragraph is a caption by its class
	layers  int      // lists, quotations and tables around
	inCell  bool
}

func (b *builder) nested() *builder {
	return &builder{reader: b.reader, layers: b.layers + 1, inCell: b.inCell}
}

func (b *builder) children(e *elem, st style) {
	for _, kid := range e.kids {
		b.node(kid, st)
	}
}

func (b *builder) node(e *elem, st style) {
	if e.tag == "" {
		b.runs = append(b.runs, run{text: e.text, style: st})
		return
	}
	if droppedWhole[e.tag] || noise(e) {
		return
	}
	css := e.attr("style")
	switch e.tag {
	case "br":
		b.runs = append(b.runs, run{br: true})
	case "strong", "b":
		st.bold = true
		b.children(e, st.with(css))
	case "em", "i", "cite", "dfn", "var":
		st.italic = true
		b.children(e, st.with(css))
	case "a":
		if st.href == "" {
			st.href = b.link(e.attr("href"))
		}
		b.children(e, st.with(css))
	case "sup", "sub":
		b.runs = append(b.runs, run{text: raised(e), style: st})
	case "q":
		b.runs = append(b.runs, run{text: "“", style: st})
		b.children(e, st)
		b.runs = append(b.runs, run{text: "”", style: st})
	case "img":
		b.image(e)
	case "h1", "h2", "h3", "h4", "h5", "h6":
		b.heading(e, st)
	case "ul", "ol", "menu", "dir":
		b.list(e, st)
	case "blockquote":
		b.quote(e, st)
	case "figure":
		b.figure(e, st)
	case "table":
		b.table(e, st)
	case "p", "div":
		b.paragraph(e, st)
	case "pre":
		b.flush()
		b.preformatted(e, st)
		b.flush()
	default:
		if inline(e.tag) {
			b.children(e, st.with(css))
			return
		}
		b.flush()
		b.children(e, st)
		b.flush()
	}
}

// with reads bold and italic from a style attribute, which is how Google Docs and browsers write them.
func (s style) with(css string) style {
	if css == "" {
		return s
	}
	css = strings.ToLower(css)
	switch weight := property(css, "font-weight"); weight {
	case "":
	case "bold", "bolder", "600", "700", "800", "900":
		s.bold = true
	default:
		s.bold = false
	}
	switch property(css, "font-style") {
	case "italic", "oblique":
		s.italic = true
	case "normal":
		s.italic = false
	}
	return s
}

// property finds a declaration in a lower-case style attribute.
func property(css, name string) string {
	for part := range strings.SplitSeq(css, ";") {
		key, value, ok := strings.Cut(part, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// flush ends the paragraph being gathered.
func (b *builder) flush() {
	runs := b.runs
	b.runs = nil
	if b.kind != paragraph {
		if b.layers > 0 { // a heading inside a list, cell or quotation would break the outline
			for i := range runs {
				runs[i].bold = true
			}
		} else {
			for i := range runs {
				runs[i].bold = false
			}
			if runs = oneLine(runs); len(runs) > 0 {
				b.out = append(b.out, &block{kind: b.kind, runs: runs})
			}
			return
		}
	}
	for _, line := range lines(runs) {
		last := len(b.out) - 1
		switch {
		case b.item != nil:
			b.out = append(b.out, b.item.block(line))
		case b.caption && last >= 0 && b.out[last].kind == figure && len(b.out[last].runs) == 0:
			b.out[last].runs = oneLine(line)
		default:
			b.out = append(b.out, &block{kind: paragraph, runs: line})
		}
	}
}

// finish ends the container and gathers Word's list paragraphs into lists.
func (b *builder) finish() []*block {
	b.flush()
	return gatherLists(b.out, b.layers)
}

func (b *builder) paragraph(e *elem, st style) {
	b.flush()
	item, caption := b.item, b.caption
	if e.tag == "p" {
		b.item = wordListRow(e)
		b.caption = strings.Contains(strings.ToLower(e.attr("class")), "caption")
	}
	b.children(e, st)
	b.flush()
	b.item, b.caption = item, caption
}

func (b *builder) preformatted(e *elem, st style) {
	for _, kid := range e.kids {
		if kid.tag != "" {
			b.node(kid, st)
			continue
		}
		for i, line := range strings.Split(clean(kid.text), "\n") {
			if i > 0 {
				b.runs = append(b.runs, run{br: true})
			}
			b.runs = append(b.runs, run{text: line, style: st})
		}
	}
}

func (b *builder) heading(e *elem, st style) {
	b.flush()
	outer := b.kind
	b.kind = heading3
	if e.tag == "h1" || e.tag == "h2" {
		b.kind = heading2
	}
	b.children(e, st)
	b.flush()
	b.kind = outer
}

func (b *builder) quote(e *elem, st style) {
	b.flush()
	if b.layers >= maxLayers {
		b.children(e, st)
		b.flush()
		return
	}
	inner := b.nested()
	inner.children(e, st)
	if kids := inner.finish(); len(kids) > 0 {
		b.out = append(b.out, &block{kind: quote, kids: kids})
	}
}

func (b *builder) list(e *elem, st style) {
	b.flush()
	if b.layers >= maxLayers {
		b.children(e, st)
		b.flush()
		return
	}
	made := &block{kind: list, ordered: e.tag == "ol", start: 1}
	if n, err := strconv.Atoi(strings.TrimSpace(e.attr("start"))); made.ordered && err == nil && n >= 1 && n < 10000 {
		made.start = n
	}
	stray := b.nested() // what stands in the list outside of items
	sweep := func() {
		kids := stray.finish()
		stray = b.nested()
		for _, kid := range kids {
			if last := len(made.items) - 1; kid.kind == list && last >= 0 { // <ul><li>a</li><ul>…: Word and old editors
				made.items[last] = append(made.items[last], kid)
				continue
			}
			made.items = append(made.items, []*block{kid})
		}
	}
	for _, kid := range e.kids {
		if kid.tag != "li" {
			stray.node(kid, st)
			continue
		}
		sweep()
		inner := b.nested()
		inner.children(kid, st)
		if kids := inner.finish(); len(kids) > 0 {
			made.items = append(made.items, kids)
		}
	}
	sweep()
	if len(made.items) > 0 {
		b.out = append(b.out, made)
	}
}

// allRuns is the text of a block in reading order, parts apart by a space.
func allRuns(bl *block) []run {
	runs := bl.runs
	add := func(kids []*block) {
		for _, kid := range kids {
			runs = append(append(runs[:len(runs):len(runs)], run{text: " "}), allRuns(kid)...)
		}
	}
	for _, item := range bl.items {
		add(item)
	}
	add(bl.kids)
	for _, row := range append(bl.head[:len(bl.head):len(bl.head)], bl.body...) {
		for _, c := range row {
			add(c.kids)
		}
	}
	return runs
}

// raised writes squares and chemical formulas with characters of their own: m² and CO₂ stay what they are.
func raised(e *elem) string {
	said := strings.TrimSpace(elemText(e))
	digits := "⁰¹²³⁴⁵⁶⁷⁸⁹"
	if e.tag == "sub" {
		digits = "₀₁₂₃₄₅₆₇₈₉"
	}
	if said == "" || len(said) > 3 || strings.Trim(said, "0123456789") != "" {
		return elemText(e)
	}
	var out strings.Builder
	for _, d := range said {
		out.WriteRune([]rune(digits)[d-'0'])
	}
	return out.String()
}

func elemText(e *elem) string {
	if e.tag == "" {
		return e.text
	}
	if droppedWhole[e.tag] {
		return ""
	}
	var out strings.Builder
	for _, kid := range e.kids {
		out.WriteString(elemText(kid))
	}
	return out.String()
}
