package media

import "math"

func riceField(c *canvas) {
	horizon := c.between(0.40, 0.47)
	l := c.hour(horizon)
	c.sky(l, horizon, c.between(0.3, 0.8))
	c.ridge(l, horizon-0.13, 0.075, 1.1, horizon+0.01, 0.72, ink(0x5D7F93))
	c.ridge(l, horizon-0.075, 0.055, 1.7, horizon+0.01, 0.52, ink(0x5F8574))
	c.ridge(l, horizon-0.03, 0.035, 2.6, horizon+0.01, 0.30, ink(0x4F7A4C))
	c.treeline(l, horizon+0.006, 0.045, 0.32)
	ripe := [][2]uint32{{0x86A93B, 0xD9B84A}, {0x5F9A3A, 0xA9C44E}, {0xC9A53F, 0xE3C45C}}[c.rng.IntN(3)]
	c.paddies(l, horizon, ink(ripe[0]), ink(ripe[1]))
	hx := c.between(0.12, 0.3) * c.wide
	c.house(l, hx, horizon+0.035, 0.10, 0.065, ink(0xE9DDC0), ink(0xA5533A))
	c.tree(l, hx-0.035, horizon+0.04, 0.12, ink(0x4F7F3A))
	c.palm(l, hx+0.15, horizon+0.045, 0.17)
	c.palm(l, hx+0.19, horizon+0.042, 0.13)
	c.blur(0.0012)
	for i := range 3 { // farmers, up to their knees in rice
		x := c.wide * (0.50 + 0.14*float64(i) + c.between(-0.03, 0.03))
		o := c.someone()
		o.hat, o.shirt = true, c.pick(0x6D4B7E, 0x3F6EA3, 0xB5534A, 0x4C8577)
		size, foot := c.between(0.125, 0.15), horizon+0.16+0.045*float64(i%2)
		rice := append([]rgb(nil), c.pix...)
		c.person(x, foot, size, o, point{0.01, 0.30}, point{-0.02, 0.22}, i == 1)
		c.rect(x-size, foot-size*0.5, x+size, foot+size*0.2, func(px, py float64) (rgb, float64) {
			tips := foot - size*0.27 - size*0.05*c.noise(px*300, 1)
			at := min(c.h-1, int(py*float64(c.h)))*c.w + min(c.w-1, int(px*float64(c.h)))
			return rice[at].scale(0.97), smooth(tips-0.006, tips+0.006, py)
		})
	}
	c.blur(0.0006)
	c.foreground(l, ink(ripe[0]), ink(ripe[1]))
}

// foreground is a fringe of rice stalks out of focus at the lower edge.
func (c *canvas) foreground(l light, young, ripe rgb) {
	for i := range 420 {
		x := c.between(-0.02, c.wide+0.02)
		foot := 1.02 + c.between(0, 0.05)
		h := c.between(0.07, 0.19) * (0.55 + 0.9*c.noise(x*4, 3))
		lean := c.between(-0.05, 0.08)
		green := mix(young, ripe, c.rng.Float64()).scale(c.between(0.55, 1.15))
		c.stroke(point{x, foot}, point{x + lean*0.2, foot - h*0.8}, point{x + lean, foot - h}, 0.0045, 0.0012, flat(green))
		if i%5 == 0 { // a bending ear
			for k := range 9 {
				t := float64(k) / 9
				c.ellipse(x+lean+0.035*t*math.Copysign(1, lean), foot-h+0.045*t*t, 0.0048, 0.0032, 0.3, flat(mix(ripe, l.sunColour, 0.15).scale(c.between(0.85, 1.15))))
			}
		}
	}
}

func river(c *canvas) {
	horizon := c.between(0.44, 0.50)
	l := c.dusk(horizon)
	c.sky(l, horizon, 0.9)
	c.ridge(l, horizon-0.15, 0.10, 0.9, horizon+0.02, 0.70, ink(0x6E6A8A))
	c.ridge(l, horizon-0.085, 0.07, 1.5, horizon+0.02, 0.48, ink(0x5D6077))
	c.ridge(l, horizon-0.030, 0.035, 2.4, horizon+0.02, 0.25, ink(0x41525A))
	c.treeline(l, horizon+0.01, 0.05, 0.25)
	for i := range 4 {
		c.palm(l, c.wide*(0.07+0.045*float64(i))+c.between(-0.02, 0.02), horizon+0.012, c.between(0.12, 0.2))
	}
	c.water(l, horizon+0.008, 1, ink(0x2F4A66))
	c.blur(0.0010)
	for i := range 3 {
		near := []float64{0.30, 0.55, 1}[i]
		x := c.wide * []float64{0.70, 0.42, 0.24}[i]
		c.boat(x, horizon+0.055+0.30*near*near, 0.34*near, i != 1)
	}
	for range 26 { // water hyacinths near the bank
		x, y := c.wide*c.between(0.6, 1.02), c.between(0.90, 1.0)
		for range 8 {
			c.ellipse(x+c.between(-0.03, 0.03), y+c.between(-0.012, 0.012), 0.016, 0.008, 0.3, flat(c.pick(0x35523A, 0x4B6B3E, 0x27402F)))
		}
		if c.rng.IntN(3) == 0 {
			c.ellipse(x, y-0.02, 0.006, 0.010, 0.4, flat(ink(0xB79AD0)))
		}
	}
}

// boat is a slim wooden boat with somebody who rows, and its reflection.
func (c *canvas) boat(x, y, size float64, rower bool) {
	c.ellipse(x, y+size*0.06, size*0.5, size*0.05, 0.8, flat(ink(0x14202A)).alpha(0.55))
	if rower {
		o := c.someone()
		o.hat, o.shirt = true, c.pick(0x7A3E3A, 0x39506B, 0x5A4A6B)
		top := y - size*0.40
		c.stroke(point{x + size*0.24, y - size*0.30}, point{x + size*0.30, y - size*0.1}, point{x + size*0.42, y + size*0.1}, size*0.012, size*0.02, flat(ink(0x4A3526)))
		c.upper(x+size*0.17, top, size*0.62, o, point{-0.06, 0.18}, point{0.05, 0.16}, false)
		c.stroke(point{x + size*0.17, y - size*0.2}, point{x + size*0.17, y - size*0.1}, point{x + size*0.17, y}, size*0.11, size*0.10, flat(o.trousers))
	}
	hull := start(x-size*0.56, y-size*0.10).curve(x-size*0.3, y+size*0.005, x, y).curve(x+size*0.3, y+size*0.005, x+size*0.56, y-size*0.13).
		curve(x+size*0.36, y+size*0.095, x, y+size*0.085).curve(x-size*0.36, y+size*0.095, x-size*0.56, y-size*0.10)
	c.fill(hull, func(px, py float64) (rgb, float64) {
		t := (py - y + size*0.05) / (size * 0.14)
		plank := 0.5 + 0.5*math.Sin(t*16)
		return mix(ink(0x8A5F3C), ink(0x3A281C), t).scale(0.9 + 0.15*plank), 1
	})
	for k := range 5 { // baskets
		bx := x - size*0.32 + size*0.085*float64(k)
		c.ellipse(bx, y-size*0.012, size*0.048, size*0.034, 0.2, flat(c.pick(0xA9843F, 0x7E8F3A, 0xB8573A)))
	}
}

func villageRoad(c *canvas) {
	horizon := c.between(0.40, 0.44)
	l := c.hour(horizon)
	c.sky(l, horizon, c.between(0.3, 0.7))
	c.ridge(l, horizon-0.06, 0.05, 1.4, horizon+0.01, 0.6, ink(0x61857F))
	c.treeline(l, horizon+0.012, 0.07, 0.35)
	c.paddies(l, horizon, ink(0x6FA03C), ink(0xA8C24C))
	vx := c.wide * c.between(0.44, 0.56)
	for i := range 4 { // houses and trees along the way, far ones first
		t := float64(i) / 4
		d := 0.02 + 0.10*t*t
		for side := -1.0; side <= 1; side += 2 {
			x := vx + side*(0.16+0.62*t*t+0.07*c.rng.Float64())
			w := 0.10 + 0.15*t
			if i%2 == 0 || side > 0 {
				c.house(l, x-w/2, horizon+d, w, w*0.66, c.pick(0xF0E2BF, 0xE5EAE3, 0xE9D3B5), c.pick(0xB0563A, 0x9C4A35, 0x4F6E8A))
				c.opening(x-w*0.12, horizon+d-w*0.25, w*0.16, w*0.25, ink(0xF4F1E8), ink(0x4C5D66), 2)
			}
			for range 16 { // a hedge
				bx, r := x+c.between(-0.62, 0.62)*w, w*c.between(0.04, 0.09)
				c.ellipse(bx, horizon+d-r*0.4, r*1.3, r, 0.5, flat(c.pick(0x4C7F3A, 0x5E9144, 0x3E6C34).scale(c.between(0.85, 1.1))))
			}
			if side < 0 {
				c.palm(l, x-side*w*0.75, horizon+d+0.008, 0.15+0.20*t)
			} else {
				c.tree(l, x-side*w*0.72, horizon+d+0.008, 0.11+0.17*t, c.pick(0x4D7F38, 0x5E8B3E, 0x437440))
			}
		}
	}
	c.blur(0.0014)
	// verge and road
	half := func(y, k float64) float64 { return 0.012 + (y-horizon)*k }
	c.grass(polygon(vx-half(horizon, 1.3), horizon+0.012, vx+half(horizon, 1.3), horizon+0.012, vx+half(1, 1.3), 1, vx-half(1, 1.3), 1), ink(0x8DB04A), ink(0x4C7A34), 1)
	c.fill(polygon(vx-half(horizon, 0.72), horizon+0.012, vx+half(horizon, 0.72), horizon+0.012, vx+half(1, 0.72), 1, vx-half(1, 0.72), 1), func(x, y float64) (rgb, float64) {
		d := y - horizon
		v := 0.5 / (d + 0.02)
		joint := math.Abs(v*1.3-math.Round(v*1.3)) * d * 6
		grain := c.octaves(x*40, y*120, 3)
		edge := math.Abs(x-vx) / half(y, 0.72)
		colour := ink(0xCFCBC0).scale(0.86 + 0.20*grain)
		colour = mix(colour.scale(0.72), colour, smooth(0, 0.02, joint))
		colour = mix(colour, ink(0xA9A28E), smooth(0.85, 1, edge)*0.7)
		shade := smooth(0.52, 0.62, c.octaves(x*3+20, y*7, 4)) // leaves' shade
		return mix(mix(colour, ink(0x6E7178), 0.38*shade*smooth(0.1, 0.3, d)), l.haze, 0.6*math.Exp(-d*16)), 1
	})
	for i := range 7 { // poles with lamps and flags
		t := 1 - float64(i)/7
		y := horizon + 0.016 + 0.40*t*t*t
		x := vx + half(y, 1.02)
		h := 0.05 + 0.55*t*t*t
		if i%2 == 0 {
			c.flag(x, y, h*0.62, h*0.16)
		}
		x = vx - half(y, 1.04)
		c.stroke(point{x, y}, point{x, y - h*0.6}, point{x, y - h}, h*0.018, h*0.012, across(x-h*0.01, ink(0xB9BDBC), x+h*0.01, ink(0x707678)))
		c.stroke(point{x, y - h}, point{x + h*0.06, y - h*1.05}, point{x + h*0.17, y - h*1.03}, h*0.012, h*0.02, flat(ink(0x8A9092)))
	}
	for range 900 { // flower beds
		t := math.Pow(c.rng.Float64(), 0.7)
		y := horizon + 0.02 + 0.56*t*t
		side := math.Copysign(1, c.rng.Float64()-0.5)
		x := vx + side*half(y, c.between(0.78, 0.98))
		s := 0.0012 + 0.011*t*t
		c.ellipse(x, y, s*1.6, s*1.2, 0.4, flat(c.pick(0x3E6F33, 0x568A3B)))
		c.ellipse(x+c.between(-1, 1)*s, y-s, s*0.75, s*0.7, 0.3, flat(c.pick(0xE6407A, 0xF5C33B, 0xE6407A, 0xF27D3A, 0xF6F0F2, 0xC9437F)))
	}
	y := horizon + 0.14
	c.cyclist(vx-half(y, 0.22), y, 0.155)
	c.cyclist(vx+half(y+0.16, 0.30), y+0.16, 0.30)
}

// cyclist rides away on a bicycle; y is where the wheels touch the road.
func (c *canvas) cyclist(x, y, height float64) {
	o := c.someone()
	o.woman, o.hat = true, c.rng.IntN(2) == 0
	o.shirt = c.pick(0xF3F3F0, 0xE9EEF4, 0xC8577A)
	c.shadow(x+height*0.05, y, height*0.16, height*0.03, 0.5)
	c.ellipse(x, y-height*0.14, height*0.026, height*0.145, 0.1, flat(ink(0x25272B)))
	c.rect(x-height*0.09, y-height*0.27, x+height*0.09, y-height*0.25, flat(ink(0x3A3F45)))
	for side := -1.0; side <= 1; side += 2 {
		c.stroke(point{x + side*height*0.045, y - height*0.42}, point{x + side*height*0.11, y - height*0.30}, point{x + side*height*0.06, y - height*(0.13+0.05*side)}, height*0.10, height*0.06, rounded(x+side*height*0.06, height*0.07, o.trousers))
	}
	c.ellipse(x, y-height*0.42, height*0.105, height*0.07, 0.1, rounded(x, height*0.1, o.trousers.scale(1.1)))
	c.upper(x, y-height*0.80, height, o, point{0.055, 0.26}, point{0.055, 0.26}, true)
}

func treePlanting(c *canvas) {
	horizon := c.between(0.36, 0.41)
	l := c.hour(horizon)
	c.sky(l, horizon, c.between(0.3, 0.7))
	c.ridge(l, horizon-0.11, 0.08, 1.2, horizon+0.02, 0.66, ink(0x5F8A8A))
	c.ridge(l, horizon-0.04, 0.05, 2.0, horizon+0.02, 0.40, ink(0x4F7F58))
	c.treeline(l, horizon+0.015, 0.085, 0.28)
	c.grass(polygon(0, horizon, c.wide, horizon, c.wide, 1, 0, 1), ink(0x9BBB55), ink(0x4F7E38), 1)
	c.fill(start(0, 0.70).curve(c.wide*0.5, 0.60, c.wide, 0.72).line(c.wide, 1).line(0, 1).line(0, 0.70), func(x, y float64) (rgb, float64) { // dug soil
		n := c.octaves(x*26, y*40, 5)
		return mix(ink(0x6B4A32), ink(0xA67C52), n*0.9+0.1*(1-y)), smooth(0.40, 0.60, c.octaves(x*5, y*8, 3)+smooth(0.66, 0.86, y)*0.5-0.04)
	})
	for i := range 9 {
		c.tree(l, c.wide*(0.02+0.12*float64(i))+c.between(-0.05, 0.05), horizon+0.015+0.007*float64(i*4%9), c.between(0.16, 0.30), c.pick(0x4D8038, 0x5C8F3F, 0x3F7440))
	}
	c.blur(0.0016)
	for i := range 6 { // those in the second row
		x := c.wide*(0.10+0.16*float64(i)) + c.between(-0.02, 0.02)
		c.planter(x, 0.60+c.between(-0.01, 0.02), c.between(0.25, 0.28), i%2 == 0)
		c.sapling(l, x+0.09, 0.63, 0.13)
	}
	c.blur(0.0022)
	for i := range 3 {
		x := c.wide*(0.15+0.28*float64(i)) + c.between(-0.03, 0.03)
		c.planter(x, 0.85+c.between(-0.02, 0.02), c.between(0.42, 0.46), i != 1)
		c.sapling(l, x+0.17, 0.87, 0.26)
	}
	c.blur(0.0018)
	c.sapling(l, c.wide*0.80, 1.0, 0.62)
	for i := range 6 {
		c.sapling(l, c.wide*(float64(i)+0.4)/7.6+c.between(-0.03, 0.03), 1.02+c.between(-0.01, 0.02), c.between(0.16, 0.25))
	}
}

// planter is a member of the youth union in the blue shirt, with a spade where digs is set.
func (c *canvas) planter(x, foot, height float64, digs bool) {
	o := c.someone()
	o.shirt, o.trousers = ink(0x2F6FB5).scale(c.between(0.92, 1.1)), c.pick(0x2D3440, 0x3A4250, 0x55504A)
	o.hat = c.rng.IntN(3) == 0
	if !digs {
		c.person(x, foot, height, o, point{0.03, 0.33}, point{0.09, 0.20}, false)
		return
	}
	sx := x + height*0.20
	c.person(x, foot, height, o, point{-0.02, 0.22}, point{0.03, 0.24}, false)
	c.stroke(point{sx - height*0.05, foot - height*0.70}, point{sx, foot - height*0.4}, point{sx + height*0.05, foot - height*0.03}, height*0.018, height*0.018, flat(ink(0xA97B4D)))
	c.fill(polygon(sx+height*0.01, foot-height*0.10, sx+height*0.085, foot-height*0.115, sx+height*0.075, foot+height*0.02, sx+height*0.045, foot+height*0.045, sx+height*0.02, foot+height*0.03), flat(ink(0x8D979C)))
	c.ellipse(sx-height*0.018, foot-height*0.47, height*0.026, height*0.03, 0.2, flat(o.skin))
}

// sapling is a young tree in a heap of soil, tied to a stake.
func (c *canvas) sapling(l light, x, foot, height float64) {
	c.shadow(x+height*0.1, foot, height*0.3, height*0.05, 0.4)
	c.ellipse(x, foot, height*0.22, height*0.065, 0.3, func(px, py float64) (rgb, float64) {
		return mix(ink(0x7A5438), ink(0x4A3323), c.octaves(px*60, py*60, 3)), 1
	})
	c.stroke(point{x + height*0.05, foot}, point{x + height*0.05, foot - height*0.4}, point{x + height*0.04, foot - height*0.7}, height*0.022, height*0.018, flat(ink(0xC8A878)))
	c.stroke(point{x, foot}, point{x + height*0.02, foot - height*0.5}, point{x, foot - height*0.9}, height*0.025, height*0.010, flat(ink(0x6E5A3E)))
	for range 46 {
		t := c.between(0.35, 1)
		a := c.between(0, 2*math.Pi)
		sx, sy := x, foot-height*0.9*t
		long := height * c.between(0.10, 0.17) * (1.25 - 0.5*t)
		ex, ey := sx+math.Cos(a)*long, sy+math.Sin(a)*long*0.6-height*0.02
		green := mix(ink(0x3F7D36), ink(0x9CC653), clamp(0.5-0.5*math.Sin(a)+c.between(-0.2, 0.2)))
		c.leaf(sx, sy, ex, ey, long*0.36, mix(green, l.sunColour, 0.08))
	}
}

func (c *canvas) leaf(x0, y0, x1, y1, wide float64, green rgb) {
	dx, dy := x1-x0, y1-y0
	long := max(1e-9, math.Hypot(dx, dy))
	nx, ny := -dy/long*wide, dx/long*wide
	mx, my := (x0+x1)/2, (y0+y1)/2
	c.fill(start(x0, y0).curve(mx+nx, my+ny, x1, y1).curve(mx-nx, my-ny, x0, y0), across(min(x0, x1), green.scale(1.08), max(x0, x1)+1e-6, green.scale(0.85)))
}
