package text

import "strings"

type kind uint8

const (
	paragraph kind = iota
	heading2
	heading3
	list
	quote
	figure
	table
	listItem // a Word list paragraph until finish gathers its neighbours into a list
)

// block is one block of a body; which fields count depends on its kind.
type block struct {
	kind    kind
	runs    []run      // paragraph, headings; the caption of a figure
	images  []image    // figure
	ordered bool       // list, listItem
	start   int        // ordered list: number of its first item; listItem: its number
	level   int        // listItem: 1 is outermost
	items   [][]*block // list
	kids    []*block   // quote
	head    [][]cell   // table
	body    [][]cell   // table
}

// run is a stretch of text in one style, or a line break.
type run struct {
	text string
	style
	br bool
}

type style struct {
	bold, italic bool
	href         string
}

type image struct {
	src, alt      string
	width, height int
}

type cell struct {
	header           bool
	colspan, rowspan int
	kids             []*block
}

// normalise merges runs of one style, collapses white space across them, trims both ends and brings text to NFC.
func normalise(runs []run) []run {
	var flat []run
	for _, r := range runs {
		if r.br {
			flat = append(flat, run{br: true})
			continue
		}
		for _, part := range splitSpaces(clean(r.text)) {
			flat = append(flat, run{text: part, style: r.style})
		}
	}
	// spaces: one between two words, none at a line's ends; then they take what both neighbours share
	var words []run
	for _, r := range flat {
		if r.text == " " && (len(words) == 0 || words[len(words)-1].br || words[len(words)-1].text == " ") {
			continue
		}
		if r.br {
			words = trimSpace(words)
		}
		words = append(words, r)
	}
	words = trimSpace(words)
	for i := range words {
		if words[i].text == " " && i+1 < len(words) {
			words[i].style = words[i-1].style.shared(words[i+1].style)
		}
	}
	var merged []run
	var text strings.Builder
	for i := 0; i < len(words); {
		r := words[i]
		i++
		if !r.br {
			text.Reset()
			text.WriteString(r.text)
			for ; i < len(words) && !words[i].br && words[i].style == r.style; i++ {
				text.WriteString(words[i].text)
			}
			r.text = clean(text.String())
		}
		merged = append(merged, r)
	}
	return merged
}

func trimSpace(runs []run) []run {
	if n := len(runs); n > 0 && runs[n-1].text == " " {
		return runs[:n-1]
	}
	return runs
}

func (s style) shared(t style) style {
	both := style{bold: s.bold && t.bold, italic: s.italic && t.italic}
	if s.href == t.href {
		both.href = s.href
	}
	return both
}

// splitSpaces cuts s into words and single spaces.
func splitSpaces(s string) []string {
	var parts []string
	for s != "" {
		word := strings.IndexAny(s, " \n")
		switch {
		case word < 0:
			return append(parts, s)
		case word > 0:
			parts = append(parts, s[:word])
		}
		parts = append(parts, " ")
		s = strings.TrimLeft(s[word:], " \n")
	}
	return parts
}

// lines cuts runs into paragraphs at two or more line breaks, dropping breaks at either end and what is left empty.
func lines(runs []run) [][]run {
	runs = normalise(runs)
	var found [][]run
	var line []run
	for i := 0; i < len(runs); i++ {
		if !runs[i].br {
			line = append(line, runs[i])
			continue
		}
		breaks := 1
		for i+1 < len(runs) && runs[i+1].br {
			i++
			breaks++
		}
		last := i+1 == len(runs)
		switch {
		case len(line) == 0 || last:
		case breaks == 1:
			line = append(line, run{br: true})
		default:
			found = append(found, line)
			line = nil
		}
	}
	if len(line) > 0 {
		found = append(found, line)
	}
	return found
}

// oneLine is runs without breaks, for headings and captions.
func oneLine(runs []run) []run {
	flat := make([]run, 0, len(runs))
	for _, r := range runs {
		if r.br {
			r = run{text: " "}
		}
		flat = append(flat, r)
	}
	return normalise(flat)
}

func runsText(runs []run) string {
	var out strings.Builder
	for _, r := range runs {
		if r.br {
			out.WriteByte('\n')
		}
		out.WriteString(r.text)
	}
	return out.String()
}
