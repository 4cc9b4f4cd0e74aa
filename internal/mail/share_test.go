package mail

import (
	"testing"
	"time"
)

func TestSharesAreFair(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		most int
		want map[string]int
		get  map[string]int
	}{
		"alone":                          {8, map[string]int{"a": 8}, map[string]int{"a": 8, "stranger": 0}},
		"two who want all":               {8, map[string]int{"a": 8, "b": 8}, map[string]int{"a": 4, "b": 4}},
		"three who want all":             {8, map[string]int{"a": 8, "b": 8, "c": 8}, map[string]int{"a": 3, "b": 3, "c": 2}},
		"what one leaves goes to others": {8, map[string]int{"a": 8, "b": 1, "c": 8}, map[string]int{"a": 4, "b": 1, "c": 3}},
		"all are content":                {8, map[string]int{"a": 2, "b": 3}, map[string]int{"a": 2, "b": 3}},
		"a bound that was lowered":       {2, map[string]int{"a": 8, "b": 8}, map[string]int{"a": 1, "b": 1}},
		"no seats":                       {0, map[string]int{"a": 8}, map[string]int{"a": 0}},
	} {
		for holder, want := range one.get {
			if got := share(one.want, holder, one.most, time.Unix(1e9, 0), time.Second); got != want {
				t.Errorf("%s: %s gets %d, want %d", name, holder, got, want)
			}
		}
	}
}

// Fewer seats than workers: never more than there are, and in as many turns as there are workers everybody has the same.
func TestEverybodysTurnComes(t *testing.T) {
	t.Parallel()
	wants := map[string]int{"a": 3, "b": 3, "c": 1, "d": 3, "e": 2}
	for most := 1; most < len(wants); most++ {
		had := map[string]int{}
		for turn := range len(wants) {
			sum := 0
			for holder := range wants {
				n := share(wants, holder, most, time.Unix(1e9+int64(turn)*5, 1), 5*time.Second)
				sum, had[holder] = sum+n, had[holder]+n
			}
			if sum != most {
				t.Errorf("%d of %d seats are given", sum, most)
			}
		}
		for holder, n := range had {
			if n != most {
				t.Errorf("of %d seats in %d turns %s had %d", most, len(wants), holder, n)
			}
		}
	}
}
