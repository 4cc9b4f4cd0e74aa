package events

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// followerLife is how long NATS keeps a follower's consumer that nobody asks for events.
const followerLife = 30 * time.Second

// errGap says that an event was delivered and did not arrive.
var errGap = errors.New("an event did not arrive")

// Follow hands every new event of subjects to each, in order, from now on; lost is called whenever events may have been
// missed (start, reconnect, gap), before any later event. It is for caches and live pages, which can start from nothing: a
// follower begins with what is new each time and remembers no place in a stream, which may be another one by then.
func (b *Bus) Follow(ctx context.Context, subjects []string, each func(Envelope), lost func()) error {
	b.always(ctx, "follower", func(ctx context.Context, ending *sync.WaitGroup) error {
		if err := b.mend(ctx); err != nil {
			return err
		}
		consumer, err := b.js.CreateConsumer(ctx, StreamNewsroom, jetstream.ConsumerConfig{
			FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverNewPolicy, AckPolicy: jetstream.AckNonePolicy,
			MemoryStorage: true, Replicas: 1, InactiveThreshold: followerLife,
		})
		if err != nil {
			return err
		}
		lost()
		heard := uint64(0)
		return b.attend(ctx, ending, consumer, func(msg jetstream.Msg) error {
			meta, err := msg.Metadata()
			if err != nil {
				return err
			}
			if heard++; meta.Sequence.Consumer != heard {
				return errGap
			}
			var e Envelope
			if json.Unmarshal(msg.Data(), &e) == nil {
				each(e)
			}
			return nil
		})
	})
	return nil
}
