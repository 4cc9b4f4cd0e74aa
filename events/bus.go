package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Streams of the product. NEWSROOM keeps what was announced for 30 days, so that a consumer may be away that long; what it
// missed beyond that is healed by re-emission. VIEWS keeps page views until the counters have them, a week at most.
const (
	StreamNewsroom = "NEWSROOM"
	StreamViews    = "VIEWS"
	SubjectViews   = "views.page"
)

// Delivery limits of the durable consumers (mail.md (c): the defaults are 1,000 pending and endless delivery).
const (
	ackWait       = 30 * time.Second
	maxAckPending = 64
	maxDeliver    = 20
)

// Bus publishes and consumes events on one NATS connection. It reconnects by itself for ever.
type Bus struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	replicas int
	log      *slog.Logger
}

// Connect opens the bus; it does not wait for NATS to be there: publishing fails until it is, consuming starts then.
// replicas is the number of copies each stream keeps: 1 on one machine, 3 in a cluster.
func Connect(url string, replicas int, log *slog.Logger) (*Bus, error) {
	nc, err := nats.Connect(url, nats.Name("toasoan"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(500*time.Millisecond), nats.Timeout(3*time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("nats connection is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats reports", "error", err) }))
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return &Bus{nc: nc, js: js, replicas: max(replicas, 1), log: log}, nil
}

// Close lets what is under way finish and closes the connection.
func (b *Bus) Close() {
	if err := b.nc.Drain(); err != nil {
		b.nc.Close()
	}
}

// Up reports whether the connection stands now.
func (b *Bus) Up() bool { return b.nc.IsConnected() }

// EnsureStreams makes both streams as this program wants them. Safe to repeat.
func (b *Bus) EnsureStreams(ctx context.Context) error {
	for _, cfg := range []jetstream.StreamConfig{{
		Name: StreamNewsroom, Subjects: []string{"newsroom.>"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxAge: 30 * 24 * time.Hour, Duplicates: 10 * time.Minute, Replicas: b.replicas,
	}, {
		Name: StreamViews, Subjects: []string{"views.>"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxAge: 7 * 24 * time.Hour, MaxBytes: 256 << 20, Discard: jetstream.DiscardOld, Replicas: b.replicas,
	}} {
		if _, err := b.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("ensure stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}

// Publish announces e and waits until JetStream has stored it. attempt distinguishes re-emissions, which must not be
// swallowed by the duplicate window; consumers recognise them by the CloudEvents id.
func (b *Bus) Publish(ctx context.Context, e Event, attempt int) error {
	envelope, err := Wrap(e)
	if err != nil {
		return err
	}
	data, err := json.Marshal(envelope)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", envelope.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	msg := &nats.Msg{Subject: e.Type(), Data: data, Header: nats.Header{"Content-Type": {"application/cloudevents+json"}}}
	if _, err := b.js.PublishMsg(ctx, msg, jetstream.WithMsgID(fmt.Sprintf("%s#%d", envelope.ID, attempt))); err != nil {
		return fmt.Errorf("publish %s: %w", envelope.ID, err)
	}
	return nil
}

// PublishViews stores a batch of page views. After an error it may be stored all the same: it is sent again as it is, under
// its id, by which it counts once.
func (b *Bus) PublishViews(ctx context.Context, batch ViewBatch) error {
	data, err := json.Marshal(batch.Views)
	if err != nil {
		return fmt.Errorf("encode views: %w", err)
	}
	if _, err := b.js.Publish(ctx, SubjectViews, data, jetstream.WithMsgID(batch.ID)); err != nil {
		return fmt.Errorf("publish views: %w", err)
	}
	return nil
}

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

func (b *Bus) consume(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, each func(context.Context, jetstream.Msg)) error {
	consumer, err := b.consumer(ctx, stream, cfg)
	if err != nil {
		return err
	}
	working := context.WithoutCancel(ctx) // the event in hand is finished, not torn
	run, err := consumer.Consume(func(msg jetstream.Msg) {
		one, cancel := context.WithTimeout(working, ackWait-5*time.Second)
		defer cancel()
		each(one, msg)
	}, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		if !errors.Is(err, jetstream.ErrNoHeartbeat) {
			b.log.Warn("consumer reports", "durable", cfg.Durable, "error", err)
		}
	}))
	if err != nil {
		return fmt.Errorf("consume %s: %w", cfg.Durable, err)
	}
	<-ctx.Done()
	run.Drain()
	<-run.Closed()
	return nil
}

// consumer creates the durable, trying again until NATS is there.
func (b *Bus) consumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	for {
		err := b.EnsureStreams(ctx)
		if err == nil {
			var found jetstream.Consumer
			if found, err = b.js.CreateOrUpdateConsumer(ctx, stream, cfg); err == nil {
				return found, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		b.log.Warn("consumer waits for nats", "durable", cfg.Durable, "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
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

// Follow hands every new event of subjects to each, in order, from now on; lost is called whenever events may have been
// missed (start, reconnect, gap), before any later event. It is for caches and live pages, which can start from nothing.
func (b *Bus) Follow(ctx context.Context, subjects []string, each func(Envelope), lost func()) error {
	for ctx.Err() == nil {
		if err := b.follow(ctx, subjects, each, lost); err != nil && ctx.Err() == nil {
			b.log.Debug("follower starts again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}

func (b *Bus) follow(ctx context.Context, subjects []string, each func(Envelope), lost func()) error {
	consumer, err := b.js.OrderedConsumer(ctx, StreamNewsroom, jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	lost()
	trouble := make(chan error, 1)
	run, err := consumer.Consume(func(msg jetstream.Msg) {
		var e Envelope
		if json.Unmarshal(msg.Data(), &e) == nil {
			each(e)
		}
	}, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		select {
		case trouble <- err:
		default:
		}
	}))
	if err != nil {
		return fmt.Errorf("follow events: %w", err)
	}
	defer run.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-trouble:
			return err // a gap, a lost heartbeat or a reconnect: forget everything and start from now
		}
	}
}
