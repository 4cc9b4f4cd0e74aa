package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

var (
	red   = color.RGBA{220, 20, 20, 255}
	green = color.RGBA{20, 180, 40, 255}
	blue  = color.RGBA{30, 50, 210, 255}
	white = color.RGBA{250, 250, 250, 255}
)

// quarters is a picture with a colour in each corner: red green / blue white, as people should see it.
func quarters(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := [2][2]color.RGBA{{red, green}, {blue, white}}[2*y/h][2*x/w]
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// exif is a TIFF directory with an orientation and something that must not survive.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	head := "II*\x00"
	if order == binary.AppendByteOrder(binary.BigEndian) {
		head = "MM\x00*"
	}
	b := []byte(head)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, "SECRET-GPS-10.123,106.456"...)
}

func withExif(data, exif []byte) []byte {
	body := append([]byte("Exif\x00\x00"), exif...)
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(body)+2))
	return bytes.Join([][]byte{data[:2], segment, body, data[2:]}, nil)
}

func withChunk(data []byte, name string, body []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	chunk = append(append(chunk, name...), body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return bytes.Join([][]byte{data[:33], chunk, data[33:]}, nil)
}

func near(a color.Color, b color.RGBA) bool {
	r, g, bl, _ := a.RGBA()
	diff := func(x uint32, y uint8) bool { d := int(x>>8) - int(y); return d < 30 && d > -30 }
	return diff(r, b.R) && diff(g, b.G) && diff(bl, b.B)
}

func checkUpright(t *testing.T, p Picture) {
	t.Helper()
	variants, err := Variants(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		m, _, err := image.Decode(bytes.NewReader(v.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		w, h := m.Bounds().Dx(), m.Bounds().Dy()
		if w != v.Width || h != v.Height || w > p.Width {
			t.Errorf("variant says %d×%d, is %d×%d of %d", v.Width, v.Height, w, h, p.Width)
		}
		if !near(m.At(w/4, h/4), red) || !near(m.At(3*w/4, h/4), green) || !near(m.At(w/4, 3*h/4), blue) || !near(m.At(3*w/4, 3*h/4), white) {
			t.Errorf("width %d is not upright", v.Width)
		}
		if bytes.Contains(v.Bytes, []byte("SECRET")) || bytes.Contains(v.Bytes, []byte("Exif")) {
			t.Errorf("width %d keeps metadata", v.Width)
		}
	}
}

func TestOrientation(t *testing.T) {
	t.Parallel()
	for o := 1; o <= 8; o++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			t.Run(fmt.Sprint(o, order), func(t *testing.T) {
				t.Parallel()
				w, h := 400, 300
				if o >= 5 {
					w, h = h, w
				}
				seen := quarters(400, 300)
				stored := image.NewRGBA(image.Rect(0, 0, w, h))
				for y := range 300 { // the inverse of turn, written down from the TIFF 6.0 table
					for x := range 400 {
						var sx, sy int
						switch o {
						case 1:
							sx, sy = x, y
						case 2:
							sx, sy = 399-x, y
						case 3:
							sx, sy = 399-x, 299-y
						case 4:
							sx, sy = x, 299-y
						case 5:
							sx, sy = y, x
						case 6:
							sx, sy = y, 399-x
						case 7:
							sx, sy = 299-y, 399-x
						case 8:
							sx, sy = 299-y, x
						}
						stored.SetRGBA(sx, sy, seen.RGBAAt(x, y))
					}
				}
				for _, data := range [][]byte{
					withExif(encodeJPEG(t, stored), exif(order, uint16(o))),
					withChunk(encodePNG(t, stored), "eXIf", exif(order, uint16(o))),
				} {
					p, err := Decode(bytes.NewReader(data), 0)
					if err != nil {
						t.Fatal(err)
					}
					if p.Width != 400 || p.Height != 300 {
						t.Errorf("is %d×%d", p.Width, p.Height)
					}
					checkUpright(t, p)
				}
			})
		}
	}
}

// webp1x1 is a lossless WebP of one pixel.
const webp1x1 = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

func TestDecodeFormats(t *testing.T) {
	t.Parallel()
	m := quarters(700, 500)
	var g bytes.Buffer
	if err := gif.Encode(&g, m, nil); err != nil {
		t.Fatal(err)
	}
	for format, data := range map[string][]byte{"jpeg": encodeJPEG(t, m), "png": encodePNG(t, m), "gif": g.Bytes()} {
		p, err := Decode(bytes.NewReader(data), 0)
		if err != nil || p.Format != format || p.Width != 700 || p.Height != 500 || len(p.SHA256) != 64 {
			t.Fatalf("%s: %+v, %v", format, p, err)
		}
		checkUpright(t, p)
	}
	data, _ := base64.StdEncoding.DecodeString(webp1x1)
	p, err := Decode(bytes.NewReader(data), 0)
	if err != nil || p.Format != "webp" || p.Width != 1 {
		t.Fatalf("webp: %+v, %v", p, err)
	}
	if variants, err := Variants(p); err != nil || len(variants) != 1 || variants[0].Width != 1 {
		t.Errorf("webp: %+v, %v", variants, err)
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{
		10: "10", 320: "320", 340: "320", 400: "320 400", 640: "320 640", 1000: "320 640 960", 1300: "320 640 960 1300",
		1600: "320 640 960 1600", 2000: "320 640 960 1600",
	} {
		p, err := Decode(bytes.NewReader(encodeJPEG(t, quarters(width, 60))), 0)
		if err != nil {
			t.Fatal(err)
		}
		first, err := Variants(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Variants(p)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, v := range first {
			got = append(got, fmt.Sprint(v.Width))
			if v.Ext != "jpg" || v.MIME != "image/jpeg" || !bytes.Equal(v.Bytes, again[i].Bytes) {
				t.Errorf("width %d: %s, %s, or not the same bytes twice", v.Width, v.Ext, v.MIME)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("width %d gives %v, want %s", width, got, want)
		}
	}
}

func TestTransparencyStaysPNG(t *testing.T) {
	t.Parallel()
	m := quarters(400, 300)
	for x := range 50 {
		m.SetRGBA(x, 0, color.RGBA{})
		m.SetRGBA(x, 1, color.RGBA{})
	}
	p, err := Decode(bytes.NewReader(encodePNG(t, m)), 0)
	if err != nil {
		t.Fatal(err)
	}
	variants, err := Variants(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		if v.Ext != "png" || v.MIME != "image/png" {
			t.Errorf("width %d is %s", v.Width, v.Ext)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	small := encodeJPEG(t, quarters(40, 30))
	header := encodePNG(t, quarters(4, 4))
	bomb := bytes.Clone(header)
	binary.BigEndian.PutUint32(bomb[16:], 29_000)
	binary.BigEndian.PutUint32(bomb[20:], 29_000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	scans := append(bytes.Clone(small[:len(small)-2]), bytes.Repeat([]byte{0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0}, 200)...)
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":       {nil, ErrEmpty},
		"svg":           {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), ErrUnsupported},
		"xml svg":       {[]byte(`<?xml version="1.0"?><svg/>`), ErrUnsupported},
		"html":          {[]byte(`<html><img src=x>`), ErrUnsupported},
		"bmp":           {[]byte("BM123456789012345"), ErrUnsupported},
		"heic":          {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), ErrHEIC},
		"pdf":           {[]byte("%PDF-1.7 \xFF\xD8\xFF"), ErrUnsupported},
		"gif in script": {[]byte("GIF89a=1;alert(1)//"), ErrTooManyPixels},
		"cut jpeg":      {small[:len(small)/4], ErrDamaged},
		"jpeg magic":    {[]byte("\xFF\xD8\xFF"), ErrDamaged},
		"png bomb":      {bomb, ErrTooManyPixels},
		"cut png":       {header[:40], ErrDamaged},
		"scan bomb":     {scans, ErrDamaged},
		"webp magic":    {[]byte("RIFF\x10\x00\x00\x00WEBPVP8 \x04\x00\x00\x00abcd"), ErrDamaged},
	} {
		if p, err := Decode(bytes.NewReader(c.data), 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", name, p, err, c.want)
		}
	}
	if _, err := Decode(bytes.NewReader(small), int64(len(small)-1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := Decode(bytes.NewReader(small), int64(len(small))); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

// TestPolyglots: a file that is a picture and something else too comes out as a picture alone.
func TestPolyglots(t *testing.T) {
	t.Parallel()
	payload := []byte("SECRET<script>alert(1)</script><?php system($_GET[0]); ?>PK\x03\x04")
	jpg, pic := encodeJPEG(t, quarters(64, 64)), encodePNG(t, quarters(64, 64))
	comment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xFE}, uint16(len(payload)+2))
	for name, data := range map[string][]byte{
		"appended to jpeg": append(bytes.Clone(jpg), payload...),
		"jpeg comment":     bytes.Join([][]byte{jpg[:2], comment, payload, jpg[2:]}, nil),
		"appended to png":  append(bytes.Clone(pic), payload...),
		"png text":         withChunk(pic, "tEXt", append([]byte("Comment\x00"), payload...)),
	} {
		p, err := Decode(bytes.NewReader(data), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		variants, err := Variants(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range variants {
			if bytes.Contains(v.Bytes, []byte("SECRET")) || bytes.Contains(v.Bytes, []byte("script")) || bytes.Contains(v.Bytes, []byte("PK\x03\x04")) {
				t.Errorf("%s: the payload came through", name)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	webp, _ := base64.StdEncoding.DecodeString(webp1x1)
	f.Add(webp)
	f.Add(withExif(encodeJPEG(f, quarters(8, 8)), exif(binary.LittleEndian, 6)))
	f.Add(withChunk(encodePNG(f, quarters(8, 8)), "eXIf", exif(binary.BigEndian, 3)))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(bytes.NewReader(data), 1<<16)
		if err != nil {
			if _, ok := errors.AsType[*RefusedError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		if p.Width*p.Height > 1<<20 {
			return // true, but too slow to encode for a fuzzer
		}
		if variants, err := Variants(p); err != nil || len(variants) == 0 {
			t.Fatalf("%+v: %v", p, err)
		}
	})
}

func TestLargePictures(t *testing.T) {
	t.Parallel()
	m := quarters(3500, 2500)
	gray := image.NewGray16(m.Rect)
	for _, data := range [][]byte{encodeJPEG(t, m), encodePNG(t, m), encodePNG(t, gray), withExif(encodeJPEG(t, image.NewGray(image.Rect(0, 0, 100, 4000))), exif(binary.LittleEndian, 6))} {
		p, err := Decode(bytes.NewReader(data), 0)
		if err != nil {
			t.Fatal(err)
		}
		if p.Width < 3500 || p.pixels.Bounds().Dx() > 3200 {
			t.Errorf("%d×%d is kept as %v", p.Width, p.Height, p.pixels.Bounds())
		}
		if p.Width == 3500 && p.Format == "jpeg" {
			checkUpright(t, p)
		}
		variants, err := Variants(p)
		if err != nil {
			t.Fatal(err)
		}
		last := variants[len(variants)-1]
		if last.Width != 1600 || last.Height != (p.Height*1600+p.Width/2)/p.Width {
			t.Errorf("%d×%d became %d×%d", p.Width, p.Height, last.Width, last.Height)
		}
	}
}
