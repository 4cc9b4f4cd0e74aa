package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"toasoan/newsroom"
)

// publicationView is one public change with its receipts.
type publicationView struct {
	N        int64
	URL      string
	Event    string
	Revision int
	At, ISO  string
	Done     bool
	Receipts []receiptView
}

// receiptView is the proof of one effect, or that it is still awaited.
type receiptView struct {
	Name    string
	Class   string // receipt-good, receipt-wait, receipt-bad
	Icon    string
	Result  string
	At      string
	Took    string
	Checked string
	Detail  string
}

// lateReceipt is how long a receipt may take before the page calls it late: after it the event was sent again.
const lateReceipt = 30 * time.Second

func (s *Server) publications(r *http.Request, articleID string, l language) ([]publicationView, error) {
	list, err := s.Store.Publications(r.Context(), articleID)
	if err != nil {
		return nil, err
	}
	var views []publicationView
	for _, p := range list {
		v, err := s.publication(r, p, l)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (s *Server) publication(r *http.Request, p newsroom.Publication, l language) (publicationView, error) {
	v := publicationView{
		N: p.N, URL: fmt.Sprintf("/desk/publications/%s/%d", p.ArticleID, p.N), Event: l.T("event.article." + p.Event), Revision: p.Revision,
		At: l.DateTime(p.At) + p.At.In(vietnam).Format(":05"), ISO: iso(p.At), Done: p.Done != nil,
	}
	receipts, err := s.Store.Receipts(r.Context(), p.ArticleID, p.N)
	if err != nil {
		return v, err
	}
	for _, one := range receipts {
		v.Receipts = append(v.Receipts, s.receipt(one, p, l))
	}
	return v, nil
}

func (s *Server) receipt(one newsroom.Receipt, p newsroom.Publication, l language) receiptView {
	v := receiptView{Name: l.T("effect." + string(one.Effect))}
	switch {
	case one.At != nil:
		v.Class, v.Icon, v.Result = "receipt-good", "check", l.T("desk.receipt_done")
		v.At = one.At.In(vietnam).Format("15:04:05")
		v.Took = l.Decimal(one.Took.Seconds()) + " s"
	case s.Now().Sub(p.At) > lateReceipt:
		v.Class, v.Icon, v.Result = "receipt-bad", "alert", l.T("desk.receipt_late")
	default:
		v.Class, v.Icon, v.Result = "receipt-wait", "state-awaiting_approval", l.T("desk.receipt_wait")
	}
	if one.Checked != nil {
		v.Checked = one.Checked.In(vietnam).Format("15:04:05")
	}
	if one.Effect == newsroom.EffectMail {
		if n, ok := one.Detail["candidates"].(float64); ok {
			v.Detail = l.T("desk.candidates", "n", int(n))
		}
	}
	return v
}

// publicationPage is the page "desk/publication".
type publicationPage struct {
	Card        cardView
	Publication publicationView
	Public      string
	Issues      []issueView
}

// getDeskPublication handles GET /desk/publications/{id}/{n}.
func (s *Server) getDeskPublication(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.publicationPage(r, me)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/publication", "", page)
}

func (s *Server) publicationPage(r *http.Request, me newsroom.Person) (publicationPage, error) {
	var page publicationPage
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return page, newsroom.ErrNotFound
	}
	article, err := s.articlePage(r, me, r.PathValue("id"))
	if err != nil {
		return page, err
	}
	p, err := s.Store.Publication(r.Context(), article.Card.ID, n)
	if err != nil {
		return page, err
	}
	page.Card, page.Public = article.Card, article.Public
	if page.Publication, err = s.publication(r, p, s.lang(r)); err != nil {
		return page, err
	}
	page.Issues, err = s.issuesOf(r, article.Card.ID, n)
	return page, err
}

// publisher starts, or looks again after, the workflow that awaits a publication's receipts.
type publisher interface {
	Publish(ctx context.Context, articleID string, n int64) error
	Nudge(ctx context.Context, articleID string, n int64) error
}

// postDeskPublication handles POST /desk/publications/{id}/{n}: it makes sure that somebody awaits the receipts, and has them looked at now.
func (s *Server) postDeskPublication(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.publicationPage(r, me)
	if err != nil {
		return err
	}
	id, n := page.Card.ID, page.Publication.N
	if err := s.Dispatch.Publish(r.Context(), id, n); err != nil {
		return fmt.Errorf("follow publication %s/%d again: %w", id, n, err)
	}
	if err := s.Dispatch.Nudge(r.Context(), id, n); err != nil {
		return fmt.Errorf("nudge publication %s/%d: %w", id, n, err)
	}
	s.leaveFlash(w, "info", "flash.sent_again")
	return see(w, r, page.Publication.URL)
}
