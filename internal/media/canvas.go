package media

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// rgb is a colour, each part from 0 to 1 but free to leave that range until it is encoded.
type rgb [3]float64

func ink(v uint32) rgb {
	return rgb{float64(v>>16) / 255, float64(v>>8&0xFF) / 255, float64(v&0xFF) / 255}
}

func mix(a, b rgb, t float64) rgb {
	t = clamp(t)
	return rgb{a[0] + (b[0]-a[0])*t, a[1] + (b[1]-a[1])*t, a[2] + (b[2]-a[2])*t}
}

func (a rgb) scale(k float64) rgb { return rgb{a[0] * k, a[1] * k, a[2] * k} }

func clamp(t float64) float64 { return max(0, min(1, t)) }

// smooth rises from 0 at a to 1 at b without a kink.
func smooth(a, b, t float64) float64 {
	t = clamp((t - a) / (b - a))
	return t * t * (3 - 2*t)
}

// paint is a colour and how much it covers (0 to 1) at a place.
type paint func(x, y float64) (rgb, float64)

func flat(c rgb) paint { return func(_, _ float64) (rgb, float64) { return c, 1 } }

// across and down blend two colours between two places.
func across(x0 float64, a rgb, x1 float64, b rgb) paint {
	return func(x, _ float64) (rgb, float64) { return mix(a, b, (x-x0)/(x1-x0)), 1 }
}

func down(y0 float64, a rgb, y1 float64, b rgb) paint {
	return func(_, y float64) (rgb, float64) { return mix(a, b, (y-y0)/(y1-y0)), 1 }
}

func (p paint) alpha(k float64) paint {
	return func(x, y float64) (rgb, float64) { c, a := p(x, y); return c, a * k }
}

// canvas is measured in its own height: y runs from 0 (top) to 1, x from 0 to wide.
type canvas struct {
	w, h int
	wide float64
	pix  []rgb
	rng  *rand.Rand
	seed uint64
}

func newCanvas(w, h int, seed uint64) *canvas {
	return &canvas{
		w: w, h: h, wide: float64(w) / float64(h), pix: make([]rgb, w*h),
		rng: rand.New(rand.NewPCG(seed, 0x70A50A4)), seed: seed,
	}
}

// between is a random number from a to b.
func (c *canvas) between(a, b float64) float64 { return a + (b-a)*c.rng.Float64() }

func (c *canvas) pick(colours ...uint32) rgb { return ink(colours[c.rng.IntN(len(colours))]) }

func (c *canvas) blend(i int, colour rgb, alpha float64) {
	if alpha >= 1 {
		c.pix[i] = colour
	} else if alpha > 0 {
		c.pix[i] = mix(c.pix[i], colour, alpha)
	}
}

// rect paints everything between two corners; shade the whole canvas.
func (c *canvas) rect(x0, y0, x1, y1 float64, p paint) {
	k := float64(c.h)
	for y := max(0, int(math.Round(y0*k))); y < min(c.h, int(math.Round(y1*k))); y++ {
		for x := max(0, int(math.Round(x0*k))); x < min(c.w, int(math.Round(x1*k))); x++ {
			colour, alpha := p((float64(x)+0.5)/k, (float64(y)+0.5)/k)
			c.blend(y*c.w+x, colour, alpha)
		}
	}
}

func (c *canvas) shade(p paint) { c.rect(0, 0, c.wide+1, 1, p) }

// ellipse paints an ellipse whose edge fades over soft (0 to 1) of its radius.
func (c *canvas) ellipse(cx, cy, rx, ry, soft float64, p paint) {
	edge := max(soft, 1.4/(math.Min(rx, ry)*float64(c.h)))
	c.rect(cx-rx*1.1, cy-ry*1.1, cx+rx*1.1, cy+ry*1.1, func(x, y float64) (rgb, float64) {
		d := math.Hypot((x-cx)/rx, (y-cy)/ry)
		if d >= 1+edge/2 {
			return rgb{}, 0
		}
		colour, alpha := p(x, y)
		return colour, alpha * smooth(1+edge/2, 1-edge, d)
	})
}

// glow adds light around a place, falling off with distance.
func (c *canvas) glow(cx, cy, r float64, colour rgb, strength float64) {
	c.rect(cx-3*r, cy-3*r, cx+3*r, cy+3*r, func(x, y float64) (rgb, float64) {
		d := math.Hypot(x-cx, y-cy) / r
		return colour, strength * math.Exp(-d*d*1.6) * (1 - smooth(2.2, 3, d))
	})
}

// point is a place on the canvas.
type point struct{ x, y float64 }

// outline is a closed shape of straight and curved sides.
type outline struct {
	from  point
	sides []side
}

type side struct {
	bend, to point
	curved   bool
}

func start(x, y float64) *outline { return &outline{from: point{x, y}} }

func (o *outline) line(x, y float64) *outline {
	o.sides = append(o.sides, side{to: point{x, y}})
	return o
}

// curve goes to x, y bending towards bx, by.
func (o *outline) curve(bx, by, x, y float64) *outline {
	o.sides = append(o.sides, side{bend: point{bx, by}, to: point{x, y}, curved: true})
	return o
}

func polygon(points ...float64) *outline {
	o := start(points[0], points[1])
	for i := 2; i+1 < len(points); i += 2 {
		o.line(points[i], points[i+1])
	}
	return o
}

// fill paints the inside of a shape with smooth edges.
func (c *canvas) fill(o *outline, p paint) {
	x0, y0, x1, y1 := o.from.x, o.from.y, o.from.x, o.from.y
	for _, s := range o.sides {
		for _, q := range []point{s.to, s.bend} {
			if q == (point{}) && !s.curved {
				continue
			}
			x0, y0, x1, y1 = min(x0, q.x), min(y0, q.y), max(x1, q.x), max(y1, q.y)
		}
	}
	k := float64(c.h)
	left, top := max(0, int(x0*k)-1), max(0, int(y0*k)-1)
	right, bottom := min(c.w, int(x1*k)+2), min(c.h, int(y1*k)+2)
	if left >= right || top >= bottom {
		return
	}
	r := vector.NewRasterizer(right-left, bottom-top)
	at := func(q point) (float32, float32) { return float32(q.x*k - float64(left)), float32(q.y*k - float64(top)) }
	r.MoveTo(at(o.from))
	for _, s := range o.sides {
		x, y := at(s.to)
		if s.curved {
			bx, by := at(s.bend)
			r.QuadTo(bx, by, x, y)
			continue
		}
		r.LineTo(x, y)
	}
	r.ClosePath()
	mask := image.NewAlpha(image.Rect(0, 0, right-left, bottom-top))
	r.Draw(mask, mask.Rect, image.Opaque, image.Point{})
	for y := top; y < bottom; y++ {
		row := mask.Pix[(y-top)*mask.Stride:]
		for x := left; x < right; x++ {
			if m := row[x-left]; m > 0 {
				colour, alpha := p((float64(x)+0.5)/k, (float64(y)+0.5)/k)
				c.blend(y*c.w+x, colour, alpha*float64(m)/255)
			}
		}
	}
}

// stroke paints a line that goes from width a to width b, bending towards the middle point.
func (c *canvas) stroke(from, bend, to point, a, b float64, p paint) {
	const steps = 12
	curve := func(t float64) point {
		u := 1 - t
		return point{u*u*from.x + 2*u*t*bend.x + t*t*to.x, u*u*from.y + 2*u*t*bend.y + t*t*to.y}
	}
	var left, right [steps + 1]point
	for i := range steps + 1 {
		t := float64(i) / steps
		here, ahead, behind := curve(t), curve(min(1, t+0.01)), curve(max(0, t-0.01))
		dx, dy := ahead.x-behind.x, ahead.y-behind.y
		long := max(1e-9, math.Hypot(dx, dy))
		half := (a + (b-a)*t) / 2
		left[i] = point{here.x - dy/long*half, here.y + dx/long*half}
		right[i] = point{here.x + dy/long*half, here.y - dx/long*half}
	}
	o := start(left[0].x, left[0].y)
	for _, q := range left[1:] {
		o.line(q.x, q.y)
	}
	for i := steps; i >= 0; i-- {
		o.line(right[i].x, right[i].y)
	}
	c.fill(o, p)
}

// noise is smooth and random, from 0 to 1, one wave per unit; octaves of it make clouds, hills and leaves.
func (c *canvas) noise(x, y float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	tx, ty := smooth(0, 1, x-fx), smooth(0, 1, y-fy)
	ix, iy := int64(fx), int64(fy)
	top := c.hash(ix, iy)*(1-tx) + c.hash(ix+1, iy)*tx
	bottom := c.hash(ix, iy+1)*(1-tx) + c.hash(ix+1, iy+1)*tx
	return top*(1-ty) + bottom*ty
}

func (c *canvas) hash(x, y int64) float64 {
	v := uint64(x)*0x9E3779B97F4A7C15 ^ uint64(y)*0xC2B2AE3D27D4EB4F ^ c.seed*0x165667B19E3779F9
	v = (v ^ v>>29) * 0xBF58476D1CE4E5B9
	v = (v ^ v>>32) * 0x94D049BB133111EB
	return float64((v^v>>31)>>11) / (1 << 53)
}

func (c *canvas) octaves(x, y float64, n int) float64 {
	sum, size, total := 0.0, 1.0, 0.0
	for i := range n {
		sum += size * c.noise(x+float64(i)*17.3, y-float64(i)*9.1)
		total += size
		x, y, size = x*2.03, y*2.03, size/2
	}
	return sum / total
}

// blur softens everything painted so far, as a lens does behind its plane of focus; radius in canvas heights.
func (c *canvas) blur(radius float64) {
	n := int(radius * float64(c.h))
	if n < 1 {
		return
	}
	other := make([]rgb, len(c.pix))
	for range 2 { // two box filters each way come close enough to a lens
		boxBlur(other, c.pix, c.w, c.h, n, 1, c.w)
		boxBlur(c.pix, other, c.h, c.w, n, c.w, 1)
	}
}

// boxBlur averages n neighbours on either side along lines: a line has long pixels that are step apart.
func boxBlur(dst, src []rgb, long, lines, n, step, stride int) {
	for line := range lines {
		base := line * stride
		var sum rgb
		at := func(i int) rgb { return src[base+max(0, min(long-1, i))*step] }
		for i := -n; i <= n; i++ {
			q := at(i)
			sum = rgb{sum[0] + q[0], sum[1] + q[1], sum[2] + q[2]}
		}
		k := 1 / float64(2*n+1)
		for i := range long {
			dst[base+i*step] = sum.scale(k)
			in, out := at(i+n+1), at(i-n)
			sum = rgb{sum[0] + in[0] - out[0], sum[1] + in[1] - out[1], sum[2] + in[2] - out[2]}
		}
	}
}

// develop makes a photograph of the canvas: a gentle curve, darker corners, grain, JPEG.
func (c *canvas) develop() []byte {
	m := image.NewRGBA(image.Rect(0, 0, c.w, c.h))
	for y := range c.h {
		for x := range c.w {
			q := c.pix[y*c.w+x]
			dx, dy := float64(x)/float64(c.w)-0.5, float64(y)/float64(c.h)-0.5
			light := 1 - 0.30*(dx*dx+dy*dy)
			grain := (c.hash(int64(x), int64(y)+1<<20) - 0.5) * 0.030
			var out [3]uint8
			for i := range q {
				v := clamp(q[i]*light + grain)
				v += 0.12 * (smooth(0, 1, v) - v) // a little contrast
				out[i] = uint8(v*255 + 0.5)
			}
			m.SetRGBA(x, y, color.RGBA{out[0], out[1], out[2], 255})
		}
	}
	var out bytes.Buffer
	_ = jpeg.Encode(&out, m, &jpeg.Options{Quality: 88}) // writing to memory does not fail, and the size is right
	return out.Bytes()
}
