package web

import (
	"context"
	"net/http"

	"toasoan/newsroom"
)

// apiCounters is what counters and sections ask of the database.
type apiCounters interface {
	Counters(ctx context.Context) (newsroom.Counters, error)
	ArticleViews(ctx context.Context, ids []string) (map[string]int64, error)
	Sections(ctx context.Context) ([]newsroom.Section, error)
}

type (
	apiCountersIn struct {
		Articles []string `query:"article" doc:"Ids of public articles whose views are wanted; at most 100, apart by commas."`
	}
	apiCounterValues struct {
		Online   int64            `json:"online" doc:"Visitors of the last five minutes."`
		Today    int64            `json:"today" doc:"Visits since local midnight."`
		Week     int64            `json:"week"`
		Month    int64            `json:"month"`
		Total    int64            `json:"total" doc:"Never falls."`
		Articles map[string]int64 `json:"articles" doc:"Views by article id."`
	}
	apiCountersOut struct {
		Body apiCounterValues
	}
	apiSection struct {
		ID      string `json:"id"`
		NameVI  string `json:"name_vi"`
		NameEN  string `json:"name_en"`
		Retired bool   `json:"retired" doc:"Takes no new articles, keeps its page."`
		URL     string `json:"url"`
	}
	apiSectionList struct {
		Items []apiSection `json:"items"`
	}
	apiSectionsOut struct {
		Body apiSectionList
	}
)

func (s *Server) apiCounterVerbs() {
	apiDo(s, apiVerb{
		id: "getCounters", method: http.MethodGet, path: "/counters", tag: "portal", summary: "The counters of the portal (Số lượt truy cập).",
		errors: []int{http.StatusUnprocessableEntity},
	}, s.apiGetCounters)
	apiDo(s, apiVerb{
		id: "listSections", method: http.MethodGet, path: "/sections", tag: "portal", summary: "The sections in the portal's order.",
	}, s.apiListSections)
}

func (s *Server) apiGetCounters(ctx context.Context, _ caller, in *apiCountersIn) (*apiCountersOut, error) {
	if len(in.Articles) > 100 {
		return nil, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "article", Code: "too_many", Params: map[string]string{"max": "100"}}}}
	}
	now, err := s.Store.Counters(ctx)
	if err != nil {
		return nil, err
	}
	out := &apiCountersOut{}
	b := &out.Body
	b.Online, b.Today, b.Week, b.Month, b.Total = now.Online, now.Today, now.Week, now.Month, now.Total
	b.Articles = map[string]int64{}
	if len(in.Articles) > 0 {
		found, err := s.Store.ArticleViews(ctx, in.Articles)
		if err != nil {
			return nil, err
		}
		for _, id := range in.Articles {
			b.Articles[id] = found[id]
		}
	}
	return out, nil
}

func (s *Server) apiListSections(ctx context.Context, _ caller, _ *struct{}) (*apiSectionsOut, error) {
	all, err := s.Store.Sections(ctx)
	if err != nil {
		return nil, err
	}
	out := &apiSectionsOut{}
	out.Body.Items = []apiSection{}
	for _, one := range all {
		out.Body.Items = append(out.Body.Items, apiSection{
			ID: one.ID, NameVI: one.NameVI, NameEN: one.NameEN, Retired: one.Retired, URL: s.absolute(newsroom.SectionPath(one.ID)),
		})
	}
	return out, nil
}
