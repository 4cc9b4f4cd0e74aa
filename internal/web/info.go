package web

import (
	"net/http"

	"toasoan/newsroom"
)

// getContact finds /lien-he.
func (s *Server) getContact(*http.Request) (shown, error) { return shown{page: "contact"}, nil }

// getPrivacy finds /quyen-rieng-tu.
func (s *Server) getPrivacy(*http.Request) (shown, error) { return shown{page: "privacy"}, nil }

// getMap finds /so-do: every section with its feeds, and the other pages.
func (s *Server) getMap(*http.Request) (shown, error) { return shown{page: "map"}, nil }

// statisticsPage is what the page "statistics" shows.
type statisticsPage struct {
	newsroom.Statistics
	Chart    []bar
	Highest  int64
	Sections []sectionTally
	MostRead []readView
}

// bar is a day in the chart, in the units of its viewBox.
type bar struct {
	newsroom.DayViews
	X, Y, Width, Height int
	Label               bool // its date stands under it
}

type sectionTally struct {
	Section sectionLink
	Count   int64
}

type readView struct {
	story
	Views int64
}

// The chart's viewBox.
const (
	chartWidth, chartHeight = 720, 220
	chartTop, chartBottom   = 16, 190
	chartLeft               = 0
)

// getStatistics finds /thong-ke.
func (s *Server) getStatistics(r *http.Request) (shown, error) {
	site, err := s.site(r.Context())
	if err != nil {
		return shown{}, err
	}
	found, err := s.Store.Statistics(r.Context())
	if err != nil {
		return shown{}, err
	}
	page := statisticsPage{Statistics: found}
	page.Chart, page.Highest = bars(found.Days)
	tell := teller{site: site, l: s.lang(r)}
	for _, one := range found.Sections {
		page.Sections = append(page.Sections, sectionTally{Section: linkSection(site.Section(one.Section), tell.l), Count: one.Count})
	}
	for _, one := range found.MostRead {
		page.MostRead = append(page.MostRead, readView{story: tell.story(one.PortalItem, storyBare), Views: one.Views})
	}
	return shown{page: "statistics", data: page}, nil
}

// bars draws visits a day.
func bars(days []newsroom.DayViews) (drawn []bar, highest int64) {
	for _, day := range days {
		highest = max(highest, day.Visits)
	}
	step := (chartWidth - chartLeft) / max(len(days), 1)
	for i, day := range days {
		height := 0
		if highest > 0 {
			height = int(day.Visits * (chartBottom - chartTop) / highest)
		}
		drawn = append(drawn, bar{
			DayViews: day, X: chartLeft + i*step + 2, Width: step - 4, Y: chartBottom - height, Height: height,
			Label: i%5 == 0,
		})
	}
	return drawn, highest
}
