package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                "",
		"  a  b ":                         "a b",
		"Nông\u00a0thôn\u2007mới\u202f!":  "Nông thôn mới !",
		"tho\u0302n mo\u031b\u0301i":      "thôn mới",
		"a\r\nb\tc\vd\u2028e":             "a b c d e",
		"đi\u200b bộ\ufeff co\u00adn":     "đi bộ con",
		"a\u202eb\u2066c\u200f":           "abc",
		"a\x00b\x1bc\x7f\u0080":           "abc",
		"x\xffy":                          "x\uFFFDy",
		"\uF0B7 mục":                      "• mục",
		"👩\u200d👩 a\u200db":               "👩\u200d👩 ab",
		"a\ufffe\uffff\U000E0041":         "a",
		"a" + strings.Repeat("\u0323", 9): "ạ" + strings.Repeat("\u0323", 5),
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"\n\n a \r\n\r\n\r\n b  c\rd\n ": "a\n\nb c\nd",
		" \t ":                           "",
		"a\vb":                           "a\nb",
	} {
		if got := Block(in); got != want {
			t.Errorf("Block(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a", " a\u00a0b\r\n\r\nc", "e\u0301\u200d\u0301", "\u1100\u200b\u1161\u11a8", "\xf0\x28", "\u0344\u0344\u0344\u0344", "\u0958\u034f\u093c", "a\r\u200b\n", strings.Repeat("\u302e", 40), strings.Repeat("\u0958\u1d165", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, block := Line(s), Block(s)
		if Line(line) != line || Block(block) != block || Line(block) != line {
			t.Fatalf("not idempotent: %+q -> %+q, %+q", s, line, block)
		}
		for _, got := range []string{line, block} {
			if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) || strings.Contains(got, "  ") {
				t.Fatalf("%+q -> %+q", s, got)
			}
		}
		if strings.ContainsFunc(line, unicode.IsControl) || strings.Contains(block, "\n\n\n") {
			t.Fatalf("%+q -> %+q, %+q", s, line, block)
		}
	})
}

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"Nông thôn MỚI": "nong thon moi", "Đường Điện Biên Phủ": "duong dien bien phu", "Ưu  ái": "uu ai"} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Lễ ký kết Chương trình phối hợp “Xây dựng nông thôn mới”": "le-ky-ket-chuong-trinh-phoi-hop-xay-dung-nong-thon-moi",
		"Đẩy mạnh A & B, số 42/2022/NĐ-CP":                         "day-manh-a-va-b-so-42-2022-nd-cp",
		"!!!": "bai-viet", "": "bai-viet", "__a__b--": "a-b",
		strings.Repeat("tuyên truyền ", 20): strings.TrimSuffix(strings.Repeat("tuyen-truyen-", 6), "-"),
		strings.Repeat("a", 200):            strings.Repeat("a", 80),
	} {
		if got := Slug(in); got != want {
			t.Errorf("Slug(%q) = %q, want %q", in, got, want)
		}
	}
}
