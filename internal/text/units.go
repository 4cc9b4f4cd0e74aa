package text

import (
	"strings"
	"unicode"
)

// unit is what a body is compared by: a paragraph, heading, list item, table row or figure, out of its nest.
type unit struct {
	kind    kind // paragraph, heading2, heading3, listItem, table (one row), figure
	quoted  bool
	level   int  // listItem, and what follows its first paragraph: depth from 1
	ordered bool // listItem
	more    bool // belongs to the list item before it
	runs    []run
	images  []image
	cells   []cell // table: one row; kids are a single paragraph each
}

func units(blocks []*block) []unit {
	var f flattener
	f.blocks(blocks, unit{})
	return f.out
}

type flattener struct{ out []unit }

// blocks flattens; in carries what is around: quoted, level, more.
func (f *flattener) blocks(blocks []*block, in unit) {
	for _, b := range blocks {
		u := in
		u.kind = b.kind
		switch b.kind {
		case list:
			for _, item := range b.items {
				f.item(b, item, in)
			}
		case quote:
			u.quoted = true
			f.blocks(b.kids, u)
		case table:
			for _, row := range append(b.head[:len(b.head):len(b.head)], b.body...) {
				u.cells = make([]cell, len(row))
				for i, c := range row {
					u.cells[i] = c
					u.cells[i].kids = []*block{{kind: paragraph, runs: cellRuns(c.kids)}}
				}
				f.out = append(f.out, u)
			}
		default:
			u.runs, u.images = b.runs, b.images
			f.out = append(f.out, u)
		}
	}
}

func (f *flattener) item(b *block, item []*block, in unit) {
	head := in
	head.kind, head.ordered, head.more = listItem, b.ordered, false
	head.level++
	rest := item
	if len(item) > 0 && item[0].kind == paragraph {
		head.runs = item[0].runs
		rest = item[1:]
	}
	f.out = append(f.out, head)
	in.level, in.more = head.level, true
	f.blocks(rest, in)
}

// cellRuns is the content of a cell on lines of its own.
func cellRuns(kids []*block) []run {
	var runs []run
	for i, kid := range kids {
		if i > 0 {
			runs = append(runs, run{br: true})
		}
		runs = append(runs, allRuns(kid)...)
	}
	return normalise(runs)
}

// key is equal for two units when a reader sees no difference between them.
func (u unit) key() string {
	var w writer
	w.put(string(rune('a'+u.kind)), string(rune('a'+u.level)))
	for _, flag := range []bool{u.quoted, u.ordered, u.more} {
		if flag {
			w.put("+")
		} else {
			w.put("-")
		}
	}
	for _, im := range u.images {
		w.image(im)
	}
	if len(u.cells) > 0 {
		w.rows("tr", [][]cell{u.cells})
	}
	w.runs(u.runs)
	return w.String()
}

// token is a word, a mark or a space, in its style.
type token struct {
	text string
	style
}

const breakToken = "\n"

func tokens(runs []run) []token {
	var out []token
	for _, r := range runs {
		if r.br {
			out = append(out, token{text: breakToken})
			continue
		}
		for _, part := range splitWords(r.text) {
			out = append(out, token{text: part, style: r.style})
		}
	}
	return out
}

func untoken(list []token) []run {
	runs := make([]run, len(list))
	for i, t := range list {
		runs[i] = run{text: t.text, style: t.style, br: t.text == breakToken}
		if runs[i].br {
			runs[i].text = ""
		}
	}
	return runs
}

// splitWords cuts text into spaces, words and marks. Marks inside a word stay: 7.448.251 and 42/2022/NĐ-CP are one.
func splitWords(s string) []string {
	var out []string
	for _, chunk := range splitSpaces(s) {
		start := strings.IndexFunc(chunk, wordRune)
		if start < 0 {
			start = len(chunk)
		}
		end := strings.LastIndexFunc(chunk, wordRune)
		if end >= 0 {
			end += len(string([]rune(chunk[end:])[0]))
		} else {
			end = len(chunk)
		}
		for _, r := range chunk[:start] {
			out = append(out, string(r))
		}
		if start < end {
			out = append(out, chunk[start:end])
		}
		if start < len(chunk) {
			for _, r := range chunk[end:] {
				out = append(out, string(r))
			}
		}
	}
	return out
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// wordy says whether a token is a word, not a mark or space.
func (t token) wordy() bool { return strings.IndexFunc(t.text, wordRune) >= 0 }
