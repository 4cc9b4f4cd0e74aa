package consumers

import (
	"context"

	"toasoan/events"
)

// Parking keeps events that could not be handled until a person has them tried again. Met by store.
type Parking interface {
	Park(ctx context.Context, durable, eventID, subject string, payload []byte, cause string) error
}

// Nudge tells a publication that a receipt has come in. It is a courtesy: the receipt is a row already, and the
// publication looks for itself after a while. Met by dispatch.
type Nudge interface {
	Nudge(ctx context.Context, articleID string, n int64) error
}

// Announcer announces events. Met by events.Bus.
type Announcer interface {
	Publish(ctx context.Context, e events.Event, attempt int) error
}

// parkWith fits a Parking to what the bus calls on the last delivery.
func parkWith(p Parking) func(context.Context, string, events.Envelope, string, []byte, error) error {
	return func(ctx context.Context, durable string, e events.Envelope, subject string, payload []byte, cause error) error {
		return p.Park(ctx, durable, e.ID, subject, payload, cause.Error())
	}
}

// publicSubjects are the subjects of every event that changes what readers see.
func publicSubjects() []string {
	subjects := make([]string, len(events.PublicVerbs))
	for i, verb := range events.PublicVerbs {
		subjects[i] = events.ArticleSubject(verb)
	}
	return subjects
}
