package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"toasoan/newsroom"
)

func TestSearchFindsWithAndWithoutAccents(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	land := n.publish("", friday.Add(-72*time.Hour), newsroom.Content{Title: "Thông tin bán đất", Section: "kinh-te", Body: "<p>Đấu giá quyền sử dụng đất.</p>"})
	pedal := n.publish("", friday, newsroom.Content{Title: "Thay bàn đạp xe cho học sinh", Body: "<p>Tặng bàn đạt chuẩn.</p>"})
	country := n.publish("", friday.Add(-time.Hour), newsroom.Content{
		Title: "Kết quả chương trình", Lead: "Về xây dựng nông thôn mới", Body: "<p>Chi tiết</p>",
		Attachments: []newsroom.Attachment{{Number: "42/2022/NĐ-CP", Name: "a.pdf"}},
	})
	found := func(query string) []string {
		body := n.get("/tim-kiem?"+query, http.StatusOK).Body.String()
		var ids []string
		for rest := body; ; {
			_, after, more := strings.Cut(rest, `class="result-title" lang="vi"><a href="`)
			if !more {
				return ids
			}
			address, tail, _ := strings.Cut(after, `"`)
			ids = append(ids, address[strings.LastIndexByte(address, '-')+1:])
			rest = tail
		}
	}
	for query, want := range map[string][]string{
		"q=nong+thon+moi": {country}, "q=N%C3%94NG+TH%C3%94N": {country}, "q=" + url.QueryEscape("bán đất"): {land, pedal}, "q=ban+dat": {pedal, land},
		"q=" + url.QueryEscape(`"nông thôn"`): {country}, "q=" + url.QueryEscape(`"thôn nông"`): nil, "q=" + url.QueryEscape("bán -giá"): {pedal},
		"q=42/2022/N%C4%90-CP": {country}, "q=42%2F2022": {country}, "q=42/2022/ND-CP": {country}, "q=%25%25%25": nil, "q=": nil, "q=%00": nil, "q='+OR+1=1+--": nil,
		"q=ban+dat&muc=kinh-te": {land}, "q=ban+dat&tu=01/10/2026": {pedal}, "q=ban+dat&den=2026-09-30": {land}, "q=ban+dat&xep=moi": {pedal, land},
	} {
		got := found(query)
		same := len(got) == len(want)
		if same && query != "q=ban+dat" { // both match equally there
			for i := range want {
				same = same && got[i] == want[i]
			}
		}
		if !same {
			t.Errorf("%s: found %v, want %v", query, got, want)
		}
	}
	if body := n.get("/tim-kiem?q=ban+dat&tu=31/02/2026", http.StatusUnprocessableEntity).Body.String(); !strings.Contains(body, "Ngày không hợp lệ") || !strings.Contains(body, `value="31/02/2026"`) {
		t.Error("a wrong date is not told, or not kept")
	}
}

func TestFoundWordsAreMarkedSafely(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.publish("", friday, newsroom.Content{Title: "Xây dựng nông thôn mới <b>", Body: "<p>Chương trình nông  thôn mới &lt;script&gt; của xã.</p>"})
	body := n.get("/tim-kiem?q="+url.QueryEscape("nong thon moi <script>"), http.StatusOK).Body.String()
	if strings.Contains(body, "<script>") && strings.Count(body, "<script>") > 0 {
		t.Error("markup of a stranger")
	}
	body = n.get("/tim-kiem?q=nong+thon+moi", http.StatusOK).Body.String()
	if !strings.Contains(body, "Xây dựng <mark>nông thôn mới</mark> &lt;b&gt;") || !strings.Contains(body, "Chương trình <mark>nông thôn mới</mark> &lt;script&gt;") {
		t.Errorf("marks: %s", body[strings.Index(body, "search-count"):])
	}
}

func TestExcerptShowsTheWordsTogether(t *testing.T) {
	t.Parallel()
	far := strings.Repeat("Một câu dài không liên quan gì. ", 30)
	for _, c := range []struct{ query, text, want, never string }{
		{"nong thon moi", "Thôn này mỗi tuần một lần nông sản. " + far + "Đây là xây dựng nông thôn mới nâng cao. " + far, "<nông thôn mới>", ""},
		{"mới", "Mỗi nhà một việc mới.", "<mới>", "<Mỗi>"},
		{"mới", "Mỗi nhà một việc.", "<Mỗi>", ""}, // nothing as it was typed: what the folded form found
		{"moi", "Mỗi nhà một việc mới.", "<Mỗi>", ""},
		{`"bán đất" -rẻ`, "Bàn về bán đất rẻ.", "<bán đất>", "<rẻ>"},
		{"khong co", "Chỉ có đoạn đầu.", "Chỉ", ""},
	} {
		words := queryWords(c.query)
		var got strings.Builder
		for _, piece := range marked(excerptAround(c.text, words), words) {
			if piece.Mark {
				got.WriteString("<" + piece.Text + ">")
				continue
			}
			got.WriteString(piece.Text)
		}
		if !strings.Contains(got.String(), c.want) || c.never != "" && strings.Contains(got.String(), c.never) {
			t.Errorf("%s: %s", c.query, got.String())
		}
	}
}

func FuzzMarkedKeepsEveryByte(f *testing.F) {
	f.Add("Xây dựng nông thôn mới", "nong thon")
	f.Add("\xff\xfe a\u0301", "a")
	f.Add("ĐẤT – đất", "đất")
	f.Fuzz(func(t *testing.T, s, query string) {
		var out strings.Builder
		for _, piece := range marked(s, queryWords(query)) {
			out.WriteString(piece.Text)
		}
		if out.String() != s {
			t.Errorf("%q became %q", s, out.String())
		}
		if piece := excerptAround(s, queryWords(query)); utf8.ValidString(s) && !utf8.ValidString(piece) {
			t.Errorf("excerpt of %q is torn: %q", s, piece)
		}
	})
}
