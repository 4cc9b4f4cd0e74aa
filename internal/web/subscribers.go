package web

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toasoan/newsroom"
)

// subscriberStore is what the desk's pages about subscribers ask of the database.
type subscriberStore interface {
	SubscriberPage(ctx context.Context, f newsroom.SubscriberFilter) (newsroom.SubscriberPage, error)
	SubscriberCounts(ctx context.Context) (newsroom.SubscriberCounts, error)
	Subscriber(ctx context.Context, id string) (newsroom.Subscriber, error)
	SubscriberData(ctx context.Context, id string) (newsroom.PersonalData, error)
	Consents(ctx context.Context, subscriberID string) ([]newsroom.Consent, error)
	SubscriberBounces(ctx context.Context, id string) ([]newsroom.Bounced, error)
	ExportSubscribers(ctx context.Context, by newsroom.Person, state newsroom.SubscriberState, each func(newsroom.Subscriber) error) error
	BlockSubscriber(ctx context.Context, by newsroom.Person, id string) error
	UnblockSubscriber(ctx context.Context, by newsroom.Person, id string) error
	EraseSubscriber(ctx context.Context, by newsroom.Person, id string) error
	importStore
	runStore
}

// subscribersPage is the page "desk/subscribers".
type subscribersPage struct {
	Counts    newsroom.SubscriberCounts
	Inquiries newsroom.InquiryCounts
	Rows      []subscriberRow
	Query     string
	States    []option
	Sections  []option
	Any       bool   // a filter is set
	Next      string // address of the next page, "" none
}

// subscriberRow is one line of the list.
type subscriberRow struct {
	ID, URL, Email, Name string
	State, Mark          string // in words; icon and class
	Lists                string
	Since                time.Time
	Blocked              string
}

var subscriberStates = []newsroom.SubscriberState{newsroom.SubscriberConfirmed, newsroom.SubscriberRequested, newsroom.SubscriberLeft, newsroom.SubscriberErased}

// subscriberMark is the icon of a state.
func subscriberMark(u newsroom.Subscriber) string {
	switch {
	case u.Blocked != "" && u.State == newsroom.SubscriberConfirmed:
		return "failed"
	case u.State == newsroom.SubscriberConfirmed:
		return "approved"
	case u.State == newsroom.SubscriberRequested:
		return "awaiting_approval"
	default:
		return "abandoned"
	}
}

// getSubscribers handles GET /desk/subscribers: newest first, a page at a time, also with a million of them.
func (s *Server) getSubscribers(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	q := r.URL.Query()
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	f := newsroom.SubscriberFilter{
		Query: q.Get("q"), State: newsroom.SubscriberState(q.Get("state")), Section: q.Get("section"), After: q.Get("after"), Limit: 50,
	}
	found, err := s.Store.SubscriberPage(r.Context(), f)
	if err != nil {
		return err
	}
	page := subscribersPage{Query: f.Query, Any: f.Query != "" || f.State != "" || f.Section != ""}
	if page.Counts, err = s.Store.SubscriberCounts(r.Context()); err != nil {
		return err
	}
	if page.Inquiries, err = s.Store.InquiryCounts(r.Context()); err != nil {
		return err
	}
	for _, state := range subscriberStates {
		page.States = append(page.States, option{string(state), o.l.T("subscriber." + string(state)), state == f.State})
	}
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return err
	}
	for _, one := range sections {
		page.Sections = append(page.Sections, option{one.ID, one.Name(o.l.Tag()), one.ID == f.Section})
	}
	for _, u := range found.List {
		page.Rows = append(page.Rows, s.subscriberRow(o, u))
	}
	if found.Next != "" {
		next := url.Values{"after": {found.Next}}
		for _, name := range []string{"q", "state", "section"} {
			if value := q.Get(name); value != "" {
				next.Set(name, value)
			}
		}
		page.Next = "/desk/subscribers?" + next.Encode()
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/subscribers", "subscribers", page)
}

func (s *Server) subscriberRow(o lists, u newsroom.Subscriber) subscriberRow {
	row := subscriberRow{
		ID: u.ID, URL: "/desk/subscribers/" + u.ID, Email: u.Email, Name: u.Name, State: o.l.T("subscriber." + string(u.State)),
		Mark: subscriberMark(u), Since: u.RequestedAt,
	}
	if u.Blocked != "" {
		row.Blocked = o.l.T("subs.blocked_" + u.Blocked)
	}
	row.Lists = o.subscriptions(u.Lists)
	return row
}

// subscriptions says what somebody gets, on one line.
func (o lists) subscriptions(list []newsroom.Subscription) string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = o.section(l.Section)
		if l.Cadence != newsroom.CadenceInstant {
			names[i] += " (" + o.l.T("cadence."+string(l.Cadence)) + ")"
		}
	}
	return strings.Join(names, " · ")
}

// subscriberPage is the page "desk/subscriber".
type subscriberPage struct {
	subscriberRow
	Source             string
	Confirmed, Left    *time.Time
	Consents           []consentView
	Bounces            []bouncedView
	Inquiries          []inquiryRow
	CanBlock, CanErase bool
	CanUnblock         bool
}

// bouncedView is one mail that came back.
type bouncedView struct {
	newsroom.Bounced
	What string
}

type consentView struct {
	newsroom.Consent
	What, How string
}

// getSubscriber handles GET /desk/subscribers/{id}: one person with the record of consent.
func (s *Server) getSubscriber(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	u, err := s.Store.Subscriber(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	page := subscriberPage{
		subscriberRow: s.subscriberRow(o, u), Source: o.l.T("subs.source_" + u.Source), Confirmed: u.ConfirmedAt, Left: u.LeftAt,
		CanErase: u.State != newsroom.SubscriberErased, CanBlock: u.State != newsroom.SubscriberErased && !newsroom.Held(u.Blocked),
		CanUnblock: u.State != newsroom.SubscriberErased && u.Blocked != "",
	}
	consents, err := s.Store.Consents(r.Context(), u.ID)
	if err != nil {
		return err
	}
	for _, c := range consents {
		page.Consents = append(page.Consents, consentView{c, o.l.T("subs.act_" + c.Act), o.consentSource(c.Source)})
	}
	bounces, err := s.Store.SubscriberBounces(r.Context(), u.ID)
	if err != nil {
		return err
	}
	for _, b := range bounces {
		page.Bounces = append(page.Bounces, bouncedView{b, o.l.T("bounce." + string(b.Kind))})
	}
	inquiries, err := s.Store.Inquiries(r.Context(), newsroom.InquiryFilter{Subscriber: u.ID, Limit: 20})
	if err != nil {
		return err
	}
	for _, i := range inquiries.List {
		page.Inquiries = append(page.Inquiries, o.inquiry(i))
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/subscriber", "subscribers", page)
}

// postSubscriber handles POST /desk/subscribers/{id}: block, unblock, erase.
func (s *Server) postSubscriber(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	id := r.PathValue("id")
	to, said := "/desk/subscribers/"+id, ""
	var err error
	switch r.PostFormValue("act") {
	case "block":
		said, err = "flash.blocked", s.Store.BlockSubscriber(r.Context(), me, id)
	case "unblock":
		said, err = "flash.unblocked", s.Store.UnblockSubscriber(r.Context(), me, id)
	case "erase":
		if !ticked(r, "sure") {
			return see(w, r, to)
		}
		said, err = "flash.erased", s.Store.EraseSubscriber(r.Context(), me, id)
	default:
		return newsroom.ErrNotFound
	}
	if err != nil {
		return err
	}
	s.leaveFlash(w, "good", said)
	return see(w, r, to)
}

// getSubscriberData handles GET /desk/subscribers/{id}/data: the answer to a person who asks in writing.
func (s *Server) getSubscriberData(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
	data, err := s.Store.SubscriberData(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.sendData(w, r, data)
}

// getSubscribersCSV handles GET /desk/subscribers.csv: everybody who is not erased, one line each, written as it is read. The import
// reads it back.
func (s *Server) getSubscribersCSV(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	out := csvFile(w, "nguoi-dang-ky.csv")
	if err := out.Write([]string{"email", "name", "state", "sections", "lists", "requested_at", "confirmed_at", "left_at", "source", "blocked"}); err != nil {
		return fmt.Errorf("export subscribers: %w", err)
	}
	err := s.Store.ExportSubscribers(r.Context(), me, newsroom.SubscriberState(r.URL.Query().Get("state")), func(u newsroom.Subscriber) error {
		names := make([]string, len(u.Lists))
		for i, one := range u.Lists {
			names[i] = one.Section
		}
		return out.Write([]string{
			plainCell(u.Email), plainCell(u.Name), string(u.State), strings.Join(names, "|"), newsroom.ListsCell(u.Lists),
			l.DateTime(u.RequestedAt), timeCell(l, u.ConfirmedAt), timeCell(l, u.LeftAt), u.Source, u.Blocked,
		})
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// csvFile begins a CSV download that spreadsheets read as UTF-8.
func csvFile(w http.ResponseWriter, name string) *csv.Writer {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("\xef\xbb\xbf")) // a reader who went away is nobody's error
	return csv.NewWriter(w)
}

// plainCell is short for newsroom.GuardCell.
func plainCell(value string) string { return newsroom.GuardCell(value) }

func timeCell(l language, t *time.Time) string {
	if t == nil {
		return ""
	}
	return l.DateTime(*t)
}
