package text

import (
	"regexp"
	"strconv"
	"strings"
)

// noise says whether e is something Word, Google Docs or a browser put on the clipboard that nobody saw as text.
func noise(e *elem) bool {
	class := strings.ToLower(e.attr("class"))
	if strings.Contains(class, "msocomoff") || strings.Contains(class, "msocomanchor") ||
		strings.Contains(class, "msocomtxt") || strings.Contains(class, "msocommentreference") || strings.Contains(class, "apple-interchange-newline") {
		return true
	}
	if prefix, _, ok := strings.Cut(e.tag, ":"); ok && (prefix == "v" || prefix == "mc") {
		return true
	}
	css := strings.ToLower(e.attr("style"))
	return css != "" && (property(css, "display") == "none" || property(css, "mso-hide") == "all" ||
		strings.HasPrefix(property(css, "mso-element"), "comment"))
}

// wordRow is what Word says about a list paragraph.
type wordRow struct {
	ordered bool
	number  int
	level   int
	marker  string // kept as text where a list could not show it, as in "a)"
}

var (
	wordLevel    = regexp.MustCompile(`level([1-9])`)
	wordBullet   = regexp.MustCompile(`^(?:[•·▪●○■□◦‣∙➢✓→*§Øüv+o–—-])$`)
	wordNumber   = regexp.MustCompile(`^\(?([0-9]{1,4})[.)]$`)
	wordAnyLabel = regexp.MustCompile(`^\(?[\pL0-9]{1,4}(?:\.[0-9]+)*[.)]$`)
	typedMarker  = regexp.MustCompile(`^[\s\x{A0}]*([•·▪●○■◦‣∙§\x{F0B7}\x{F0A7}]|\(?[0-9]{1,4}[.)])(?:[\s\x{A0}]+|$)`)
)

// wordListRow recognises a list paragraph of Word by its class or its mso-list style and takes its marker off e's text.
// It returns nil for any other paragraph.
func wordListRow(e *elem) *wordRow {
	css := strings.ToLower(e.attr("style"))
	declared := strings.Contains(css, "mso-list:") && !strings.Contains(css, "mso-list:none") && !strings.Contains(css, "mso-list: none")
	if !declared && !strings.HasPrefix(e.attr("class"), "MsoListParagraph") {
		return nil
	}
	row := &wordRow{level: 1}
	if level := wordLevel.FindStringSubmatch(property(css, "mso-list")); level != nil {
		row.level, _ = strconv.Atoi(level[1])
	}
	if said, ok := takeIgnored(e); ok {
		row.marker = Line(said)
	} else if row.marker = takeTyped(e); row.marker == "" {
		return nil // indented like a list, but nobody sees a marker
	}
	switch number := wordNumber.FindStringSubmatch(row.marker); {
	case row.marker == "" || wordBullet.MatchString(row.marker):
	case number != nil:
		row.ordered = true
		row.number, _ = strconv.Atoi(number[1])
	case wordAnyLabel.MatchString(row.marker):
		row.level = 0 // "a)", "iv.", "1.2.": numbers that law texts are quoted by stay text
	}
	return row
}

func (r *wordRow) block(line []run) *block {
	if r.level == 0 {
		marker := r.marker
		r.marker = ""
		if marker != "" {
			line = normalise(append([]run{{text: marker + " "}}, line...))
		}
		return &block{kind: paragraph, runs: line}
	}
	return &block{kind: listItem, runs: line, ordered: r.ordered, start: r.number, level: r.level}
}

// takeIgnored removes the span that Word marks as its drawn marker and returns its text.
func takeIgnored(e *elem) (string, bool) {
	for i, kid := range e.kids {
		if kid.tag == "" {
			continue
		}
		if strings.Contains(strings.ToLower(strings.ReplaceAll(kid.attr("style"), " ", "")), "mso-list:ignore") {
			e.kids = append(e.kids[:i:i], e.kids[i+1:]...)
			return elemText(kid), true
		}
		if said, ok := takeIgnored(kid); ok {
			return said, true
		}
	}
	return "", false
}

// takeTyped removes a bullet or number from the front of e's first text and returns it.
func takeTyped(e *elem) string {
	for _, kid := range e.kids {
		if kid.tag != "" {
			if found := takeTyped(kid); found != "" || strings.TrimSpace(elemText(kid)) != "" {
				return found
			}
			continue
		}
		if found := typedMarker.FindStringSubmatch(kid.text); found != nil {
			kid.text = kid.text[len(found[0]):]
			return Line(found[1])
		}
		if Line(kid.text) != "" {
			return ""
		}
	}
	return ""
}

// gatherLists makes lists of neighbouring list paragraphs, nested by their levels.
func gatherLists(blocks []*block, layers int) []*block {
	var out []*block
	for i := 0; i < len(blocks); {
		if blocks[i].kind != listItem {
			out = append(out, blocks[i])
			i++
			continue
		}
		end := i
		for end < len(blocks) && blocks[end].kind == listItem {
			end++
		}
		out = append(out, nestItems(blocks[i:end], layers)...)
		i = end
	}
	return out
}

func nestItems(rows []*block, layers int) []*block {
	var lists []*block
	for i := 0; i < len(rows); {
		first := rows[i]
		deeper := i + 1
		for deeper < len(rows) && rows[deeper].level > first.level {
			deeper++
		}
		item := []*block{{kind: paragraph, runs: first.runs}}
		if layers >= maxLayers {
			lists = append(lists, item...)
			i++
			continue
		}
		item = append(item, nestItems(rows[i+1:deeper], layers+1)...)
		last := len(lists) - 1
		if last < 0 || lists[last].kind != list || lists[last].ordered != first.ordered ||
			first.ordered && first.start == 1 && first.start != lists[last].start+len(lists[last].items) {
			lists = append(lists, &block{kind: list, ordered: first.ordered, start: max(1, first.start)})
			last++
		}
		lists[last].items = append(lists[last].items, item)
		i = deeper
	}
	return lists
}
