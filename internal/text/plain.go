package text

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain is the text of a body for mail, search and snippets: paragraphs apart by an empty line, list items behind "- "
// or their number, table cells apart by " | ", captions in brackets, and after a link its address in brackets.
func Plain(markup string) string {
	return plain(markup, true)
}

// Words is Plain without link addresses: what is searched, counted and excerpted.
func Words(markup string) string {
	return plain(markup, false)
}

func plain(markup string, addresses bool) string {
	blocks, _ := parseBody(markup)
	p := plainer{addresses: addresses}
	p.blocks(blocks, "")
	return strings.TrimRight(p.String(), "\n")
}

type plainer struct {
	strings.Builder
	addresses bool
}

func (p *plainer) blocks(blocks []*block, indent string) {
	for _, b := range blocks {
		p.block(b, indent)
	}
}

// paragraph writes text with its continuation lines indented, and an empty line after it.
func (p *plainer) paragraph(said, indent string) {
	if said != "" {
		p.WriteString(indent + strings.ReplaceAll(said, "\n", "\n"+indent) + "\n\n")
	}
}

func (p *plainer) block(b *block, indent string) {
	switch b.kind {
	case list:
		p.list(b, indent)
		p.WriteString("\n")
	case quote:
		p.blocks(b.kids, indent+"> ")
	case figure:
		said := p.text(b.runs)
		if said == "" {
			for _, im := range b.images {
				said = strings.TrimSpace(said + " " + im.alt)
			}
		}
		if said != "" {
			p.paragraph("["+said+"]", indent)
		}
	case table:
		for _, row := range append(b.head[:len(b.head):len(b.head)], b.body...) {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = p.inline(c.kids)
			}
			p.WriteString(indent + strings.TrimRight(strings.Join(cells, " | "), " ") + "\n")
		}
		p.WriteString("\n")
	default:
		p.paragraph(p.text(b.runs), indent)
	}
}

func (p *plainer) list(b *block, indent string) {
	for i, item := range b.items {
		marker := "- "
		if b.ordered {
			marker = strconv.Itoa(b.start+i) + ". "
		}
		p.WriteString(indent + marker)
		hanging := indent + strings.Repeat(" ", len(marker))
		for j, kid := range item {
			switch {
			case kid.kind == list:
				if j == 0 {
					p.WriteString("\n")
				}
				p.list(kid, hanging)
			default:
				if j > 0 {
					p.WriteString(hanging)
				}
				p.WriteString(strings.ReplaceAll(p.inline([]*block{kid}), "\n", "\n"+hanging) + "\n")
			}
		}
	}
}

// inline is all text of blocks on one line, but for line breaks that were written.
func (p *plainer) inline(blocks []*block) string {
	var parts []string
	for _, b := range blocks {
		if said := p.text(normalise(allRuns(b))); said != "" {
			parts = append(parts, said)
		}
	}
	return strings.Join(parts, " ")
}

func (p *plainer) text(runs []run) string {
	var out strings.Builder
	for i, r := range runs {
		if r.br {
			out.WriteByte('\n')
			continue
		}
		out.WriteString(r.text)
		ends := i+1 == len(runs) || runs[i+1].href != r.href
		address := strings.TrimPrefix(r.href, "mailto:")
		if p.addresses && r.href != "" && ends && !strings.HasSuffix(out.String(), address) {
			out.WriteString(" (" + address + ")")
		}
	}
	return out.String()
}

// Excerpt is the first n characters of a text at most, on one line, cut between words with "…" where something is
// left out. It takes plain text, not markup.
func Excerpt(s string, n int) string {
	s = Line(s)
	if n <= 0 {
		return ""
	}
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	end, space, count := 0, -1, 0
	for i, r := range s {
		if count == n-1 { // one place is the ellipsis's
			if r == ' ' {
				space = i
			}
			end = i
			break
		}
		if r == ' ' {
			space = i
		}
		count++
	}
	if space > 0 {
		end = space
	}
	for end > 0 && unicode.Is(unicode.Mn, first(s[end:])) {
		_, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
	}
	return strings.TrimRightFunc(s[:end], func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;:–—-(“\"", r) }) + "…"
}

func first(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
