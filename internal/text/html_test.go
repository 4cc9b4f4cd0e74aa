package text

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const (
	sha  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	own  = "/anh/" + sha + "-640.jpg"
	own2 = "/anh/" + sha + "-960.png"
)

func TestHTML(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"empty":              {"", ""},
		"bare text":          {"Xin chào", "<p>Xin chào</p>"},
		"escapes":            {`a < b & "c"`, "<p>a &lt; b &amp; &#34;c&#34;</p>"},
		"names":              {"<h1>A</h1><h4>B</h4><b>c</b> <i>d</i>", "<h2>A</h2><h3>B</h3><p><strong>c</strong> <em>d</em></p>"},
		"unwraps":            {"<div><span>a</span><div>b</div></div>c", "<p>a</p><p>b</p><p>c</p>"},
		"nbsp and nfd":       {"<p>Nông&nbsp;&nbsp;tho\u0302n\u200b mới</p>", "<p>Nông thôn mới</p>"},
		"empty paragraphs":   {"<p>&nbsp;</p><p><b> </b></p><p><br></p><p>a</p>", "<p>a</p>"},
		"emphasis merged":    {"<b>a</b><b> b</b> <i>c <b>d</b></i>", "<p><strong>a b</strong> <em>c </em><strong><em>d</em></strong></p>"},
		"bold across blocks": {"<b><p>a</p><p>b</p></b>", "<p><strong>a</strong></p><p><strong>b</strong></p>"},
		"google docs":        {`<b style="font-weight:normal"><p><span style="font-weight:700">a</span> b</p></b>`, "<p><strong>a</strong> b</p>"},
		"breaks":             {"<p>a<br>b<br><br>c<br></p>", "<p>a<br>b</p><p>c</p>"},
		"open tags":          {"<p>a<p>b<ul><li>c<li>d</ul>", "<p>a</p><p>b</p><ul><li>c</li><li>d</li></ul>"},
		"tiptap list":        {"<ul><li><p>a</p></li><li><p>b</p><ul><li><p>c</p></li></ul></li></ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"},
		"list in list":       {"<ul><li>a</li><ul><li>b</li></ul></ul>", "<ul><li>a<ul><li>b</li></ul></li></ul>"},
		"two paragraphs":     {"<ol start=3><li><p>a</p><p>b</p></li></ol>", `<ol start="3"><li><p>a</p><p>b</p></li></ol>`},
		"link":               {`<a href=" https://Example.vn/a?b=1&c=2 " onclick=x target=_blank>a</a>`, `<p><a href="https://Example.vn/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">a</a></p>`},
		"own link":           {`<a href="/tin/a-1">a</a> <a href="mailto:a@b.vn">b</a>`, `<p><a href="/tin/a-1">a</a> <a href="mailto:a@b.vn">b</a></p>`},
		"www link":           {`<a href="www.b.vn">a</a>`, `<p><a href="https://www.b.vn" rel="nofollow noopener noreferrer">a</a></p>`},
		"bad links":          {`<a href="javascript:alert(1)">a</a><a href="jav&#x0A;ascript:x">b</a><a href="/\evil.vn">c</a><a href="https://b.vn@evil.vn/">d</a><a href="#_ftn1">e</a><a href="file:///C:/x">f</a><a href="data:text/html,x">g</a>`, "<p>abcdefg</p>"},
		"image":              {`<p>a<img src="` + own + `" alt="Cánh đồng" width=640 height=427 onerror=x srcset="x 2x">b</p>`, `<p>a</p><figure><img src="` + own + `" alt="Cánh đồng" width="640" height="427"></figure><p>b</p>`},
		"figure":             {`<figure class=x><img src="` + own + `"><img src="` + own2 + `"><figcaption><p>Ảnh: <i>A</i></p></figcaption></figure>`, `<figure><img src="` + own + `" alt=""><img src="` + own2 + `" alt=""><figcaption>Ảnh: <em>A</em></figcaption></figure>`},
		"foreign image":      {`<figure><img src="https://x.vn/a.jpg"><figcaption>Chú thích</figcaption></figure>`, "<p>Chú thích</p>"},
		"word caption":       {`<p><img src="` + own + `"></p><p class=MsoCaption>Quang cảnh</p>`, `<figure><img src="` + own + `" alt=""><figcaption>Quang cảnh</figcaption></figure>`},
		"table caption":      {`<table><tr><td><img src="` + own + `"></td></tr><tr><td>Quang cảnh</td></tr></table>`, `<figure><img src="` + own + `" alt=""><figcaption>Quang cảnh</figcaption></figure>`},
		"table": {
			`<table border=1><colgroup><col></colgroup><tbody><tr><th colspan=2><p><b>A</b></p></th></tr><tr><td rowspan=9999>1</td><td onclick=x><p>2</p><p>3</p></td></tr></table>`,
			`<table><thead><tr><th colspan="2" scope="col">A</th></tr></thead><tbody><tr><td rowspan="100">1</td><td><p>2</p><p>3</p></td></tr></tbody></table>`,
		},
		"nested table":      {"<table><tr><td>a</td><td><table><tr><td>b</td><td>c</td></tr></table></td></tr></table>", "<table><tbody><tr><td>a</td><td><p>b</p><p>c</p></td></tr></tbody></table>"},
		"squares":           {"850 m<sup>2</sup>, CO<sub>2</sub>, x<sup>abc</sup>", "<p>850 m², CO₂, xabc</p>"},
		"quote":             {"<blockquote>a<p>b</blockquote>", "<blockquote><p>a</p><p>b</p></blockquote>"},
		"conditional":       {"<!--[if mso]><p>x</p><![endif]-->a<![if !vml]>b<![endif]><o:p>&nbsp;</o:p>", "<p>ab</p>"},
		"hidden":            {`a<span style="display: none">b</span><xml><w:x>c</w:x></xml><style>d</style><title>e</title>`, "<p>a</p>"},
		"preformatted":      {"<pre>a  b\nc</pre>", "<p>a b<br>c</p>"},
		"heading in a list": {"<ul><li><h2>a</h2>b</li></ul>", "<ul><li><p><strong>a</strong></p><p>b</p></li></ul>"},
		"tracked deletion":  {"một <del>hai</del><ins>ba</ins>", "<p>một ba</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := HTML(c.in); got != c.want {
				t.Errorf("HTML(%q)\n got %s\nwant %s", c.in, got, c.want)
			}
			checkCanonical(t, c.in)
		})
	}
}

func TestWordLists(t *testing.T) {
	t.Parallel()
	word := func(class, list, marker, text string) string {
		return `<p class=` + class + ` style='text-indent:-18.0pt;mso-list:` + list + `'><![if !supportLists]><span style='font-family:Symbol'>` +
			`<span style='mso-list:Ignore'>` + marker + `<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp; </span></span></span><![endif]>` + text + `<o:p></o:p></p>`
	}
	in := word("MsoListParagraphCxSpFirst", "l0 level1 lfo1", "·", "Một") +
		word("MsoListParagraphCxSpMiddle", "l0 level2 lfo1", "o", "Một <b>rưỡi</b>") +
		word("MsoListParagraphCxSpLast", "l0 level1 lfo1", "·", "Hai") +
		`<p class=MsoNormal>Giữa</p>` +
		word("MsoListParagraphCxSpFirst", "l1 level1 lfo2", "3.", "Ba") +
		word("MsoListParagraphCxSpLast", "l1 level1 lfo2", "4.", "Bốn") +
		word("MsoListParagraph", "l1 level1 lfo2", "a)", "điểm a") +
		`<p class=MsoListParagraph>•&nbsp; Gõ tay</p><p class=MsoListParagraph>thụt vào</p>`
	want := `<ul><li>Một<ul><li>Một <strong>rưỡi</strong></li></ul></li><li>Hai</li></ul><p>Giữa</p>` +
		`<ol start="3"><li>Ba</li><li>Bốn</li></ol><p>a) điểm a</p><ul><li>Gõ tay</li></ul><p>thụt vào</p>`
	if got := HTML(in); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
	checkCanonical(t, in)
}

func TestSanitiseReportsDroppedPictures(t *testing.T) {
	t.Parallel()
	_, dropped := Sanitise(`<img src="data:image/png;base64,AAAA" alt="Một"><img src="https://x.vn/a.jpg"><img src="` + own + `">`)
	want := []Dropped{{"data:image/png", "Một"}, {"https://x.vn/a.jpg", ""}}
	if len(dropped) != 2 || dropped[0] != want[0] || dropped[1] != want[1] {
		t.Errorf("got %+v, want %+v", dropped, want)
	}
}

// hostile is markup from published sanitiser bypasses and their relatives.
var hostile = []string{
	`<script>alert(1)</script>`, `<scr<script>ipt>alert(1)</script>`, `<script/src=//x>`, `<img src=x onerror=alert(1)>`,
	`<img src="` + own + `" onerror=alert(1)>`, `<svg onload=alert(1)>`, `<svg><script>alert(1)</script></svg>`,
	`<svg><style><img src=x onerror=alert(1)></style></svg>`, `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
	`<math><mi//xlink:href="data:x,<script>alert(4)</script>">`, `<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`,
	`<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<template><img src=x onerror=alert(1)></template>`, `<iframe srcdoc="<script>alert(1)</script>"></iframe>`, `<iframe src=javascript:alert(1)>`,
	`<object data="data:text/html;base64,PHNjcmlwdD4="></object>`, `<embed src=javascript:alert(1)>`, `<a href="javascript:alert(1)">x</a>`,
	`<a href="JaVaScRiPt:alert(1)">x</a>`, `<a href="&#106;avascript:alert(1)">x</a>`, "<a href=\"java\tscript:alert(1)\">x</a>", `<a href=" javascript:alert(1)">x</a>`,
	`<a href="vbscript:x">x</a>`, `<a href="data:text/html,<script>x</script>">x</a>`, `<a href="//evil.vn\@b.vn">x</a>`, `<a href='https://a"onmouseover="x'>x</a>`,
	`<p style="background:url(javascript:x)" onclick=x>x</p>`, `<style>@import 'x'</style>`, `<link rel=stylesheet href=x>`, `<meta http-equiv=refresh content=0>`,
	`<base href="https://evil.vn/">`, `<input autofocus onfocus=alert(1)>`, `<textarea></textarea><img src=x onerror=x></textarea>`, `<title><img src=x></title>`,
	`<xmp><img src=x></xmp>`, `<plaintext><img src=x>`, `<!--><img src=x onerror=x>-->`, `<!--<img src="--><img src=x onerror=x>">`, `<![CDATA[<img src=x onerror=x>]]>`,
	`<img src="x` + "`" + `onerror=alert(1)">`, `<img srcset="x 1x, javascript:x 2x">`, `<picture><source srcset=x><img src=x></picture>`, `<video src=x onerror=x><source></video>`,
	`<details open ontoggle=alert(1)>x</details>`, `<marquee onstart=x>x</marquee>`, `<a><b><a><b>`, `</p></div></td></table>`, `<table><tr><td><table><p></table>x`,
	`<<a>`, `<`, `<a`, `<a href="`, `&#0;&#x110000;&#xD800;&`, "\x00<p\x00>\x00", "\xff\xfe<p>\xc0\xaf", `<p/><br/></br></p>`, `<select><option><img src=x></select>`,
	`<b><i><u>` + strings.Repeat("<p>x", 50), strings.Repeat("<div>", 600) + "sâu", strings.Repeat("<ul><li>", 300) + "x", strings.Repeat("<table><tr><td>", 100) + "x",
	strings.Repeat("<blockquote>", 300) + "x" + strings.Repeat("</blockquote>", 100) + "y", strings.Repeat("<b a=1>", 500) + strings.Repeat("<p>x", 500),
	`<a href="https://` + strings.Repeat("a", 1900) + `.vn/">` + strings.Repeat("<p>x</p>", 500), `<table><caption>c</caption><thead><tr><td>h</table>`,
	"a\u202Eb\u2066c\u200Fd", "e" + strings.Repeat("\u0301", 100), `<p>` + strings.Repeat("&nbsp;", 100) + `</p>`, `<ol start="99999999999999999999"><li>x</ol>`,
	`<figure><figure><img src="` + own + `"><figcaption>a</figcaption></figure><figcaption>b<img src="` + own + `"></figcaption></figure>`,
}

func TestHTMLHostile(t *testing.T) {
	t.Parallel()
	for _, in := range hostile {
		checkCanonical(t, in)
	}
	for i := range hostile { // each inside and after the next
		checkCanonical(t, hostile[i]+hostile[(i+1)%len(hostile)])
		checkCanonical(t, "<table><tr><td><b>"+hostile[i]+"</b></td></tr></table>"+hostile[(i+7)%len(hostile)])
	}
}

func FuzzHTML(f *testing.F) {
	for _, in := range hostile {
		f.Add(in)
	}
	f.Add(`<p class=MsoListParagraph style="mso-list:l0 level1"><span style="mso-list:Ignore">1.</span>a</p><p class=MsoCaption>x</p>`)
	f.Add(`<table><tr><th>a<td>b<tr><td><img src="` + own + `"></table><h2>a<b>b</h2><ol start=4><li>x<ul><li>y</ol>`)
	f.Fuzz(func(t *testing.T, in string) { checkCanonical(t, in) })
}

// checkCanonical holds everything that HTML promises about its result, whatever the input.
func checkCanonical(t *testing.T, in string) {
	t.Helper()
	doc, _ := parseBody(in)
	raw := render(doc)
	got := HTML(in)
	if raw != got {
		t.Fatalf("the gate changed what we rendered, for %q\nraw  %s\ngate %s", in, raw, got)
	}
	if again := HTML(got); again != got {
		t.Fatalf("not idempotent for %q\n1st %s\n2nd %s", in, got, again)
	}
	if len(got) > 200*len(in)+1000 {
		t.Fatalf("%d bytes of input grew to %d", len(in), len(got))
	}
	checkAllowed(t, in, got)
}

var allowed = map[string]map[string]bool{
	"p": nil, "h2": nil, "h3": nil, "ul": nil, "ol": set("start"), "li": nil, "strong": nil, "em": nil, "br": nil, "blockquote": nil,
	"figure": nil, "figcaption": nil, "img": set("src alt width height"), "a": set("href rel"), "table": nil, "thead": nil, "tbody": nil, "tr": nil,
	"td": set("colspan rowspan"), "th": set("colspan rowspan scope"),
}

// checkAllowed reads the result as a browser would and finds nothing but the canonical markup, well nested.
func checkAllowed(t *testing.T, in, got string) {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(got))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Fatalf("left open %v for %q: %s", open, in, got)
			}
			return
		case html.StartTagToken:
			token := z.Token()
			attrs, ok := allowed[token.Data]
			if !ok {
				t.Fatalf("<%s> came through for %q: %s", token.Data, in, got)
			}
			for _, a := range token.Attr {
				if !attrs[a.Key] {
					t.Fatalf("<%s %s> came through for %q: %s", token.Data, a.Key, in, got)
				}
				if lower := strings.ToLower(a.Val); (a.Key == "href" || a.Key == "src") &&
					!strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "mailto:") &&
					(!strings.HasPrefix(lower, "/") || strings.HasPrefix(lower, "//") || strings.HasPrefix(lower, `/\`)) {
					t.Fatalf("address %q came through for %q", a.Val, in)
				}
			}
			if token.Data != "br" && token.Data != "img" {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v for %q: %s", name, open, in, got)
			}
			open = open[:len(open)-1]
		case html.TextToken:
		default:
			t.Fatalf("unexpected %s for %q: %s", z.Token(), in, got)
		}
	}
}
