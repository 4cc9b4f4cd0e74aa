package mail

import (
	"maps"
	"slices"
	"time"
)

// share is how many of most seats a worker may hold while all of these want some: everybody gets what they want up to one level, so
// that what one leaves goes to the others, and the seats beyond that level go one each to the first in the order of their names. Where there are
// fewer seats than workers the order moves on with each turn, so that everybody's comes. now is the ledger's, which all share.
func share(wants map[string]int, holder string, most int, now time.Time, turn time.Duration) int {
	at := func(level int) (sum int) {
		for _, want := range wants {
			sum += min(want, level)
		}
		return sum
	}
	level := 0
	for level < most && at(level+1) <= most {
		level++
	}
	if wants[holder] <= level {
		return wants[holder]
	}
	var more []string // who would like another one
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		if wants[name] > level {
			more = append(more, name)
		}
	}
	left, place := most-at(level), slices.Index(more, holder)
	if level == 0 {
		passed := int(now.UnixNano()/int64(turn)%int64(len(more))) * left
		place = (place + passed) % len(more)
	}
	if place < left {
		return level + 1
	}
	return level
}
