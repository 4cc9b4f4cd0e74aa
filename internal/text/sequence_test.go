package text

import (
	"slices"
	"strings"
	"testing"
)

// checkScript holds a script against what it was made from: complete, in order, equal where it says so.
func checkScript(t *testing.T, old, new []byte) []stretch {
	t.Helper()
	script := compare(old, new)
	var a, b []byte
	for i, s := range script {
		if s.same && string(old[s.oldFrom:s.oldTo]) != string(new[s.newFrom:s.newTo]) {
			t.Fatalf("%q %q: %+v is not the same", old, new, s)
		}
		if i > 0 && script[i-1].same == s.same || s.oldFrom != len(a) || s.newFrom != len(b) {
			t.Fatalf("%q %q: %+v", old, new, script)
		}
		a = append(a, old[s.oldFrom:s.oldTo]...)
		b = append(b, new[s.newFrom:s.newTo]...)
	}
	if string(a) != string(old) || string(b) != string(new) {
		t.Fatalf("%q %q: script tells %q %q", old, new, a, b)
	}
	return script
}

// longest is the length of a longest common subsequence, the slow and certain way.
func longest(a, b []byte) int {
	row := make([]int, len(b)+1)
	for i := range a {
		diagonal := 0
		for j := range b {
			above := row[j+1]
			if a[i] == b[j] {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

func FuzzCompare(f *testing.F) {
	f.Add("", "")
	f.Add("abcabba", "cbabac")
	f.Add("aaaa", "bbbb")
	f.Add("xaxbxc", "abc")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 300 || len(b) > 300 {
			return
		}
		same := 0
		for _, s := range checkScript(t, []byte(a), []byte(b)) {
			if s.same {
				same += s.oldTo - s.oldFrom
			}
		}
		if want := longest([]byte(a), []byte(b)); same != want {
			t.Fatalf("%q %q: kept %d of %d", a, b, same, want)
		}
	})
}

func TestCompareIsBounded(t *testing.T) {
	t.Parallel()
	old := []byte(strings.Repeat("ab", 200_000))
	new := slices.Clone(old)
	for i := range new {
		new[i] ^= byte(i * 2654435761 >> 13)
	}
	checkScript(t, old, new)
}
