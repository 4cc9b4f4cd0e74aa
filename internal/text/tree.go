package text

import (
	"strings"

	"golang.org/x/net/html"
)

// maxDepth bounds the tree: an element below it is ignored and its text goes to the element above.
const maxDepth = 120

// elem is an element, or a stretch of text where tag is empty.
type elem struct {
	tag   string
	attrs []html.Attribute
	text  string
	kids  []*elem
}

func (e *elem) attr(key string) string {
	for _, a := range e.attrs {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// parseTree reads markup leniently, in time and space linear in its length whatever it holds. It is no browser: the
// tree builder of x/net/html refuses 512 open elements and grows beyond bounds on unclosed formatting, and what we
// write is made from the model alone, so a different reading of broken markup can lose emphasis but never let markup in.
func parseTree(s string) *elem {
	root := &elem{tag: "body"}
	open := []*elem{root}
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		top := open[len(open)-1]
		switch z.Next() {
		case html.ErrorToken:
			return root
		case html.TextToken:
			top.kids = append(top.kids, &elem{text: string(z.Text())})
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			tag := token.Data
			if tag == "html" || tag == "body" || tag == "head" {
				continue
			}
			open = closeImplied(open, tag)
			if len(open) > maxDepth && !void[tag] {
				continue
			}
			top = open[len(open)-1]
			node := &elem{tag: tag, attrs: token.Attr}
			top.kids = append(top.kids, node)
			selfClosed := token.Type == html.SelfClosingTagToken && (strings.Contains(tag, ":") || foreign(open))
			if !void[tag] && !selfClosed {
				open = append(open, node)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			tag := string(name)
			if tag == "br" { // browsers read </br> as <br>
				top.kids = append(top.kids, &elem{tag: tag})
				continue
			}
			open = closeTag(open, tag)
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

var void = set("area base br col embed hr img input link meta param source track wbr command keygen frame bgsound")

// walls are what the end tag of something inside cannot close.
var walls = set("table td th caption svg math template object")

// closers: an opening tag closes these when one is open above the nearest wall (HTML optional end tags).
var closers = map[string]map[string]bool{
	"li": set("li"), "dt": set("dt dd"), "dd": set("dt dd"), "option": set("option"),
	"tr": set("tr td th caption"), "td": set("td th caption"), "th": set("td th caption"),
	"tbody": set("tbody thead tfoot tr td th caption"), "thead": set("tbody thead tfoot tr td th caption"),
	"tfoot": set("tbody thead tfoot tr td th caption"),
	"a":     set("a"),
}

var closesParagraph = set("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote figure figcaption div section article aside header " +
	"footer nav main address pre hr form fieldset center details summary li dt dd tr td th")

// barrier stops closers: a list inside an item starts afresh.
var barrier = map[string]map[string]bool{
	"li": set("ul ol"), "dt": set("dl"), "dd": set("dl"), "a": set("p div li td th blockquote figure"),
	"tr": set("table"), "td": set("table tr"), "th": set("table tr"),
	"tbody": set("table"), "thead": set("table"), "tfoot": set("table"),
}

func closeImplied(open []*elem, tag string) []*elem {
	if closesParagraph[tag] {
		open = closeUpTo(open, func(e string) bool { return e == "p" },
			func(e string) bool { return walls[e] || e != "p" && closesParagraph[e] })
	}
	if also, ok := closers[tag]; ok {
		stop := barrier[tag]
		for {
			shorter := closeUpTo(open, func(e string) bool { return also[e] }, func(e string) bool { return stop[e] || e == "table" })
			if len(shorter) == len(open) {
				break
			}
			open = shorter
		}
	}
	return open
}

// closeUpTo closes the innermost open element that wanted picks, unless stop meets one first.
func closeUpTo(open []*elem, wanted, stop func(tag string) bool) []*elem {
	for i := len(open) - 1; i > 0; i-- {
		if wanted(open[i].tag) {
			return open[:i]
		}
		if stop(open[i].tag) {
			break
		}
	}
	return open
}

func closeTag(open []*elem, tag string) []*elem {
	crossesBlocks := !inline(tag)
	return closeUpTo(open, func(e string) bool { return e == tag || heading(e) && heading(tag) }, func(e string) bool {
		if tag == "table" || tag == "tr" || tag == "tbody" || tag == "thead" || tag == "tfoot" {
			return e == "table"
		}
		return walls[e] || !crossesBlocks && !inline(e)
	})
}

func foreign(open []*elem) bool {
	for _, e := range open {
		if e.tag == "svg" || e.tag == "math" {
			return true
		}
	}
	return false
}

func heading(tag string) bool {
	return len(tag) == 2 && tag[0] == 'h' && tag[1] >= '1' && tag[1] <= '6'
}

func set(words string) map[string]bool {
	found := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		found[word] = true
	}
	return found
}
