package text

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
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
