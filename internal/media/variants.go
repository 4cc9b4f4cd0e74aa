package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
)

// Widths are the widths in pixels a picture is served in, ascending.
var Widths = []int{320, 640, 960, 1600}

const (
	jpegQuality = 82
	seeThrough  = 0xFA // alpha from which a pixel counts as opaque: scanners and editors leave 254s
	ownWidth    = 1.15 // a picture this much wider than the variant below it is also kept at its own width
)

// Variant is one encoding of a picture, served as /anh/<sha256>-<width>.<ext>.
type Variant struct {
	Width, Height int
	Ext           string // jpg, or png where the picture has transparency
	MIME          string
	Bytes         []byte
}

// Variants encodes p in each of Widths it reaches, never enlarged, and in its own width where that is below 1600 and
// clearly above the last; so there is always one. Ascending by width; the same upload gives the same bytes each time.
func Variants(p Picture) ([]Variant, error) {
	widths := variantWidths(p.Width)
	scaled := make([]*image.RGBA, len(widths))
	for i := len(widths) - 1; i >= 0; i-- { // each from the one above: a fraction of the work, and no visible loss
		if i == len(widths)-1 {
			scaled[i] = upright(p, widths[i])
			continue
		}
		scaled[i] = resize(scaled[i+1], widths[i], scaledHeight(p, widths[i]))
	}
	transparent := hasTransparency(scaled[len(scaled)-1])
	made := make([]Variant, len(widths))
	for i, pixels := range scaled {
		v := Variant{Width: pixels.Rect.Dx(), Height: pixels.Rect.Dy(), Ext: "jpg", MIME: "image/jpeg"}
		var out bytes.Buffer
		var err error
		if transparent {
			v.Ext, v.MIME = "png", "image/png"
			err = png.Encode(&out, pixels)
		} else {
			err = jpeg.Encode(&out, opaque(pixels), &jpeg.Options{Quality: jpegQuality})
		}
		if err != nil {
			return nil, fmt.Errorf("encode picture %s at width %d: %w", p.SHA256, v.Width, err)
		}
		v.Bytes = out.Bytes()
		made[i] = v
	}
	return made, nil
}

func variantWidths(width int) []int {
	var widths []int
	for _, w := range Widths {
		if w <= width {
			widths = append(widths, w)
		}
	}
	last := len(widths) - 1
	if last < 0 || width < Widths[len(Widths)-1] && float64(width) > ownWidth*float64(widths[last]) {
		widths = append(widths, width)
	}
	return widths
}

func scaledHeight(p Picture, width int) int {
	return max(1, (p.Height*width+p.Width/2)/p.Width)
}

func resize(src image.Image, width, height int) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(dst, dst.Rect, src, src.Bounds(), draw.Src, nil)
	return dst
}

// upright scales p to a width as people see it and turns it there, which is cheaper than turning it first.
func upright(p Picture, width int) *image.RGBA {
	height := scaledHeight(p, width)
	if p.orientation < 5 {
		return turn(resize(p.pixels, width, height), p.orientation)
	}
	return turn(resize(p.pixels, height, width), p.orientation)
}

// turn applies a TIFF orientation: where the pixel of the upright picture at x, y is stored.
func turn(src *image.RGBA, orientation int) *image.RGBA {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	var from func(x, y int) (int, int)
	switch orientation {
	case 2:
		from = func(x, y int) (int, int) { return w - 1 - x, y }
	case 3:
		from = func(x, y int) (int, int) { return w - 1 - x, h - 1 - y }
	case 4:
		from = func(x, y int) (int, int) { return x, h - 1 - y }
	case 5:
		from = func(x, y int) (int, int) { return y, x }
	case 6:
		from = func(x, y int) (int, int) { return y, h - 1 - x }
	case 7:
		from = func(x, y int) (int, int) { return w - 1 - y, h - 1 - x }
	case 8:
		from = func(x, y int) (int, int) { return w - 1 - y, x }
	default:
		return src
	}
	dw, dh := w, h
	if orientation >= 5 {
		dw, dh = h, w
	}
	dst := image.NewRGBA(image.Rect(0, 0, dw, dh))
	for y := range dh {
		for x := range dw {
			sx, sy := from(x, y)
			copy(dst.Pix[dst.PixOffset(x, y):][:4], src.Pix[src.PixOffset(sx, sy):][:4])
		}
	}
	return dst
}

func hasTransparency(m *image.RGBA) bool {
	for i := 3; i < len(m.Pix); i += 4 {
		if m.Pix[i] < seeThrough {
			return true
		}
	}
	return false
}

// opaque lays nearly opaque pixels on white.
func opaque(m *image.RGBA) image.Image {
	if m.Opaque() {
		return m
	}
	dst := image.NewRGBA(m.Rect)
	draw.Draw(dst, dst.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(dst, dst.Rect, m, m.Rect.Min, draw.Over)
	return dst
}
