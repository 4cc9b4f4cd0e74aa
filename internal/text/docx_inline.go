package text

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

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
