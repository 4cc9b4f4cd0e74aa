package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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

// mendPause comes between two tries to make again what NATS has lost, however many publishers and consumers miss it.
const mendPause = time.Second

// pingEvery is how often NATS is asked for a sign of life. A server that is gone without a word is left for another one of the cluster
// when two went unanswered: half a minute; the library's own patience is six.
const pingEvery = 10 * time.Second

// Bus publishes and consumes events on one NATS connection. It reconnects by itself for ever, and where NATS comes back without
// its data it makes streams and consumers again: what was in them is announced anew by those who wait for its receipts.
type Bus struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	replicas int
	log      *slog.Logger

	mending sync.Mutex // held while streams are made again, by one for all
	mended  time.Time  // when that was tried last
	mendErr error      // what came of it
}

// Connect opens the bus; it does not wait for NATS to be there: publishing fails until it is, consuming starts then.
// replicas is the number of copies each stream keeps: 1 on one machine, 3 in a cluster.
func Connect(url string, replicas int, log *slog.Logger) (*Bus, error) {
	nc, err := nats.Connect(url, nats.Name("toasoan"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(500*time.Millisecond), nats.Timeout(3*time.Second), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2),
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

// mend makes the streams again unless that was tried within mendPause: then it says what came of it.
func (b *Bus) mend(ctx context.Context) error {
	b.mending.Lock()
	defer b.mending.Unlock()
	if time.Since(b.mended) < mendPause {
		return b.mendErr
	}
	err := b.EnsureStreams(ctx)
	if ctx.Err() == nil { // that one caller had no more time says nothing to the others
		b.mended, b.mendErr = time.Now(), err
	}
	return err
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
	msg := &nats.Msg{Subject: e.Type(), Data: data, Header: nats.Header{"Content-Type": {"application/cloudevents+json"}}}
	if err := b.put(ctx, msg, fmt.Sprintf("%s#%d", envelope.ID, attempt)); err != nil {
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
	if err := b.put(ctx, &nats.Msg{Subject: SubjectViews, Data: data}, batch.ID); err != nil {
		return fmt.Errorf("publish views: %w", err)
	}
	return nil
}

// put stores a message, once more where its stream was missing and could be made again.
func (b *Bus) put(ctx context.Context, msg *nats.Msg, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := b.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id))
	if !errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	b.log.Warn("stream is missing", "subject", msg.Subject)
	if lost := b.mend(ctx); lost != nil {
		return errors.Join(err, lost)
	}
	_, err = b.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id))
	return err
}
