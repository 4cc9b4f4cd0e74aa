package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"toasoan/newsroom"
)

// Returns takes reports about mails; each answer (taken, again, unknown, ignored) means that it is committed.
type Returns interface {
	TakeRaw(ctx context.Context, raw []byte) (string, error)
	TakeEvent(ctx context.Context, e newsroom.BounceEvent) (string, error)
}

// Limits of one post of reports.
const (
	bounceBytes = 2 << 20
	mostEvents  = 500
)

type (
	apiBouncesIn struct {
		Type    string `header:"Content-Type"`
		RawBody []byte `contentType:"application/json"`
	}
	apiBounceEvents struct {
		Events []apiBounceEvent `json:"events" maxItems:"500" doc:"Taken one after the other; all of them are committed when the answer comes."`
	}
	apiBounceEvent struct {
		ID         string `json:"id" doc:"Names the event: sent again it counts once."`
		Type       string `json:"type" enum:"failed,delayed,complaint,leave"`
		ReturnPath string `json:"return_path,omitempty" doc:"Envelope sender of the mail: b+…@BOUNCE_DOMAIN. This or message_id names the mail."`
		MessageID  string `json:"message_id,omitempty" doc:"Message-ID of the mail."`
		Recipient  string `json:"recipient,omitempty" doc:"Whose address failed; compared with the mail's and not kept."`
		Status     string `json:"status,omitempty" doc:"Enhanced status (RFC 3463), such as 5.1.1."`
		Diagnostic string `json:"diagnostic,omitempty" doc:"What the refusing server said; kept cut and without addresses."`
	}
	apiBouncesOut struct {
		Body apiBounceAnswer
	}
	apiBounceAnswer struct {
		Taken   int `json:"taken"`
		Again   int `json:"again" doc:"Were taken before."`
		Unknown int `json:"unknown" doc:"About no mail of this newsroom, or under a forged name."`
		Ignored int `json:"ignored" doc:"No reports: answering machines, receipts."`
	}
)

func (s *Server) apiBounceVerbs() {
	apiDo(s, apiVerb{
		id: "reportBounces", method: http.MethodPost, path: "/bounces", tag: "subscribers", summary: "Report what came back about mails.",
		doc:    "For relays that report by HTTP: a list of events as JSON (BounceEvents), or one returned mail whole as message/rfc822 (RFC 3464, RFC 5965). A repeat counts once.",
		scopes: []newsroom.Scope{newsroom.ScopeBounces, newsroom.ScopeAdmin}, body: bounceBytes, raw: true,
		errors: []int{http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge},
	}, s.apiReportBounces)
	spec := s.api.huma.OpenAPI()
	events := spec.Components.Schemas.Schema(reflect.TypeFor[apiBounceEvents](), true, "")
	post := spec.Paths[apiBase+"/bounces"].Post
	post.Parameters = nil // the body's type is said with the body
	post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: events}, "message/rfc822": {Schema: &huma.Schema{Type: "string"}},
	}}
}

func (s *Server) apiReportBounces(ctx context.Context, _ caller, in *apiBouncesIn) (*apiBouncesOut, error) {
	out := &apiBouncesOut{}
	kind, _, _ := mime.ParseMediaType(in.Type)
	switch kind {
	case "message/rfc822":
		said, err := s.Returns.TakeRaw(ctx, in.RawBody)
		if err != nil {
			return nil, err
		}
		out.Body.count(said)
		return out, nil
	case "application/json":
	default:
		return nil, newProblem(infoOf(ctx).lang, http.StatusUnsupportedMediaType, "media_type", "api.bounce_type")
	}
	var list apiBounceEvents
	reader := json.NewDecoder(bytes.NewReader(in.RawBody))
	reader.DisallowUnknownFields()
	if err := errors.Join(reader.Decode(&list), atEnd(reader)); err != nil || len(list.Events) > mostEvents || slices.ContainsFunc(list.Events, apiBounceEvent.wrong) {
		return nil, newProblem(infoOf(ctx).lang, http.StatusUnprocessableEntity, "invalid", "api.bounce_events")
	}
	for _, e := range list.Events {
		said, err := s.Returns.TakeEvent(ctx, newsroom.BounceEvent(e))
		if err != nil {
			return nil, err
		}
		out.Body.count(said)
	}
	return out, nil
}

// atEnd refuses whatever follows the one value of a body.
func atEnd(reader *json.Decoder) error {
	if _, err := reader.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// wrong reports an event that names nothing, or says nothing that is known.
func (e apiBounceEvent) wrong() bool {
	known := []string{newsroom.EventFailed, string(newsroom.BounceDelayed), string(newsroom.BounceComplaint), string(newsroom.BounceLeave)}
	return e.ID == "" || len(e.ID) > 300 || e.ReturnPath == "" && e.MessageID == "" || !slices.Contains(known, e.Type)
}

func (a *apiBounceAnswer) count(said string) {
	switch said {
	case string(newsroom.BounceTaken):
		a.Taken++
	case string(newsroom.BounceAgain):
		a.Again++
	case string(newsroom.BounceUnknown):
		a.Unknown++
	default:
		a.Ignored++
	}
}
