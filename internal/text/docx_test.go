package text

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// word packs parts of a Word file: name, content, name, content.
func word(t testing.TB, parts ...string) *bytes.Reader {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i+1 < len(parts); i += 2 {
		f, err := w.Create(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(parts[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(out.Bytes())
}

const (
	wordHead   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="w" xmlns:r="r" xmlns:a="a" xmlns:wp="wp" xmlns:v="v" xmlns:mc="mc"><w:body>`
	wordTail   = `<w:sectPr/></w:body></w:document>`
	wordStyles = `<w:styles xmlns:w="w"><w:style w:styleId="u1"><w:name w:val="heading 1"/></w:style><w:style w:styleId="u2"><w:name w:val="My heading"/><w:basedOn w:val="u3"/></w:style>
		<w:style w:styleId="u3"><w:name w:val="heading 3"/></w:style><w:style w:styleId="Chuthich"><w:name w:val="caption"/></w:style><w:style w:styleId="q"><w:name w:val="Quote"/></w:style>
		<w:style w:styleId="lb"><w:name w:val="List Bullet"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style><w:style w:styleId="loop"><w:name w:val="x"/><w:basedOn w:val="loop"/></w:style></w:styles>`
	wordNumbering = `<w:numbering xmlns:w="w"><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
		<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/></w:lvl></w:abstractNum>
		<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num></w:numbering>`
	wordRels = `<Relationships><Relationship Id="l1" Target="https://vankhe.gov.vn/a?b=1&amp;c=2" TargetMode="External"/><Relationship Id="i1" Target="media/image1.jpeg"/>
		<Relationship Id="i2" Target="../../../etc/passwd"/><Relationship Id="js" Target="javascript:alert(1)" TargetMode="External"/></Relationships>`
)

func wordFile(t testing.TB, body string) *bytes.Reader {
	return word(t, "word/document.xml", wordHead+body+wordTail, "word/styles.xml", wordStyles, "word/numbering.xml", wordNumbering,
		"word/_rels/document.xml.rels", wordRels, "word/media/image1.jpeg", "JPEG")
}

func TestDocx(t *testing.T) {
	t.Parallel()
	p := func(props, text string) string {
		return `<w:p><w:pPr>` + props + `</w:pPr><w:r><w:t xml:space="preserve">` + text + `</w:t></w:r></w:p>`
	}
	num := func(id, level int) string {
		return fmt.Sprintf(`<w:numPr><w:ilvl w:val="%d"/><w:numId w:val="%d"/></w:numPr>`, level, id)
	}
	picture := `<w:p><w:r><w:drawing><wp:inline><wp:docPr descr="Lễ ký"/><a:blip r:embed="i1"/></wp:inline></w:drawing></w:r></w:p>`
	for name, c := range map[string]struct{ body, want string }{
		"headings": {p(`<w:pStyle w:val="u1"/>`, "Một") + p(`<w:pStyle w:val="u2"/>`, "Hai") + p(`<w:outlineLvl w:val="0"/>`, "a &lt; b"), "<h2>Một</h2><h3>Hai</h3><p>a &lt; b</p>"},
		"emphasis": {
			`<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>a</w:t></w:r><w:r><w:rPr><w:b w:val="0"/><w:i/></w:rPr><w:t xml:space="preserve"> b</w:t></w:r><w:r><w:t> m</w:t></w:r><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>2</w:t></w:r></w:p>`,
			"<p><strong>a</strong> <em>b</em> m²</p>",
		},
		"lists": {
			p(num(1, 0), "a") + p(num(1, 1), "b") + p(num(1, 0), "c") + p(num(2, 0), "d") + p("", "") + p(num(2, 0), "e") + p(num(2, 1), "f") + p(num(2, 1), "g") + p(`<w:pStyle w:val="lb"/>`, "h"),
			`<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul><ol start="3"><li>d</li></ol><ol start="4"><li>e</li></ol><p>a) f</p><p>b) g</p><ul><li>h</li></ul>`,
		},
		"link":        {`<w:p><w:hyperlink r:id="l1"><w:r><w:t>xem</w:t></w:r></w:hyperlink><w:hyperlink r:id="js"><w:r><w:t> js</w:t></w:r></w:hyperlink></w:p>`, `<p><a href="https://vankhe.gov.vn/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">xem</a> js</p>`},
		"picture":     {picture + p(`<w:pStyle w:val="Chuthich"/>`, "Quang cảnh"), `<figure><img src="` + own + `" alt="Lễ ký"><figcaption>Quang cảnh</figcaption></figure>`},
		"old picture": {`<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><a:blip r:embed="i1"/></w:drawing></mc:Choice><mc:Fallback><w:pict><v:imagedata r:id="i1"/></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>`, `<figure><img src="` + own + `" alt=""></figure>`},
		"outside":     {`<w:p><w:r><w:drawing><a:blip r:embed="i2"/></w:drawing><w:t>x</w:t></w:r></w:p>`, "<p>x</p>"},
		"quote":       {p(`<w:pStyle w:val="q"/>`, "Trích"), "<blockquote><p>Trích</p></blockquote>"},
		"changes":     {`<w:p><w:del><w:r><w:delText>cũ</w:delText></w:r></w:del><w:ins><w:r><w:t>mới</w:t></w:r></w:ins><w:r><w:rPr><w:vanish/></w:rPr><w:t>ẩn</w:t></w:r></w:p>`, "<p>mới</p>"},
		"loop":        {p(`<w:pStyle w:val="loop"/>`, "x"), "<p>x</p>"},
		"table": {
			`<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>` + p("", "A") + `</w:tc></w:tr>` +
				`<w:tr><w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr>` + p("", "b") + `</w:tc><w:tc>` + p("", "1") + `</w:tc></w:tr>` +
				`<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr>` + p("", "") + `</w:tc><w:tc>` + p("", "2") + `</w:tc></w:tr></w:tbl>`,
			`<table><thead><tr><th colspan="2" scope="col">A</th></tr></thead><tbody><tr><td rowspan="2">b</td><td>1</td></tr><tr><td>2</td></tr></tbody></table>`,
		},
		"controls": {`<w:sdt><w:sdtContent>` + p("", "x&lt;script&gt;") + `</w:sdtContent></w:sdt>`, "<p>x&lt;script&gt;</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := wordFile(t, c.body)
			markup, images, err := Docx(r, r.Size())
			if err != nil {
				t.Fatal(err)
			}
			for _, im := range images {
				if string(im.Data) != "JPEG" || im.Name != "image1.jpeg" {
					t.Errorf("picture %+v", im)
				}
				markup = strings.ReplaceAll(markup, im.Placeholder, own)
			}
			if got := HTML(markup); got != c.want {
				t.Errorf("\n got %s\nwant %s\nfrom %s", got, c.want, markup)
			}
		})
	}
}

func TestDocxRefuses(t *testing.T) {
	t.Parallel()
	bomb := wordHead + strings.Repeat("<w:p/>", maxDocxXML/6+1) + wordTail
	for name, c := range map[string]struct {
		r    *bytes.Reader
		want error
	}{
		"no zip":      {bytes.NewReader([]byte("%PDF-")), ErrNotDocx},
		"empty":       {bytes.NewReader(nil), ErrNotDocx},
		"other zip":   {word(t, "a.txt", "x"), ErrNotDocx},
		"broken xml":  {word(t, "word/document.xml", wordHead), ErrNotDocx},
		"entities":    {word(t, "word/document.xml", `<!DOCTYPE x [<!ENTITY a "b">]>`+wordHead+"&a;"+wordTail), ErrNotDocx},
		"bomb":        {word(t, "word/document.xml", bomb), ErrDocxTooLarge},
		"deep":        {word(t, "word/document.xml", strings.Repeat("<a>", 10_000)), ErrDocxTooLarge},
		"big picture": {word(t, "word/document.xml", wordHead+`<w:p><w:r><w:drawing><a:blip r:embed="i1"/></w:drawing></w:r></w:p>`+wordTail, "word/_rels/document.xml.rels", wordRels, "word/media/image1.jpeg", strings.Repeat("x", maxDocxImage+1)), ErrDocxTooLarge},
	} {
		if markup, _, err := Docx(c.r, c.r.Size()); !errors.Is(err, c.want) {
			t.Errorf("%s: %.80q, %v", name, markup, err)
		}
	}
	many := make([]string, 0, 2*maxDocxFiles+4)
	for i := range maxDocxFiles + 1 {
		many = append(many, fmt.Sprint(i), "")
	}
	if r := word(t, append(many, "word/document.xml", "")...); true {
		if _, _, err := Docx(r, r.Size()); !errors.Is(err, ErrDocxTooLarge) {
			t.Errorf("many files: %v", err)
		}
	}
}

func FuzzDocx(f *testing.F) {
	f.Add(`<w:p><w:pPr><w:numPr><w:ilvl w:val="9"/><w:numId w:val="2"/></w:numPr></w:pPr><w:r><w:t>a</w:t></w:r></w:p>`)
	f.Add(`<w:tbl><w:tr><w:tc><w:tcPr><w:vMerge/><w:gridSpan w:val="-1"/></w:tcPr><w:tbl><w:tr/></w:tbl></w:tc></w:tr></w:tbl>`)
	f.Add(`<w:p><w:hyperlink r:id="l1"/><w:r><w:br/><w:tab/><w:sym w:char="F0B7"/></w:r></w:p><w:sdt/>`)
	f.Fuzz(func(t *testing.T, body string) {
		r := wordFile(t, body)
		markup, _, err := Docx(r, r.Size())
		if err != nil && !errors.Is(err, ErrNotDocx) && !errors.Is(err, ErrDocxTooLarge) {
			t.Fatal(err)
		}
		checkCanonical(t, markup)
	})
}
