package text

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// Limits of a Word file, which is a zip of XML that can unpack to any size.
const (
	maxDocxFiles   = 5_000
	maxDocxXML     = 40 << 20  // bytes of one part, unpacked
	maxDocxImage   = 15 << 20  // bytes of one picture
	maxDocxImages  = 120 << 20 // bytes of all pictures
	maxDocxDepth   = 100       // open elements
	maxDocxNodes   = 2_000_000 // elements of one part
	maxDocxPicture = 200       // pictures in a document
)

// What Docx refuses.
var (
	ErrNotDocx      = errors.New("not a Word document")
	ErrDocxTooLarge = errors.New("Word document unpacks to more than is read")
)

// DocxImage is a picture from a Word file, as it was in it: the caller decodes it, stores it, and puts its address in
// place of Placeholder.
type DocxImage struct {
	Placeholder string // src in the markup that Docx returns, as "docx:word/media/image1.jpeg"
	Name        string // of the part, as "image1.jpeg"
	Alt         string
	Data        []byte
}

// Docx reads a .docx: headings by style, lists by numbering, bold and italic, links, tables, pictures, and captions
// where the paragraph next to a picture has the style Caption. The markup is what a browser would paste, not yet
// canonical: replace the placeholders of images, then call HTML, which drops those that are left.
// Tracked deletions, comments, headers and footers are left out. ErrNotDocx and ErrDocxTooLarge tell what was refused.
func Docx(r io.ReaderAt, size int64) (markup string, images []DocxImage, err error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
	}
	if len(archive.File) > maxDocxFiles {
		return "", nil, ErrDocxTooLarge
	}
	parts := map[string]*zip.File{}
	for _, f := range archive.File {
		parts[strings.TrimPrefix(path.Clean("/"+f.Name), "/")] = f
	}
	if parts["word/document.xml"] == nil {
		return "", nil, ErrNotDocx
	}
	d := &docx{parts: parts, links: map[string]string{}, targets: map[string]string{}, styles: map[string]docxStyle{}, lists: map[string]map[int]docxLevel{}}
	for _, part := range []struct {
		name string
		read func(*node)
	}{{"word/_rels/document.xml.rels", d.readRelations}, {"word/styles.xml", d.readStyles}, {"word/numbering.xml", d.readNumbering}} {
		if parts[part.name] == nil {
			continue
		}
		root, err := readPart(parts[part.name])
		if err != nil {
			return "", nil, fmt.Errorf("read %s: %w", part.name, err)
		}
		part.read(root)
	}
	root, err := readPart(parts["word/document.xml"])
	if err != nil {
		return "", nil, fmt.Errorf("read word/document.xml: %w", err)
	}
	d.blocks(root.find("body"))
	d.closeLists(0)
	return d.out.String(), d.images, d.err
}

// node is an XML element without its name space.
type node struct {
	name  string
	attrs []xml.Attr
	text  []byte
	kids  []*node
}

func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// find is the first element of that name below n, in reading order.
func (n *node) find(name string) *node {
	if n == nil {
		return nil
	}
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
		if found := kid.find(name); found != nil {
			return found
		}
	}
	return nil
}

// kid is the first direct child of that name.
func (n *node) kid(name string) *node {
	if n == nil {
		return nil
	}
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
	}
	return nil
}

func unpack(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1)) // never believe the size that the archive declares
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
	}
	if int64(len(data)) > limit {
		return nil, ErrDocxTooLarge
	}
	return data, nil
}

func readPart(f *zip.File) (*node, error) {
	data, err := unpack(f, maxDocxXML)
	if err != nil {
		return nil, err
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	root := &node{}
	open := []*node{root}
	for count := 0; ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotDocx, err)
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("%w: it declares a document type", ErrNotDocx) // where entities would come from
		case xml.StartElement:
			n := &node{name: t.Name.Local, attrs: append([]xml.Attr(nil), t.Attr...)}
			top.kids = append(top.kids, n)
			count++
			if open = append(open, n); len(open) > maxDocxDepth || count > maxDocxNodes {
				return nil, ErrDocxTooLarge
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if top.name == "t" || top.name == "delText" {
				top.text = append(top.text, t...)
			}
		}
	}
}

type docxStyle struct {
	name         string // lower case, as "heading 1", "caption"
	outline      int    // 1 is the highest heading, 0 none
	numbering    string
	level        int
	bold, italic bool
	base         string
}

type docxLevel struct {
	format string // bullet, decimal, lowerLetter …
	start  int
	text   string // as "%1." or "%1)"
}

type docx struct {
	out     strings.Builder
	parts   map[string]*zip.File
	links   map[string]string // relation id → address outside
	targets map[string]string // relation id → part inside
	styles  map[string]docxStyle
	lists   map[string]map[int]docxLevel // numbering id → level
	counts  map[string]map[int]int       // numbering id → level → last number
	open    []string                     // tags of open lists, each with an open li
	openIDs []string                     // numbering ids of the same
	images  []DocxImage
	total   int
	err     error
}

func (d *docx) readRelations(root *node) {
	for _, rel := range root.kid("Relationships").children() {
		id, target := rel.attr("Id"), rel.attr("Target")
		if strings.EqualFold(rel.attr("TargetMode"), "External") {
			d.links[id] = target
			continue
		}
		if strings.HasPrefix(target, "/") {
			d.targets[id] = strings.TrimPrefix(path.Clean(target), "/")
		} else {
			d.targets[id] = strings.TrimPrefix(path.Clean("/word/"+target), "/")
		}
	}
}

func (n *node) children() []*node {
	if n == nil {
		return nil
	}
	return n.kids
}

func (d *docx) readStyles(root *node) {
	for _, s := range root.kid("styles").children() {
		if s.name != "style" {
			continue
		}
		style := docxStyle{name: strings.ToLower(s.kid("name").attr("val")), base: s.kid("basedOn").attr("val")}
		props := s.kid("pPr")
		if outline := props.kid("outlineLvl"); outline != nil {
			if n, err := strconv.Atoi(outline.attr("val")); err == nil && n >= 0 && n < 9 {
				style.outline = n + 1
			}
		}
		if n, ok := strings.CutPrefix(style.name, "heading "); ok {
			style.outline, _ = strconv.Atoi(n)
		}
		style.numbering = props.kid("numPr").kid("numId").attr("val")
		style.level, _ = strconv.Atoi(props.kid("numPr").kid("ilvl").attr("val"))
		style.bold, style.italic = on(s.kid("rPr").kid("b"), false), on(s.kid("rPr").kid("i"), false)
		d.styles[s.attr("styleId")] = style
	}
}

// style resolves what a style inherits.
func (d *docx) style(id string) docxStyle {
	found := d.styles[id]
	for base, hops := found.base, 0; base != "" && hops < 10; hops++ {
		from := d.styles[base]
		if found.outline == 0 {
			found.outline = from.outline
		}
		if found.numbering == "" {
			found.numbering, found.level = from.numbering, from.level
		}
		base = from.base
	}
	return found
}

func (d *docx) readNumbering(root *node) {
	abstract := map[string]map[int]docxLevel{}
	numbering := root.kid("numbering")
	for _, a := range numbering.children() {
		if a.name != "abstractNum" {
			continue
		}
		levels := map[int]docxLevel{}
		for _, l := range a.kids {
			if n, err := strconv.Atoi(l.attr("ilvl")); l.name == "lvl" && err == nil {
				start, err := strconv.Atoi(l.kid("start").attr("val"))
				if err != nil {
					start = 1
				}
				levels[n] = docxLevel{l.kid("numFmt").attr("val"), start, l.kid("lvlText").attr("val")}
			}
		}
		abstract[a.attr("abstractNumId")] = levels
	}
	for _, n := range numbering.children() {
		if n.name == "num" {
			d.lists[n.attr("numId")] = abstract[n.kid("abstractNumId").attr("val")]
		}
	}
}

// on reads a toggle such as <w:b/> or <w:b w:val="0"/>.
func on(n *node, inherited bool) bool {
	if n == nil {
		return inherited
	}
	switch n.attr("val") {
	case "0", "false", "off", "none":
		return false
	}
	return true
}

func (d *docx) blocks(n *node) {
	for _, kid := range n.children() {
		switch kid.name {
		case "p":
			d.paragraph(kid)
		case "tbl":
			d.closeLists(0)
			d.table(kid)
		case "sdt":
			d.blocks(kid.kid("sdtContent"))
		case "ins", "smartTag", "customXml", "moveTo":
			d.blocks(kid)
		}
	}
}

func (d *docx) paragraph(p *node) {
	props := p.kid("pPr")
	style := d.style(props.kid("pStyle").attr("val"))
	id, level := style.numbering, style.level
	if num := props.kid("numPr"); num != nil {
		id = num.kid("numId").attr("val")
		level, _ = strconv.Atoi(num.kid("ilvl").attr("val"))
	}
	var inner strings.Builder
	d.inline(&inner, p, style)
	switch outline := style.outline; {
	case outline > 0 || style.name == "title":
		d.closeLists(0)
		tag := "h" + strconv.Itoa(max(1, min(outline, 6)))
		d.put("<", tag, ">", inner.String(), "</", tag, ">")
	case strings.Contains(style.name, "caption"):
		d.closeLists(0)
		d.put(`<p class="caption">`, inner.String(), "</p>")
	case strings.Contains(style.name, "quote"):
		d.closeLists(0)
		d.put("<blockquote><p>", inner.String(), "</p></blockquote>")
	case id != "" && id != "0" && strings.TrimSpace(inner.String()) != "":
		d.item(id, max(0, min(level, 8)), inner.String())
	default:
		d.closeLists(0)
		d.put("<p>", inner.String(), "</p>")
	}
}

func (d *docx) put(parts ...string) {
	for _, part := range parts {
		d.out.WriteString(part)
	}
}

// item writes a numbered or bulleted paragraph. Letters and roman numbers, which law texts are quoted by, stay text.
func (d *docx) item(id string, level int, inner string) {
	l := d.lists[id][level]
	number := d.count(id, level, l.start)
	switch l.format {
	case "", "bullet", "decimal", "decimalZero", "ordinal":
	case "none":
		d.closeLists(0)
		d.put("<p>", inner, "</p>")
		return
	default:
		d.closeLists(0)
		d.put("<p>", html.EscapeString(marker(l, level, number)), " ", inner, "</p>")
		return
	}
	tag := "ul"
	if l.format != "bullet" && l.format != "" {
		tag = "ol"
	}
	d.closeLists(level + 1)
	if len(d.open) == level+1 {
		if d.open[level] == tag && d.openIDs[level] == id {
			d.put("</li><li>", inner)
			return
		}
		d.closeLists(level)
	}
	for len(d.open) < level+1 {
		if len(d.open) < level { // levels that the text skips
			d.put("<ul><li>")
			d.open, d.openIDs = append(d.open, "ul"), append(d.openIDs, "")
			continue
		}
		d.put("<", tag)
		if tag == "ol" && number > 1 {
			d.put(` start="`, strconv.Itoa(number), `"`)
		}
		d.put("><li>")
		d.open, d.openIDs = append(d.open, tag), append(d.openIDs, id)
	}
	d.put(inner)
}

// count is the number of the next item at a level; deeper levels start again.
func (d *docx) count(id string, level, start int) int {
	if d.counts == nil {
		d.counts = map[string]map[int]int{}
	}
	if d.counts[id] == nil {
		d.counts[id] = map[int]int{}
	}
	at := d.counts[id]
	if _, ok := at[level]; !ok {
		at[level] = start - 1
	}
	at[level]++
	for deeper := range at {
		if deeper > level {
			delete(at, deeper)
		}
	}
	return at[level]
}

func marker(l docxLevel, level, number int) string {
	letters := ""
	switch l.format {
	case "lowerLetter", "upperLetter":
		alphabet := "abcdefghijklmnopqrstuvwxyz"
		letters = strings.Repeat(string(alphabet[max(0, number-1)%26]), min(5, 1+max(0, number-1)/26))
	case "lowerRoman", "upperRoman":
		letters = roman(number)
	default:
		letters = strconv.Itoa(number)
	}
	if strings.HasPrefix(l.format, "upper") {
		letters = strings.ToUpper(letters)
	}
	text := l.text
	if text == "" {
		return letters + "."
	}
	return strings.ReplaceAll(text, "%"+strconv.Itoa(level+1), letters)
}

func roman(n int) string {
	if n < 1 || n > 300 {
		return strconv.Itoa(n)
	}
	var out strings.Builder
	for _, step := range []struct {
		worth int
		sign  string
	}{{100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}} {
		for ; n >= step.worth; n -= step.worth {
			out.WriteString(step.sign)
		}
	}
	return out.String()
}

func (d *docx) closeLists(keep int) {
	for len(d.open) > keep {
		last := len(d.open) - 1
		d.put("</li></", d.open[last], ">")
		d.open, d.openIDs = d.open[:last], d.openIDs[:last]
	}
}

func (d *docx) table(tbl *node) {
	d.put("<table>")
	rows := []*node{}
	for _, kid := range tbl.kids {
		switch kid.name {
		case "tr":
			rows = append(rows, kid)
		case "sdt", "ins", "customXml":
			for _, inner := range kid.children() {
				if inner.name == "tr" {
					rows = append(rows, inner)
				}
			}
		}
	}
	spans := rowSpans(rows)
	for r, row := range rows {
		tag := "td"
		if header := row.kid("trPr").kid("tblHeader"); header != nil && on(header, false) {
			tag = "th"
		}
		d.put("<tr>")
		for i, tc := range cells(row) {
			if spans[r][i] == 0 {
				continue // goes on from the row above
			}
			d.put("<", tag)
			if n := gridSpan(tc); n > 1 {
				d.put(` colspan="`, strconv.Itoa(n), `"`)
			}
			if n := spans[r][i]; n > 1 {
				d.put(` rowspan="`, strconv.Itoa(n), `"`)
			}
			d.put(">")
			d.blocks(tc)
			d.closeLists(0)
			d.put("</", tag, ">")
		}
		d.put("</tr>")
	}
	d.put("</table>")
}

func cells(row *node) []*node {
	var out []*node
	for _, kid := range row.kids {
		switch kid.name {
		case "tc":
			out = append(out, kid)
		case "sdt":
			out = append(out, cells(kid.kid("sdtContent").orEmpty())...)
		}
	}
	return out
}

func (n *node) orEmpty() *node {
	if n == nil {
		return &node{}
	}
	return n
}

func gridSpan(tc *node) int {
	n, err := strconv.Atoi(tc.kid("tcPr").kid("gridSpan").attr("val"))
	if err != nil || n < 1 {
		return 1
	}
	return min(n, maxSpan)
}

// rowSpans is how many rows each cell covers; 0 where it belongs to a cell above.
func rowSpans(rows []*node) [][]int {
	out := make([][]int, len(rows))
	above := map[int]*int{} // grid column → span of the cell that may go on
	for r, row := range rows {
		list := cells(row)
		out[r] = make([]int, len(list))
		column := 0
		next := map[int]*int{}
		for i, tc := range list {
			merge := tc.kid("tcPr").kid("vMerge")
			out[r][i] = 1
			switch {
			case merge == nil:
			case merge.attr("val") == "restart":
				next[column] = &out[r][i]
			case above[column] != nil:
				out[r][i] = 0
				*above[column]++
				next[column] = above[column]
			}
			column += gridSpan(tc)
		}
		above = next
	}
	return out
}

// inline writes the runs of a paragraph.
func (d *docx) inline(w *strings.Builder, n *node, style docxStyle) {
	for _, kid := range n.kids {
		switch kid.name {
		case "r":
			d.run(w, kid, style)
		case "hyperlink":
			if href := d.links[kid.attr("id")]; href != "" {
				w.WriteString(`<a href="` + html.EscapeString(href) + `">`)
				d.inline(w, kid, style)
				w.WriteString("</a>")
				continue
			}
			d.inline(w, kid, style)
		case "ins", "smartTag", "customXml", "moveTo", "fldSimple":
			d.inline(w, kid, style)
		case "sdt":
			d.inline(w, kid.kid("sdtContent").orEmpty(), style)
		}
	}
}

func (d *docx) run(w *strings.Builder, r *node, style docxStyle) {
	props := r.kid("rPr")
	if on(props.kid("vanish"), false) {
		return
	}
	opening, closing := "", ""
	wrap := func(tag string) { opening, closing = opening+"<"+tag+">", "</"+tag+">"+closing }
	if on(props.kid("b"), style.bold) {
		wrap("b")
	}
	if on(props.kid("i"), style.italic) {
		wrap("i")
	}
	switch props.kid("vertAlign").attr("val") {
	case "superscript":
		wrap("sup")
	case "subscript":
		wrap("sub")
	}
	w.WriteString(opening)
	for _, kid := range r.kids {
		switch kid.name {
		case "t":
			w.WriteString(html.EscapeString(string(kid.text)))
		case "tab":
			w.WriteString(" ")
		case "br", "cr":
			if kid.attr("type") != "page" {
				w.WriteString("<br>")
			}
		case "noBreakHyphen":
			w.WriteString("-")
		case "sym":
			if code, err := strconv.ParseUint(kid.attr("char"), 16, 32); err == nil {
				w.WriteString(html.EscapeString(string(rune(code))))
			}
		case "drawing", "pict", "object":
			d.picture(w, kid)
		case "AlternateContent":
			if drawing := kid.find("drawing"); drawing != nil {
				d.picture(w, drawing)
			}
		}
	}
	w.WriteString(closing)
}

func (d *docx) picture(w *strings.Builder, n *node) {
	alt := n.find("docPr").attr("descr")
	id := n.find("blip").attr("embed")
	if id == "" {
		id = n.find("imagedata").attr("id")
	}
	part := d.targets[id]
	f := d.parts[part]
	if f == nil || d.err != nil {
		return
	}
	placeholder := "docx:" + part
	known := false
	for _, im := range d.images {
		known = known || im.Placeholder == placeholder
	}
	if !known {
		if len(d.images) == maxDocxPicture {
			d.err = ErrDocxTooLarge
			return
		}
		data, err := unpack(f, maxDocxImage)
		if d.total += len(data); err == nil && d.total > maxDocxImages {
			err = ErrDocxTooLarge
		}
		if err != nil {
			d.err = fmt.Errorf("read %s: %w", part, err)
			return
		}
		d.images = append(d.images, DocxImage{Placeholder: placeholder, Name: path.Base(part), Alt: Line(alt), Data: data})
	}
	w.WriteString(`<img src="` + html.EscapeString(placeholder) + `" alt="` + html.EscapeString(alt) + `">`)
}
