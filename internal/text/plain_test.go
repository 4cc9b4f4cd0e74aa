package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	in := `<h2>Kết quả</h2><p>Xem <a href="https://a.vn/b">báo cáo</a> và <a href="https://a.vn">https://a.vn</a><br>dòng hai</p>` +
		`<ul><li>một<ul><li>hai</li></ul></li><li>ba</li></ul><ol start="4"><li>bốn</li></ol>` +
		`<figure><img src="` + own + `" alt="Cánh đồng"><figcaption>Lúa chín. Ảnh: A</figcaption></figure><figure><img src="` + own + `" alt="Chỉ mô tả"></figure>` +
		`<table><thead><tr><th>Năm</th><th>Số</th></tr></thead><tbody><tr><td>2024</td><td>12</td></tr></tbody></table><blockquote><p>Trích</p></blockquote>`
	want := "Kết quả\n\nXem báo cáo (https://a.vn/b) và https://a.vn\ndòng hai\n\n- một\n  - hai\n- ba\n\n4. bốn\n\n" +
		"[Lúa chín. Ảnh: A]\n\n[Chỉ mô tả]\n\nNăm | Số\n2024 | 12\n\n> Trích"
	if got := Plain(in); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Words(in); strings.Contains(got, "a.vn/b") || !strings.Contains(got, "Xem báo cáo và") {
		t.Errorf("Words: %s", got)
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"Xây dựng nông thôn mới", 100, "Xây dựng nông thôn mới"},
		{"Xây dựng nông thôn mới", 22, "Xây dựng nông thôn mới"},
		{"Xây dựng nông thôn mới", 21, "Xây dựng nông thôn…"},
		{"Xây dựng, nông thôn", 11, "Xây dựng…"},
		{"Xây dựng", 4, "Xây…"},
		{"abcdefgh", 4, "abc…"},
		{"a", 0, ""},
	} {
		got := Excerpt(c.in, c.n)
		if got != c.want || utf8.RuneCountInString(got) > c.n {
			t.Errorf("Excerpt(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
