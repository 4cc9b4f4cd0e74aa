package text

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

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
