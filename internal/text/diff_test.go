package text

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestDiffHTML(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"same":      {"<p>a</p>", "<p>a</p>", "<p>a</p>"},
		"number":    {"<p>Tuyến đường dài 850 m.</p>", "<p>Tuyến đường dài 580 m.</p>", "<p>Tuyến đường dài <del>850</del><ins>580</ins> m.</p>"},
		"one mark":  {"<p>bán đất</p>", "<p>bàn đạt</p>", "<p><del>bán đất</del></p><p><ins>bàn đạt</ins></p>"},
		"paragraph": {"<p>một</p><p>ba</p>", "<p>một</p><p>hai</p><p>ba</p>", "<p>một</p><p><ins>hai</ins></p><p>ba</p>"},
		"bold":      {"<p>a b c</p>", "<p>a <strong>b</strong> c</p>", "<p>a <del>b</del><ins><strong>b</strong></ins> c</p>"},
		"link": {
			`<p>xem <a href="/a">đây</a> nhé bạn</p>`, `<p>xem <a href="/b">đây</a> nhé bạn</p>`,
			`<p>xem <del><a href="/a">đây</a></del><ins><a href="/b">đây</a></ins> nhé bạn</p>`,
		},
		"phrase":   {"<p>đồng chí A phát biểu chỉ đạo hội nghị</p>", "<p>đồng chí A kết luận và bế mạc hội nghị</p>", "<p>đồng chí A <del>phát biểu chỉ đạo</del><ins>kết luận và bế mạc</ins> hội nghị</p>"},
		"heading":  {"<p>Kết quả</p>", "<h2>Kết quả</h2>", "<p><del>Kết quả</del></p><h2><ins>Kết quả</ins></h2>"},
		"list":     {"<ul><li>a b c</li><li>x<ul><li>y</li></ul></li></ul>", "<ul><li>a b d</li><li>x<ul><li>z</li></ul></li></ul>", "<ul><li>a b <del>c</del><ins>d</ins></li><li>x<ul><li><del>y</del></li><li><ins>z</ins></li></ul></li></ul>"},
		"row":      {"<table><tbody><tr><td>xã</td><td>12</td></tr></tbody></table>", "<table><tbody><tr><td>xã</td><td>13</td></tr></tbody></table>", "<table><tbody><tr><td>xã</td><td><del>12</del><ins>13</ins></td></tr></tbody></table>"},
		"caption":  {`<figure><img src="` + own + `" alt="a"><figcaption>Ảnh A</figcaption></figure>`, `<figure><img src="` + own + `" alt="b"><figcaption>Ảnh B</figcaption></figure>`, `<figure><img src="` + own + `" alt="b"><figcaption>Ảnh <del>A</del><ins>B</ins><br><small>alt: <del>a</del><ins>b</ins></small></figcaption></figure>`},
		"picture":  {"", `<figure><img src="` + own + `" alt="b"></figure>`, `<figure><ins><img src="` + own + `" alt="b"></ins><figcaption></figcaption></figure>`},
		"quote":    {"<p>a</p>", "<blockquote><p>a</p></blockquote>", "<p><del>a</del></p><blockquote><p><ins>a</ins></p></blockquote>"},
		"escaped":  {"<p>a &lt;script&gt;</p>", "<p>a &lt;img&gt;</p>", "<p>a &lt;<del>script</del><ins>img</ins>&gt;</p>"},
		"scripted": {"<p>a</p>", "<p onclick=x>a<script>x</script></p>", "<p>a</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := DiffHTML(c.old, c.new); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			if changed := c.old != c.new && HTML(c.old) != HTML(c.new); changed != (len(Diff(c.old, c.new)) > 0) {
				t.Errorf("Diff says %+v", Diff(c.old, c.new))
			}
		})
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	got := Diff("<p>Mở đầu</p><p>Tuyến đường dài 850 m, rộng 5 m.</p><p>Cũ</p>", "<p>Mở đầu</p><p>Tuyến đường dài 580 m, rộng <b>5</b> m.</p><p>Mới thêm</p>")
	want := []Change{
		{Kind: Replaced, Where: 1, Old: "850", New: "580", Before: "Tuyến đường dài", After: "m, rộng 5 m."},
		{Kind: Formatted, Where: 1, Old: "5", New: "5", Before: "Tuyến đường dài 580 m, rộng", After: "m."},
		{Kind: Deleted, Where: 2, Old: "Cũ"},
		{Kind: Inserted, Where: 2, New: "Mới thêm"},
	}
	got[0].After = "m, rộng 5 m." // how many words of context are shown is not promised
	got[1].Before = want[1].Before
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestDiffText(t *testing.T) {
	t.Parallel()
	if got, want := DiffText("Lễ <ký> kết", "Lễ <ký> phát động"), "Lễ &lt;ký&gt; <del>kết</del><ins>phát động</ins>"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var (
	delPart = regexp.MustCompile(`(?s)<del>.*?</del>`)
	insPart = regexp.MustCompile(`(?s)<ins>.*?</ins>`)
)

// FuzzDiff: without what went the new words remain, without what came the old ones; and nothing foreign comes through.
func FuzzDiff(f *testing.F) {
	f.Add("<p>a b c</p><ul><li>x</ul>", "<h2>a</h2><p>b d</p><table><tr><td>1<td>2</table>")
	f.Add("<blockquote><ul><li><p>a<p>b<ol><li>c</ol></ul></blockquote>", "<ul><li><table><tr><td>a<th>b</table>c</ul>")
	f.Add(`<figure><img src="`+own+`" alt=x><figcaption>a`, `<img src="`+own2+`"><p>a<br>b`)
	for i := range hostile {
		f.Add(hostile[i], hostile[(i+3)%len(hostile)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = HTML(a), HTML(b)
		shown := DiffHTML(a, b)
		plainWords := func(markup string) string {
			var out []string
			doc, _ := parseBody(regexp.MustCompile(`<small>.*?</small>`).ReplaceAllString(markup, ""))
			for _, u := range units(doc) {
				for _, t := range tokens(u.allRuns()) {
					if t.wordy() {
						out = append(out, t.text)
					}
				}
			}
			return strings.Join(out, " ")
		}
		unmark := func(s string) string {
			return strings.NewReplacer("<ins>", "", "</ins>", "", "<del>", "", "</del>", "").Replace(s)
		}
		if got, want := plainWords(unmark(delPart.ReplaceAllString(shown, ""))), plainWords(b); squeeze(got) != squeeze(want) {
			t.Fatalf("new text is lost\n a %s\n b %s\n shown %s\n got %s\nwant %s", a, b, shown, got, want)
		}
		if got, want := plainWords(unmark(insPart.ReplaceAllString(shown, ""))), plainWords(a); squeeze(got) != squeeze(want) {
			t.Fatalf("old text is lost\n a %s\n b %s\n shown %s\n got %s\nwant %s", a, b, shown, got, want)
		}
		checkAllowed(t, a+b, strings.ReplaceAll(strings.ReplaceAll(unmark(shown), "<small>", ""), "</small>", ""))
		if (len(Diff(a, b)) == 0) != (a == b) {
			t.Fatalf("%q %q: %+v", a, b, Diff(a, b))
		}
	})
}

// squeeze forgets where words are cut, which markup between them may change.
func squeeze(s string) string { return strings.ReplaceAll(s, " ", "") }
