package text

import (
	"regexp"
	"strconv"
	"strings"
)

var ownImage = regexp.MustCompile(`^/anh/[0-9a-f]{64}-[1-9][0-9]{0,4}\.(?:jpg|png)$`)

func (b *builder) image(e *elem) {
	alt := cut(Line(e.attr("alt")), 1000)
	src := strings.TrimSpace(e.attr("src"))
	if !ownImage.MatchString(src) {
		if kind, _, ok := strings.Cut(src, ";"); ok && strings.HasPrefix(src, "data:") {
			src = kind
		}
		b.dropped = append(b.dropped, Dropped{Src: cut(Line(src), 200), Alt: alt})
		return
	}
	b.flush()
	made := image{src: src, alt: alt, width: pixels(e.attr("width")), height: pixels(e.attr("height"))}
	b.out = append(b.out, &block{kind: figure, images: []image{made}})
}

func pixels(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 20000 {
		return 0
	}
	return n
}

// cut shortens s to at most n bytes at a character's border.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return strings.TrimRight(s[:n], " ")
}

// figure keeps its pictures together with their caption; without a picture of ours it is unwrapped.
func (b *builder) figure(e *elem, st style) {
	b.flush()
	inner := &builder{reader: b.reader, layers: b.layers, inCell: b.inCell}
	var caption []run
	for _, kid := range e.kids {
		if kid.tag != "figcaption" {
			inner.node(kid, st)
			continue
		}
		inner.flush()
		said := &builder{reader: b.reader, layers: b.layers, inCell: b.inCell}
		said.children(kid, st)
		for _, part := range said.finish() {
			if part.kind == figure {
				inner.out = append(inner.out, part)
				continue
			}
			caption = append(append(caption, run{text: " "}), allRuns(part)...)
		}
	}
	made := &block{kind: figure}
	var rest []*block
	for _, kid := range inner.finish() {
		if kid.kind == figure {
			made.images = append(made.images, kid.images...)
			if len(kid.runs) > 0 {
				caption = append(append(caption, run{text: " "}), kid.runs...)
			}
			continue
		}
		rest = append(rest, kid)
	}
	made.runs = oneLine(caption)
	switch {
	case len(made.images) > 0:
		b.out = append(b.out, made)
		b.out = append(b.out, rest...)
	default:
		b.out = append(b.out, rest...)
		if len(made.runs) > 0 {
			b.out = append(b.out, &block{kind: paragraph, runs: made.runs})
		}
	}
}
