package newsroom

import "time"

// TrendUnit is what the charts over time count by.
type TrendUnit string

const (
	TrendDay   TrendUnit = "day"
	TrendWeek  TrendUnit = "week"
	TrendMonth TrendUnit = "month"
)

// TrendPoint is what happened within one unit, which begins at Start.
type TrendPoint struct {
	Start        time.Time
	Sent, Failed int // mails of the issues opened in it
	Joined, Left int // subscribers
}
