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

func TestHideName(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"5.1.1 unknown user nguyen.van.an", "nguyen.van.an@thuphong.vn", "5.1.1 unknown user …"},
		{"NGUYEN.VAN.AN: unknown; nguyen.van.an.", "Nguyen.Van.An@thuphong.vn", "…: unknown; …."},
		{"<lan+tin> and (lan)", "lan+tin@x.vn", "<…> and (…)"},
		{"plan for alan, lan9 and Lân", "lan@x.vn", "plan for alan, lan9 and Lân"},
		{"lanlan lan", "lan@x.vn", "lanlan …"},
		{"ẩnlan lanẩn lan", "lan@x.vn", "ẩnlan lanẩn …"},
		{"no an here", "an@x.vn", "no an here"},
		{"", "lan@x.vn", ""},
		{"lan", "", "lan"},
		{"lan", "lan", "…"},
		{"x lan\xff lan", "lan@x.vn", "x …\xff …"},
		{"a (.*) b", "(.*)@x.vn", "a … b"},
	} {
		if got := HideName(c[0], c[1]); got != c[2] {
			t.Errorf("%q of %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
