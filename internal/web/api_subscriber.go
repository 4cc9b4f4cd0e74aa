package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"toasoan/newsroom"
)

// apiSubscribers is what the subscribers' verbs ask of the database.
type apiSubscribers interface {
	SubscriberPage(ctx context.Context, f newsroom.SubscriberFilter) (newsroom.SubscriberPage, error)
	Subscriber(ctx context.Context, id string) (newsroom.Subscriber, error)
	Subscribe(ctx context.Context, r newsroom.SubscribeRequest) (id string, err error)
	PreviewImport(ctx context.Context, by newsroom.Person, name, source string, fallback []string, body io.Reader) (newsroom.Import, error)
	DropImport(ctx context.Context, id string) error
	RunImport(ctx context.Context, by newsroom.Person, id string) error
	Import(ctx context.Context, id string) (newsroom.Import, error)
}

// apiConsentForm is the version of the words under which a consent reaches us through the API: the caller's own form.
const apiConsentForm = "api-1"

// listBytes bounds an imported list.
const listBytes = 50 << 20

type (
	apiSubscriber struct {
		ID          string                  `json:"id"`
		Email       string                  `json:"email"`
		Name        string                  `json:"name"`
		Locale      string                  `json:"locale"`
		State       string                  `json:"state" doc:"requested, confirmed, left or erased."`
		Source      string                  `json:"source"`
		RequestedAt time.Time               `json:"requested_at"`
		ConfirmedAt *time.Time              `json:"confirmed_at,omitempty"`
		LeftAt      *time.Time              `json:"left_at,omitempty"`
		Lists       []newsroom.Subscription `json:"lists"`
		Blocked     string                  `json:"blocked,omitempty" doc:"Why the address gets no newsletters."`
	}
	apiSubscribersIn struct {
		Query   string `query:"q" maxLength:"300" doc:"Part of an address or a name; one or two letters: the beginning of the address or of a word of the name."`
		State   string `query:"state" enum:"requested,confirmed,left,erased"`
		Section string `query:"section"`
		After   string `query:"after" doc:"next of the page before."`
		Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	apiSubscriberList struct {
		Items []apiSubscriber `json:"items" doc:"Newest first."`
		Next  string          `json:"next,omitempty"`
	}
	apiSubscribersOut struct {
		Body apiSubscriberList
	}
	apiSubscribeIn struct {
		Key  string `header:"Idempotency-Key" maxLength:"200"`
		Body apiSubscribeRequest
	}
	apiSubscribeRequest struct {
		Email    string   `json:"email"`
		Name     string   `json:"name,omitempty"`
		Sections []string `json:"sections"`
		Cadence  string   `json:"cadence,omitempty" enum:"instant,daily,weekly" default:"instant"`
		Locale   string   `json:"locale,omitempty" enum:"vi,en" default:"vi"`
		Consent  bool     `json:"consent" doc:"The person has agreed (Law 91/2025). The mailed link proves it."`
	}
	apiSubscribeOut struct {
		Location string `header:"Location"`
		Replayed string `header:"Idempotent-Replayed"`
		Body     apiSubscriber
	}
	apiImportIn struct {
		Key      string   `header:"Idempotency-Key" maxLength:"200"`
		Source   string   `query:"source" required:"true" maxLength:"200" doc:"Where the consents come from; kept with each."`
		Sections []string `query:"sections" doc:"For lines that name none."`
		Preview  bool     `query:"preview" doc:"Only say what the import would do."`

		list uploadedList
	}
	apiImport struct {
		ID    string `json:"id"`
		State string `json:"state" doc:"preview, running or done."`
		Total int    `json:"total"`
		Done  int    `json:"done"`
		newsroom.ImportReport
	}
	apiImportOut struct {
		Replayed string `header:"Idempotent-Replayed"`
		Body     apiImport
	}
)

func (s *Server) apiSubscriberVerbs() {
	admin := []newsroom.Scope{newsroom.ScopeAdmin}
	wrong := []int{http.StatusUnprocessableEntity}
	apiDo(s, apiVerb{
		id: "listSubscribers", method: http.MethodGet, path: "/subscribers", tag: "subscribers", summary: "List subscribers.", scopes: admin, errors: wrong,
	}, s.apiListSubscribers)
	apiDo(s, apiVerb{
		id: "subscribe", method: http.MethodPost, path: "/subscribers", tag: "subscribers", summary: "Subscribe somebody who has agreed.",
		doc:    "The person gets a mail and gets nothing else before its link is pressed (double opt-in). Whoever is subscribed already keeps what there is until then.",
		scopes: admin, status: http.StatusCreated, once: true, errors: append(wrong, http.StatusConflict),
	}, s.apiSubscribe)
	apiDo(s, apiVerb{
		id: "getSubscriber", method: http.MethodGet, path: "/subscribers/{id}", tag: "subscribers", summary: "Read one subscriber.", scopes: admin,
		errors: []int{http.StatusNotFound},
	}, s.apiGetSubscriber)
	apiDo(s, apiVerb{
		id: "importSubscribers", method: http.MethodPost, path: "/subscribers:import", tag: "subscribers", summary: "Import a list whose consents can be proven.",
		doc:    "CSV with comma, semicolon or tab, at most 50 MB. Wrong lines are reported and left out; whoever left before is not taken back.",
		scopes: admin, body: listBytes, long: true, once: true, errors: append(wrong, http.StatusConflict, http.StatusRequestEntityTooLarge),
	}, s.apiImportSubscribers)
	s.api.huma.OpenAPI().Paths[apiBase+"/subscribers:import"].Post.RequestBody = &huma.RequestBody{
		Required: true, Description: "Columns email, name, sections, cadence, consent_at, or those of an export; only email must be there.",
		Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
	}
	apiDo(s, apiVerb{
		id: "getImport", method: http.MethodGet, path: "/imports/{id}", tag: "subscribers", summary: "How far an import is.", scopes: admin,
		errors: []int{http.StatusNotFound},
	}, s.apiGetImport)
}

func subscriberOf(u newsroom.Subscriber) apiSubscriber {
	return apiSubscriber{
		ID: u.ID, Email: u.Email, Name: u.Name, Locale: u.Locale, State: string(u.State), Source: u.Source, RequestedAt: u.RequestedAt,
		ConfirmedAt: u.ConfirmedAt, LeftAt: u.LeftAt, Lists: listed(u.Lists), Blocked: u.Blocked,
	}
}

func (s *Server) apiListSubscribers(ctx context.Context, _ caller, in *apiSubscribersIn) (*apiSubscribersOut, error) {
	page, err := s.Store.SubscriberPage(ctx, newsroom.SubscriberFilter{
		Query: in.Query, State: newsroom.SubscriberState(in.State), Section: in.Section, After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &apiSubscribersOut{}
	out.Body.Items, out.Body.Next = []apiSubscriber{}, page.Next
	for _, u := range page.List {
		out.Body.Items = append(out.Body.Items, subscriberOf(u))
	}
	return out, nil
}

func (s *Server) apiGetSubscriber(ctx context.Context, _ caller, in *apiIDIn) (*struct{ Body apiSubscriber }, error) {
	u, err := s.Store.Subscriber(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body apiSubscriber }{subscriberOf(u)}, nil
}

func (s *Server) apiSubscribe(ctx context.Context, me caller, in *apiSubscribeIn) (*apiSubscribeOut, error) {
	b := in.Body
	id, again, err := s.Store.Once(ctx, me.ID, in.Key, fingerprint("subscribe", b), func(ctx context.Context) (string, error) {
		id, err := s.Store.Subscribe(ctx, newsroom.SubscribeRequest{
			Email: b.Email, Name: b.Name, Locale: b.Locale, Sections: b.Sections, Cadence: newsroom.Cadence(b.Cadence), Consent: b.Consent,
			Proof: newsroom.Proof{IP: infoOf(ctx).client.String(), Form: apiConsentForm, Source: "admin"},
		})
		if err == nil && id == "" {
			err = newProblem(infoOf(ctx).lang, http.StatusConflict, "suppressed", "api.suppressed")
		}
		return id, err
	})
	if err != nil {
		return nil, keyTrouble(ctx, err)
	}
	s.followReader(ctx, id)
	u, err := s.Store.Subscriber(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &apiSubscribeOut{Location: apiBase + "/subscribers/" + id, Body: subscriberOf(u)}
	if again {
		out.Replayed = "true"
	}
	return out, nil
}

// Resolve keeps the library from reading the list whole: the handler reads it a part at a time.
func (in *apiImportIn) Resolve(ctx huma.Context) []error {
	in.list = uploadedList{body: ctx.BodyReader(), sum: sha256.New()}
	return nil
}

// uploadedList is a list on its way in: its fingerprint so far, and what broke it.
type uploadedList struct {
	body   io.Reader
	sum    hash.Hash
	broken error
}

func (u *uploadedList) Read(p []byte) (int, error) {
	n, err := u.body.Read(p)
	_, _ = u.sum.Write(p[:n])        // a hash takes everything
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it bare
		u.broken = err
	}
	return n, err
}

// apiImportSubscribers keeps the list as it comes and only then knows its fingerprint: a repeat under the same key is read to its
// end too, and dropped. The key names the list that is being imported, so that a repeat finds it however far it is, and takes it up
// where whoever imported it has gone.
func (s *Server) apiImportSubscribers(ctx context.Context, me caller, in *apiImportIn) (*apiImportOut, error) {
	list, err := s.Store.PreviewImport(ctx, me.Person, "api.csv", in.Source, in.Sections, &in.list)
	if err != nil {
		return nil, in.list.trouble(ctx, err)
	}
	// The list is taken to its end even where the caller goes away: what is begun can be looked up.
	ctx = context.WithoutCancel(ctx)
	asked := fingerprint("importSubscribers", []any{in.Source, in.Sections, in.Preview, in.list.sum.Sum(nil)})
	id, again, err := s.Store.Once(ctx, me.ID, in.Key, asked, func(context.Context) (string, error) { return list.ID, nil })
	if id != list.ID {
		err = errors.Join(err, s.Store.DropImport(ctx, list.ID))
	}
	if err != nil {
		return nil, keyTrouble(ctx, err)
	}
	if !in.Preview {
		if err := s.Store.RunImport(ctx, me.Person, id); err != nil && !errors.Is(err, newsroom.ErrConflict) { // it runs, or is done
			return nil, err
		}
	}
	out := &apiImportOut{}
	if out.Body, err = s.apiImport(ctx, id); err != nil {
		return nil, err
	}
	if again {
		out.Replayed = "true"
	}
	return out, nil
}

// trouble tells a file that is no list, one that is too large, and an upload that broke: none of them is ours.
func (u *uploadedList) trouble(ctx context.Context, err error) error {
	l := infoOf(ctx).lang
	switch {
	case errors.Is(err, newsroom.ErrImportHeader) && u.broken == nil:
		return newProblem(l, http.StatusUnprocessableEntity, "no_header", "api.no_header")
	case tooLarge(u.broken):
		return newProblem(l, http.StatusRequestEntityTooLarge, "too_large", "subs.file_large")
	case errors.Is(u.broken, os.ErrDeadlineExceeded):
		return newProblem(l, http.StatusRequestTimeout, "timeout", "api.timeout")
	case u.broken != nil:
		return newProblem(l, http.StatusBadRequest, "bad_request", "api.bad_body")
	}
	return err
}

func (s *Server) apiGetImport(ctx context.Context, _ caller, in *apiIDIn) (*struct{ Body apiImport }, error) {
	list, err := s.apiImport(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body apiImport }{list}, nil
}

func (s *Server) apiImport(ctx context.Context, id string) (apiImport, error) {
	list, err := s.Store.Import(ctx, id)
	if err != nil {
		return apiImport{}, err
	}
	list.Report.Errors = listed(list.Report.Errors)
	return apiImport{ID: list.ID, State: list.State, Total: list.Total, Done: list.Done, ImportReport: list.Report}, nil
}
