package text

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const sentence = "Thị trấn, khuyến học, đồng ruộng; nghĩa vụ quân sự đã được ký kết ở xã Vân Khê, kỳ họp thứ mười. Quyết tâm giữ gìn, "

// sample holds every Vietnamese letter with every tone.
const sample = sentence +
	"ắ ằ ẳ ẵ ặ ấ ầ ẩ ẫ ậ á à ả ã ạ é è ẻ ẽ ẹ ế ề ể ễ ệ í ì ỉ ĩ ị ó ò ỏ õ ọ ố ồ ổ ỗ ộ ớ ờ ở ỡ ợ ú ù ủ ũ ụ ứ ừ ử ữ ự ý ỳ ỷ ỹ ỵ ă â ê ô ơ ư đ"

// toTCVN3 and toVNI write what the fonts' users typed.
func toTCVN3(s string) string {
	back := map[rune]rune{}
	for code, r := range tcvn3 {
		back[r] = code
	}
	return strings.Map(func(r rune) rune {
		if code, ok := back[r]; ok {
			return code
		}
		if code, ok := back[unicode.ToLower(r)]; ok {
			return code
		}
		return r
	}, s)
}

func toVNI(s string) string {
	back := map[rune]string{}
	for pair, r := range vniPairs {
		if unicode.IsUpper(pair[0]) == unicode.IsUpper(pair[1]) {
			back[r] = string(pair[0]) + string(pair[1])
		}
	}
	for code, r := range vniAlone {
		back[r] = string(code)
		back[unicode.ToUpper(r)] = string(unicode.ToUpper(code))
	}
	var out strings.Builder
	for _, r := range s {
		if code, ok := back[r]; ok {
			out.WriteString(code)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

func TestLegacyTables(t *testing.T) {
	t.Parallel()
	// From documents of the time, not made by our own tables.
	for legacy, want := range map[string]string{
		"Céng hoµ x· héi chñ nghÜa ViÖt Nam": "Cộng hoà xã hội chủ nghĩa Việt Nam",
		"§éc lËp - Tù do - H¹nh phóc":        "Độc lập - Tự do - Hạnh phúc",
		"ñy ban nh©n d©n x\u00b7":            "ủy ban nhân dân xã",
		"n\u00ad\u00acng n\u00adíc":          "nương nước",
		"CéNG HOµ":                           "CỘNG HOÀ",
	} {
		if got := FromTCVN3(legacy); got != want {
			t.Errorf("FromTCVN3(%q) = %q, want %q", legacy, got, want)
		}
	}
	for legacy, want := range map[string]string{
		"Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam": "Cộng hòa xã hội chủ nghĩa Việt Nam",
		"Ñoäc laäp - Töï do - Haïnh phuùc":         "Độc lập - Tự do - Hạnh phúc",
		"UÛY BAN NHAÂN DAÂN":                       "ỦY BAN NHÂN DÂN",
		"ñöôøng phöôøng tæ leä kyø hoïp":           "đường phường tỉ lệ kỳ họp",
	} {
		if got := FromVNI(legacy); got != want {
			t.Errorf("FromVNI(%q) = %q, want %q", legacy, got, want)
		}
	}
	if got := FromTCVN3(toTCVN3(strings.ToLower(sample))); got != strings.ToLower(sample) {
		t.Errorf("TCVN3 there and back: %q", got)
	}
	for _, s := range []string{sample, strings.ToUpper(sample)} {
		if got := FromVNI(toVNI(s)); got != s {
			t.Errorf("VNI there and back: %q", got)
		}
	}
	if len(tcvn3) != 74 {
		t.Errorf("TCVN3 has %d letters, want 67 small and 7 capital", len(tcvn3))
	}
}

func TestDetectLegacy(t *testing.T) {
	t.Parallel()
	unicodeTexts := []string{
		sample, "Lễ ký kết chương trình", "và, là, có, không, mà", "BÍ THƯ ĐẢNG ỦY XÃ", "a", "", "Café crème brûlée à Paris", "für die Größe der Straße",
		"El niño comió piñas en el año", "não são coração", "Ångström Øresund smörgåsbord", "https://a.vn/?q=%C3%A3", "100 m² × 2 = 5 ½ «trích»", "Krông Pắk, Đắk Lắk", "garçon façade naïve",
		strings.Repeat("ã ", 30), "ó ò à í ì", norm.NFD.String(sample),
	}
	for _, s := range unicodeTexts {
		if got := DetectLegacy(s); got != NotLegacy {
			t.Errorf("DetectLegacy(%q) = %s", s, got)
		}
		if got, _, ok := SuggestLegacy(s); ok || got != s {
			t.Errorf("SuggestLegacy(%q) = %q", s, got)
		}
	}
	for _, s := range []string{
		"Lễ ký kết chương trình phối hợp xây dựng nông thôn mới", "Ủy ban nhân dân xã Vân Khê thông báo", "Hội nghị tổng kết", "đường giao thông", sentence,
		"Kế hoạch chuyển đổi số năm 2024 của thị trấn", "bán đất, bàn đạt",
	} {
		for i, word := range legacyWords(s) {
			if i%2 == 1 && !syllable(word) && !strings.ContainsAny(word, "0123456789") {
				t.Errorf("%q is a syllable", word)
			}
		}
		if got := DetectLegacy(toTCVN3(s)); got != TCVN3 {
			t.Errorf("DetectLegacy(TCVN3 of %q) = %q", s, got)
		}
		if got := DetectLegacy(toVNI(s)); got != VNI {
			t.Errorf("DetectLegacy(VNI of %q) = %q", s, got)
		}
	}
	half := "Dòng đầu đã đúng phông chữ.\n" + toTCVN3("dòng sau viết bằng phông chữ cũ.") + "\n"
	if got, enc, ok := SuggestLegacy(half); !ok || enc != TCVN3 || got != "Dòng đầu đã đúng phông chữ.\ndòng sau viết bằng phông chữ cũ.\n" {
		t.Errorf("half and half: %q %s %v", got, enc, ok)
	}
}

func TestSuggestLegacyHTML(t *testing.T) {
	t.Parallel()
	in := `<style>p{}</style><p class=x>Nông thôn mới</p><p>` + toTCVN3("đường <b>giao thông</b> nông thôn &amp; thủy lợi") + `</p>` +
		`<p><span style='font-family:".VnTimeH"'>` + toTCVN3("hội") + `</span> <font face="VNI-Times">` + toVNI("thị") + `</font></p>`
	want := `<style>p{}</style><p class=x>Nông thôn mới</p><p>đường <b>giao thông</b> nông thôn &amp; thủy lợi</p>` +
		`<p><span style='font-family:".VnTimeH"'>HỘI</span> <font face="VNI-Times">thị</font></p>`
	if got, _, ok := SuggestLegacyHTML(in); !ok || got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, s := range append(slices.Clone(hostile), "<p>"+sample+"</p>") {
		if got, _, ok := SuggestLegacyHTML(s); !ok && got != s {
			t.Errorf("changed without a suggestion: %q -> %q", s, got)
		}
	}
}

func TestSyllable(t *testing.T) {
	t.Parallel()
	for word := range strings.FieldsSeq("nghĩa quốc gì gìn giếng gia đường khuya khuyến Thị HỌC hòa hoà thuỷ thủy yêu nguyễn quý quyết ngoằn xoong ươm anh ý ở ủy cử kỳ") {
		if !syllable(word) {
			t.Errorf("%s is a syllable", word)
		}
	}
	for word := range strings.FieldsSeq("nghành tube viet bank lưc xyz nghà ke' qoc trấnthị á́ w kông ngiêng") {
		if syllable(word) {
			t.Errorf("%s is no syllable", word)
		}
	}
}

func FuzzLegacy(f *testing.F) {
	f.Add(toTCVN3(sample))
	f.Add(toVNI("<p>" + sample + "</p>"))
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := strings.Join(legacyWords(s), ""); got != s {
			t.Fatalf("words of %q lose %q", s, got)
		}
		got, enc, ok := SuggestLegacy(s)
		if ok != (enc != NotLegacy) || !ok && got != s {
			t.Fatalf("%q: %q %s %v", s, got, enc, ok)
		}
		checkCanonical(t, func() string { out, _, _ := SuggestLegacyHTML(s); return out }())
	})
}
