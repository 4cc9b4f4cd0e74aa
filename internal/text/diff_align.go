package text

// pair is an old unit and the new one it became; either may be missing.
type pair struct{ old, new *unit }

func (p pair) same() bool { return p.old != nil && p.new != nil && p.old.key() == p.new.key() }

func align(oldHTML, newHTML string) []pair {
	oldDoc, _ := parseBody(oldHTML)
	newDoc, _ := parseBody(newHTML)
	old, new := units(oldDoc), units(newDoc)
	var out []pair
	for _, s := range compare(keys(old), keys(new)) {
		if !s.same {
			out = append(out, match(old[s.oldFrom:s.oldTo], new[s.newFrom:s.newTo])...)
			continue
		}
		for i := range s.oldTo - s.oldFrom {
			out = append(out, pair{&old[s.oldFrom+i], &new[s.newFrom+i]})
		}
	}
	return out
}

func keys(list []unit) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.key()
	}
	return out
}

const (
	alike    = 0.4    // share of common words from which one unit is told as an edit of the other
	maxMatch = 40_000 // pairs of units that are weighed against each other
)

// match pairs the units of a changed stretch that are edits of each other, keeping order, so that the pairs have as
// much in common as possible.
func match(old, new []unit) []pair {
	n, m := len(old), len(new)
	if n*m > maxMatch {
		half := min(n, m, maxMatch/max(n, m)) // too long to weigh: the first ones, then all gone and all new
		var out []pair
		if half > 0 {
			out = match(old[:half], new[:half])
		}
		return append(out, apart(old[half:], new[half:])...)
	}
	oldBags, newBags := bags(old), bags(new)
	weight := make([][]float64, n+1) // best total of old[i:], new[j:]
	for i := range weight {
		weight[i] = make([]float64, m+1)
	}
	score := make([][]float64, n)
	for i := n - 1; i >= 0; i-- {
		score[i] = make([]float64, m)
		for j := m - 1; j >= 0; j-- {
			weight[i][j] = max(weight[i+1][j], weight[i][j+1])
			if !old[i].editable(new[j]) {
				continue
			}
			if score[i][j] = oldBags[i].likeness(newBags[j]); old[i].kind == figure || score[i][j] >= alike {
				weight[i][j] = max(weight[i][j], weight[i+1][j+1]+score[i][j]+1e-6)
			}
		}
	}
	var out []pair
	i, j := 0, 0
	for i < n && j < m {
		matches := old[i].editable(new[j]) && (old[i].kind == figure || score[i][j] >= alike)
		switch {
		case matches && weight[i][j] == weight[i+1][j+1]+score[i][j]+1e-6:
			out = append(out, pair{&old[i], &new[j]})
			i, j = i+1, j+1
		case weight[i][j] == weight[i+1][j]:
			out = append(out, pair{&old[i], nil})
			i++
		default:
			out = append(out, pair{nil, &new[j]})
			j++
		}
	}
	return append(out, apart(old[i:], new[j:])...)
}

func apart(old, new []unit) []pair {
	var out []pair
	for i := range old {
		out = append(out, pair{&old[i], nil})
	}
	for i := range new {
		out = append(out, pair{nil, &new[i]})
	}
	return out
}

// editable says whether two units can be shown as one with changes inside.
func (u unit) editable(v unit) bool {
	if u.kind != v.kind || u.quoted != v.quoted || u.level != v.level || u.more != v.more || u.ordered != v.ordered || len(u.cells) != len(v.cells) || len(u.images) != len(v.images) {
		return false
	}
	for i := range u.cells {
		a, b := u.cells[i], v.cells[i]
		if a.header != b.header || a.colspan != b.colspan || a.rowspan != b.rowspan {
			return false
		}
	}
	for i := range u.images {
		if u.images[i].src != v.images[i].src {
			return false
		}
	}
	return true
}

type bag struct {
	words map[string]int
	total int
}

func bags(list []unit) []bag {
	out := make([]bag, len(list))
	for i, u := range list {
		out[i].words = map[string]int{}
		for _, t := range tokens(u.allRuns()) {
			if t.wordy() {
				out[i].words[t.text]++
				out[i].total++
			}
		}
	}
	return out
}

func (b bag) likeness(c bag) float64 {
	if b.total+c.total == 0 {
		return 1
	}
	common := 0
	for word, n := range b.words {
		common += min(n, c.words[word])
	}
	return 2 * float64(common) / float64(b.total+c.total)
}

func (u unit) allRuns() []run {
	runs := u.runs
	for i, c := range u.cells {
		if i > 0 {
			runs = append(runs[:len(runs):len(runs)], run{text: " "})
		}
		runs = append(runs[:len(runs):len(runs)], c.kids[0].runs...)
	}
	return runs
}
