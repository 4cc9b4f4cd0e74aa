package web

import (
	"strings"
	"testing"

	"toasoan/internal/locale"
)

// Columns stay within the picture, in proportion to the highest, and nothing that is there vanishes.
func TestColumnsAreInProportion(t *testing.T) {
	t.Parallel()
	l := locale.For("vi")
	names := []string{"a", "b", "c", "d"}
	for _, below := range []bool{false, true} {
		c := drawn(l, "mails", []int{0, 100_000, 50_000, 1}, []int{0, 0, 3, 50_000}, names, func(int) string { return "" }, below)
		for i, b := range c.Bars {
			if b.X < trendLeft || b.X+b.Width > trendRight || b.Y1 < trendTop || b.Y2 < trendTop || b.Y1+b.H1 > trendBottom || b.Y2+b.H2 > trendBottom {
				t.Errorf("column %d leaves the picture: %+v", i, b)
			}
		}
		if b := c.Bars; b[0].H1 != 0 || b[3].H1 < 2 || b[2].H2 < 2 || b[1].H1 < 2*b[2].H1-2 || b[1].H1 > 2*b[2].H1+2 {
			t.Errorf("heights %+v", c.Bars)
		}
		if !strings.Contains(c.Said, "150.001") || c.Bars[1].Title != "b: 100.000 đã gửi, 0 không gửi được" {
			t.Errorf("said %q, %q", c.Said, c.Bars[1].Title)
		}
	}
	empty := drawn(l, "readers", []int{0, 0}, []int{0, 0}, names, func(int) string { return "x" }, true)
	if len(empty.Grid) < 2 || empty.Bars[0].H1 != 0 {
		t.Errorf("a chart of nothing: %+v", empty)
	}
}
