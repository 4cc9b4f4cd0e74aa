package consumers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// issueDesk is the mailer's world: what the ledger answers and what the runs were told.
type issueDesk struct {
	answer newsroom.IssueOpened
	err    error
	asked  []string
	told   []string
	parked []string
	broken bool
}

func (d *issueDesk) MailPublicChange(_ context.Context, eventID, articleID string, _ int64, verb string, kind newsroom.ChangeKind) (newsroom.IssueOpened, error) {
	d.asked = append(d.asked, eventID+" "+articleID+" "+verb+" "+string(kind))
	return d.answer, d.err
}

func (d *issueDesk) Park(_ context.Context, durable, eventID, _ string, _ []byte, _ string) error {
	d.parked = append(d.parked, durable+" "+eventID)
	return nil
}

func (d *issueDesk) tell(what string) error {
	if d.broken {
		return errors.New("temporal is away")
	}
	d.told = append(d.told, what)
	return nil
}

func (d *issueDesk) Deliver(_ context.Context, id string) error { return d.tell("deliver " + id) }

func (d *issueDesk) StopDelivery(_ context.Context, id string) error { return d.tell("look at " + id) }

func (d *issueDesk) Nudge(_ context.Context, id string, _ int64) error {
	return d.tell("receipt " + id)
}

func publicEvent(t *testing.T, verb string, kind newsroom.ChangeKind) events.Envelope {
	t.Helper()
	e, err := events.Wrap(events.Article{
		ArticleID: "a1", N: 7, Revision: 2, SectionID: "kinh-te", Kind: string(kind), At: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
	}.With(verb))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMailerStartsWhatTheLedgerOpened(t *testing.T) {
	t.Parallel()
	d := &issueDesk{answer: newsroom.IssueOpened{Issues: []string{"i2", "i3"}, Stopped: []string{"i1"}, Candidates: 12}}
	m := Mailer{Store: d, Runs: d, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := m.Handle(t.Context(), publicEvent(t, "corrected", newsroom.ChangeCorrection)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"newsroom.article.corrected.v1/a1/7 a1 corrected correction"}; !slices.Equal(d.asked, want) {
		t.Errorf("asked %v", d.asked)
	}
	if want := []string{"look at i1", "deliver i1", "deliver i2", "deliver i3", "receipt a1"}; !slices.Equal(d.told, want) {
		t.Errorf("told %v, want %v", d.told, want)
	}
	// A repeat makes sure that the runs are there, and tells the publication again.
	d.answer, d.told = newsroom.IssueOpened{Issues: []string{"i2", "i3"}, Again: true}, nil
	if err := m.Handle(t.Context(), publicEvent(t, "corrected", newsroom.ChangeCorrection)); err != nil || len(d.told) != 3 {
		t.Errorf("a repeat told %v, %v", d.told, err)
	}
}

func TestMailerTriesAgainWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	d := &issueDesk{answer: newsroom.IssueOpened{Issues: []string{"i1"}}, broken: true}
	m := Mailer{Store: d, Runs: d, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := m.Handle(t.Context(), publicEvent(t, "published", "")); err == nil {
		t.Error("the event is given up although nobody was told")
	}
	d.broken, d.err = false, errors.New("database is away")
	if err := m.Handle(t.Context(), publicEvent(t, "published", "")); err == nil || len(d.told) != 0 {
		t.Errorf("handled without the ledger: %v", d.told)
	}
}

func TestMailerHearsWhatConcernsIt(t *testing.T) {
	t.Parallel()
	c := Mailer{Store: &issueDesk{}}.Consumer()
	want := []string{
		"newsroom.article.published.v1", "newsroom.article.corrected.v1", "newsroom.article.withdrawn.v1", "newsroom.article.taken_down.v1",
	}
	if c.Durable != "mailer" || !slices.Equal(c.Subjects, want) {
		t.Errorf("%s hears %v", c.Durable, c.Subjects)
	}
	m := Mailer{Store: &issueDesk{}, Runs: &issueDesk{}, Log: slog.New(slog.DiscardHandler)}
	if err := m.Handle(t.Context(), events.Envelope{ID: "x", Type: "newsroom.delivery.finished.v1", Data: json.RawMessage(`{}`)}); err == nil {
		t.Error("an event about something else was taken for an article's")
	}
}
