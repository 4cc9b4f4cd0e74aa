package web

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"toasoan/newsroom"
)

// apiIssues is what the newsletters' verbs ask of the database.
type apiIssues interface {
	DeskIssue(ctx context.Context, id string) (newsroom.DeskIssue, error)
	ExportDeliveries(ctx context.Context, by newsroom.Person, issueID string, each func(newsroom.DeliveryRow) error) error
}

type (
	apiIssueCounts struct {
		Candidates int `json:"candidates"`
		Sent       int `json:"sent"`
		Hard       int `json:"hard" doc:"Refused for good."`
		Expired    int `json:"expired" doc:"Refused for 72 hours."`
		Suppressed int `json:"suppressed" doc:"Left, or blocked, before it went out."`
		Cancelled  int `json:"cancelled" doc:"The issue was stopped."`
		InDoubt    int `json:"in_doubt" doc:"No reply after the last byte."`
		Waiting    int `json:"waiting"`
		Bounced    int `json:"bounced" doc:"Of hard and expired: the relay had taken the mail, and it came back."`
	}
	apiIssue struct {
		ID          string         `json:"id"`
		Kind        string         `json:"kind" doc:"article, correction or digest."`
		ArticleID   string         `json:"article_id,omitempty"`
		Publication string         `json:"publication,omitempty"`
		Revision    int            `json:"revision,omitempty"`
		List        string         `json:"list" doc:"Section whose subscribers get it."`
		Subject     string         `json:"subject"`
		Status      string         `json:"status" doc:"preparing, prepared, sending, paused, done or aborted."`
		Why         string         `json:"why,omitempty"`
		Counts      apiIssueCounts `json:"counts" doc:"candidates is the sum of the others."`
		Balanced    bool           `json:"balanced" doc:"The sum holds."`
		Faults      []apiFault     `json:"faults" doc:"What went wrong, by kind, without anybody's address."`
		OpenedAt    time.Time      `json:"opened_at"`
		PreparedAt  *time.Time     `json:"prepared_at,omitempty"`
		FinishedAt  *time.Time     `json:"finished_at,omitempty"`
	}
	apiFault struct {
		State    string     `json:"state"`
		Code     int        `json:"code" doc:"The relay's reply code."`
		Enhanced string     `json:"enhanced"`
		Reply    string     `json:"reply"`
		Next     *time.Time `json:"next_attempt,omitempty"`
		Count    int        `json:"count"`
	}
	apiIssueOut struct {
		Body apiIssue
	}
	apiRecipientsOut struct {
		Body func(huma.Context)
	}
)

// Where the table of recipients is for people, and for the router, which knows no wildcard with an ending.
const (
	recipientsShown  = "/issues/{id}.csv"
	recipientsRouted = "/issues/{id}/csv"
)

func (s *Server) apiIssueVerbs() {
	gone := []int{http.StatusNotFound}
	apiDo(s, apiVerb{
		id: "getIssue", method: http.MethodGet, path: "/issues/{id}", tag: "subscribers", summary: "Delivery counts of a newsletter.",
		doc: "For whoever sees the whole newsroom.", errors: gone,
	}, s.apiGetIssue)
	apiDo(s, apiVerb{
		id: "getRecipients", method: http.MethodGet, path: recipientsRouted, tag: "subscribers", summary: "What became of each recipient, as CSV.",
		scopes: []newsroom.Scope{newsroom.ScopeAdmin}, long: true, errors: gone,
	}, s.apiGetRecipients)
	paths := s.api.huma.OpenAPI().Paths
	item := paths[apiBase+recipientsRouted]
	delete(paths, apiBase+recipientsRouted)
	item.Get.Path = apiBase + recipientsShown
	item.Get.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string"}}}}
	paths[apiBase+recipientsShown] = item
}

// recipientsAddress rewrites /issues/<id>.csv to where the router has it.
func recipientsAddress(r *http.Request) *http.Request {
	name, isTable := strings.CutSuffix(r.URL.Path, ".csv")
	if !isTable || !strings.HasPrefix(name, apiBase+"/issues/") {
		return r
	}
	routed := r.Clone(r.Context())
	routed.URL.Path, routed.URL.RawPath = name+"/csv", ""
	return routed
}

func (s *Server) apiGetIssue(ctx context.Context, me caller, in *apiIDIn) (*apiIssueOut, error) {
	if !me.SeesAll() {
		return nil, newsroom.ErrNotFound
	}
	i, err := s.Store.DeskIssue(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &apiIssueOut{Body: apiIssue{
		ID: i.ID, Kind: i.Kind, ArticleID: i.ArticleID, Revision: i.Revision, List: i.List, Subject: i.Subject, Status: i.Status, Why: i.Why,
		Counts: apiIssueCounts(i.Counts), Balanced: i.Counts.Balanced(), OpenedAt: i.OpenedAt, PreparedAt: i.PreparedAt, FinishedAt: i.FinishedAt,
		Faults: []apiFault{},
	}}
	for _, f := range i.Faults {
		out.Body.Faults = append(out.Body.Faults, apiFault{
			State: string(f.State), Code: f.Code, Enhanced: f.Enhanced, Reply: f.Reply, Next: f.Next, Count: f.Count,
		})
	}
	if i.ArticleID != "" {
		out.Body.Publication = publicationName(i.ArticleID, i.N)
	}
	return out, nil
}

func (s *Server) apiGetRecipients(ctx context.Context, me caller, in *apiIDIn) (*apiRecipientsOut, error) {
	if _, err := s.Store.DeskIssue(ctx, in.ID); err != nil {
		return nil, err
	}
	return &apiRecipientsOut{Body: func(to huma.Context) {
		to.SetHeader("Content-Type", "text/csv; charset=utf-8")
		to.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="issue-%s.csv"`, in.ID))
		to.SetStatus(http.StatusOK)
		table := csv.NewWriter(to.BodyWriter())
		_ = table.Write([]string{"subscriber_id", "email", "state", "attempt", "code", "enhanced", "stage", "reply", "next_attempt", "done_at", "message_id"}) // told by Error
		err := s.Store.ExportDeliveries(ctx, me.Person, in.ID, func(d newsroom.DeliveryRow) error {
			return table.Write([]string{
				d.SubscriberID, d.Email, string(d.State), strconv.Itoa(d.Attempt), strconv.Itoa(d.Code), d.Enhanced, d.Stage, harmless(d.Reply),
				stamp(d.Next), stamp(d.DoneAt), s.messageID(d),
			})
		})
		table.Flush()
		if err := errors.Join(err, table.Error()); err != nil {
			s.Log.WarnContext(ctx, "recipients not sent to the end", "request_id", infoOf(ctx).id, "error", err)
			panic(http.ErrAbortHandler) // the table is cut: the client must see that
		}
	}}, nil
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// harmless keeps a spreadsheet from taking a stranger's words for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
