package activities

import (
	"context"
	"errors"

	"toasoan/events"
	"toasoan/newsroom"
)

// Subscribers is what Postgres knows of opt-ins. Met by store.
type Subscribers interface {
	SubscriberStanding(ctx context.Context, id string) (newsroom.SubscriberStanding, error)
	RemindSubscriber(ctx context.Context, id string) error
	PurgeSubscriber(ctx context.Context, id string) (gone bool, err error)
}

// SubscriberInput names a subscriber.
type SubscriberInput struct {
	SubscriberID string `json:"subscriber_id"`
}

// SubscriberResult is where an opt-in stands.
type SubscriberResult struct {
	newsroom.SubscriberStanding
	Gone bool `json:"gone,omitempty"` // nothing is stored about the person any more
}

// FollowSubscriber says where an opt-in stands and announces it.
func (d *Desk) FollowSubscriber(ctx context.Context, in SubscriberInput) (SubscriberResult, error) {
	defer beating(ctx)()
	st, err := d.Mail.Subscribers.SubscriberStanding(ctx, in.SubscriberID)
	if errors.Is(err, newsroom.ErrNotFound) {
		return SubscriberResult{Gone: true}, nil
	}
	if err != nil {
		return SubscriberResult{}, err
	}
	if st.State != newsroom.SubscriberErased {
		d.tell(ctx, events.Subscriber{SubscriberID: in.SubscriberID, At: st.At}.With(string(st.State)))
	}
	return SubscriberResult{SubscriberStanding: st}, nil
}

// RemindSubscriber writes the one reminder to somebody who has not confirmed yet.
func (d *Desk) RemindSubscriber(ctx context.Context, in SubscriberInput) (struct{}, error) {
	defer beating(ctx)()
	return struct{}{}, d.Mail.Subscribers.RemindSubscriber(ctx, in.SubscriberID)
}

// PurgeSubscriber removes a request that nobody confirmed within 7 days, and reports whether it is gone.
func (d *Desk) PurgeSubscriber(ctx context.Context, in SubscriberInput) (bool, error) {
	defer beating(ctx)()
	return d.Mail.Subscribers.PurgeSubscriber(ctx, in.SubscriberID)
}
