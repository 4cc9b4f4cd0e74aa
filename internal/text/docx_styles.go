package text

import (
	"path"
	"strconv"
	"strings"
)

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
