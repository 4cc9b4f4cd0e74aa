package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"toasoan/newsroom"
)

// articleStore is what the article's pages on the desk ask of the database.
type articleStore interface {
	Situation(ctx context.Context, articleID, actorID string) (newsroom.Situation, error)
	Draft(ctx context.Context, id string) (newsroom.Draft, error)
	Revision(ctx context.Context, id string, n int) (newsroom.Revision, error)
	Revisions(ctx context.Context, id string) ([]newsroom.Revision, error)
	History(ctx context.Context, id string) ([]newsroom.HistoryRow, error)
	Comments(ctx context.Context, articleID string) ([]newsroom.Comment, error)
	Publication(ctx context.Context, articleID string, n int64) (newsroom.Publication, error)
	Publications(ctx context.Context, articleID string) ([]newsroom.Publication, error)
	Receipts(ctx context.Context, articleID string, n int64) ([]newsroom.Receipt, error)
	TryPIN(ctx context.Context, userID, session, pin string) (letters []string, err error)
}

// articleDesk is the page "desk/article": one article as whoever opens it may see and move it.
type articleDesk struct {
	Card        cardView
	Shown       contentView
	Draft       bool // what is shown is the working text, newer than any frozen revision
	Revision    int
	Hash        string
	Public      string // address on the portal, "" not there
	MayEdit     bool
	MayComment  bool
	Lock        string // name of the reviewer who holds it, "" nobody or me
	Moves       moveBar
	Checks      checksView
	Comments    []commentView
	CommentID   string // request id of the comment form
	History     []historyView
	Revisions   []revisionView
	Published   []publicationView
	Kept        []keptView
	Errors      formErrors
	Refused     string // why the last move was refused
	RefusedMove string
	Comment     string // typed comment, kept after an error
}

// commentView is one remark.
type commentView struct {
	Name, Text, At, ISO string
	Note                bool // for the leader
	Revision            int
}

// historyView is one line of the record.
type historyView struct {
	Class, Icon    string
	Who, Did       string
	Capacity, Door string
	At, ISO        string
	To             string // stage it led to, "" the same
	Revision       int
	Reason         string
}

// revisionView is one frozen text in the list to compare.
type revisionView struct {
	N       int
	By, At  string
	Compare string // address of the comparison with the one before, "" the first
	URL     string
}

// getArticle handles GET /desk/articles/{id}.
func (s *Server) getDeskArticle(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.articlePage(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/article", "", page)
}

// readable reads an article for me, or newsroom.ErrNotFound when I may not know of it.
func (s *Server) readable(r *http.Request, me newsroom.Person, id string) (newsroom.Situation, error) {
	if !newsroom.ValidID(id) {
		return newsroom.Situation{}, newsroom.ErrNotFound
	}
	sit, err := s.Store.Situation(r.Context(), id, me.ID)
	if err != nil {
		return sit, err
	}
	if !me.Reads(sit.Article.AuthorID) {
		return sit, newsroom.ErrNotFound
	}
	return sit, nil
}

func (s *Server) articlePage(r *http.Request, me newsroom.Person, id string) (*articleDesk, error) {
	sit, err := s.readable(r, me, id)
	if err != nil {
		return nil, err
	}
	o, err := s.lists(r)
	if err != nil {
		return nil, err
	}
	a := sit.Article
	page := &articleDesk{
		Revision: a.Revision, Draft: a.Revision == 0 || a.DraftHash != sit.Frozen, MayEdit: a.Editor(me), MayComment: newsroom.Possible(newsroom.MoveComment, a.Stage, a.Public),
		CommentID: uuid.NewString(), Hash: a.DraftHash,
	}
	author, err := s.Store.Person(r.Context(), a.AuthorID)
	if err != nil {
		return nil, err
	}
	card := newsroom.Card{
		ID: a.ID, Title: a.Title, Stage: a.Stage, Public: a.Public, Section: a.Section, Author: author.Name, AuthorID: a.AuthorID, Clock: a.Clock,
		ReleaseDue: a.ReleaseDue, ReleaseAt: sit.Embargo(), PublishedAt: a.PublishedAt, SecondBy: a.SecondBy, SecondLate: a.SecondLate, Frozen: a.Frozen, FrozenWhy: a.FrozenWhy,
		UpdatedAt: a.UpdatedAt,
	}
	if a.Clock.Runs() {
		card.Due = new(a.Clock.Due(o.calendar, 100))
	}
	if a.HolderID != "" {
		holder, err := s.Store.Person(r.Context(), a.HolderID)
		if err != nil {
			return nil, err
		}
		card.Holder = holder.Name
		if a.HolderID != me.ID && a.Stage == newsroom.StageInReview {
			page.Lock = holder.Name
		}
	}
	page.Card = o.card(card)
	shown := sit.Draft
	if sit.ReadsSent() {
		shown, page.Draft, page.Hash = sit.Sent, false, sit.Frozen
	}
	if page.Shown, err = s.content(r, shown); err != nil {
		return nil, err
	}
	if a.Live > 0 && a.Public != newsroom.PublicHidden {
		page.Public = newsroom.ArticlePath(a.Slug, a.ID)
	}
	page.Checks = s.checks(r, shown, sit)
	if page.Moves, err = s.moveBar(r, sit, me); err != nil {
		return nil, err
	}
	return page, s.articleRecord(r, page, a, me, o)
}

// articleRecord fills in what happened to the article so far.
func (s *Server) articleRecord(r *http.Request, page *articleDesk, a newsroom.Article, me newsroom.Person, o lists) error {
	id, ctx := page.Card.ID, r.Context()
	comments, err := s.Store.Comments(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range comments {
		page.Comments = append(page.Comments, commentView{Name: c.Name, Text: c.Text, At: o.l.DateTime(c.At), ISO: iso(c.At), Note: c.Kind == "note", Revision: c.Revision})
	}
	history, err := s.Store.History(ctx, id)
	if err != nil {
		return err
	}
	slices.Reverse(history)
	for _, h := range history {
		page.History = append(page.History, o.history(h))
	}
	revisions, err := s.Store.Revisions(ctx, id)
	if err != nil {
		return err
	}
	for _, v := range revisions {
		one := revisionView{N: v.N, By: v.ByName, At: o.l.DateTime(v.At), URL: fmt.Sprintf("%s/revisions/%d", page.Card.URL, v.N)}
		if v.N > 1 {
			one.Compare = fmt.Sprintf("%s/compare?from=%d&to=%d", page.Card.URL, v.N-1, v.N)
		}
		page.Revisions = append(page.Revisions, one)
	}
	if page.Published, err = s.publications(r, id, o.l); err != nil {
		return err
	}
	page.Kept, err = s.keptViews(r, a, me)
	return err
}

// historyLooks are icon and colour of what happened.
var historyLooks = map[string][2]string{
	"create": {"", "edit"}, "submit": {"", "send"}, "claim": {"", "state-in_review"}, "release_claim": {"", "inbox"}, "hand_over": {"", "handover"},
	"take_over": {"", "handover"}, "recall": {"back", "undo"}, "return": {"back", "return"}, "request_changes": {"back", "return"},
	"reject": {"bad", "state-rejected"}, "abandon": {"bad", "state-abandoned"}, "forward": {"", "send"}, "resubmit": {"", "send"},
	"withdraw_request": {"back", "undo"}, "approve": {"good", "good"}, "emergency_release": {"live", "alert"}, "release": {"live", "state-live"},
	"reschedule": {"", "state-scheduled"}, "unschedule": {"back", "state-scheduled"}, "undo": {"back", "undo"}, "revise": {"", "edit"},
	"withdraw": {"bad", "state-withdrawn"}, "take_down": {"bad", "state-taken_down"}, "restore": {"live", "state-live"}, "expire": {"", "state-expired"},
	"second_sign": {"good", "key"}, "not_me": {"bad", "shield"}, "comment": {"", "comment"},
}

func (o lists) history(h newsroom.HistoryRow) historyView {
	v := historyView{Who: h.ActorName, At: o.l.DateTime(h.At), ISO: iso(h.At), Revision: h.Revision}
	look, known := historyLooks[h.Action]
	if !known {
		look = [2]string{"", "history"}
	}
	v.Class, v.Icon = look[0], look[1]
	if v.Who == "" {
		v.Who = o.l.T("capacity.workflow")
	}
	v.Did = h.Action
	for _, key := range []string{"did." + h.Action, "move." + h.Action} {
		if o.l.Has(key) {
			v.Did = o.l.T(key)
			break
		}
	}
	switch {
	case h.OnBehalfOf != "":
		v.Capacity = o.l.T("capacity.deputy_for", "name", h.OnBehalfOf)
	case h.Capacity != "" && h.Capacity != newsroom.AsWorkflow:
		v.Capacity = o.l.T("capacity." + string(h.Capacity))
	}
	if h.Door != "" && h.Door != newsroom.DoorPage {
		v.Door = o.l.T("door." + string(h.Door))
	}
	if h.To != "" && h.To != h.From {
		v.To = string(h.To)
	}
	switch {
	case h.Code != "":
		v.Reason = o.l.T("reason."+string(h.Code)) + ". " + h.Reason
	default:
		v.Reason = h.Reason
	}
	return v
}
