package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"toasoan/newsroom"
)

type (
	apiKept struct {
		N     int64     `json:"n"`
		By    string    `json:"by" doc:"Account id of whoever wrote it."`
		Name  string    `json:"name"`
		At    time.Time `json:"at" doc:"When it was put aside."`
		Title string    `json:"title"`
	}
	apiKeptList struct {
		Items []apiKept `json:"items" doc:"The newest first."`
	}
	apiKeptListOut struct {
		Body apiKeptList
	}
	apiKeptIn struct {
		ID string `path:"id"`
		N  int64  `path:"n" minimum:"1"`
	}
	apiKeptText struct {
		N  int64     `json:"n"`
		By string    `json:"by" doc:"Account id of whoever wrote it."`
		At time.Time `json:"at" doc:"When it was put aside."`
		apiText
	}
	apiKeptOut struct {
		Body apiKeptText
	}
	apiTakeBackIn struct {
		ID    string `path:"id"`
		N     int64  `path:"n" minimum:"1"`
		Match string `header:"If-Match" doc:"The etag read before: 428 without it, 412 when the text has changed since."`
	}
)

func (s *Server) apiKeptVerbs() {
	gone := []int{http.StatusNotFound}
	apiDo(s, apiVerb{
		id: "listKeptDrafts", method: http.MethodGet, path: "/articles/{id}/kept", tag: "articles", summary: "Texts that were put aside (Đã cất).",
		doc: "What could not be saved since somebody else had saved or taken the lock, and what was unsent when another text took its place. " +
			"Whoever may edit the article sees them all, others the own ones.", errors: gone,
	}, s.apiListKept)
	apiDo(s, apiVerb{
		id: "getKeptDraft", method: http.MethodGet, path: "/articles/{id}/kept/{n}", tag: "articles", summary: "Read a text that was put aside.", errors: gone,
	}, s.apiGetKept)
	apiDo(s, apiVerb{
		id: "takeBackDraft", method: http.MethodPost, path: "/articles/{id}/kept/{n}/take-back", tag: "articles", summary: "Make a text that was put aside the working text.",
		doc:    "The working text is put aside in turn. A repeat finds it done.",
		scopes: []newsroom.Scope{newsroom.ScopeWrite},
		errors: []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, s.apiTakeBack)
}

func (s *Server) apiListKept(ctx context.Context, me caller, in *apiIDIn) (*apiKeptListOut, error) {
	sit, err := s.apiSituation(ctx, me, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.KeptDrafts(ctx, sit.Article, me.Person)
	if err != nil {
		return nil, err
	}
	out := &apiKeptListOut{}
	out.Body.Items = []apiKept{}
	for _, k := range list {
		out.Body.Items = append(out.Body.Items, apiKept{N: k.ID, By: k.By, Name: k.ByName, At: k.At, Title: k.Title})
	}
	return out, nil
}

func (s *Server) apiGetKept(ctx context.Context, me caller, in *apiKeptIn) (*apiKeptOut, error) {
	sit, err := s.apiSituation(ctx, me, in.ID)
	if err != nil {
		return nil, err
	}
	k, c, err := s.Store.KeptDraft(ctx, sit.Article, me.Person, in.N)
	if err != nil {
		return nil, err
	}
	return &apiKeptOut{Body: apiKeptText{N: k.ID, By: k.By, At: k.At, apiText: textOf(c)}}, nil
}

func (s *Server) apiTakeBack(ctx context.Context, me caller, in *apiTakeBackIn) (*apiArticleOut, error) {
	l := infoOf(ctx).lang
	sit, err := s.apiSituation(ctx, me, in.ID)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Match) == "" {
		return nil, newProblem(l, http.StatusPreconditionRequired, "if_match_required", "api.if_match_required")
	}
	version, _, _ := matchedVersion(in.Match, sit.Article.Version) // another one is refused below, unless the text is taken back already
	_, err = s.Store.TakeBack(ctx, in.ID, me.Person, version, in.N)
	return s.apiSaved(ctx, me, sit.Article, err)
}
