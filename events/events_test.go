package events_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"toasoan/events"
)

var update = flag.Bool("update", false, "write the golden files anew")

var at = time.Date(2026, 11, 20, 2, 15, 2, 0, time.UTC)

// all is one event of every type.
func all() []events.Event {
	var list []events.Event
	for _, verb := range events.ArticleVerbs {
		list = append(list, events.Article{
			ArticleID: "k3v9q2m7xa00", N: 7, Revision: 2, SectionID: "kinh-te", Stage: "released", Public: "live", ActorID: "u", Capacity: "approver",
			ReasonCode: "quality", Kind: "minor", At: at,
		}.With(verb))
	}
	for _, verb := range []string{"started", "progressed", "finished"} {
		list = append(list, events.Delivery{IssueID: "i", ArticleID: "a", Candidates: 415, Done: 412, Failed: 3, At: at}.With(verb))
	}
	for _, verb := range []string{"requested", "confirmed", "left"} {
		list = append(list, events.Subscriber{SubscriberID: "s", At: at}.With(verb))
	}
	return append(list,
		events.ReviewDue{ArticleID: "a", Clock: 5, Mark: 80, At: at}, events.ReviewDue{ArticleID: "a", Clock: 5, Mark: 100, At: at},
		events.FeedRegenerated{ArticleID: "a", N: 7, Feeds: 9, At: at}, events.CounterReset{Scope: "a", Which: "7", At: at},
		events.ErrorReported{ReportID: "r", ArticleID: "a", At: at})
}

// TestWireFormIsFrozen holds subjects, ids and JSON: others depend on them.
func TestWireFormIsFrozen(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, e := range all() {
		envelope, err := events.Wrap(e)
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	path := filepath.Join("testdata", "events.jsonl")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || b.String() != string(want) {
		t.Errorf("events changed on the wire (%v); a field may be added (-update), a changed meaning is a new .v2 type:\n%s", err, b.String())
	}
}

type spec struct {
	Channels map[string]struct {
		Address  string
		Messages map[string]struct {
			Ref string `yaml:"$ref"`
		}
	}
	Components struct {
		Messages map[string]struct {
			Payload struct {
				Required   []string
				Properties map[string]struct{ Type string }
			}
		}
	}
}

// TestAsyncAPIDescribesEveryEvent holds asyncapi.yaml against the Go types, both ways.
func TestAsyncAPIDescribesEveryEvent(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var s spec
	if err := yaml.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for _, c := range s.Channels {
		described[c.Address] = strings.TrimPrefix(c.Messages["event"].Ref, "#/components/messages/")
	}
	for _, e := range all() {
		name := reflect.TypeOf(e).Name()
		if described[e.Type()] != name {
			t.Errorf("%s is described as %q, its type is %s", e.Type(), described[e.Type()], name)
		}
		delete(described, e.Type())
		fields, required := jsonFields(reflect.TypeOf(e))
		payload := s.Components.Messages[name].Payload
		for field, kind := range fields {
			if payload.Properties[field].Type != kind {
				t.Errorf("%s.%s is %q in asyncapi.yaml, %s in Go", name, field, payload.Properties[field].Type, kind)
			}
		}
		for field := range payload.Properties {
			if fields[field] == "" {
				t.Errorf("%s.%s is in asyncapi.yaml only", name, field)
			}
		}
		slices.Sort(payload.Required)
		slices.Sort(required)
		if !slices.Equal(payload.Required, required) {
			t.Errorf("%s requires %v in asyncapi.yaml, %v in Go", name, payload.Required, required)
		}
	}
	for address := range described {
		t.Errorf("%s is in asyncapi.yaml only", address)
	}
}

func jsonFields(t reflect.Type) (fields map[string]string, required []string) {
	fields = map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		kind := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Int64: "integer", reflect.Struct: "string"}[f.Type.Kind()]
		fields[name] = kind
		if rest == "" {
			required = append(required, name)
		}
	}
	return fields, required
}

// TestEventsCarryNothingPersonal holds the field names against what must never travel.
func TestEventsCarryNothingPersonal(t *testing.T) {
	t.Parallel()
	for _, e := range all() {
		fields, _ := jsonFields(reflect.TypeOf(e))
		for field := range fields {
			for _, bad := range []string{"email", "address", "token", "body", "title", "text", "name", "reason_text"} {
				if strings.Contains(field, bad) {
					t.Errorf("%s carries %s", e.Type(), field)
				}
			}
		}
	}
}
