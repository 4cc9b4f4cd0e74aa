package text

// maxLayers bounds how deep lists, quotations and tables nest in what HTML returns; deeper ones are unwrapped.
const maxLayers = 6

// Dropped is a picture that HTML left out because it is not one of ours: the caller may upload it and ask again.
type Dropped struct {
	Src string // at most 200 bytes; a data: address is cut to its type
	Alt string
}

// HTML turns any markup (pasted, from Word or Google Docs, from our editor, hostile) into the canonical body markup:
//
//	p h2 h3 ul ol[start] li strong em br a[href rel] blockquote
//	figure > img[src alt width height]… figcaption?    img only as /anh/<sha256>-<width>.<ext>
//	table > thead? tbody > tr > th[scope] td           with colspan and rowspan up to 100
//
// and nothing else: b is strong, i is em, h1 is h2, h4 and below are h3, other elements are unwrapped or dropped, text
// is cleaned as Line does. The result is deterministic, well-formed, free of script, passed by bluemonday as it is,
// and HTML(HTML(s)) == HTML(s). A size limit on s is the caller's; the result is at most a constant times longer.
func HTML(s string) string {
	out, _ := Sanitise(s)
	return out
}

// Sanitise is HTML that also tells which pictures were left out, in reading order.
func Sanitise(s string) (string, []Dropped) {
	doc, dropped := parseBody(s)
	return gate.Sanitize(render(doc)), dropped
}

// parseBody reads s into the model that render, Plain, Check and Diff work on.
func parseBody(s string) ([]*block, []Dropped) {
	r := &reader{hrefBudget: 4096 + 4*len(s)}
	b := &builder{reader: r}
	b.children(parseTree(s), style{})
	return b.finish(), r.dropped
}
