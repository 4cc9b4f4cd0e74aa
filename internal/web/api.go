package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// apiBase is where the verbs of scripts begin.
const apiBase = "/api/v1"

// Limits of one token, per node: so many requests at once, then one per apiEvery.
const (
	apiEvery = 20 * time.Millisecond
	apiBurst = 300
)

// apiStore is what the API asks of the database.
type apiStore interface {
	Bearer(ctx context.Context, value string) (newsroom.Person, newsroom.Token, error)
	Once(ctx context.Context, user, key string, request []byte, create func(context.Context) (resource string, err error)) (resource string, again bool, err error)
	apiArticles
	apiRecord
	apiMedia
	apiSubscribers
	apiIssues
	apiCounters
}

// apiDispatch is what the API asks of the workflows.
type apiDispatch interface {
	Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error)
	Follow(ctx context.Context, articleID string) error
}

// apiRoom is what the API keeps: its own routes, the limits of each, and its description.
type apiRoom struct {
	mux    *http.ServeMux
	huma   huma.API
	limits map[string]apiLimit // by pattern
	spec   []byte              // /api/openapi.json
	docs   apiDocs
}

// apiLimit bounds one verb's request.
type apiLimit struct {
	body int64
	long bool // no time limit of ours: an upload or an import
}

// openAPI registers every verb and renders their description once.
func (s *Server) openAPI() error {
	s.api = apiRoom{mux: http.NewServeMux(), limits: map[string]apiLimit{}}
	s.api.huma = humago.New(s.api.mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Tòa Soạn", Version: "1",
				Description: "The newsroom's API: the same rules as its pages. Every answer that is no success is a problem document (RFC 9457) with a stable code and a sentence in the language of Accept-Language (vi, en).",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", apiSchemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {
					Type: "http", Scheme: "bearer",
					Description: "A token from the own account page or `toasoan user token`. Scopes: write (articles, as its owner), decide (approve, refuse, withdraw; issued with the own PIN), admin (subscribers, imports, recipients), bounces (report what came back about mails).",
				}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	})
	s.apiArticleVerbs()
	s.apiMoveVerbs()
	s.apiRecordVerbs()
	s.apiKeptVerbs()
	s.apiMediaVerbs()
	s.apiSubscriberVerbs()
	s.apiIssueVerbs()
	s.apiBounceVerbs()
	s.apiCounterVerbs()
	var err error
	if s.api.spec, err = json.MarshalIndent(s.api.huma.OpenAPI(), "", "  "); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	s.api.spec = append(s.api.spec, '\n')
	s.api.docs = newAPIDocs(s.api.huma.OpenAPI())
	return nil
}

// apiSchemaName names a type in the description: apiArticle is Article.
func apiSchemaName(t reflect.Type, hint string) string {
	return strings.TrimPrefix(huma.DefaultSchemaNamer(t, hint), "Api")
}

// apiVerb is one verb of the API. Its doc is what the description says.
type apiVerb struct {
	id      string
	method  string
	path    string // below apiBase
	tag     string
	summary string
	doc     string
	scopes  []newsroom.Scope // any of them; nil: any token
	status  int              // of success; 0: 200
	also    []int            // other answers that are no problems
	body    int64            // limit in bytes; 0: bodyLimit
	long    bool
	once    bool  // takes an Idempotency-Key
	raw     bool  // reads its body itself
	errors  []int // statuses of problems
}

// caller is whose token a request carries.
type caller struct {
	newsroom.Person
	Token newsroom.Token
}

type callerKey struct{}

// apiDo registers a verb. Its handler returns any error of ours: it becomes a problem document here and nowhere else.
func apiDo[In, Out any](s *Server, v apiVerb, do func(ctx context.Context, me caller, in *In) (*Out, error)) {
	if v.body == 0 {
		v.body = bodyLimit
	}
	op := huma.Operation{
		OperationID: v.id, Method: v.method, Path: apiBase + v.path, Tags: []string{v.tag}, Summary: v.summary, Description: v.described(),
		DefaultStatus: v.status, MaxBodyBytes: v.body, BodyReadTimeout: time.Minute, SkipValidateBody: v.raw,
		Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, v.errors...),
	}
	if v.long {
		op.BodyReadTimeout = longest
	}
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if me, _ := r.Context().Value(callerKey{}).(caller); !me.has(v.scopes) {
			s.apiFail(w, r, scopeMissing(requestInfo(r).lang, v.scopes))
			return
		}
		defer func() {
			if r.MultipartForm != nil {
				_ = r.MultipartForm.RemoveAll() // what was spooled to disk; the temporary folder is swept besides
			}
		}()
		next(ctx)
	}}
	slices.Sort(op.Errors)
	op.Errors = slices.Compact(op.Errors)
	s.api.limits[v.method+" "+op.Path] = apiLimit{body: v.body, long: v.long}
	huma.Register(s.api.huma, op, func(ctx context.Context, in *In) (*Out, error) {
		me, _ := ctx.Value(callerKey{}).(caller)
		out, err := do(ctx, me, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
	described := s.api.huma.OpenAPI().Paths[op.Path]
	for _, o := range []*huma.Operation{described.Get, described.Put, described.Post} {
		if o == nil || o.OperationID != v.id {
			continue
		}
		for _, status := range v.also {
			o.Responses[fmt.Sprint(status)] = &huma.Response{Description: http.StatusText(status)}
		}
	}
}

// described is the verb's doc with the scopes it needs.
func (v apiVerb) described() string {
	doc := v.doc
	switch {
	case len(v.scopes) == 0:
		doc += " Any token."
	case len(v.scopes) == 1:
		doc += " Scope: " + string(v.scopes[0]) + "."
	default:
		doc += " Scope: " + scopeList(v.scopes) + "."
	}
	if v.once {
		doc += " With an Idempotency-Key a repeat of the same request within a week makes nothing and answers with what the first one made."
	}
	return strings.TrimSpace(doc)
}

func scopeList(scopes []newsroom.Scope) string {
	names := make([]string, len(scopes))
	for i, one := range scopes {
		names[i] = string(one)
	}
	return strings.Join(names, ", ")
}

// has reports whether the token carries one of scopes; none asked for: any token does.
func (c caller) has(scopes []newsroom.Scope) bool {
	return len(scopes) == 0 || slices.ContainsFunc(scopes, c.Token.Has)
}

// serveAPI is everything below /api/v1: whose token it is, how much and how often it may ask, and one verb.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	notes := requestInfo(r)
	setLang(r, locale.Accept(r.Header.Get("Accept-Language")))
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Language", notes.lang.Tag())
	header.Add("Vary", "Accept-Language, Authorization")
	defer func() {
		if trouble := recover(); trouble != nil && trouble != http.ErrAbortHandler { //nolint:errorlint // a recovered value, not a wrapped error
			s.Log.ErrorContext(r.Context(), "handler panicked", "request_id", notes.id, "route", notes.route, "stack", string(debug.Stack()))
			s.apiFail(w, r, fmt.Errorf("panic: %v", trouble))
		} else if trouble != nil {
			panic(trouble)
		}
	}()
	r = recipientsAddress(r)
	_, pattern := s.api.mux.Handler(r)
	if pattern == "" {
		s.apiFail(w, r, s.noVerb(r))
		return
	}
	notes.route = pattern
	me, err := s.bearer(r)
	if err != nil {
		s.apiFail(w, r, err)
		return
	}
	ctx := context.WithValue(r.Context(), callerKey{}, me)
	limit := s.api.limits[pattern]
	if limit.long {
		if err := giveTime(w); err != nil {
			s.apiFail(w, r, err)
			return
		}
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	r = r.WithContext(ctx)
	if limit.body > 0 && r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, limit.body)
	}
	s.api.mux.ServeHTTP(w, r)
}

// bearer finds whose token r carries, and lets each ask so often.
func (s *Server) bearer(r *http.Request) (caller, error) {
	notes := requestInfo(r)
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		value = ""
	}
	me, token, err := s.Store.Bearer(r.Context(), strings.TrimSpace(value))
	if errors.Is(err, newsroom.ErrNotFound) {
		if wait := s.limits.take("api-unknown", notes.client, time.Second, 60); wait > 0 {
			return caller{}, tooMany(wait)
		}
		return caller{}, unauthorized(notes.lang)
	}
	if err != nil {
		return caller{}, err
	}
	if wait := s.limits.take("api "+token.ID, notes.client, apiEvery, apiBurst); wait > 0 {
		return caller{}, tooMany(wait)
	}
	return caller{Person: me, Token: token}, nil
}

// noVerb says that nothing is at an address, or not under that method.
func (s *Server) noVerb(r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.api.mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	l := requestInfo(r).lang
	if len(allowed) == 0 {
		return newProblem(l, http.StatusNotFound, "not_found", "api.not_found")
	}
	p := newProblem(l, http.StatusMethodNotAllowed, "method_not_allowed", "api.method_not_allowed", "allowed", strings.Join(allowed, ", "))
	p.headers.Set("Allow", strings.Join(allowed, ", "))
	return p
}

// getOpenAPI handles GET /api/openapi.json.
func (s *Server) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "max-age=300")
	return s.send(w, r, http.StatusOK, "application/openapi+json", s.api.spec)
}
