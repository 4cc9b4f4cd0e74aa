package media

import "math"

// yard paints a paved court in perspective from its far edge to the lower edge.
func (c *canvas) yard(l light, far float64, stone rgb) {
	c.rect(0, far, c.wide+1, 1, func(x, y float64) (rgb, float64) {
		d := y - far + 0.03
		u, v := (x-c.wide/2)/d*0.2, 0.22/d
		joint := min(math.Abs(u*2-math.Round(u*2))*d*3.4, math.Abs(v*4-math.Round(v*4))*d*5)
		slab := c.hash(int64(math.Floor(u*2)), int64(math.Floor(v*4)))
		colour := stone.scale(0.90 + 0.10*slab + 0.14*(c.octaves(x*22, y*60, 3)-0.5))
		colour = mix(colour.scale(0.80), colour, smooth(0, 0.012, joint))
		shade := smooth(0.54, 0.64, c.octaves(x*2.4+4, y*6+2, 4))
		return mix(mix(colour, ink(0x5F6470), 0.30*shade), l.haze, 0.35*math.Exp(-d*12)), 1
	})
}

func school(c *canvas) {
	horizon := 0.50
	l := c.hour(horizon)
	c.sky(l, horizon, c.between(0.3, 0.7))
	c.treeline(l, horizon+0.05, 0.13, 0.30)
	c.grass(polygon(0, horizon+0.045, c.wide, horizon+0.045, c.wide, 0.66, 0, 0.66), ink(0x93B552), ink(0x56833C), 1)
	for i := range 3 {
		c.palm(l, c.wide*(0.04+0.05*float64(i)), horizon+0.07, c.between(0.26, 0.36))
	}
	foot := 0.60
	x0, x1 := c.wide*0.10, c.wide*0.92
	wall, trim := c.pick(0xF3DCA2, 0xF5E3B5, 0xF0D596), ink(0xFDF8EA)
	floors := 2
	storey := 0.135
	top := foot - storey*float64(floors)
	c.rect(x0, top, x1, foot, func(x, y float64) (rgb, float64) {
		return wall.scale(1.03 - 0.12*(x-x0)/(x1-x0) + 0.05*(c.octaves(x*14, y*14, 3)-0.5)), 1
	})
	for floor := range floors {
		y := top + storey*float64(floor)
		c.rect(x0, y+0.004, x1, y+storey*0.30, flat(ink(0x6B5A45)).alpha(0.30)) // the gallery's shade
		rooms := 9
		for i := range rooms {
			w := (x1 - x0) / float64(rooms)
			x := x0 + w*float64(i)
			c.opening(x+w*0.16, y+storey*0.26, w*0.20, storey*0.58, ink(0x3F7A6B), ink(0x2F5A52), 1)
			c.opening(x+w*0.50, y+storey*0.30, w*0.34, storey*0.34, ink(0x3F7A6B), ink(0x6E8C96), 3)
		}
		for i := range rooms + 1 { // columns
			x := x0 + (x1-x0)*float64(i)/float64(rooms)
			c.rect(x-0.007, y, x+0.007, y+storey, across(x-0.007, trim, x+0.007, trim.scale(0.78)))
		}
		c.rect(x0-0.01, y-0.006, x1+0.01, y+0.008, flat(trim))
		if floor == 0 { // railing
			c.rect(x0, y+storey*0.74, x1, y+storey, flat(ink(0x8C7A55)).alpha(0.75))
			for x := x0; x < x1; x += 0.010 {
				c.rect(x, y+storey*0.74, x+0.0045, y+storey, flat(trim.scale(0.92)))
			}
			c.rect(x0, y+storey*0.70, x1, y+storey*0.74, flat(trim))
		}
	}
	roof := ink(0xB24A35)
	c.fill(polygon(x0-0.03, top, x0+0.05, top-0.085, x1-0.05, top-0.085, x1+0.03, top), func(x, y float64) (rgb, float64) {
		rows := 0.5 + 0.5*math.Sin(y*math.Pi*2/0.008)
		return roof.scale(0.82 + 0.16*rows + 0.22*c.octaves(x*12, y*20, 3)), 1
	})
	mid := (x0 + x1) / 2 // the porch with the name of the school
	c.rect(mid-0.13, top-0.12, mid+0.13, foot, across(mid-0.13, ink(0xFBEFCB), mid+0.13, ink(0xE3CC93)))
	c.fill(polygon(mid-0.15, top-0.12, mid, top-0.20, mid+0.15, top-0.12), flat(roof))
	c.rect(mid-0.11, top-0.10, mid+0.11, top-0.045, flat(ink(0x2F5FA0)))
	c.lines(mid-0.10, top-0.094, 0.20, 0.044, 2, ink(0xFDF6DE))
	c.opening(mid-0.085, top+0.02, 0.17, storey*0.55, trim, ink(0x6E8C96), 5)
	c.opening(mid-0.055, foot-storey*0.86, 0.11, storey*0.86, trim, ink(0x33423F), 2)
	c.rect(0, foot, c.wide+1, foot+0.02, func(x, y float64) (rgb, float64) {
		return mix(ink(0x4F7E38), ink(0x7FA848), c.noise(x*90, y*90)), 1
	})
	c.yard(l, foot+0.018, ink(0xD9CFBD))
	c.flame(l, c.wide*0.06, 0.70, 0.46)
	c.flame(l, c.wide*0.955, 0.69, 0.42)
	c.blur(0.0014)
	c.flag(c.wide*0.5, 0.70, 0.56, 0.085)
	for row := range 4 { // pupils at the salute, seen from behind
		t := float64(row) / 3
		y := 0.735 + 0.265*t*t + 0.02*t
		size := 0.115 + 0.20*t*t
		for i := range 14 {
			x := c.wide * (0.5 + (float64(i)-6.5)*0.078*(0.80+0.55*t))
			if math.Abs(float64(i)-6.5) < 0.6 {
				continue // the aisle
			}
			o := c.someone()
			o.shirt, o.trousers, o.scarf = ink(0xF7F8FA), ink(0x27355C), true
			c.person(x+c.between(-0.006, 0.006), y, size*c.between(0.95, 1.05), o, point{0.01, 0.33}, point{0.01, 0.33}, true)
		}
	}
}

// flame is a flamboyant tree in bloom, the tree of school yards.
func (c *canvas) flame(l light, x, foot, height float64) {
	c.tree(l, x, foot, height, ink(0x5A8F3C))
	for range 420 {
		a, r := c.between(0, 2*math.Pi), math.Sqrt(c.rng.Float64())
		bx, by := x+math.Cos(a)*height*0.42*r, foot-height*0.70+math.Sin(a)*height*0.32*r
		s := height * c.between(0.008, 0.020)
		c.ellipse(bx, by, s, s*0.75, 0.5, flat(c.pick(0xE23A22, 0xF0562E, 0xC92A1C).scale(c.between(0.8, 1.1))).alpha(0.9))
	}
}

func communityHouse(c *canvas) {
	horizon := 0.47
	l := c.hour(horizon)
	c.sky(l, horizon, c.between(0.3, 0.7))
	c.ridge(l, horizon-0.10, 0.06, 1.2, horizon+0.08, 0.62, ink(0x5F8577))
	c.treeline(l, horizon+0.09, 0.17, 0.22)
	c.grass(polygon(0, horizon+0.085, c.wide, horizon+0.085, c.wide, 0.75, 0, 0.75), ink(0x93B552), ink(0x56833C), 1)
	c.bamboo(c.wide*0.055, 0.64, 0.46)
	c.palm(l, c.wide*0.90, 0.62, 0.50)
	c.palm(l, c.wide*0.955, 0.64, 0.42)
	c.tree(l, c.wide*0.80, 0.63, 0.34, ink(0x4D8038))
	foot := 0.66
	x0, x1 := c.wide*0.18, c.wide*0.80
	w := x1 - x0
	eaves, crown := 0.40, 0.225
	c.shadow((x0+x1)/2, foot+0.03, w*0.62, 0.05, 0.45)
	wall := c.pick(0xF4E1AE, 0xEFE3C8, 0xF2D79C)
	c.rect(x0+w*0.04, eaves-0.01, x1-w*0.04, foot, func(x, y float64) (rgb, float64) {
		return mix(wall.scale(1.0-0.14*(x-x0)/w), ink(0x3A2E22), 0.45*smooth(eaves+0.10, eaves, y)), 1
	})
	for i := range 5 { // panelled doors
		x := x0 + w*(0.085+0.178*float64(i))
		c.opening(x, eaves+0.075, w*0.115, foot-eaves-0.075, ink(0x7A4526), ink(0x9A5B33), 4)
	}
	for i := range 6 { // columns
		x := x0 + w*(0.045+0.182*float64(i))
		c.rect(x-0.012, eaves-0.005, x+0.012, foot+0.008, across(x-0.012, ink(0xB9512F), x+0.012, ink(0x6A2616)))
		c.rect(x-0.017, foot-0.006, x+0.017, foot+0.012, flat(ink(0xC9C2B2)))
	}
	c.rect(x0+w*0.36, eaves+0.004, x0+w*0.64, eaves+0.058, flat(ink(0xA3202A))) // name board
	c.lines(x0+w*0.375, eaves+0.010, w*0.25, 0.042, 2, ink(0xFFE08A))
	// the curved roof
	roof := start(x0-w*0.09, eaves-0.045).curve(x0+w*0.02, eaves+0.012, x0+w*0.14, eaves+0.012).line(x1-w*0.14, eaves+0.012).
		curve(x1-w*0.02, eaves+0.012, x1+w*0.09, eaves-0.045).curve(x1-w*0.02, eaves-0.05, x1-w*0.13, crown).line(x0+w*0.13, crown).
		curve(x0+w*0.02, eaves-0.05, x0-w*0.09, eaves-0.045)
	c.fill(roof, func(x, y float64) (rgb, float64) {
		rows := 0.5 + 0.5*math.Sin(y*math.Pi*2/0.0085)
		columns := 0.5 + 0.5*math.Sin(x*math.Pi*2/0.013)
		moss := smooth(0.55, 0.75, c.octaves(x*9, y*14, 4))
		colour := ink(0xA84A30).scale(0.70 + 0.18*rows + 0.18*columns + 0.22*(c.octaves(x*20, y*30, 3)-0.3))
		return mix(colour, ink(0x6B5A3C), 0.5*moss), 1
	})
	c.stroke(point{x0 + w*0.10, crown - 0.020}, point{x0 + w*0.5, crown + 0.010}, point{x1 - w*0.10, crown - 0.020}, 0.020, 0.020, flat(ink(0x7E3A26)))
	for side := -1.0; side <= 1; side += 2 { // upturned ends
		ex := (x0+x1)/2 + side*w*0.40
		c.stroke(point{ex, crown - 0.018}, point{ex + side*0.02, crown - 0.022}, point{ex + side*0.028, crown - 0.058}, 0.016, 0.004, flat(ink(0x7E3A26)))
		ex = (x0+x1)/2 + side*w*0.575
		c.stroke(point{ex, eaves - 0.038}, point{ex + side*0.025, eaves - 0.045}, point{ex + side*0.034, eaves - 0.080}, 0.016, 0.004, flat(ink(0x8A422B)))
	}
	c.star((x0+x1)/2, crown-0.035, 0.026, flat(ink(0xE8C152)))
	for i := range 4 { // steps
		y := foot + 0.012*float64(i)
		grow := 0.012 * float64(i)
		c.rect(x0+w*0.02-grow, y, x1-w*0.02+grow, y+0.013, down(y, ink(0xE2DCCB), y+0.013, ink(0xA79F8C)))
	}
	c.yard(l, foot+0.048, ink(0xD6BFA2))
	c.blur(0.0013)
	for i := range 6 {
		t := float64(i%3) / 2
		side := math.Copysign(1, float64(i)-2.5)
		c.flag(c.wide*0.5+side*c.wide*(0.34+0.10*t), 0.735+0.11*t, 0.22+0.09*t, 0.060+0.022*t)
	}
	for i := range 9 { // people come to a meeting
		o := c.someone()
		if o.woman && c.rng.IntN(2) == 0 {
			o.shirt = c.pick(0xD05A7E, 0x6A8FC9, 0x8C6BB1, 0xE0A03C)
			o.trousers = o.shirt.scale(0.85)
		}
		depth := c.rng.Float64()
		x := c.wide * (0.26 + 0.058*float64(i) + c.between(-0.015, 0.015))
		c.person(x, 0.735+0.13*depth, 0.185+0.10*depth, o, point{0.02, 0.32}, point{0.03, 0.30}, i%3 != 0)
	}
	for range 240 { // flower beds in front
		x, y := c.between(0, c.wide), c.between(0.955, 1.0)
		c.ellipse(x, y, 0.018, 0.012, 0.5, flat(c.pick(0x3E6F33, 0x568A3B, 0x2F5A2C)))
		c.ellipse(x+c.between(-0.01, 0.01), y-0.012, 0.0075, 0.0065, 0.3, flat(c.pick(0xE6407A, 0xF5C33B, 0xF27D3A, 0xF6F0F2)))
	}
}
