package text

// stretch pairs a stretch of an old sequence with one of a new: equal, or replaced (either side may be empty).
type stretch struct {
	same                           bool
	oldFrom, oldTo, newFrom, newTo int
}

// diffBudget bounds the work of one comparison in steps; what differs more than that is told as replaced whole.
const diffBudget = 40_000_000

// compare finds a shortest edit script (Myers, 1986) between two sequences. It is deterministic, and its work and
// memory are bounded whatever the input.
func compare[T comparable](old, new []T) []stretch {
	var head, tail int
	for head < len(old) && head < len(new) && old[head] == new[head] {
		head++
	}
	for tail < len(old)-head && tail < len(new)-head && old[len(old)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	var out []stretch
	add := func(s stretch) {
		if s.oldFrom == s.oldTo && s.newFrom == s.newTo {
			return
		}
		if last := len(out) - 1; last >= 0 && out[last].same == s.same {
			out[last].oldTo, out[last].newTo = s.oldTo, s.newTo
			return
		}
		out = append(out, s)
	}
	add(stretch{true, 0, head, 0, head})
	for _, s := range shortestEdit(old[head:len(old)-tail], new[head:len(new)-tail]) {
		add(stretch{s.same, s.oldFrom + head, s.oldTo + head, s.newFrom + head, s.newTo + head})
	}
	add(stretch{true, len(old) - tail, len(old), len(new) - tail, len(new)})
	return out
}

func shortestEdit[T comparable](old, new []T) []stretch {
	n, m := len(old), len(new)
	whole := []stretch{{false, 0, n, 0, m}}
	if n == 0 || m == 0 {
		return whole
	}
	limit := min(n+m, 1500, 1+diffBudget/(n+m))
	reach := make([]int, 2*limit+2) // reach[k+limit]: the furthest x on diagonal k = x-y
	var trail [][]int               // reach before each step, cut to what that step may touch
	for d := 0; d <= limit; d++ {
		if d > 0 {
			trail = append(trail, append([]int(nil), reach[limit-d+1:limit+d]...))
		}
		for k := -d; k <= d; k += 2 {
			x := 0
			switch {
			case d == 0:
			case k == -d || k != d && reach[limit+k-1] < reach[limit+k+1]:
				x = reach[limit+k+1]
			default:
				x = reach[limit+k-1] + 1
			}
			y := x - k
			for x < n && y < m && y >= 0 && old[x] == new[y] {
				x, y = x+1, y+1
			}
			if limit+k >= 0 && limit+k < len(reach) {
				reach[limit+k] = x
			}
			if x >= n && y >= m {
				return walkBack(trail, n, m)
			}
		}
	}
	return whole
}

// walkBack follows the trail from the end to the start and returns what it met in reading order.
func walkBack(trail [][]int, n, m int) []stretch {
	var back []stretch
	x, y := n, m
	for d := len(trail); d > 0; d-- {
		before := trail[d-1] // index k+d-1, for k in -(d-1)…d-1
		at := func(k int) int {
			if k < -(d-1) || k > d-1 {
				return -1
			}
			return before[k+d-1]
		}
		k := x - y
		from := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			from = k + 1
		}
		px := at(from)
		py := px - from
		sx, sy := px, py // where the single edit ends
		if from == k+1 {
			sy++
		} else {
			sx++
		}
		if x > sx {
			back = append(back, stretch{true, sx, x, sy, y})
		}
		back = append(back, stretch{false, px, sx, py, sy})
		x, y = px, py
	}
	if x > 0 {
		back = append(back, stretch{true, 0, x, 0, y})
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}
