package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// troubleStore is what the pages about trouble ask of the database.
type troubleStore interface {
	Alerts(ctx context.Context) ([]newsroom.Alert, error)
	ClearAlert(ctx context.Context, by newsroom.Person, id string) error
	ParkedEvents(ctx context.Context, limit int) ([]newsroom.ParkedEvent, error)
	ParkedEvent(ctx context.Context, id int64) (newsroom.ParkedEvent, error)
	Retried(ctx context.Context, by newsroom.Person, id int64) error
}

// troublePage is the page "desk/trouble": alerts and parked events.
type troublePage struct {
	Alerts []alertView
	Parked []parkedView
}

type alertView struct {
	ID, Text, URL string
	At            string
	Cleared       string
	Fields        []alertField
}

type parkedView struct {
	newsroom.ParkedEvent
	At, Retried string
	Text        string // payload, indented
}

// getTrouble handles GET /desk/admin/trouble.
func (s *Server) getTrouble(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	alerts, err := s.Store.Alerts(r.Context())
	if err != nil {
		return err
	}
	var page troublePage
	for _, a := range alerts {
		v := alertView{ID: a.ID, Text: a.Code, At: l.DateTime(a.At)}
		if key := "alert." + a.Code; l.Has(key) {
			v.Text = l.T(key)
		}
		if id, ok := a.Detail["article_id"].(string); ok {
			v.URL = articlePath(id)
		}
		if id, ok := a.Detail["inquiry_id"].(string); ok {
			v.URL = "/desk/inquiries/" + id
		}
		if a.ClearedAt != nil {
			v.Cleared = l.DateTime(*a.ClearedAt)
		}
		v.Fields = alertFields(l, a.Detail)
		page.Alerts = append(page.Alerts, v)
	}
	parked, err := s.Store.ParkedEvents(r.Context(), 100)
	if err != nil {
		return err
	}
	for _, e := range parked {
		v := parkedView{ParkedEvent: e, At: l.DateTime(e.ParkedAt), Text: string(e.Payload)}
		if e.RetriedAt != nil {
			v.Retried = l.DateTime(*e.RetriedAt)
		}
		page.Parked = append(page.Parked, v)
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/trouble", "trouble", page)
}

// postAlert handles POST /desk/admin/trouble/alerts: somebody has dealt with it.
func (s *Server) postAlert(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if err := s.Store.ClearAlert(r.Context(), me, r.PostFormValue("id")); err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.alert_cleared")
	return see(w, r, "/desk/admin/trouble")
}

// postParked handles POST /desk/admin/trouble/events: the event is sent again. Consumers that handled it already know it by its id.
func (s *Server) postParked(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	id, err := strconv.ParseInt(r.PostFormValue("id"), 10, 64)
	if err != nil {
		return newsroom.ErrNotFound
	}
	parked, err := s.Store.ParkedEvent(r.Context(), id)
	if err != nil {
		return err
	}
	var envelope events.Envelope
	if err := json.Unmarshal(parked.Payload, &envelope); err != nil {
		return refuse(http.StatusUnprocessableEntity, "desk.event_unreadable")
	}
	if err := s.Bus.Publish(r.Context(), again{envelope}, int(s.Now().Unix())); err != nil {
		s.Log.WarnContext(r.Context(), "parked event not sent", "parked_id", id, "error", err)
		return refuse(http.StatusServiceUnavailable, "error.unavailable")
	}
	if err := s.Store.Retried(r.Context(), me, id); err != nil {
		return fmt.Errorf("retry parked event %d: %w", id, err)
	}
	s.leaveFlash(w, "good", "flash.sent_again")
	return see(w, r, "/desk/admin/trouble")
}

// again is an event that was sent before, under the same id with the same data.
type again struct{ envelope events.Envelope }

func (e again) Type() string                 { return e.envelope.Type }
func (e again) Key() string                  { return strings.TrimPrefix(e.envelope.ID, e.envelope.Type+"/") }
func (e again) When() time.Time              { return e.envelope.Time }
func (e again) MarshalJSON() ([]byte, error) { return e.envelope.Data, nil }
