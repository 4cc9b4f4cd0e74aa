package text

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// article is one that an office would let go: nothing may be found in it.
const article = `<p>Sáng 02/10, UBND xã Vân Khê (tỉnh Bình Dương) phối hợp với Hội Nông dân tổ chức lễ ký kết “Chương trình phối hợp xây dựng nông thôn mới” giai đoạn 2018–2020. ` +
	`Dự lễ có ông Nguyễn Văn A, Phó Chủ tịch UBND xã; bà Trần Thị B, Chủ tịch Hội Nông dân... Tổng kinh phí 7.448.251 đồng, đạt 99,5% kế hoạch (tăng 4,5 điểm %).</p>` +
	`<h2>Kết quả bước đầu</h2><p>Trang <a href="https://vankhe.gov.vn/tin">Cổng thông tin xã</a>, kênh YouTube, ứng dụng VNeID và iPhone; thư: lienhe@vankhe.gov.vn, điện thoại 0274 3812 345. TP.HCM, PGS.TS Lê C, lúc 16:20.</p>` +
	`<h3>Giao thông</h3><figure><img src="` + own + `" alt="Đại biểu bắt tay sau lễ ký"><figcaption>Quang cảnh lễ ký kết. Ảnh: Văn A</figcaption></figure>` +
	`<ul><li>Bê tông hóa 850 m đường "liên ấp";</li><li>Quỹ “Vì người nghèo”: 12 triệu đồng!</li></ul><p>Quyết định số 42/2022/NĐ-CP của Chính phủ; gửi kèm 1.234 hồ sơ. Hotline: 1900 1234.</p>`

func TestCheckFindsNothing(t *testing.T) {
	t.Parallel()
	if found := Check(Document{Title: "Lễ ký kết chương trình phối hợp tại xã Vân Khê", Lead: "Sáng 02/10, xã Vân Khê tổ chức lễ ký kết.", Body: article}); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	picture := func(alt, caption string) string {
		return `<figure><img src="` + own + `" alt="` + alt + `"><figcaption>` + caption + `</figcaption></figure>`
	}
	words := []Word{{"nổ lực", "nỗ lực"}, {"tháo gõ", "tháo gỡ"}}
	for name, c := range map[string]struct {
		doc  Document
		want string // code excerpt → suggestion
	}{
		"glued":               {Document{Body: "<p>ông trấnThị phát biểu</p>"}, "glued_capital: ông trấnThị phát biểu → ông trấn Thị phát biểu"},
		"before punctuation":  {Document{Body: "<p>Sáng nay , trời mưa .</p>"}, "space_before_punctuation: Sáng nay , trời mưa → Sáng nay, trời mưa | space_before_punctuation: trời mưa . → trời mưa."},
		"after punctuation":   {Document{Body: "<p>Sáng nay,trời mưa.Chiều nắng</p>"}, "space_missing_after_punctuation: Sáng nay,trời mưa.Chiều → Sáng nay, trời mưa.Chiều | space_missing_after_punctuation: nay,trời mưa.Chiều nắng → nay,trời mưa. Chiều nắng"},
		"in quotes":           {Document{Body: "<p>phong trào “ Ba sạch ” hay</p>"}, "space_in_quotes: phong trào “ Ba sạch → phong trào “Ba sạch | space_in_quotes: Ba sạch ” hay → Ba sạch” hay"},
		"around quotes":       {Document{Body: "<p>phong trào“Ba sạch”hay lắm</p>"}, "space_around_quotes: phong trào“Ba sạch”hay → phong trào “Ba sạch”hay | space_around_quotes: trào“Ba sạch”hay lắm → trào“Ba sạch” hay lắm"},
		"straight quotes":     {Document{Body: `<p>phong trào " Ba sạch"hay</p>`}, `space_in_quotes: phong trào " Ba sạch"hay → | space_around_quotes: Ba sạch"hay →`},
		"ellipsis":            {Document{Body: "<p>cam, quýt…. và bưởi</p>"}, "ellipsis: cam, quýt…. và bưởi → cam, quýt… và bưởi"},
		"double space":        {Document{Title: "Lễ  ký kết"}, "double_space: Lễ ký kết → Lễ ký kết"},
		"capitals":            {Document{Title: "LỄ KÝ KẾT CHƯƠNG TRÌNH."}, "all_capitals: LỄ KÝ KẾT CHƯƠNG TRÌNH. → | title_full_stop: LỄ KÝ KẾT CHƯƠNG TRÌNH. → LỄ KÝ KẾT CHƯƠNG TRÌNH"},
		"no alt":              {Document{Body: picture("", "Lễ ký. Ảnh: A")}, "missing_alt: Lễ ký. Ảnh: A →"},
		"camera alt":          {Document{Body: picture("IMG_2031.JPG", "Lễ ký. Ảnh: A")}, "meaningless_alt: IMG_2031.JPG →"},
		"no caption":          {Document{Body: picture("Lễ ký", "")}, "missing_caption: Lễ ký → | missing_credit: →"},
		"no credit":           {Document{Body: picture("Lễ ký", "Quang cảnh")}, "missing_credit: Quang cảnh →"},
		"credit below":        {Document{Body: picture("Lễ ký", "Quang cảnh"), Credits: []string{"Bài và ảnh: Văn A"}}, ""},
		"id number":           {Document{Body: "<p>Số 001099012345 và CMND số 280123456</p>"}, "personal_id_number: 00••••••••45 → | personal_id_number: 28•••••56 →"},
		"long number":         {Document{Body: "<p>mã 1234567890123 và 100.000.000.000 đồng</p>"}, ""},
		"birth date":          {Document{Body: "<p>Ông A, sinh ngày 02/10/1980, và bà B sinh năm 1981</p>"}, "personal_birth_date: 02/••/••80 →"},
		"two phones":          {Document{Body: "<p>0912 345 678, 0274.3812.345</p>"}, ""},
		"phone list":          {Document{Body: "<p>Đầu mối</p><table><tr><td>A</td><td>0912345678</td></tr><tr><td>B</td><td>0987.654.321</td></tr><tr><td>C</td><td>+84 90 111 2223</td></tr></table>"}, "personal_phone_list: 09••••••78 (3) →"},
		"office words":        {Document{Body: "<p>Nổ lực tháo gõ khó khăn; nổ lựcx</p>", Words: words}, "office_word: Nổ lực tháo gõ → Nỗ lực tháo gõ | office_word: Nổ lực tháo gõ khó khăn; → Nổ lực tháo gỡ khó khăn; | odd_syllable: khăn; nổ lựcx →"},
		"odd syllables, once": {Document{Body: "<p>các nghành, nghành nghề ở Đắk Lắk</p>"}, "odd_syllable: các nghành, nghành →"},
		"heading order":       {Document{Body: "<h3>Mở đầu</h3><h2>Hai</h2><h3>Ba</h3>"}, "heading_order: Mở đầu →"},
		"link text":           {Document{Body: `<p>Xem <a href="/a">tại đây.</a> <a href="https://a.vn">https://a.vn</a> <a href="/b">văn bản</a></p>`}, "link_text: tại đây. → | link_text: https://a.vn →"},
		"legacy":              {Document{Body: "<p>" + toTCVN3("đường giao thông nông thôn") + "</p>"}, "legacy_encoding: " + Line(toTCVN3("đường giao thông nông thôn")) + " →"},
		"legacy title":        {Document{Title: toTCVN3("đường giao thông nông thôn")}, "legacy_encoding: " + Line(toTCVN3("đường giao thông nông thôn")) + " → đường giao thông nông thôn"},
		"broken":              {Document{Lead: "Xã V\xffn Khê"}, "broken_character: Xã V\uFFFDn Khê →"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range Check(c.doc) {
				got = append(got, strings.TrimRight(strings.ReplaceAll(fmt.Sprintf("%s: %s → %s", f.Code, f.Excerpt, f.Suggest), "  ", " "), " "))
				if !slices.Contains(Codes, f.Code) {
					t.Errorf("%s is not listed in Codes", f.Code)
				}
				if (f.Field == FieldBody) != (f.Paragraph >= 0) || f.Severity == "" {
					t.Errorf("%+v", f)
				}
			}
			if joined := strings.Join(got, " | "); joined != c.want {
				t.Errorf("\n got %s\nwant %s", joined, c.want)
			}
		})
	}
}

func TestCheckOrder(t *testing.T) {
	t.Parallel()
	found := Check(Document{Title: "A.", Lead: "b , c", Body: "<p>x</p><p>d , e</p><h3>f</h3><p>g , h</p>"})
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprint(f.Field, f.Paragraph))
	}
	if want := "title-1 lead-1 body1 body2 body3"; strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(article, "nổ lực")
	f.Add("xem nghành https://a.vn/b nhé", "")
	f.Add("a , b“ c ”.D…. 001099012345 \" x\"y", "İ")
	for _, s := range hostile {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, s, word string) {
		for _, found := range Check(Document{Title: s, Lead: s, Body: s, Credits: []string{s}, Words: []Word{{word, s}}}) {
			if !slices.Contains(Codes, found.Code) || Line(found.Excerpt) != found.Excerpt && !strings.Contains(found.Excerpt, "\n") {
				t.Fatalf("%q: %+v", s, found)
			}
		}
	})
}
