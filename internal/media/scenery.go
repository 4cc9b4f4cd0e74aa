package media

import "math"

// light is the hour of a scene: what colours its sky, haze and shade have, and where the sun stands.
type light struct {
	zenith, horizon, haze rgb
	sun                   point
	sunColour             rgb
	warmth                float64 // 0 noon … 1 low sun
}

func (c *canvas) hour(horizon float64) light {
	hours := []light{
		{ink(0x4F93CE), ink(0xDCEBF2), ink(0xC9DDE6), point{c.wide * 0.78, 0.10}, ink(0xFFFBEA), 0.1},
		{ink(0x6FA3CF), ink(0xF6E3C2), ink(0xEBD9BE), point{c.wide * 0.22, horizon - 0.16}, ink(0xFFEFC4), 0.6},
		{ink(0x5C8DC4), ink(0xE9EEE6), ink(0xD3E0DC), point{c.wide * 0.30, 0.08}, ink(0xFFFDF0), 0.2},
	}
	return hours[c.rng.IntN(len(hours))]
}

func (c *canvas) dusk(horizon float64) light {
	return light{ink(0x3D5E96), ink(0xFBC98A), ink(0xE5B48E), point{c.wide * 0.64, horizon - 0.07}, ink(0xFFE3A6), 1}
}

// sky paints air and clouds down to the horizon.
func (c *canvas) sky(l light, horizon, cloudiness float64) {
	c.shade(func(x, y float64) (rgb, float64) {
		t := clamp(y / horizon)
		colour := mix(l.zenith, l.horizon, math.Pow(t, 1.25))
		flatness := 0.35 + 1.9*t // clouds lie flatter towards the horizon
		n := c.octaves(x*2.2+3, y*2.2*flatness*2.2+5, 6)
		cover := smooth(0.62-0.2*cloudiness, 0.86-0.15*cloudiness, n) * (0.35 + 0.65*smooth(0, 0.35, y+0.12))
		lit := mix(ink(0xFFFFFF), l.sunColour, l.warmth)
		shadow := mix(l.zenith, l.haze, 0.72)
		above := c.octaves(x*2.2+3.05, (y-0.025)*2.2*flatness*2.2+5, 4)
		cloud := mix(lit, shadow, smooth(-0.06, 0.14, above-n+0.05))
		return mix(colour, cloud, cover*0.85), 1
	})
	c.glow(l.sun.x, l.sun.y, 0.50, l.sunColour, 0.30+0.25*l.warmth)
	c.glow(l.sun.x, l.sun.y, 0.13, ink(0xFFFFFF), 0.45+0.2*l.warmth)
	if l.warmth > 0.9 {
		c.ellipse(l.sun.x, l.sun.y, 0.042, 0.042, 0.12, flat(ink(0xFFF6DC)))
	}
}

// ridge paints hills from a wavy top down to foot; far (0 to 1) is how much of the haze lies before them.
func (c *canvas) ridge(l light, top, rough, wave, foot, far float64, near rgb) {
	shift := c.between(0, 50)
	crest := func(x float64) float64 {
		return top - rough*(c.octaves(x*wave+shift, shift, 6)-0.5)*2
	}
	c.rect(0, top-rough, c.wide+1, foot, func(x, y float64) (rgb, float64) {
		edge := crest(x)
		if y < edge-0.002 {
			return rgb{}, 0
		}
		t := clamp((y - edge) / max(0.02, foot-edge))
		relief := c.octaves(x*wave*9+shift, y*wave*14, 5)
		colour := near.scale(0.78 + 0.44*relief)
		colour = mix(colour, l.haze, clamp(far+0.28*t*t))
		return colour, smooth(edge-0.002, edge+0.001, y)
	})
}

// treeline is a far row of trees: round crowns along the horizon.
func (c *canvas) treeline(l light, y, height, far float64) {
	for x := -0.05; x < c.wide+0.05; x += height * c.between(0.18, 0.42) {
		h := height * c.between(0.45, 1)
		green := mix(mix(c.pick(0x3C6A35, 0x4B7A3B, 0x55803F, 0x355F38), ink(0x2A2B33), 0.55*smooth(0.7, 1, l.warmth)), l.haze, far)
		for range 7 {
			dx, dy := c.between(-0.45, 0.45)*h, c.between(0, 0.7)*h
			r := h * c.between(0.16, 0.3)
			c.ellipse(x+dx, y-dy-r*0.4, r*1.15, r, 0.5, down(y-dy-r, green.scale(1.18), y-dy+r, green.scale(0.72)))
		}
	}
	c.rect(0, y-height*0.28, c.wide+1, y, func(x, yy float64) (rgb, float64) {
		return mix(mix(ink(0x35582F), ink(0x24262E), 0.6*smooth(0.7, 1, l.warmth)), l.haze, far), smooth(y-height*0.28, y-height*0.05, yy) * 0.9
	})
}

// paddies paints rice fields from the horizon to the lower edge in perspective, with bunds between them.
func (c *canvas) paddies(l light, horizon float64, young, ripe rgb) {
	cx := c.wide * c.between(0.4, 0.6)
	c.rect(0, horizon, c.wide+1, 1, func(x, y float64) (rgb, float64) {
		d := y - horizon + 0.004
		v, u := 0.12/d, (x-cx)/d*0.12
		u += 0.35 * math.Sin(v*1.1) // fields follow the land
		wander := 0.10 * (c.noise(u*2.2, v*2) - 0.5)
		row := math.Floor(v*1.4 + wander)
		across := u*0.9 + c.hash(int64(row), 7)*3
		cell := math.Floor(across)
		tone := c.hash(int64(cell), int64(row))
		colour := mix(young, ripe, tone)
		// bunds and, near by, plants in rows
		bund := min(math.Abs(v*1.4+wander-math.Round(v*1.4+wander))*d*3.4, math.Abs(across-math.Round(across))*d*5)
		near := smooth(0.05, 0.5, d)
		blades := c.octaves(x*260, y*34/(0.3+d), 2)
		rows := 0.5 + 0.5*math.Sin(u*95+c.noise(x*8, y*8)*2)
		patch := c.octaves(u*3.1, v*3.7, 4)
		colour = colour.scale(0.80 + 0.38*patch)
		colour = colour.scale(1 + near*(0.42*(blades-0.5)+0.14*(rows-0.5)))
		colour = mix(mix(ink(0x5E6B3A), ink(0x8A7C4C), tone), colour, smooth(0.0, 0.012+0.02*near, bund))
		shade := c.octaves(x*1.1+9, y*3.1+4, 3) // shadows of clouds
		colour = colour.scale(0.84 + 0.26*smooth(0.35, 0.6, shade))
		return mix(colour, l.haze, 0.75*math.Exp(-d*11)), 1
	})
}

// grass paints a lawn or verge.
func (c *canvas) grass(o *outline, light, dark rgb, scale float64) {
	c.fill(o, func(x, y float64) (rgb, float64) {
		n := c.octaves(x*14*scale, y*30*scale, 4)
		blades := c.noise(x*330*scale, y*90*scale)
		return mix(dark, light, 0.15+0.7*n+0.35*(blades-0.5)), 1
	})
}

// tree is a broad crown of leaves on a trunk, lit from the side of the sun.
func (c *canvas) tree(l light, x, foot, height float64, green rgb) {
	trunk := mix(ink(0x6B4F3A), ink(0x8A6A4C), c.rng.Float64())
	c.shadow(x, foot, height*0.42, height*0.05, 0.35)
	c.stroke(point{x, foot}, point{x + height*0.02, foot - height*0.3}, point{x, foot - height*0.62}, height*0.075, height*0.03,
		across(x-height*0.04, trunk.scale(1.1), x+height*0.04, trunk.scale(0.55)))
	for i := range 3 {
		lean := (float64(i) - 1) * height * 0.2
		c.stroke(point{x, foot - height*0.38}, point{x + lean*0.4, foot - height*0.5}, point{x + lean, foot - height*0.66}, height*0.03, height*0.01, flat(trunk.scale(0.7)))
	}
	toSun := 1.0
	if l.sun.x < x {
		toSun = -1
	}
	cx, cy, rx, ry := x, foot-height*0.68, height*0.40, height*0.33
	for pass := range 3 { // shade first, light last
		for range 110 {
			a, r := c.between(0, 2*math.Pi), math.Sqrt(c.rng.Float64())
			bx, by := cx+math.Cos(a)*rx*r, cy+math.Sin(a)*ry*r
			lit := clamp(0.5 + 0.42*toSun*(bx-cx)/rx - 0.5*(by-cy)/ry)
			if pass == 2 && lit < 0.55 || pass == 0 && lit > 0.75 {
				continue
			}
			size := height * c.between(0.028, 0.075) * (1.15 - 0.22*float64(pass))
			tint := green.scale(0.42 + 0.62*lit + 0.13*float64(pass) + c.between(-0.07, 0.07))
			tint = mix(tint, l.sunColour, 0.13*lit*float64(pass)/2)
			c.ellipse(bx, by, size, size*0.8, 0.75, flat(tint).alpha(0.85))
		}
		for range 120 * pass { // single leaves give the crown an edge
			a, r := c.between(0, 2*math.Pi), c.between(0.75, 1.12)
			bx, by := cx+math.Cos(a)*rx*r, cy+math.Sin(a)*ry*r
			lit := clamp(0.5 + 0.42*toSun*(bx-cx)/rx - 0.5*(by-cy)/ry)
			size := height * c.between(0.006, 0.014)
			c.ellipse(bx, by, size*1.5, size, 0.4, flat(green.scale(0.5+0.7*lit)).alpha(0.8))
		}
	}
}

// palm is a coconut or areca palm.
func (c *canvas) palm(l light, x, foot, height float64) {
	lean := c.between(-0.12, 0.12) * height
	topX, topY := x+lean, foot-height*0.80
	bark := ink(0x8B7355)
	c.stroke(point{x, foot}, point{x - lean*0.3, foot - height*0.4}, point{topX, topY}, height*0.030, height*0.017,
		across(x-height*0.02, bark.scale(1.15), x+height*0.03, bark.scale(0.6)))
	fronds := 15
	for i := range fronds {
		a := math.Pi*2*float64(i)/float64(fronds) + c.between(-0.15, 0.15)
		reach := height * c.between(0.25, 0.34)
		ex, ey := topX+math.Cos(a)*reach, topY+math.Sin(a)*reach*0.55+reach*0.26
		bx, by := topX+math.Cos(a)*reach*0.55, topY-reach*0.34+math.Sin(a)*reach*0.2
		green := mix(ink(0x3F7A3A), ink(0x9BBF55), clamp(0.5-0.5*math.Sin(a)+0.2*l.warmth)).scale(c.between(0.8, 1.05) * (1 - 0.5*smooth(0.7, 1, l.warmth)))
		for side := -1.0; side <= 1; side += 2 { // leaflets hang from the rib
			for k := range 16 {
				t := 0.12 + 0.88*float64(k)/16
				u := 1 - t
				qx, qy := u*u*topX+2*u*t*bx+t*t*ex, u*u*topY+2*u*t*by+t*t*ey
				long := reach * 0.24 * math.Sin(math.Pi*min(1, 0.15+0.95*t*0.9))
				c.stroke(point{qx, qy}, point{qx + side*long*0.2 + math.Cos(a)*long*0.4, qy + long*0.25}, point{qx + side*long*0.35 + math.Cos(a)*long*0.65, qy + long*0.85},
					height*0.009, height*0.001, flat(green.scale(0.85+0.2*t)))
			}
		}
		c.stroke(point{topX, topY}, point{bx, by}, point{ex, ey}, height*0.010, height*0.002, flat(green.scale(0.8)))
	}
	for range 5 {
		c.ellipse(topX+c.between(-0.03, 0.03)*height, topY+c.between(0.01, 0.05)*height, height*0.018, height*0.021, 0.2, flat(ink(0x6F8B3E)))
	}
}

// bamboo is a clump of thin stems that bend over.
func (c *canvas) bamboo(x, foot, height float64) {
	for range 26 {
		lean := c.between(-0.45, 0.45) * height
		from := x + c.between(-0.06, 0.06)*height
		top := point{from + lean, foot - height*c.between(0.7, 1)}
		bend := point{from + lean*0.1, foot - height*0.75}
		green := c.pick(0x5E8A3C, 0x78A04A, 0x4C7A38, 0x8CAF58)
		c.stroke(point{from, foot}, bend, top, height*0.014, height*0.003, flat(green.scale(c.between(0.7, 1))))
		for range 26 {
			t := c.between(0.35, 1)
			u := 1 - t
			qx, qy := u*u*from+2*u*t*bend.x+t*t*top.x, u*u*foot+2*u*t*bend.y+t*t*top.y
			dx, dy := c.between(-0.07, 0.07)*height, c.between(0.0, 0.06)*height
			c.stroke(point{qx, qy}, point{qx + dx*0.5, qy + dy*0.2}, point{qx + dx, qy + dy}, height*0.011, 0.0005, flat(green.scale(c.between(0.75, 1.2))).alpha(0.9))
		}
	}
}

// shadow darkens the ground under something.
func (c *canvas) shadow(x, y, rx, ry, strength float64) {
	c.ellipse(x, y, rx, ry, 0.9, flat(ink(0x1C2416)).alpha(strength))
}

// water paints a river between two heights that mirrors what is above its far bank.
func (c *canvas) water(l light, top, bottom float64, deep rgb) {
	above := append([]rgb(nil), c.pix...)
	k := float64(c.h)
	c.rect(0, top, c.wide+1, bottom, func(x, y float64) (rgb, float64) {
		d := y - top
		ripple := (c.octaves(x*7, d*90/(0.25+d*3), 3) - 0.5) * (0.012 + 0.10*d)
		sx := int((x + ripple*0.8) * k)
		sy := int((top - d*1.05 + ripple) * k)
		mirrored := above[max(0, min(c.h-1, sy))*c.w+max(0, min(c.w-1, sx))]
		colour := mix(mirrored, deep, 0.22+0.3*clamp(d/(bottom-top)))
		path := math.Exp(-math.Pow((x-l.sun.x)/(0.03+0.25*d), 2)) // the sun's road on the water
		glint := smooth(0.55, 0.8, c.octaves(x*40, d*260/(0.2+d*2), 2))
		return mix(colour, l.sunColour, clamp(path*(0.15+0.8*glint)*(0.3+l.warmth)+0.12*glint)), 1
	})
}

// cloth is a flag on a pole; star is Vietnam's.
func (c *canvas) flag(x, foot, height, size float64) {
	c.stroke(point{x, foot}, point{x, foot - height/2}, point{x, foot - height}, size*0.055, size*0.04, across(x-size*0.03, ink(0xE8E8E4), x+size*0.03, ink(0x8F8F8C)))
	top := foot - height
	w, h := size*1.5, size
	wave := func(t float64) float64 { return math.Sin(t*5.2+c.hash(int64(x*1000), 3)*6) * 0.07 * h * t }
	const parts = 24
	o := start(x, top)
	for i := 1; i <= parts; i++ {
		t := float64(i) / parts
		o.line(x+w*t, top+wave(t)+0.05*h*t)
	}
	for i := parts; i >= 0; i-- {
		t := float64(i) / parts
		o.line(x+w*t, top+h+wave(t)+0.05*h*t)
	}
	c.fill(o, func(px, _ float64) (rgb, float64) {
		t := (px - x) / w
		fold := 0.90 + 0.16*math.Cos(t*5.2+c.hash(int64(x*1000), 3)*6)
		return ink(0xD2222D).scale(fold), 1
	})
	c.star(x+w*0.5, top+h*0.5+wave(0.5)+0.025*h, h*0.30, flat(ink(0xFFE04A)))
}

func (c *canvas) star(cx, cy, r float64, p paint) {
	var pts []float64
	for i := range 10 {
		a := -math.Pi/2 + math.Pi*float64(i)/5
		q := r
		if i%2 == 1 {
			q = r * 0.382
		}
		pts = append(pts, cx+math.Cos(a)*q, cy+math.Sin(a)*q)
	}
	c.fill(polygon(pts...), p)
}
