package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"toasoan/newsroom"
)

// apiDocs is the page "api": the description of the API for people, rendered on the server without a script.
type apiDocs struct {
	About  string
	Groups []apiDocsGroup
	Types  []apiDocsType
}

type apiDocsGroup struct {
	Name  string
	Verbs []apiDocsVerb
}

type apiDocsVerb struct {
	ID, Method, Path, Summary, About string
	Fields                           []apiDocsField // parameters
	Body, BodyType                   string         // media type of the body and its type's name
	Answers                          []apiDocsAnswer
}

type apiDocsAnswer struct{ Status, Text, Type string }

type apiDocsType struct {
	Name   string
	Fields []apiDocsField
}

type apiDocsField struct {
	Name, In, Type, Ref, About string
	Required                   bool
}

// apiDocsPage is what the page shows: the description, and the codes of problems in the reader's language.
type apiDocsPage struct {
	apiDocs
	Codes []apiDocsCode
}

type apiDocsCode struct{ Code, Status, Text string }

// getAPIDocs handles GET /api/docs.
func (s *Server) getAPIDocs(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "max-age=300")
	return s.render(w, r, http.StatusOK, "api", apiDocsPage{apiDocs: s.api.docs, Codes: apiCodes(s.lang(r))})
}

// ownCodes are the codes of problems that are not refused moves, with status and sentence.
var ownCodes = []struct {
	status    int
	code, key string
}{
	{http.StatusBadRequest, "bad_request", "api.bad_body"},
	{http.StatusUnauthorized, "unauthorized", "api.unauthorized"},
	{http.StatusForbidden, "forbidden", "error.forbidden"},
	{http.StatusForbidden, "scope_missing", "api.scope_missing"},
	{http.StatusForbidden, "not_editor", "api.not_editor"},
	{http.StatusNotFound, "not_found", "api.not_found"},
	{http.StatusMethodNotAllowed, "method_not_allowed", "api.method_not_allowed"},
	{http.StatusRequestTimeout, "timeout", "api.timeout"},
	{http.StatusConflict, "id_reused", "api.id_reused"},
	{http.StatusConflict, "in_hand", "api.in_hand"},
	{http.StatusConflict, "suppressed", "api.suppressed"},
	{http.StatusPreconditionFailed, "stale", "api.if_match_stale"},
	{http.StatusRequestEntityTooLarge, "too_large", "error.too_large"},
	{http.StatusUnsupportedMediaType, "unsupported_type", "api.unsupported_type"},
	{http.StatusUnprocessableEntity, "invalid", "api.invalid"},
	{http.StatusUnprocessableEntity, "key_reused", "api.key_reused"},
	{http.StatusUnprocessableEntity, "no_header", "api.no_header"},
	{http.StatusUnprocessableEntity, "unsupported", "media.unsupported"},
	{http.StatusUnprocessableEntity, "heic", "media.heic"},
	{http.StatusUnprocessableEntity, "damaged", "media.damaged"},
	{http.StatusUnprocessableEntity, "empty", "media.empty"},
	{http.StatusUnprocessableEntity, "macros", "media.macros"},
	{http.StatusUnprocessableEntity, "name_and_content_differ", "media.name_and_content_differ"},
	{http.StatusUnprocessableEntity, "too_many_pixels", "media.too_many_pixels"},
	{http.StatusPreconditionRequired, "if_match_required", "api.if_match_required"},
	{http.StatusTooManyRequests, "rate_limited", "error.rate_limited"},
	{http.StatusInternalServerError, "internal", "error.internal"},
	{http.StatusServiceUnavailable, "unavailable", "error.unavailable"},
}

// refusals are the codes of refused moves that the API can give.
var refusals = []newsroom.Refusal{
	newsroom.RefusedStage, newsroom.RefusedRole, newsroom.RefusedStale, newsroom.RefusedLocked, newsroom.RefusedReason, newsroom.RefusedReasonCode,
	newsroom.RefusedIncomplete, newsroom.RefusedChecks, newsroom.RefusedDecided, newsroom.RefusedSettled, newsroom.RefusedConflict,
	newsroom.RefusedNotAsked, newsroom.RefusedTime, newsroom.RefusedWindow, newsroom.RefusedHash, newsroom.RefusedTarget,
	newsroom.RefusedUnknownMove, newsroom.RefusedNoCorrection, newsroom.RefusedNobody, newsroom.RefusedSameSigner, newsroom.RefusedFrozen,
}

func apiCodes(l language) []apiDocsCode {
	var list []apiDocsCode
	for _, c := range ownCodes {
		list = append(list, apiDocsCode{Code: c.code, Status: fmt.Sprint(c.status), Text: l.T(c.key, "scope", "…", "allowed", "…")})
	}
	for _, code := range refusals {
		p := refusedProblem(l, &newsroom.MoveError{Code: code})
		list = append(list, apiDocsCode{Code: p.Code, Status: fmt.Sprint(p.Status), Text: p.Detail})
	}
	return list
}

// newAPIDocs reads the description as people read it: groups of verbs, then the types they speak of.
func newAPIDocs(spec *huma.OpenAPI) apiDocs {
	docs := apiDocs{About: spec.Info.Description}
	groups := map[string]*apiDocsGroup{}
	var order []string
	for path, item := range spec.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "PUT": item.Put, "POST": item.Post} {
			if op == nil {
				continue
			}
			tag := op.Tags[0]
			if groups[tag] == nil {
				groups[tag] = &apiDocsGroup{Name: tag}
				order = append(order, tag)
			}
			groups[tag].Verbs = append(groups[tag].Verbs, docsVerb(method, path, op))
		}
	}
	slices.Sort(order)
	for _, tag := range order {
		slices.SortFunc(groups[tag].Verbs, func(a, b apiDocsVerb) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
		})
		docs.Groups = append(docs.Groups, *groups[tag])
	}
	schemas := spec.Components.Schemas.Map()
	for name, schema := range schemas {
		docs.Types = append(docs.Types, apiDocsType{Name: name, Fields: docsFields(schema)})
	}
	slices.SortFunc(docs.Types, func(a, b apiDocsType) int { return strings.Compare(a.Name, b.Name) })
	return docs
}

func docsVerb(method, path string, op *huma.Operation) apiDocsVerb {
	v := apiDocsVerb{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, About: op.Description}
	for _, p := range op.Parameters {
		kind, ref := docsType(p.Schema)
		about := p.Description
		if about == "" && p.Schema != nil {
			about = p.Schema.Description
		}
		v.Fields = append(v.Fields, apiDocsField{Name: p.Name, In: p.In, Type: kind, Ref: ref, About: about, Required: p.Required})
	}
	if op.RequestBody != nil {
		for mediaType, content := range op.RequestBody.Content {
			if v.Body != "" && v.Body < mediaType { // of several the first by name, so that the page is the same each time
				continue
			}
			v.Body, v.BodyType = mediaType, ""
			if content.Schema != nil {
				v.BodyType = docsRef(content.Schema)
			}
		}
	}
	for status, answer := range op.Responses {
		one := apiDocsAnswer{Status: status, Text: answer.Description}
		for _, content := range answer.Content {
			if content.Schema != nil {
				one.Type = docsRef(content.Schema)
			}
		}
		v.Answers = append(v.Answers, one)
	}
	slices.SortFunc(v.Answers, func(a, b apiDocsAnswer) int { return strings.Compare(a.Status, b.Status) })
	return v
}

func docsFields(schema *huma.Schema) []apiDocsField {
	var list []apiDocsField
	for name, one := range schema.Properties {
		kind, ref := docsType(one)
		list = append(list, apiDocsField{Name: name, Type: kind, Ref: ref, About: one.Description, Required: slices.Contains(schema.Required, name)})
	}
	slices.SortFunc(list, func(a, b apiDocsField) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// docsType names a field's type, and the type it refers to.
func docsType(s *huma.Schema) (kind, ref string) {
	switch {
	case s == nil:
		return "", ""
	case s.Ref != "":
		return docsRef(s), docsRef(s)
	case s.Type == huma.TypeArray:
		kind, ref = docsType(s.Items)
		return "[" + kind + "]", ref
	}
	kind = s.Type
	if s.Format != "" {
		kind += " (" + s.Format + ")"
	}
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		kind += ": " + strings.Join(values, ", ")
	}
	return kind, ""
}

func docsRef(s *huma.Schema) string {
	_, name, _ := strings.Cut(s.Ref, "schemas/")
	return name
}
