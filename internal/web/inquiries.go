package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// inquiryStore is what the register of data subjects' inquiries asks of the database.
type inquiryStore interface {
	Inquiries(ctx context.Context, f newsroom.InquiryFilter) (newsroom.InquiryPage, error)
	InquiryCounts(ctx context.Context) (newsroom.InquiryCounts, error)
	Inquiry(ctx context.Context, id string) (newsroom.Inquiry, error)
	AddInquiry(ctx context.Context, by newsroom.Person, in newsroom.NewInquiry) (string, error)
	AnswerInquiry(ctx context.Context, by newsroom.Person, id, said string) error
	SettleInquiry(ctx context.Context, by newsroom.Person, id string, act newsroom.InquiryAct) error
	CorrectInquirer(ctx context.Context, by newsroom.Person, id, name string) error
	CloseInquiry(ctx context.Context, by newsroom.Person, id string, outcome newsroom.InquiryOutcome, said string) error
	InquiryClocks(ctx context.Context) (newsroom.InquiryClocks, error)
	SaveInquiryClocks(ctx context.Context, by newsroom.Person, c newsroom.InquiryClocks) error
	RemindInquiries(ctx context.Context) error
}

// inquiriesPage is the page "desk/inquiries".
type inquiriesPage struct {
	Counts newsroom.InquiryCounts
	Views  []option
	Rows   []inquiryRow
	Next   string
	None   string // what there is none of, in words
	Clocks newsroom.InquiryClocks

	AnswerDays, SettleDays string // as typed
	Errors                 formErrors
}

// inquiryRow is one line of the register.
type inquiryRow struct {
	URL, Who           string // Who: address, or why there is none
	Kind, Channel, Ref string
	Received           time.Time
	Due                *dueView
	Outcome, Mark      string // in words; icon and class
	Closed             *time.Time
	SubscriberURL      string
}

// inquiryViews are the register's parts, the first one is shown first.
var inquiryViews = []string{"open", "overdue", "closed", "all"}

// getInquiries handles GET /desk/inquiries: what waits by what is due first, or everything newest first.
func (s *Server) getInquiries(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.inquiries(w, r, me, http.StatusOK, inquiriesPage{})
}

func (s *Server) inquiries(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page inquiriesPage) error {
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	shown := q.Get("view")
	known := false
	for _, name := range inquiryViews {
		known = known || name == shown
	}
	if !known {
		shown = inquiryViews[0]
	}
	for _, name := range inquiryViews {
		page.Views = append(page.Views, option{name, o.l.T("inquiry.view_" + name), name == shown})
	}
	found, err := s.Store.Inquiries(r.Context(), newsroom.InquiryFilter{State: shown, After: q.Get("after"), Limit: 50})
	if err != nil {
		return err
	}
	if page.Counts, err = s.Store.InquiryCounts(r.Context()); err != nil {
		return err
	}
	page.None = o.l.T("inquiry.none_" + shown)
	if page.Clocks, err = s.Store.InquiryClocks(r.Context()); err != nil {
		return err
	}
	if len(page.Errors) == 0 {
		page.AnswerDays, page.SettleDays = strconv.Itoa(page.Clocks.AnswerDays), strconv.Itoa(page.Clocks.SettleDays)
	}
	for _, i := range found.List {
		page.Rows = append(page.Rows, o.inquiry(i))
	}
	if found.Next != "" {
		page.Next = "/desk/inquiries?" + url.Values{"view": {shown}, "after": {found.Next}}.Encode()
	}
	return s.deskPage(w, r, me, status, "desk/inquiries", "subscribers", page)
}

// inquiry is one line of the register, in words.
func (o lists) inquiry(i newsroom.Inquiry) inquiryRow {
	row := inquiryRow{
		URL: "/desk/inquiries/" + i.ID, Who: i.Email, Kind: o.l.T("inquiry.kind_" + string(i.Kind)), Ref: i.Reference,
		Channel: o.l.T("inquiry.channel_" + string(i.Channel)), Received: i.ReceivedAt, Closed: i.ClosedAt, Due: o.inquiryDue(i),
	}
	switch {
	case i.Email != "":
	case i.State == newsroom.SubscriberErased:
		row.Who = o.l.T("subs.no_address")
	default:
		row.Who = o.l.T("inquiry.stranger")
	}
	if i.State != "" {
		row.SubscriberURL = "/desk/subscribers/" + i.SubscriberID
	}
	switch {
	case i.ClosedAt != nil:
		row.Mark, row.Outcome = "approved", o.l.T("inquiry.outcome_"+string(i.Outcome))
	case i.AnsweredAt != nil:
		row.Mark, row.Outcome = "in_review", o.l.T("inquiry.answered")
	default:
		row.Mark, row.Outcome = "awaiting_approval", o.l.T("inquiry.waiting")
	}
	return row
}

// inquiryDue says how long is left of the limit that runs: of the first answer in working time, of settling in days.
func (o lists) inquiryDue(i newsroom.Inquiry) *dueView {
	due := i.Due()
	if due.IsZero() {
		return nil
	}
	d := &dueView{Icon: "clock", ISO: iso(due), Exact: o.l.DateTime(due)}
	over := !due.After(o.now)
	if over {
		d.Class, d.Icon = "due-over", "state-overdue"
	}
	if i.AnsweredAt == nil {
		left := o.calendar.Between(o.now, due)
		switch {
		case over:
			d.Text = o.l.T("inquiry.answer_over", "time", o.l.WorkingLeft(o.calendar.Between(due, o.now)))
		default:
			d.Text = o.l.T("inquiry.answer_in", "time", o.l.WorkingLeft(left))
			if left <= newsroom.WorkingDay*time.Minute/2 {
				d.Class, d.Icon = "due-soon", "state-due_soon"
			}
		}
		return d
	}
	days := int(due.Sub(o.now).Abs().Hours() / 24)
	switch {
	case over:
		d.Text = o.l.T("inquiry.settle_over", "n", days)
	default:
		d.Text = o.l.T("inquiry.settle_in", "n", days)
		if days < 3 {
			d.Class, d.Icon = "due-soon", "state-due_soon"
		}
	}
	return d
}

// postInquiryClocks handles POST /desk/inquiries/clocks: limits stricter than the law's, for what comes from now on.
func (s *Server) postInquiryClocks(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	clocks := newsroom.InquiryClocks{AnswerDays: wholeNumber(r, "answer_days"), SettleDays: wholeNumber(r, "settle_days")}
	err := s.Store.SaveInquiryClocks(r.Context(), me, clocks)
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		return s.inquiries(w, r, me, http.StatusUnprocessableEntity, inquiriesPage{
			AnswerDays: r.PostFormValue("answer_days"), SettleDays: r.PostFormValue("settle_days"),
			Errors: wrong.named(s.lang(r), "answer_days", "inquiry.answer_days", "settle_days", "inquiry.settle_days"),
		})
	}
	if err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/inquiries")
}

// newInquiryPage is the page "desk/inquiry_new".
type newInquiryPage struct {
	Email, Reference, Words, Received string
	Kinds, Channels                   []option
	Errors                            formErrors
}

// getNewInquiry handles GET /desk/inquiries/new; ?subscriber= fills in whose data it is about.
func (s *Server) getNewInquiry(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	now := s.Now()
	page := newInquiryPage{Received: fieldTime(&now)}
	if id := r.URL.Query().Get("subscriber"); id != "" {
		u, err := s.Store.Subscriber(r.Context(), id)
		if err != nil {
			return err
		}
		page.Email = u.Email
	}
	return s.inquiryForm(w, r, me, http.StatusOK, page, "", "")
}

func (s *Server) inquiryForm(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page newInquiryPage, kind newsroom.InquiryKind, channel newsroom.InquiryChannel) error {
	l := s.lang(r)
	for _, one := range newsroom.InquiryKinds {
		page.Kinds = append(page.Kinds, option{string(one), l.T("inquiry.kind_" + string(one)), one == kind})
	}
	for _, one := range newsroom.InquiryChannels {
		page.Channels = append(page.Channels, option{string(one), l.T("inquiry.channel_" + string(one)), one == channel})
	}
	return s.deskPage(w, r, me, status, "desk/inquiry_new", "subscribers", page)
}

// postNewInquiry handles POST /desk/inquiries.
func (s *Server) postNewInquiry(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l, f := s.lang(r), r.PostFormValue
	page := newInquiryPage{Email: strings.TrimSpace(f("email")), Reference: f("reference"), Words: f("words"), Received: f("received_at")}
	in := newsroom.NewInquiry{
		Email: page.Email, Kind: newsroom.InquiryKind(f("kind")), Channel: newsroom.InquiryChannel(f("channel")), Reference: page.Reference, Words: page.Words,
	}
	at, ok := localTime(page.Received)
	if at != nil {
		in.ReceivedAt = *at
	}
	id, err := "", error(nil)
	if !ok {
		page.Errors.add(l, "received_at", "field.bad_time")
	} else if id, err = s.Store.AddInquiry(r.Context(), me, in); err != nil {
		if page.Errors, ok = wrongFields(l, err); !ok {
			return err
		}
	}
	if len(page.Errors) > 0 {
		page.Errors = page.Errors.named(l, "kind", "inquiry.kind", "email", "inquiry.email", "channel", "inquiry.channel", "received_at", "inquiry.received")
		return s.inquiryForm(w, r, me, http.StatusUnprocessableEntity, page, in.Kind, in.Channel)
	}
	s.leaveFlash(w, "good", "flash.inquiry_added")
	return see(w, r, "/desk/inquiries/"+id)
}

// inquiryPage is the page "desk/inquiry".
type inquiryPage struct {
	inquiryRow
	ID, By, Name                  string
	Words                         []string // by paragraph
	AnswerDue, SettleDue          time.Time
	Answered                      *time.Time
	Acts                          []inquiryEntry
	Open, CanExport, CanLeave     bool
	CanBlock, CanErase, CanRename bool
	CanUnblock                    bool
	Blocked                       string // in words
	Outcomes                      []option
	Answer                        string // as typed
	Errors                        formErrors
}

type inquiryEntry struct {
	At       time.Time
	What, By string
	Note     []string
}

// getInquiry handles GET /desk/inquiries/{id}.
func (s *Server) getInquiry(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.inquiry(w, r, me, http.StatusOK, "", nil)
}

func (s *Server) inquiry(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, typed string, wrong formErrors) error {
	i, err := s.Store.Inquiry(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	page := inquiryPage{
		inquiryRow: o.inquiry(i), ID: i.ID, By: i.ReceivedBy, Words: paragraphs(i.Words), AnswerDue: i.AnswerDue, SettleDue: i.SettleDue, Answered: i.AnsweredAt,
		Open: i.ClosedAt == nil, Answer: typed, Errors: wrong,
	}
	if page.Open {
		there := i.State != "" && i.State != newsroom.SubscriberErased
		page.CanExport, page.CanErase, page.CanRename, page.CanBlock = there, there, there, !newsroom.Held(i.Blocked)
		page.CanLeave = i.State == newsroom.SubscriberConfirmed || i.State == newsroom.SubscriberRequested
		if there {
			u, err := s.Store.Subscriber(r.Context(), i.SubscriberID)
			if err != nil {
				return err
			}
			page.Name = u.Name
		}
	}
	for _, a := range i.Acts {
		page.Acts = append(page.Acts, inquiryEntry{a.At, o.l.T("inquiry.act_" + string(a.Act)), a.By, paragraphs(a.Note)})
	}
	if i.Blocked != "" {
		page.Blocked, page.CanUnblock = o.l.T("subs.blocked_"+i.Blocked), page.Open
	}
	chosen := newsroom.InquiryOutcome(r.PostFormValue("outcome"))
	for _, one := range newsroom.InquiryOutcomes {
		page.Outcomes = append(page.Outcomes, option{string(one), o.l.T("inquiry.outcome_" + string(one)), one == chosen})
	}
	return s.deskPage(w, r, me, status, "desk/inquiry", "subscribers", page)
}

// postInquiry handles POST /desk/inquiries/{id}: one thing done about it.
func (s *Server) postInquiry(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, id, f := r.Context(), r.PathValue("id"), r.PostFormValue
	to, said := "/desk/inquiries/"+id, "flash.inquiry_"+f("act")
	var err error
	switch act := newsroom.InquiryAct(f("act")); act {
	case newsroom.InquiryAnswered:
		err = s.Store.AnswerInquiry(ctx, me, id, f("answer"))
	case newsroom.InquiryClosed:
		err = s.Store.CloseInquiry(ctx, me, id, newsroom.InquiryOutcome(f("outcome")), f("answer"))
	case newsroom.InquiryCorrected:
		err = s.Store.CorrectInquirer(ctx, me, id, f("name"))
	case newsroom.InquiryErased:
		if !ticked(r, "sure") {
			return see(w, r, to)
		}
		err = s.Store.SettleInquiry(ctx, me, id, act)
	case newsroom.InquiryExported, newsroom.InquiryLeft, newsroom.InquiryBlocked, newsroom.InquiryUnblocked:
		err = s.Store.SettleInquiry(ctx, me, id, act)
	default:
		return newsroom.ErrNotFound
	}
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		wrong = wrong.named(s.lang(r), "name", "admin.name", "answer", "inquiry.answer", "outcome", "inquiry.outcome")
		return s.inquiry(w, r, me, http.StatusUnprocessableEntity, f("answer"), wrong)
	}
	if errors.Is(err, newsroom.ErrConflict) { // somebody else has closed it: the page says so
		s.leaveFlash(w, "bad", "flash.inquiry_over")
		return see(w, r, to)
	}
	if err != nil {
		return err
	}
	return s.afterInquiry(w, r, id, newsroom.InquiryAct(f("act")), to, said)
}

// afterInquiry tells the person's workflow what was done, and goes where the data are when they are to be handed out.
func (s *Server) afterInquiry(w http.ResponseWriter, r *http.Request, id string, act newsroom.InquiryAct, to, said string) error {
	i, err := s.Store.Inquiry(r.Context(), id)
	if err != nil {
		return err
	}
	if act == newsroom.InquiryExported {
		return see(w, r, "/desk/subscribers/"+i.SubscriberID+"/record")
	}
	if i.SubscriberID != "" {
		s.followReader(r.Context(), i.SubscriberID)
	}
	s.leaveFlash(w, "good", said)
	return see(w, r, to)
}

// getInquiriesCSV handles GET /desk/inquiries.csv: the whole register for an inspection, without anybody's address.
func (s *Server) getInquiriesCSV(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
	l := s.lang(r)
	out := csvFile(w, "so-yeu-cau-du-lieu.csv")
	if err := out.Write([]string{"id", "received_at", "channel", "reference", "kind", "received_by", "answer_due", "answered_at", "settle_due", "closed_at", "outcome"}); err != nil {
		return err
	}
	for f := (newsroom.InquiryFilter{Limit: 200}); ; {
		page, err := s.Store.Inquiries(r.Context(), f)
		if err != nil {
			return err
		}
		for _, i := range page.List {
			if err := out.Write([]string{
				i.ID, l.DateTime(i.ReceivedAt), string(i.Channel), plainCell(i.Reference), string(i.Kind), plainCell(i.ReceivedBy), l.DateTime(i.AnswerDue),
				timeCell(l, i.AnsweredAt), l.DateTime(i.SettleDue), timeCell(l, i.ClosedAt), string(i.Outcome),
			}); err != nil {
				return err
			}
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	out.Flush()
	return out.Error()
}

// paragraphs splits what somebody wrote at its line ends.
func paragraphs(written string) []string {
	return strings.FieldsFunc(written, func(r rune) bool { return r == '\n' })
}
