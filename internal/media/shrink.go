package media

import (
	"image"
	"image/color"
	"image/draw"
	"sync"
)

// bigPixels is from how many pixels on pictures are decoded one at a time: one of MaxPixels can take half a gigabyte.
const bigPixels = 12_000_000

var oneBig sync.Mutex

// shrink averages blocks of k×k pixels, which is how a picture many times too large is brought near its size: cheap,
// and no pixel is passed over. It keeps k = 1 as it is.
func shrink(src image.Image, k int) image.Image {
	if k <= 1 {
		return src
	}
	if planes, ok := src.(*image.YCbCr); ok {
		return shrinkYCbCr(planes, k)
	}
	from, ok := src.(*image.RGBA)
	if !ok {
		from = image.NewRGBA(image.Rect(0, 0, src.Bounds().Dx(), src.Bounds().Dy()))
		draw.Draw(from, from.Rect, src, src.Bounds().Min, draw.Src)
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, max(1, w/k), max(1, h/k)))
	for y := range dst.Rect.Dy() {
		for x := range dst.Rect.Dx() {
			var sum [4]int
			n := 0
			for sy := y * k; sy < min(h, y*k+k); sy++ {
				row := from.Pix[sy*from.Stride+x*k*4 : sy*from.Stride+min(w, x*k+k)*4]
				for i := 0; i < len(row); i += 4 {
					sum[0] += int(row[i])
					sum[1] += int(row[i+1])
					sum[2] += int(row[i+2])
					sum[3] += int(row[i+3])
					n++
				}
			}
			out := dst.Pix[dst.PixOffset(x, y):]
			for i := range sum {
				out[i] = uint8((sum[i] + n/2) / n)
			}
		}
	}
	return dst
}

// shrinkYCbCr averages the planes as a JPEG stores them and converts each result once.
func shrinkYCbCr(src *image.YCbCr, k int) *image.RGBA {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, max(1, w/k), max(1, h/k)))
	for y := range dst.Rect.Dy() {
		for x := range dst.Rect.Dx() {
			var luma, cb, cr, n int
			for sy := y * k; sy < min(h, y*k+k); sy++ {
				for sx := x * k; sx < min(w, x*k+k); sx++ {
					at := src.COffset(src.Rect.Min.X+sx, src.Rect.Min.Y+sy)
					luma += int(src.Y[src.YOffset(src.Rect.Min.X+sx, src.Rect.Min.Y+sy)])
					cb += int(src.Cb[at])
					cr += int(src.Cr[at])
					n++
				}
			}
			r, g, b := color.YCbCrToRGB(uint8((luma+n/2)/n), uint8((cb+n/2)/n), uint8((cr+n/2)/n))
			out := dst.Pix[dst.PixOffset(x, y):]
			out[0], out[1], out[2], out[3] = r, g, b, 255
		}
	}
	return dst
}
