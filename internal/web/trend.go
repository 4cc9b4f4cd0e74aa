package web

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"toasoan/newsroom"
)

// trendSpans is how many units the charts show.
var trendSpans = map[newsroom.TrendUnit]int{newsroom.TrendDay: 30, newsroom.TrendWeek: 26, newsroom.TrendMonth: 24}

var trendUnits = []newsroom.TrendUnit{newsroom.TrendDay, newsroom.TrendWeek, newsroom.TrendMonth}

// trendView is the charts over time: what was sent and failed, who came and left.
type trendView struct {
	Units  []option
	Charts []chartView
	Rows   []trendRow // the same in numbers, newest first
}

type trendRow struct {
	When string
	newsroom.TrendPoint
}

// chartView is a chart of two series of columns, the second on top of the first or below the line; drawn by the server with
// geometry attributes only.
type chartView struct {
	ID, Title, Said string
	First, Second   string // what the series are called
	Grid            []gridLine
	Bars            []trendBar
	Base            int // y of the line that bars stand on
	Left, Ends      int // x where the lines begin, and where the numbers before them end
}

type gridLine struct {
	Y    int
	Text string
}

// trendBar is one unit: both columns, and its label, "" where there is no room.
type trendBar struct {
	X, Width, Middle int
	Y1, H1, Y2, H2   int
	Label, Title     string
}

// Geometry of the charts, in units of the viewBox 0 0 400 200.
const (
	trendLeft, trendRight = 20, 384 // left: where the numbers of the scale have one digit
	trendTop, trendBottom = 12, 174
)

// trend loads the charts; ?by= chooses the unit.
func (s *Server) trend(r *http.Request) (trendView, error) {
	l := s.lang(r)
	unit := newsroom.TrendUnit(r.URL.Query().Get("by"))
	if trendSpans[unit] == 0 {
		unit = newsroom.TrendDay
	}
	points, err := s.Store.Trend(r.Context(), unit, trendSpans[unit], s.Now())
	if err != nil {
		return trendView{}, err
	}
	var v trendView
	for _, u := range trendUnits {
		v.Units = append(v.Units, option{string(u), l.T("trend." + string(u)), u == unit})
	}
	sent, failed := make([]int, len(points)), make([]int, len(points))
	joined, left := make([]int, len(points)), make([]int, len(points))
	names := make([]string, len(points))
	for i, p := range points {
		sent[i], failed[i], joined[i], left[i], names[i] = p.Sent, p.Failed, p.Joined, p.Left, trendName(l, unit, p)
		v.Rows = append([]trendRow{{names[i], p}}, v.Rows...)
	}
	short := func(i int) string {
		write, each := l.DayMonth, 5
		if unit == newsroom.TrendMonth {
			write, each = l.Month, 6
		}
		if (len(points)-1-i)%each != 0 {
			return ""
		}
		return write(points[i].Start)
	}
	v.Charts = []chartView{
		drawn(l, "mails", sent, failed, names, short, false),
		drawn(l, "readers", joined, left, names, short, true),
	}
	return v, nil
}

func trendName(l language, unit newsroom.TrendUnit, p newsroom.TrendPoint) string {
	switch unit {
	case newsroom.TrendWeek:
		return l.T("trend.week_of", "date", l.Date(p.Start))
	case newsroom.TrendMonth:
		return l.Month(p.Start)
	default:
		return l.Date(p.Start)
	}
}

// drawn lays a chart out: second stands on first, or with below hangs under the line.
func drawn(l language, id string, first, second []int, names []string, label func(int) string, below bool) chartView {
	c := chartView{ID: id, Title: l.T("trend." + id), First: l.T("trend." + id + "_first"), Second: l.T("trend." + id + "_second")}
	up, down, sum1, sum2 := 0, 0, 0, 0
	for i := range first {
		sum1, sum2 = sum1+first[i], sum2+second[i]
		if below {
			up, down = max(up, first[i]), max(down, second[i])
		} else {
			up = max(up, first[i]+second[i])
		}
	}
	c.Said = l.T("trend.said", "first", c.First, "n", l.Number(int64(sum1)), "second", c.Second, "m", l.Number(int64(sum2)))
	step := roundUp((up + down + 3) / 4)
	ups, downs := max((up+step-1)/step, 1), (down+step-1)/step
	height := func(n int) int { return n * (trendBottom - trendTop) / (step * (ups + downs)) }
	c.Base = trendTop + height(step*ups)
	for k := -downs; k <= ups; k++ {
		c.Grid = append(c.Grid, gridLine{Y: c.Base - height(k*step), Text: l.Number(int64(max(k, -k) * step))})
	}
	c.Left = trendLeft + 7*(utf8.RuneCountInString(l.Number(int64(max(ups, downs)*step)))-1)
	c.Ends = c.Left - 6
	room := trendRight - c.Left
	wide := room / len(first)
	for i := range first {
		from := c.Left + i*room/len(first)
		b := trendBar{X: from + wide/6, Width: wide - wide/3, Middle: from + wide/2, Label: label(i)}
		b.H1, b.H2 = seen(height(first[i]), first[i]), seen(height(second[i]), second[i])
		b.Y1, b.Y2 = c.Base-b.H1, c.Base-b.H1-b.H2
		if below {
			b.Y2 = c.Base
		}
		b.Title = fmt.Sprintf("%s: %s %s, %s %s", names[i], l.Number(int64(first[i])), c.First, l.Number(int64(second[i])), c.Second)
		c.Bars = append(c.Bars, b)
	}
	return c
}

// seen keeps a column that is not nothing from vanishing.
func seen(height, n int) int {
	if n > 0 {
		return max(height, 2)
	}
	return 0
}

// roundUp is the next of 1, 2, 5, 10, 20, 50 …
func roundUp(n int) int {
	for step := 1; ; step *= 10 {
		for _, k := range []int{1, 2, 5} {
			if k*step >= n {
				return k * step
			}
		}
	}
}
