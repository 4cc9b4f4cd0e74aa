package text

import (
	"slices"
	"strconv"
)

const maxSpan = 100

// table keeps rows and cells; leading rows of header cells are its thead. A table of one cell, or of a picture above
// its caption in one column (how many portals lay pictures out), is unwrapped; so is a table inside a cell.
func (b *builder) table(e *elem, st style) {
	b.flush()
	if b.layers >= maxLayers {
		b.children(e, st)
		b.flush()
		return
	}
	made := &block{kind: table}
	b.rows(made, e, st, false)
	made.body = slices.DeleteFunc(made.body, func(row []cell) bool { return len(row) == 0 })
	widest, filled := 0, false
	for _, row := range made.body {
		widest = max(widest, len(row))
		for _, c := range row {
			filled = filled || len(c.kids) > 0
		}
	}
	switch {
	case !filled:
		return
	case b.inCell, widest == 1 && (len(made.body) == 1 || joinCaption(made.body)):
		for _, row := range made.body {
			for _, c := range row {
				b.out = append(b.out, c.kids...)
			}
		}
		return
	}
	for len(made.body) > 0 && allHeaders(made.body[0]) {
		made.head = append(made.head, made.body[0])
		made.body = made.body[1:]
	}
	b.out = append(b.out, made)
}

func allHeaders(row []cell) bool {
	for _, c := range row {
		if !c.header {
			return false
		}
	}
	return true
}

// rows collects the rows of a table in order; text outside of cells becomes a paragraph before the table.
func (b *builder) rows(made *block, e *elem, st style, header bool) {
	for _, kid := range e.kids {
		switch kid.tag {
		case "thead":
			b.rows(made, kid, st, true)
		case "tbody", "tfoot":
			b.rows(made, kid, st, false)
		case "tr":
			var row []cell
			for _, td := range kid.kids {
				if td.tag == "td" || td.tag == "th" {
					row = append(row, b.cell(td, st, header || td.tag == "th"))
					continue
				}
				b.node(td, st)
			}
			made.body = append(made.body, row)
		default:
			b.node(kid, st)
		}
	}
	b.flush()
}

func (b *builder) cell(e *elem, st style, header bool) cell {
	inner := b.nested()
	inner.inCell = true
	inner.children(e, st)
	made := cell{header: header, colspan: span(e.attr("colspan")), rowspan: span(e.attr("rowspan")), kids: inner.finish()}
	if header {
		for _, kid := range made.kids {
			if kid.kind == paragraph {
				for i := range kid.runs {
					kid.runs[i].bold = false
				}
				kid.runs = normalise(kid.runs)
			}
		}
	}
	return made
}

func span(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 2 {
		return 1
	}
	return min(n, maxSpan)
}

// joinCaption gives the picture in the first of two one-cell rows the text of the second, and says whether it could.
func joinCaption(rows [][]cell) bool {
	if len(rows) != 2 || len(rows[0][0].kids) != 1 || len(rows[1][0].kids) != 1 {
		return false
	}
	picture, said := rows[0][0].kids[0], rows[1][0].kids[0]
	if picture.kind != figure || len(picture.runs) > 0 || said.kind != paragraph {
		return false
	}
	picture.runs = oneLine(said.runs)
	rows[1][0].kids = nil
	return true
}
