package media

import (
	"bytes"
	"image/jpeg"
	"testing"
)

func TestFixture(t *testing.T) {
	t.Parallel()
	for _, m := range Motifs() {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			first := Fixture(m, 7, 240, 160)
			if !bytes.Equal(first, Fixture(m, 7, 240, 160)) {
				t.Error("the same seed draws another picture")
			}
			if bytes.Equal(first, Fixture(m, 8, 240, 160)) {
				t.Error("another seed draws the same picture")
			}
			p, err := Decode(bytes.NewReader(first), 0)
			if err != nil || p.Width != 240 || p.Height != 160 {
				t.Fatalf("%+v, %v", p, err)
			}
			picture, err := jpeg.Decode(bytes.NewReader(first))
			if err != nil {
				t.Fatal(err)
			}
			shades := map[uint32]bool{}
			for y := range 160 {
				for x := range 240 {
					r, g, b, _ := picture.At(x, y).RGBA()
					shades[r>>12<<8|g>>12<<4|b>>12] = true
				}
			}
			if len(shades) < 100 {
				t.Errorf("only %d shades", len(shades))
			}
			for _, size := range [][2]int{{64, 400}, {400, 64}, {0, -5}} { // portrait, banner, nonsense
				if _, err := Decode(bytes.NewReader(Fixture(m, 1, size[0], size[1])), 0); err != nil {
					t.Errorf("%v: %v", size, err)
				}
			}
		})
	}
}

func TestMotifFor(t *testing.T) {
	t.Parallel()
	for caption, want := range map[string]Motif{
		"Quang cảnh lễ ký kết chương trình": Signing, "Đoàn viên ra quân trồng cây": TreePlanting, "Cánh đồng lúa chín": RiceField,
		"Người dân tại bộ phận Một cửa": ServiceDesk, "Tuyến đường hoa nông thôn mới": VillageRoad, "Học sinh dự khai giảng": School, "": RiceField,
	} {
		if got := MotifFor(caption); got != want {
			t.Errorf("%q: %s, want %s", caption, got, want)
		}
	}
	if got := Fixture("no such motif", 3, 80, 60); !bytes.Equal(got, Fixture(RiceField, 3, 80, 60)) {
		t.Error("an unknown motif is no rice field")
	}
	for _, m := range Motifs() {
		if scenes[m] == nil {
			t.Errorf("%s has no scene", m)
		}
	}
}
