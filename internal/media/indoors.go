package media

import "math"

// curtain hangs in folds between two corners.
func (c *canvas) curtain(x0, y0, x1, y1, fold float64, colour rgb) {
	shift := c.between(0, 9)
	c.rect(x0, y0, x1, y1, func(x, y float64) (rgb, float64) {
		wave := x/fold + 0.5*c.noise(x*6+shift, y*1.2)
		lit := 0.5 + 0.5*math.Sin(wave*2*math.Pi)
		return colour.scale(0.62 + 0.50*lit*lit - 0.10*(y-y0)), 1
	})
}

// hall is a meeting room: wall, side curtains and a backdrop with lettering and a star.
func (c *canvas) hall(backdrop rgb) {
	c.shade(func(x, y float64) (rgb, float64) {
		panel := math.Abs(math.Mod(x*4.2, 1) - 0.5)
		wall := mix(ink(0xE9DCC3), ink(0xC9B48F), y*1.1)
		return wall.scale(0.93 + 0.08*smooth(0.46, 0.49, 0.5-panel) + 0.05*c.noise(x*3, y*3)), 1
	})
	x0, x1 := c.wide*0.17, c.wide*0.83
	c.curtain(-0.01, 0, x0-0.015, 1, 0.045, ink(0xA92B2F))
	c.curtain(x1+0.015, 0, c.wide+0.01, 1, 0.045, ink(0xA92B2F))
	c.rect(x0-0.012, 0.028, x1+0.012, 0.672, flat(ink(0xC7A45A)))
	c.rect(x0, 0.04, x1, 0.66, func(x, y float64) (rgb, float64) {
		d := math.Hypot((x-c.wide/2)/c.wide, (y-0.3)*0.7)
		return backdrop.scale(1.16 - 1.05*d), 1
	})
	gold, white := ink(0xFFE08A), ink(0xFAF6EA)
	w := x1 - x0
	c.lines(x0+w*0.14, 0.080, w*0.72, 0.040, 1, white)
	c.lines(x0+w*0.08, 0.140, w*0.84, 0.15, 2, gold)
	c.rect(x0+w*0.40, 0.305, x0+w*0.60, 0.309, flat(gold))
	c.lines(x0+w*0.30, 0.325, w*0.40, 0.035, 1, white)
	for i := range 4 { // lights
		x := c.wide * (0.14 + 0.24*float64(i))
		c.glow(x, -0.02, 0.22, ink(0xFFF2D4), 0.38)
	}
}

func signing(c *canvas) {
	c.hall(c.pick(0x1F4E8C, 0xA3222B, 0x1E5A7A))
	for side := -1.0; side <= 1; side += 2 {
		x := c.wide * (0.5 + side*0.375)
		c.flag(x-0.02, 0.86, 0.52, 0.15)
	}
	c.rect(0, 0.80, c.wide+1, 1, func(x, y float64) (rgb, float64) { // carpet
		n := c.octaves(x*60, y*160, 3)
		return mix(ink(0x7E2A2E), ink(0xA0443F), n), 1
	})
	for side := -1.0; side <= 1; side += 2 {
		c.plant(c.wide*(0.5+side*0.455), 0.90, 0.34)
	}
	c.blur(0.0030)
	standing := 6
	if c.wide < 1.2 {
		standing = 4
	}
	for i := range standing { // witnesses applaud
		x := c.wide * (0.5 + 0.60*(float64(i)/float64(standing-1)-0.5))
		o := c.suited()
		c.person(x, 0.90, c.between(0.60, 0.635), o, point{-0.090, 0.165}, point{-0.105, 0.155}, false)
	}
	c.blur(0.0052)
	for side := -1.0; side <= 1; side += 2 { // the two who sign
		x := c.wide * (0.5 + side*0.145)
		o := c.suited()
		o.woman, o.shirt = false, c.pick(0x20283A, 0x2B2F3A)
		c.fill(start(x-0.085, 0.90).line(x-0.085, 0.50).curve(x, 0.455, x+0.085, 0.50).line(x+0.085, 0.90), across(x-0.09, ink(0x7A4A2C), x+0.09, ink(0x4A2A1A)))
		c.upper(x, 0.555, 0.72, o, point{-0.085, 0.285}, point{-0.075, 0.285}, false)
	}
	c.blur(0.0030)
	c.table(c.wide*0.5, 0.735, c.wide*0.60, 0.255, c.pick(0xF2F3F4, 0x1F5C8F, 0xF2F3F4))
	for side := -1.0; side <= 1; side += 2 {
		x := c.wide * (0.5 + side*0.145)
		c.fill(polygon(x-0.075, 0.752, x+0.065, 0.752, x+0.08, 0.776, x-0.088, 0.776), flat(ink(0x9C1F2C)))
		c.fill(polygon(x-0.066, 0.754, x-0.004, 0.754, x-0.004, 0.773, x-0.078, 0.773), flat(ink(0xFDFDF8)))
		c.fill(polygon(x+0.000, 0.754, x+0.058, 0.754, x+0.070, 0.773, x+0.000, 0.773), flat(ink(0xF6F6F0)))
		c.ellipse(x-0.012, 0.757, 0.019, 0.012, 0.2, flat(ink(0xD3A283)))
		c.ellipse(x+0.040, 0.759, 0.019, 0.012, 0.2, flat(ink(0xCB9877)))
		c.stroke(point{x + 0.034, 0.764}, point{x + 0.042, 0.75}, point{x + 0.052, 0.730}, 0.005, 0.004, flat(ink(0x17181C)))
		c.flag(x-side*0.088, 0.765, 0.105, 0.036) // on the table
	}
	c.flowers(c.wide*0.5, 0.765, 0.085)
	for range 3 {
		x := c.wide * c.between(0.26, 0.74)
		c.rect(x, 0.71, x+0.012, 0.757, across(x, ink(0xE6F2F8), x+0.012, ink(0x9DBCCB)))
		c.rect(x+0.003, 0.702, x+0.009, 0.711, flat(ink(0x2F75B5)))
	}
}

// table is laid with a cloth that hangs in folds; y is the far edge of its top.
func (c *canvas) table(x, y, wide, height float64, cloth rgb) {
	c.shadow(x, y+height, wide*0.56, 0.03, 0.55)
	front := y + 0.045
	c.fill(polygon(x-wide*0.48, y, x+wide*0.48, y, x+wide*0.5, front, x-wide*0.5, front), down(y, cloth.scale(0.95), front, cloth.scale(1.04)))
	c.rect(x-wide*0.5, front, x+wide*0.5, y+height, func(px, py float64) (rgb, float64) {
		wave := px/0.05 + 0.3*c.noise(px*8, py*2)
		lit := 0.5 + 0.5*math.Sin(wave*2*math.Pi)
		return cloth.scale(0.74 + 0.24*lit - 0.30*(py-front)), 1
	})
	c.rect(x-wide*0.5, front, x+wide*0.5, front+0.006, flat(cloth.scale(0.72)))
	swag := 9
	for i := range swag {
		x0, x1 := x-wide*0.5+wide*float64(i)/float64(swag), x-wide*0.5+wide*float64(i+1)/float64(swag)
		c.fill(start(x0, front).line(x1, front).curve((x0+x1)/2, front+0.075, x0, front), down(front, ink(0xC9A24B), front+0.05, ink(0x8E6A26)))
	}
}

// plant is a broad-leaved plant in a pot.
func (c *canvas) plant(x, foot, height float64) {
	c.fill(polygon(x-height*0.16, foot-height*0.26, x+height*0.16, foot-height*0.26, x+height*0.12, foot, x-height*0.12, foot), across(x-height*0.16, ink(0xE9E4DA), x+height*0.16, ink(0x9B9184)))
	for range 34 {
		a := c.between(math.Pi*1.05, math.Pi*1.95)
		r := height * c.between(0.35, 0.75)
		c.leaf(x+c.between(-0.05, 0.05)*height, foot-height*0.24, x+math.Cos(a)*r*0.8, foot-height*0.24+math.Sin(a)*r, height*0.10, c.pick(0x2F6B3A, 0x3F8145, 0x58984E, 0x245A36))
	}
}

func meeting(c *canvas) {
	c.hall(c.pick(0xA3222B, 0x1F4E8C, 0x186A5B))
	c.rect(0, 0.62, c.wide+1, 0.70, down(0.62, ink(0x8A5B36), 0.70, ink(0x5E3B22))) // stage
	px := c.wide * 0.29
	speaker := c.suited()
	c.upper(px, 0.415, 0.50, speaker, point{-0.01, 0.19}, point{-0.01, 0.19}, false)
	c.fill(polygon(px-0.085, 0.505, px+0.085, 0.505, px+0.065, 0.66, px-0.065, 0.66), across(px-0.09, ink(0x9A6238), px+0.09, ink(0x5C361D)))
	c.star(px, 0.575, 0.026, flat(ink(0xE5BE55)))
	c.flowers(px, 0.505, 0.05)
	c.table(c.wide*0.60, 0.53, c.wide*0.36, 0.13, ink(0x1F5C8F))
	for i := range 4 {
		x := c.wide * (0.47 + 0.087*float64(i))
		c.upper(x, 0.425, 0.40, c.suited(), point{-0.03, 0.24}, point{-0.03, 0.24}, false)
	}
	c.table(c.wide*0.60, 0.53, c.wide*0.36, 0.13, ink(0x1F5C8F))
	c.blur(0.0026)
	rows := 4
	for row := range rows {
		t := float64(row) / float64(rows-1)
		y := 0.72 + 0.30*t*t
		size := 0.26 + 0.34*t
		step := size * 0.40
		if row == rows-1 {
			c.blur(0.0012)
		}
		for x := -step * float64(row%2) / 2; x < c.wide+step; x += step {
			o := c.someone()
			if c.rng.IntN(3) == 0 {
				o.shirt = c.pick(0x3A6EA5, 0xB8505A, 0x6E8F5A, 0x7B6AA0, 0x46586B)
			}
			at := x + c.between(-0.1, 0.1)*step
			c.upper(at, y-size*0.10+c.between(-0.01, 0.01), size, o, point{0.01, 0.3}, point{0.01, 0.3}, true)
			c.fill(start(at-step*0.40, y+size*0.5).line(at-step*0.40, y+size*0.10).curve(at, y+size*0.045, at+step*0.40, y+size*0.10).line(at+step*0.40, y+size*0.5), // chair
				across(at-step*0.4, ink(0xA8653A), at+step*0.4, ink(0x6E3D20)))
		}
	}
}

func serviceDesk(c *canvas) {
	c.shade(func(x, y float64) (rgb, float64) { // room
		if y > 0.78 {
			shine := c.octaves(x*3, y*20, 3)
			return mix(ink(0xC9CCCB), ink(0xE9EBE8), clamp(shine*0.9+(y-0.78))), 1
		}
		return mix(ink(0xF3F4F1), ink(0xD8DEDF), y*1.2), 1
	})
	for i := range 3 { // windows to a garden
		x := c.wide * (0.035 + 0.115*float64(i))
		c.rect(x, 0.20, x+c.wide*0.10, 0.60, func(px, py float64) (rgb, float64) {
			leaves := c.octaves(px*18, py*18, 4)
			return mix(mix(ink(0xDDEFF7), ink(0x9CC487), smooth(0.30, 0.62, leaves+0.5*(py-0.3))), ink(0xFFFFFF), 0.35), 1
		})
		c.rect(x-0.006, 0.20, x+0.002, 0.60, flat(ink(0xFFFFFF)))
	}
	// sign over the counters
	c.rect(c.wide*0.40, 0.06, c.wide*0.985, 0.20, down(0.06, ink(0xB7242C), 0.20, ink(0x98191F)))
	c.star(c.wide*0.445, 0.128, 0.040, flat(ink(0xFFDF63)))
	c.lines(c.wide*0.49, 0.082, c.wide*0.47, 0.10, 2, ink(0xFFF0BC))
	c.rect(c.wide*0.40, 0.225, c.wide*0.985, 0.60, across(c.wide*0.4, ink(0xCFE0EA), c.wide, ink(0xB4CCDB)))
	for i := range 3 { // number boards
		x := c.wide * (0.455 + 0.19*float64(i))
		c.rect(x, 0.25, x+0.16, 0.325, flat(ink(0x15202C)))
		c.digits(x+0.020, 0.263, 0.048, []int{c.rng.IntN(3), c.rng.IntN(10), c.rng.IntN(10)})
	}
	for i := range 4 {
		c.glow(c.wide*(0.2+0.22*float64(i)), 0, 0.16, ink(0xFFFFFF), 0.55)
	}
	c.plant(c.wide*0.37, 0.80, 0.30)
	c.blur(0.0026)
	for i := range 3 { // clerks
		x := c.wide * (0.50 + 0.19*float64(i))
		o := c.someone()
		o.shirt = ink(0xEFF3F6)
		if o.woman {
			o.shirt = c.pick(0xE8F0F4, 0xCFE2EE)
		}
		c.upper(x, 0.465, 0.52, o, point{0, 0.24}, point{0, 0.24}, false)
	}
	// counter
	top := 0.60
	c.fill(polygon(c.wide*0.395, top, c.wide*1.02, top, c.wide*1.02, top+0.04, c.wide*0.380, top+0.04), flat(ink(0xF6F3EC)))
	c.fill(polygon(c.wide*0.385, top+0.04, c.wide*1.02, top+0.04, c.wide*1.02, 0.90, c.wide*0.395, 0.90), func(x, y float64) (rgb, float64) {
		wood := c.octaves(x*3, y*46, 4)
		seam := math.Abs(math.Mod(x*3.1, 1) - 0.5)
		return mix(ink(0xA9754A), ink(0x80532F), wood).scale(1.05 - 0.35*(y-top)) /* towards the floor */, 0.8 + 0.2*smooth(0.48, 0.46, seam)
	})
	c.rect(c.wide*0.39, 0.73, c.wide*1.02, 0.745, flat(ink(0xC62B31)))
	for i := range 3 {
		x := c.wide * (0.555 + 0.19*float64(i))
		c.monitor(x, top, 0.13)
		c.fill(polygon(x-0.17, top+0.008, x-0.10, top+0.008, x-0.095, top+0.03, x-0.175, top+0.03), flat(ink(0xFDFDFA)))
	}
	c.blur(0.0007)
	// citizens in front
	for i := range 2 {
		o := c.someone()
		o.woman, o.shirt = i == 0, c.pick(0xB5533C, 0x3F6FA0, 0x5E7F4A, 0x8A5A86)
		x := c.wide * (0.47 + 0.24*float64(i))
		c.person(x, 0.985, 0.66, o, point{-0.03, 0.22}, point{0.03, 0.20}, true)
	}
	o := c.someone()
	o.woman = false
	o.shirt = c.pick(0x4A7A6A, 0x7A4A5A, 0x3A5A8A)
	x := c.wide * 0.225 // somebody at the self-service screen
	c.kiosk(c.wide*0.115, 0.96, 0.58)
	c.person(x, 0.99, 0.66, o, point{0.13, 0.13}, point{0.01, 0.33}, true)
}

// digits is a board of seven-segment numbers.
func (c *canvas) digits(x, y, h float64, numbers []int) {
	segments := [10]string{"abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg"}
	w, t := h*0.5, h*0.12
	for i, n := range numbers {
		at := x + float64(i)*w*1.7
		for _, s := range segments[n] {
			place := map[rune][4]float64{
				'a': {0, 0, w, t}, 'd': {0, h - t, w, h}, 'g': {0, h/2 - t/2, w, h/2 + t/2},
				'f': {0, 0, t, h / 2}, 'b': {w - t, 0, w, h / 2}, 'e': {0, h / 2, t, h}, 'c': {w - t, h / 2, w, h},
			}[s]
			c.rect(at+place[0], y+place[1], at+place[2], y+place[3], flat(ink(0xFF5A3C)))
		}
	}
	c.glow(x+w*2, y+h/2, h, ink(0xFF6A4A), 0.18)
}

// monitor stands on y, its screen turned to us.
func (c *canvas) monitor(x, y, size float64) {
	c.rect(x-size*0.05, y-size*0.16, x+size*0.05, y+0.004, flat(ink(0x33373C)))
	c.ellipse(x, y+0.004, size*0.22, size*0.04, 0.2, flat(ink(0x2A2D31)))
	c.rect(x-size*0.54, y-size*0.80, x+size*0.54, y-size*0.14, flat(ink(0x24272B)))
	c.screen(x-size*0.50, y-size*0.76, size, size*0.57)
}

// screen shows a form.
func (c *canvas) screen(x, y, w, h float64) {
	c.rect(x, y, x+w, y+h, down(y, ink(0xF2F8FC), y+h, ink(0xDCEBF5)))
	c.rect(x, y, x+w, y+h*0.16, flat(ink(0x1F6DB0)))
	c.lines(x+w*0.06, y+h*0.24, w*0.6, h*0.40, 4, ink(0x6F8496))
	c.rect(x+w*0.72, y+h*0.26, x+w*0.93, y+h*0.56, flat(ink(0xBBD6E8)))
	c.rect(x+w*0.06, y+h*0.74, x+w*0.34, y+h*0.88, flat(ink(0xC62B31)))
}

// kiosk is a self-service stand.
func (c *canvas) kiosk(x, foot, height float64) {
	c.shadow(x, foot, height*0.25, height*0.03, 0.4)
	c.fill(polygon(x-height*0.10, foot-height*0.55, x+height*0.10, foot-height*0.55, x+height*0.13, foot, x-height*0.13, foot), across(x-height*0.12, ink(0xF1F3F4), x+height*0.12, ink(0xB5BDC2)))
	c.fill(polygon(x-height*0.20, foot-height, x+height*0.20, foot-height, x+height*0.17, foot-height*0.52, x-height*0.17, foot-height*0.52), flat(ink(0x2A3038)))
	c.screen(x-height*0.165, foot-height*0.965, height*0.33, height*0.40)
	c.rect(x-height*0.05, foot-height*0.42, x+height*0.05, foot-height*0.32, func(px, py float64) (rgb, float64) { // a code to scan
		if c.hash(int64(px/height*120), int64(py/height*120)) > 0.5 {
			return ink(0x111111), 1
		}
		return ink(0xFFFFFF), 1
	})
}
