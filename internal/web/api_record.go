package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// apiRecord is what the record of an article asks of the database.
type apiRecord interface {
	Article(ctx context.Context, id string) (newsroom.Article, error)
	History(ctx context.Context, id string) ([]newsroom.HistoryRow, error)
	Revision(ctx context.Context, id string, n int) (newsroom.Revision, error)
	Publication(ctx context.Context, articleID string, n int64) (newsroom.Publication, error)
	Publications(ctx context.Context, articleID string) ([]newsroom.Publication, error)
	Receipts(ctx context.Context, articleID string, n int64) ([]newsroom.Receipt, error)
	Calendar(ctx context.Context) (newsroom.Calendar, error)
}

type (
	apiIDIn struct {
		ID string `path:"id"`
	}
	apiHistory struct {
		Items []newsroom.HistoryRow `json:"items" doc:"Oldest first: who, in what capacity, when, from → to, why."`
	}
	apiHistoryOut struct {
		Body apiHistory
	}
	apiRevisionIn struct {
		ID string `path:"id"`
		N  int    `path:"n" minimum:"1"`
	}
	apiRevision struct {
		ArticleID   string    `json:"article_id"`
		Revision    int       `json:"revision"`
		ContentHash string    `json:"content_hash"`
		By          string    `json:"by" doc:"Account id of whoever froze it."`
		At          time.Time `json:"at"`
		apiText
	}
	apiRevisionOut struct {
		Body apiRevision
	}
	apiPublicationIn struct {
		ID string `path:"id" doc:"<article>.<n>, or <article> for the newest."`
	}
	apiReceipt struct {
		Effect  string         `json:"effect" doc:"page, feeds, sitemap, counters or mail."`
		At      *time.Time     `json:"at" doc:"When it was done; null: not yet."`
		TookMS  *float64       `json:"took_ms" doc:"From the release, in milliseconds."`
		Checked *time.Time     `json:"checked" doc:"When it was seen from outside; null: not, or not yet."`
		Detail  map[string]any `json:"detail"`
	}
	apiPublication struct {
		ID        string       `json:"id"`
		ArticleID string       `json:"article_id"`
		N         int64        `json:"n"`
		Event     string       `json:"event" doc:"published, corrected, withdrawn, taken_down, restored or expired."`
		Revision  int          `json:"revision"`
		Kind      string       `json:"kind" doc:"Empty, minor or correction."`
		At        time.Time    `json:"at"`
		Done      *time.Time   `json:"done" doc:"When every receipt was in; null: not yet."`
		Issues    []string     `json:"issues" doc:"Newsletters that it opened: GET /issues/{id}."`
		Receipts  []apiReceipt `json:"receipts"`
	}
	apiPublicationOut struct {
		Body apiPublication
	}
)

func (s *Server) apiRecordVerbs() {
	gone := []int{http.StatusNotFound}
	apiDo(s, apiVerb{
		id: "getHistory", method: http.MethodGet, path: "/articles/{id}/history", tag: "articles", summary: "The article's record (Nhật ký xử lý).", errors: gone,
	}, s.apiGetHistory)
	apiDo(s, apiVerb{
		id: "getRevision", method: http.MethodGet, path: "/articles/{id}/revisions/{n}", tag: "articles", summary: "A frozen text: what was submitted, approved, published.", errors: gone,
	}, s.apiGetRevision)
	apiDo(s, apiVerb{
		id: "getPublication", method: http.MethodGet, path: "/publications/{id}", tag: "publications", summary: "A public change with its receipts.", errors: gone,
	}, s.apiGetPublication)
}

// apiReadable is newsroom.ErrNotFound unless me may see the article.
func (s *Server) apiReadable(ctx context.Context, me caller, id string) error {
	if !newsroom.ValidID(id) {
		return newsroom.ErrNotFound
	}
	a, err := s.Store.Article(ctx, id)
	if err == nil && !me.Reads(a.AuthorID) {
		err = newsroom.ErrNotFound
	}
	return err
}

func (s *Server) apiGetHistory(ctx context.Context, me caller, in *apiIDIn) (*apiHistoryOut, error) {
	if err := s.apiReadable(ctx, me, in.ID); err != nil {
		return nil, err
	}
	rows, err := s.Store.History(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &apiHistoryOut{}
	out.Body.Items = listed(rows)
	return out, nil
}

func (s *Server) apiGetRevision(ctx context.Context, me caller, in *apiRevisionIn) (*apiRevisionOut, error) {
	if err := s.apiReadable(ctx, me, in.ID); err != nil {
		return nil, err
	}
	r, err := s.Store.Revision(ctx, in.ID, in.N)
	if err != nil {
		return nil, err
	}
	return &apiRevisionOut{Body: apiRevision{
		ArticleID: r.ArticleID, Revision: r.N, ContentHash: r.Hash, By: r.By, At: r.At, apiText: textOf(r.Content),
	}}, nil
}

// publicationName is how the API names a public change.
func publicationName(articleID string, n int64) string { return fmt.Sprintf("%s.%d", articleID, n) }

func (s *Server) apiGetPublication(ctx context.Context, me caller, in *apiPublicationIn) (*apiPublicationOut, error) {
	article, number, numbered := strings.Cut(in.ID, ".")
	if err := s.apiReadable(ctx, me, article); err != nil {
		return nil, err
	}
	p, err := s.apiFindPublication(ctx, article, number, numbered)
	if err != nil {
		return nil, err
	}
	receipts, err := s.Store.Receipts(ctx, p.ArticleID, p.N)
	if err != nil {
		return nil, err
	}
	out := apiPublication{
		ID: publicationName(p.ArticleID, p.N), ArticleID: p.ArticleID, N: p.N, Event: p.Event, Revision: p.Revision, Kind: string(p.Kind), At: p.At,
		Done: p.Done, Issues: []string{}, Receipts: []apiReceipt{},
	}
	for _, r := range receipts {
		one := apiReceipt{Effect: string(r.Effect), At: r.At, Checked: r.Checked, Detail: r.Detail}
		if r.At != nil {
			one.TookMS = new(float64(r.Took.Microseconds()) / 1000)
		}
		if r.Effect == newsroom.EffectMail {
			out.Issues = listed(names(r.Detail["issues"]))
		}
		out.Receipts = append(out.Receipts, one)
	}
	return &apiPublicationOut{Body: out}, nil
}

// names reads a list of strings out of a receipt's detail.
func names(value any) (list []string) {
	items, _ := value.([]any)
	for _, item := range items {
		if name, ok := item.(string); ok {
			list = append(list, name)
		}
	}
	return list
}

func (s *Server) apiFindPublication(ctx context.Context, article, number string, numbered bool) (newsroom.Publication, error) {
	if numbered {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return newsroom.Publication{}, newsroom.ErrNotFound
		}
		return s.Store.Publication(ctx, article, n)
	}
	all, err := s.Store.Publications(ctx, article)
	if err == nil && len(all) == 0 {
		err = newsroom.ErrNotFound
	}
	if err != nil {
		return newsroom.Publication{}, err
	}
	return all[0], nil
}
