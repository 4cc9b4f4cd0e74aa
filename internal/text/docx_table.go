package text

import "strconv"

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
