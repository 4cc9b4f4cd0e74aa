package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Envelope is the CloudEvents 1.0 JSON form in which every event travels.
type Envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`     // <type>/<subject>/<n>: the same however often it is sent
	Source          string          `json:"source"` // "toasoan"
	Type            string          `json:"type"`   // newsroom.article.published.v1
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// Event is what an announcement must tell about itself.
type Event interface {
	// Type is the CloudEvents type and the NATS subject, with its version.
	Type() string
	// Key is what the event is about and which one it is: "<subject>/<n>".
	Key() string
	// When it happened, UTC.
	When() time.Time
}

// ID is the CloudEvents id of e: deterministic, so that consumers can tell a repeat.
func ID(e Event) string { return e.Type() + "/" + e.Key() }

// Wrap puts e into its envelope.
func Wrap(e Event) (Envelope, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return Envelope{}, fmt.Errorf("encode event %s: %w", ID(e), err)
	}
	about, _, _ := strings.Cut(e.Key(), "/")
	return Envelope{
		SpecVersion: "1.0", ID: ID(e), Source: "toasoan", Type: e.Type(), Subject: about,
		Time: e.When().UTC(), DataContentType: "application/json", Data: data,
	}, nil
}

// Open decodes the data of an envelope into out.
func (v Envelope) Open(out any) error {
	if err := json.Unmarshal(v.Data, out); err != nil {
		return fmt.Errorf("decode event %s: %w", v.ID, err)
	}
	return nil
}
