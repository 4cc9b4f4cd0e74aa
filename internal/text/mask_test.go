package text

import "testing"

func TestMaskAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                     "",
		"Bà Lan hỏi lúc 9:00 @ văn phòng":      "Bà Lan hỏi lúc 9:00 @ văn phòng",
		"xin xóa lan@example.vn, gấp":          "xin xóa (@), gấp",
		"<Lan.A+b@example.vn>; \"c@x\":d@y.vn": "<(@)>; \"(@)\":(@)",
		"nguyễn@thị.vn\nb@c.vn":                "(@)\n(@)",
	} {
		if got := MaskAddresses(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
