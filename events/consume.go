package events

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Delivery limits of the durable consumers (mail.md (c): the defaults are 1,000 pending and endless delivery).
const (
	ackWait       = 30 * time.Second
	maxAckPending = 64
	maxDeliver    = 20
)

// heartbeat is how often NATS says that a consumer which has nothing to deliver is still there; two that stay away are trouble.
const heartbeat = 5 * time.Second

// Consumer is one durable consumer of NEWSROOM.
type Consumer struct {
	Durable  string
	Subjects []string
	// Handle must tolerate repeats and any order. An error means: again later, with growing pauses.
	Handle func(ctx context.Context, e Envelope) error
	// Park keeps an event that could not be handled on its last delivery. Only when it succeeds is the event given up.
	Park func(ctx context.Context, durable string, e Envelope, subject string, payload []byte, cause error) error
}

// Run consumes until ctx ends, then lets the event in hand finish. It waits for NATS as long as it takes.
func (b *Bus) Run(ctx context.Context, c Consumer) error {
	return b.consume(ctx, StreamNewsroom, jetstream.ConsumerConfig{
		Durable: c.Durable, FilterSubjects: c.Subjects, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: ackWait, MaxAckPending: maxAckPending, MaxDeliver: maxDeliver,
	}, func(ctx context.Context, msg jetstream.Msg) { b.deliver(ctx, c, msg) })
}

// RunViews consumes the VIEWS stream. handle recognises a repeat by the batch's id: numbers in a stream begin again when it is lost.
func (b *Bus) RunViews(ctx context.Context, durable string, handle func(ctx context.Context, batch ViewBatch) error) error {
	return b.consume(ctx, StreamViews, jetstream.ConsumerConfig{
		Durable: durable, FilterSubject: SubjectViews, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: maxAckPending,
	}, func(ctx context.Context, msg jetstream.Msg) {
		meta, err := msg.Metadata()
		batch := ViewBatch{ID: msg.Headers().Get(jetstream.MsgIDHeader)}
		if err != nil || json.Unmarshal(msg.Data(), &batch.Views) != nil {
			b.log.Error("views batch is not readable", "subject", msg.Subject())
			b.settle(msg.TermWithReason("not readable"))
			return
		}
		if batch.ID == "" { // published before batches had ids
			batch.ID = strconv.FormatUint(meta.Sequence.Stream, 10)
		}
		if err := handle(ctx, batch); err != nil {
			b.log.Warn("views batch not counted yet", "error", err)
			b.settle(msg.NakWithDelay(pause(meta.NumDelivered)))
			return
		}
		b.settle(msg.Ack())
	})
}

// consume hands the durable's messages to each until ctx ends, then lets the message in hand be finished.
func (b *Bus) consume(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, each func(context.Context, jetstream.Msg)) error {
	working := context.WithoutCancel(ctx) // the event in hand is finished, not torn
	b.always(ctx, cfg.Durable, func(ctx context.Context, ending *sync.WaitGroup) error {
		if err := b.mend(ctx); err != nil {
			return err
		}
		consumer, err := b.js.CreateOrUpdateConsumer(ctx, stream, cfg)
		if err != nil {
			return err
		}
		return b.attend(ctx, ending, consumer, func(msg jetstream.Msg) error {
			one, cancel := context.WithTimeout(working, ackWait-5*time.Second)
			defer cancel()
			each(one, msg)
			return nil
		})
	})
	return nil
}

// always repeats session, which ends with ctx or in trouble, until ctx has ended and all that its consumers had in hand is done.
// What the trouble was makes no difference: the next session makes again whatever is missing.
func (b *Bus) always(ctx context.Context, name string, session func(ctx context.Context, ending *sync.WaitGroup) error) {
	var ending sync.WaitGroup
	defer ending.Wait()
	for {
		err := session(ctx, &ending)
		if ctx.Err() != nil {
			return
		}
		b.log.Warn("consumer starts again", "durable", name, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(mendPause):
		}
	}
}

// errCameBack says that the connection was lost for a while: the server may be another one, or without what it had.
var errCameBack = errors.New("connection came back")

// attend hands what consumer delivers to each until ctx ends or something is wrong: the consumer is gone or silent, the connection
// was lost, each returned an error. What was delivered by then is still handled; ending ends with it.
func (b *Bus) attend(ctx context.Context, ending *sync.WaitGroup, consumer jetstream.Consumer, each func(jetstream.Msg) error) error {
	trouble := make(chan error, 1)
	report := func(err error) {
		select {
		case trouble <- err:
		default: // one is enough
		}
	}
	connected := b.nc.StatusChanged(nats.CONNECTED)
	defer b.nc.RemoveStatusListener(connected)
	run, err := consumer.Consume(func(msg jetstream.Msg) {
		if err := each(msg); err != nil {
			report(err)
		}
	}, jetstream.PullExpiry(jetstream.DefaultExpires), jetstream.PullHeartbeat(heartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { report(err) }))
	if err != nil {
		return err
	}
	closed := run.Closed()
	ending.Go(func() { <-closed })
	defer run.Drain()
	select {
	case <-ctx.Done():
		return nil
	case <-connected:
		return errCameBack
	case err := <-trouble:
		return err
	}
}

func (b *Bus) deliver(ctx context.Context, c Consumer, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		b.settle(msg.Nak())
		return
	}
	var e Envelope
	err = json.Unmarshal(msg.Data(), &e)
	if err == nil {
		err = c.Handle(ctx, e)
	}
	switch {
	case err == nil:
		b.settle(msg.DoubleAck(ctx))
	case meta.NumDelivered < maxDeliver:
		b.log.Warn("event not handled, will be delivered again", "durable", c.Durable, "event_id", e.ID, "delivery", meta.NumDelivered, "error", err)
		b.settle(msg.NakWithDelay(pause(meta.NumDelivered)))
	default:
		if parkErr := c.Park(ctx, c.Durable, e, msg.Subject(), msg.Data(), err); parkErr != nil {
			b.log.Error("event could not be parked", "durable", c.Durable, "event_id", e.ID, "error", parkErr)
			return // stays with JetStream; the advisory and the re-emission remain
		}
		b.log.Error("event parked", "durable", c.Durable, "event_id", e.ID, "error", err)
		b.settle(msg.TermWithReason("parked"))
	}
}

// settle logs an acknowledgement that did not reach NATS: the event comes again, which is harmless.
func (b *Bus) settle(err error) {
	if err != nil {
		b.log.Debug("acknowledgement lost", "error", err)
	}
}

// pause grows from 200 ms to a minute.
func pause(delivery uint64) time.Duration {
	return min(200*time.Millisecond<<min(delivery, 9), time.Minute)
}
