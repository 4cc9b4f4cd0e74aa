package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// readerStore is what the pages of subscribers by mail ask of the database.
type readerStore interface {
	Subscribe(ctx context.Context, r newsroom.SubscribeRequest) (id string, err error)
	Confirmation(ctx context.Context, token string) (newsroom.Confirmation, error)
	Confirm(ctx context.Context, token string, proof newsroom.Proof) (id string, err error)
	SubscriberByToken(ctx context.Context, token string) (newsroom.Subscriber, error)
	SetPreferences(ctx context.Context, token string, lists []newsroom.Subscription, name string, proof newsroom.Proof) (newsroom.Subscriber, error)
	LeaveAll(ctx context.Context, token string, proof newsroom.Proof) (id string, err error)
	Leaving(ctx context.Context, token string) (newsroom.Leaving, error)
	Leave(ctx context.Context, token string, all bool, proof newsroom.Proof) (newsroom.Leaving, error)
	Erase(ctx context.Context, token string, proof newsroom.Proof) error
	PersonalData(ctx context.Context, token string) (newsroom.PersonalData, error)
	TakeRate(ctx context.Context, rule, value string, most int, window time.Duration) (wait time.Duration, err error)
}

// readerRuns follows opt-ins. Met by dispatch.
type readerRuns interface {
	// Subscribed makes sure that an opt-in is followed.
	Subscribed(ctx context.Context, subscriberID string) error
	// SubscriberChanged tells a run that is there that somebody asked again, confirmed or left.
	SubscriberChanged(ctx context.Context, subscriberID string) error
}

// subscribeWords is the version of the words that people consent to; it changes with them and is kept with each consent.
const subscribeWords = "web-1"

// How often strangers may have confirmation letters sent: per network, per address, and the whole portal; to one address not day after
// day either.
const (
	subscribesPerNetwork = 30
	subscribesPerAddress = 3
	subscribesPerPortal  = 5000
	subscribesWindow     = 24 * time.Hour

	subscribesPerMonth = 10
	subscribesMonth    = 30 * 24 * time.Hour
)

// followTime bounds how long the workflows are asked to take up a request that was answered already.
const followTime = 15 * time.Second

// subscribePage is what the page "subscribe" shows.
type subscribePage struct {
	Email, Name string
	Sections    []choice
	Cadences    []choice
	Errors      []fieldError
	Refused     string // there were too many requests: until when to wait; what was typed is kept
	Sent        bool
	Action      string   // address of the form, with what its frame was asked to show
	Asked       []choice // sections that the address of a frame names; none: all are offered
}

// choice is an option of a form.
type choice struct {
	Value, Text, Note string
	Chosen            bool
}

// Error is the sentence about a field, "" none.
func (p subscribePage) Error(field string) string {
	for _, one := range p.Errors {
		if one.Field == field {
			return one.Message
		}
	}
	return ""
}

// getSubscribe handles GET /dang-ky; ?muc= chooses a section.
func (s *Server) getSubscribe(w http.ResponseWriter, r *http.Request) error {
	page, err := s.subscribePage(r, newsroom.SubscribeRequest{Sections: r.URL.Query()["muc"], Cadence: newsroom.CadenceInstant})
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "subscribe", page)
}

func (s *Server) subscribePage(r *http.Request, in newsroom.SubscribeRequest) (subscribePage, error) {
	site, err := s.site(r.Context())
	if err != nil {
		return subscribePage{}, err
	}
	l := s.lang(r)
	page := subscribePage{Email: in.Email, Name: in.Name, Cadences: cadences(l, in.Cadence), Action: r.URL.RequestURI()}
	asked := r.URL.Query()["chuyen-muc"]
	for _, one := range sectionLinks(site, l) {
		section := choice{Value: one.ID, Text: one.Name, Chosen: slices.Contains(in.Sections, one.ID)}
		page.Sections = append(page.Sections, section)
		if slices.Contains(asked, one.ID) {
			page.Asked = append(page.Asked, section)
		}
	}
	return page, nil
}

func cadences(l language, chosen newsroom.Cadence) []choice {
	list := make([]choice, len(newsroom.Cadences))
	for i, c := range newsroom.Cadences {
		list[i] = choice{Value: string(c), Text: l.T("cadence." + string(c)), Note: l.T("subscribe.cadence_" + string(c)), Chosen: c == chosen}
	}
	return list
}

// postSubscribe handles POST /dang-ky.
func (s *Server) postSubscribe(w http.ResponseWriter, r *http.Request) error {
	return s.takeSubscription(w, r, "subscribe", "page")
}

// takeSubscription answers a form with page name: the same for every address that could be one, known or not. source is
// where the form stood, for the record of consent.
func (s *Server) takeSubscription(w http.ResponseWriter, r *http.Request, name, source string) error {
	in, err := s.subscribeRequest(r, source)
	if err != nil {
		return err
	}
	robot := r.PostFormValue("website") != ""
	if !robot {
		err := s.subscribe(r, in)
		if wrong, ok := errors.AsType[*newsroom.InvalidError](err); ok {
			page, err := s.subscribePage(r, in)
			if err != nil {
				return err
			}
			page.Errors = s.subscribeErrors(s.lang(r), wrong)
			return s.render(w, r, http.StatusUnprocessableEntity, name, page)
		}
		if err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, name, subscribePage{Email: in.Email, Sent: true, Action: r.URL.RequestURI()})
}

// subscribeRequest is what was typed.
func (s *Server) subscribeRequest(r *http.Request, source string) (in newsroom.SubscribeRequest, err error) {
	if err := r.ParseForm(); err != nil {
		return in, refuse(http.StatusBadRequest, "error.bad_request")
	}
	return newsroom.SubscribeRequest{
		Email: strings.TrimSpace(r.PostFormValue("email")), Name: text.Line(r.PostFormValue("name")), Locale: s.lang(r).Tag(),
		Sections: r.PostForm["section"], Cadence: newsroom.Cadence(r.PostFormValue("cadence")), Consent: ticked(r, "consent"),
		Proof: s.proof(r, source),
	}, nil
}

// patient shows page name again, with what was typed, where h refuses a form because there were too many: a day is long, and a whole
// office may share one address.
func (s *Server) patient(name string, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		limited, ok := errors.AsType[*statusError](err)
		if !ok || limited.status != http.StatusTooManyRequests {
			return err
		}
		in, err := s.subscribeRequest(r, "")
		if err != nil {
			return err
		}
		page, err := s.subscribePage(r, in)
		if err != nil {
			return err
		}
		page.Refused = limited.said(s.lang(r))
		limited.ask(w.Header())
		return s.render(w, r, limited.status, name, page)
	}
}

// proof is what is kept of how somebody acted.
func (s *Server) proof(r *http.Request, source string) newsroom.Proof {
	return newsroom.Proof{IP: requestInfo(r).client.String(), Form: subscribeWords + "/" + s.lang(r).Tag(), Source: source}
}

// subscribe takes a request within the limits. An address that has asked too often is answered like any other, and nothing is
// sent to it.
func (s *Server) subscribe(r *http.Request, in newsroom.SubscribeRequest) error {
	ctx := r.Context()
	if key := text.EmailKey(in.Email); key != "" && in.Consent && len(in.Sections) > 0 {
		for _, limit := range []struct {
			rule, value string
			most        int
			window      time.Duration
			told        bool // to whoever asks; what concerns an address is nobody's business
		}{
			{"subscribe.network", network(requestInfo(r).client).String(), subscribesPerNetwork, subscribesWindow, true},
			{"subscribe.site", siteOf(requestInfo(r).client).String(), siteShare * subscribesPerNetwork, subscribesWindow, true},
			{"subscribe.portal", "", subscribesPerPortal, subscribesWindow, true},
			{"subscribe.address", key, subscribesPerAddress, subscribesWindow, false},
			{"subscribe.address_month", key, subscribesPerMonth, subscribesMonth, false},
		} {
			wait, err := s.Store.TakeRate(ctx, limit.rule, limit.value, limit.most, limit.window)
			if err != nil {
				return err
			}
			if wait > 0 && limit.told {
				return tooMany(wait)
			}
			if wait > 0 {
				return nil
			}
		}
	}
	id, err := s.Store.Subscribe(ctx, in)
	if err != nil {
		return err
	}
	// The answer does not wait for it: how long it takes would tell apart who is asked from who is not.
	later, cancel := context.WithTimeout(context.WithoutCancel(ctx), followTime)
	go func() {
		defer cancel()
		s.followReader(later, id)
	}()
	return nil
}

// followReader has the letters of an opt-in sent. That it could not be told now is only worth a line: the reconcile schedule
// finds it.
func (s *Server) followReader(ctx context.Context, id string) {
	if id == "" {
		return
	}
	err := s.Dispatch.Subscribed(ctx, id)
	if err == nil {
		err = s.Dispatch.SubscriberChanged(ctx, id)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "subscription is followed later", "subscriber_id", id, "error", err)
	}
}

func (s *Server) subscribeErrors(l language, wrong *newsroom.InvalidError) []fieldError {
	list := make([]fieldError, len(wrong.Fields))
	for i, f := range wrong.Fields {
		key := f.Code // email.<code> of package text
		switch {
		case f.Field == "sections":
			key = "subscribe.choose_section"
		case f.Field == "consent":
			key = "subscribe.consent_required"
		case !l.Has(key):
			key = "field.invalid"
		}
		list[i] = fieldError{f.Field, l.T(key)}
	}
	return list
}
