package media

import "math"

// outfit is how a person is dressed; the people are drawn without faces on purpose: nobody is meant.
type outfit struct {
	shirt, trousers, skin, hair rgb
	woman, suit, scarf, hat     bool
}

func (c *canvas) someone() outfit {
	return outfit{
		shirt: c.pick(0xF2F2EE, 0xDCE6EE, 0xBFD3E4, 0xE9E2D0, 0xC9D8C4), trousers: c.pick(0x2B303B, 0x33343A, 0x3A3F4D),
		skin: c.pick(0xD9A98A, 0xCE9B78, 0xE0B595, 0xC48F6C), hair: c.pick(0x1D1A1A, 0x2A2422, 0x3A332F), woman: c.rng.IntN(2) == 0,
	}
}

func (c *canvas) suited() outfit {
	o := c.someone()
	o.suit, o.woman = true, c.rng.IntN(4) == 0
	o.shirt, o.trousers = c.pick(0x262C3A, 0x30343F, 0x1F2733, 0x3A3A42), ink(0x23262E)
	if o.woman {
		o.shirt = c.pick(0xB23A48, 0x5B7DB1, 0x8E4F8B, 0x3C8D7C)
	}
	return o
}

// rounded is the shading of something round that is lit from the left.
func rounded(x, half float64, colour rgb) paint {
	return func(px, _ float64) (rgb, float64) {
		t := max(-1, min(1, (px-x)/half))
		return colour.scale(1.10 - 0.20*t - 0.16*t*t), 1
	}
}

// head paints head, hair and neck; size is the head's height, y its chin. Facing away shows hair alone.
func (c *canvas) head(x, y, size float64, o outfit, away bool) {
	rx, ry := size*0.36, size*0.5
	cy := y - ry
	if o.woman { // hair to the shoulders, behind the neck
		hair := start(x-rx*1.02, cy-ry*0.3).curve(x-rx*1.25, cy+ry*0.7, x-rx*0.98, cy+ry*1.42).curve(x, cy+ry*1.75, x+rx*0.98, cy+ry*1.42).
			curve(x+rx*1.25, cy+ry*0.7, x+rx*1.02, cy-ry*0.3)
		c.fill(hair, rounded(x, rx*1.4, o.hair.scale(1.15)))
	}
	if !away || !o.woman {
		c.stroke(point{x, y - size*0.15}, point{x, y}, point{x, y + size*0.24}, size*0.30, size*0.40, rounded(x, size*0.22, o.skin.scale(0.84)))
	}
	if !away {
		c.ellipse(x, cy+size*0.03, rx, ry, 0.08, func(px, py float64) (rgb, float64) {
			t, v := (px-x)/rx, (py-cy)/ry
			colour := o.skin.scale(1.10 - 0.16*t - 0.10*t*t - 0.05*v)
			eyes := math.Exp(-math.Pow((v-0.02)/0.10, 2)) * math.Exp(-math.Pow((math.Abs(t)-0.40)/0.17, 2))
			mouth := math.Exp(-math.Pow((v-0.55)/0.05, 2)) * math.Exp(-math.Pow(t/0.26, 2))
			nose := math.Exp(-math.Pow((v-0.26)/0.16, 2)) * math.Exp(-math.Pow((t-0.10)/0.09, 2))
			colour = mix(colour, o.skin.scale(0.46), 0.40*eyes)
			colour = mix(colour, ink(0x9C5A4C), 0.28*mouth)
			return mix(colour, o.skin.scale(0.72), 0.32*nose), 1
		})
		// hair over the forehead
		part := size * 0.10
		crown := start(x-rx*1.05, cy+ry*0.10).curve(x-rx*1.10, cy-ry*0.78, x-rx*0.45, cy-ry*1.0).curve(x, cy-ry*1.16, x+rx*0.45, cy-ry*1.0).
			curve(x+rx*1.10, cy-ry*0.78, x+rx*1.05, cy+ry*0.10).curve(x+rx*0.95, cy-ry*0.40, x+part, cy-ry*0.46).curve(x-rx*0.75, cy-ry*0.52, x-rx*1.05, cy+ry*0.10)
		c.fill(crown, rounded(x-rx*0.3, rx*1.6, o.hair.scale(1.35)))
	} else {
		c.ellipse(x, cy, rx*1.1, ry*1.04, 0.08, func(px, py float64) (rgb, float64) {
			t := (px - x) / rx
			shine := math.Exp(-math.Pow((py-cy+ry*0.45)/(ry*0.3), 2)) * 0.35
			return o.hair.scale(1.25 - 0.2*t + shine*2), 1
		})
	}
	if o.hat { // nón lá
		top := cy - ry*1.5
		c.fill(start(x-rx*2.5, cy-ry*0.30).line(x, top).line(x+rx*2.5, cy-ry*0.30).curve(x, cy+ry*0.12, x-rx*2.5, cy-ry*0.30), func(px, py float64) (rgb, float64) {
			ring := 0.5 + 0.5*math.Sin((py-top)/(ry*1.3)*50)
			return ink(0xE9D3A1).scale(1.05 - 0.20*(px-x)/(rx*2.5) - 0.05*ring), 1
		})
	}
}

// person stands with feet at foot; height from sole to crown. Arms: where the hands are, as parts of the height from
// the shoulders (x outwards, y down).
func (c *canvas) person(x, foot, height float64, o outfit, left, right point, away bool) {
	unit := height
	top := foot - unit*0.82 // shoulders
	c.shadow(x+unit*0.05, foot, unit*0.22, unit*0.028, 0.45)
	for side := -1.0; side <= 1; side += 2 {
		c.ellipse(x+side*unit*0.066, foot-unit*0.012, unit*0.042, unit*0.017, 0.2, flat(ink(0x1B1B1D)))
		leg := start(x, foot-unit*0.52).line(x+side*unit*0.098, foot-unit*0.52).curve(x+side*unit*0.105, foot-unit*0.28, x+side*unit*0.092, foot-unit*0.018).
			line(x+side*unit*0.030, foot-unit*0.018).curve(x+side*unit*0.012, foot-unit*0.25, x, foot-unit*0.42)
		c.fill(leg, rounded(x+side*unit*0.045, unit*0.075, o.trousers))
	}
	c.upper(x, top, unit, o, left, right, away)
}

// upper paints a person from the hips up; top is the shoulder line.
func (c *canvas) upper(x, top, unit float64, o outfit, left, right point, away bool) {
	shoulder, waist, hips := unit*0.112, unit*0.098, top+unit*0.36
	arms := func(front bool) {
		for _, side := range []float64{1, -1} {
			hand := right
			if side < 0 {
				hand = left
			}
			if hand.x < 0 == front {
				c.arm(x+side*shoulder*0.80, top+unit*0.045, x+side*(shoulder+hand.x*unit), top+hand.y*unit, side, unit, o)
			}
		}
	}
	arms(false)
	body := start(x-unit*0.045, top-unit*0.035).curve(x-shoulder*0.9, top-unit*0.02, x-shoulder, top+unit*0.05).
		curve(x-shoulder*0.92, top+unit*0.2, x-waist, hips).line(x+waist, hips).curve(x+shoulder*0.92, top+unit*0.2, x+shoulder, top+unit*0.05).
		curve(x+shoulder*0.9, top-unit*0.02, x+unit*0.045, top-unit*0.035)
	c.fill(body, func(px, py float64) (rgb, float64) {
		t := (px - x) / shoulder
		fold := c.octaves(px*22/unit*0.3, py*9/unit*0.3, 3) - 0.5
		return o.shirt.scale(1.07 - 0.15*t - 0.12*t*t + 0.16*fold), 1
	})
	if !away && o.suit && !o.woman {
		c.fill(polygon(x-unit*0.036, top-unit*0.034, x+unit*0.036, top-unit*0.034, x+unit*0.006, top+unit*0.15, x-unit*0.006, top+unit*0.15), flat(ink(0xF4F4F2)))
		tie := c.pick(0x8C1C2B, 0x1D3F72, 0x6B2238)
		c.fill(polygon(x-unit*0.010, top-unit*0.020, x+unit*0.010, top-unit*0.020, x+unit*0.014, top+unit*0.12, x, top+unit*0.148, x-unit*0.014, top+unit*0.12), rounded(x, unit*0.02, tie))
		for side := -1.0; side <= 1; side += 2 {
			c.fill(polygon(x+side*unit*0.038, top-unit*0.036, x+side*unit*0.066, top+unit*0.04, x+side*unit*0.004, top+unit*0.16), flat(o.shirt.scale(1.28)))
		}
	} else if !away {
		c.fill(polygon(x-unit*0.032, top-unit*0.036, x+unit*0.032, top-unit*0.036, x, top+unit*0.035), rounded(x, unit*0.05, o.skin.scale(0.92)))
		for side := -1.0; side <= 1; side += 2 {
			c.fill(polygon(x+side*unit*0.034, top-unit*0.042, x+side*unit*0.055, top-unit*0.015, x+side*unit*0.006, top+unit*0.042), flat(o.shirt.scale(1.12)))
		}
	}
	arms(true)
	c.head(x, top-unit*0.045, unit*0.145, o, away)
	if o.scarf { // the pupils' red scarf
		c.fill(polygon(x-unit*0.06, top-unit*0.045, x+unit*0.06, top-unit*0.045, x+unit*0.02, top+unit*0.02, x, top+unit*0.10, x-unit*0.02, top+unit*0.02), rounded(x, unit*0.06, ink(0xD5232B)))
	}
}

// arm goes from a shoulder to a hand; seen from the front an elbow stands out only a little.
func (c *canvas) arm(sx, sy, hx, hy, side, unit float64, o outfit) {
	ex, ey := (sx+hx)/2+side*unit*0.030, (sy+hy)/2+unit*0.040
	if hy-sy < unit*0.16 { // a raised forearm: the elbow hangs
		ey = sy + unit*0.150
	}
	left, right := min(sx, ex, hx)-unit*0.05, max(sx, ex, hx)+unit*0.05
	sleeve := across(left, o.shirt.scale(1.02), right, o.shirt.scale(0.80))
	c.stroke(point{sx, sy}, point{(sx + ex) / 2, (sy + ey) / 2}, point{ex, ey}, unit*0.084, unit*0.066, sleeve)
	c.ellipse(sx, sy, unit*0.042, unit*0.042, 0.1, sleeve)
	c.ellipse(ex, ey, unit*0.033, unit*0.033, 0.1, sleeve)
	c.stroke(point{ex, ey}, point{(ex + hx) / 2, (ey + hy) / 2}, point{hx, hy}, unit*0.066, unit*0.050, sleeve)
	c.ellipse(hx, hy, unit*0.025, unit*0.028, 0.2, rounded(hx, unit*0.03, o.skin))
}

// house is a village house under a tiled roof; near its right half stands in the shade.
func (c *canvas) house(l light, x, foot, width, height float64, wall, roof rgb) {
	eaves := foot - height*0.58
	c.shadow(x+width*0.55, foot, width*0.62, height*0.07, 0.4)
	c.fill(polygon(x, foot, x, eaves, x+width, eaves, x+width, foot), func(px, py float64) (rgb, float64) {
		stain := c.octaves(px*30, py*30, 3)
		under := smooth(eaves+height*0.16, eaves, py) * 0.35
		return mix(wall.scale((1.04-0.16*(px-x)/width)*(0.92+0.14*stain)), ink(0x2A2620), under), 1
	})
	tile := func(px, py float64) (rgb, float64) {
		rows := 0.5 + 0.5*math.Sin(py*math.Pi*2/(height*0.035))
		columns := 0.5 + 0.5*math.Sin(px*math.Pi*2/(height*0.03))
		weather := c.octaves(px*26, py*26, 4)
		return mix(roof.scale(0.76+0.20*rows*columns+0.34*weather), l.sunColour, 0.05), 1
	}
	c.fill(polygon(x-width*0.07, eaves+height*0.03, x+width*0.10, foot-height, x+width*0.90, foot-height, x+width*1.07, eaves+height*0.03), tile)
	c.stroke(point{x + width*0.09, foot - height}, point{x + width*0.5, foot - height*1.01}, point{x + width*0.91, foot - height}, height*0.035, height*0.035, flat(roof.scale(0.62)))
}

// opening is a door or window: dark glass or wood in a frame.
func (c *canvas) opening(x, y, w, h float64, frame, inside rgb, panes int) {
	c.fill(polygon(x-w*0.08, y-h*0.03, x+w*1.08, y-h*0.03, x+w*1.08, y+h*1.03, x-w*0.08, y+h*1.03), flat(frame))
	c.fill(polygon(x, y, x+w, y, x+w, y+h, x, y+h), func(px, py float64) (rgb, float64) {
		t := (px-x)/w*0.5 + (py-y)/h*0.5
		return mix(inside.scale(1.35), inside.scale(0.65), smooth(0.2, 0.8, t)), 1
	})
	for i := 1; i < panes; i++ {
		px := x + w*float64(i)/float64(panes)
		c.rect(px-w*0.025, y, px+w*0.025, y+h, flat(frame.scale(0.9)))
	}
	if panes > 1 {
		c.rect(x, y+h*0.32, x+w, y+h*0.35, flat(frame.scale(0.9)))
	}
}

// lines suggests writing that is too far to read.
func (c *canvas) lines(x, y, w, h float64, rows int, colour rgb) {
	step := h / float64(rows)
	for row := range rows {
		size := step * 0.46
		long := w * c.between(0.62, 1)
		if row == rows-1 {
			long *= 0.6
		}
		at := x + (w-long)/2
		for at < x+(w+long)/2 {
			word := size * c.between(1.2, 2.8)
			c.rect(at, y+step*float64(row)+size*0.5, min(at+word, x+(w+long)/2), y+step*float64(row)+size*1.5, func(px, py float64) (rgb, float64) {
				stems := smooth(0.30, 0.55, c.hash(int64(px*float64(c.h)/max(1, size*float64(c.h)*0.22)), int64(row)))
				return colour, 0.35 + 0.65*stems
			})
			at += word + size*0.5
		}
	}
}

// flowers is an arrangement in a low bowl.
func (c *canvas) flowers(x, foot, size float64) {
	for range 60 {
		a := c.between(math.Pi, 2*math.Pi)
		r := c.between(0.2, 1) * size
		c.stroke(point{x, foot - size*0.1}, point{x + math.Cos(a)*r*0.3, foot + math.Sin(a)*r*0.6}, point{x + math.Cos(a)*r, foot + math.Sin(a)*r*0.75}, size*0.05, size*0.01, flat(c.pick(0x3F7A3A, 0x2F6A38, 0x5B9150)))
	}
	for range 46 {
		a := c.between(math.Pi, 2*math.Pi)
		r := math.Sqrt(c.rng.Float64()) * size * 0.92
		bx, by := x+math.Cos(a)*r, foot+math.Sin(a)*r*0.68-size*0.05
		colour := c.pick(0xE8455A, 0xF3B63F, 0xF7F1E6, 0xF08AA0, 0xE8455A, 0xFFD76A)
		s := size * c.between(0.07, 0.12)
		for p := range 6 {
			q := float64(p) * math.Pi / 3
			c.ellipse(bx+math.Cos(q)*s*0.5, by+math.Sin(q)*s*0.45, s*0.55, s*0.5, 0.3, flat(colour.scale(c.between(0.86, 1.08))))
		}
		c.ellipse(bx, by, s*0.3, s*0.28, 0.4, flat(mix(colour, ink(0x8A4A22), 0.45)))
	}
}
