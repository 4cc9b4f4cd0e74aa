package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"toasoan/activities"
	"toasoan/events"
	"toasoan/internal/config"
	"toasoan/internal/consumers"
	"toasoan/internal/dispatch"
	"toasoan/internal/feed"
	"toasoan/internal/mail"
	"toasoan/internal/relaylog"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/web"
)

// app is the product wired together: who meets whose interface is decided here and nowhere else.
type app struct {
	config   config.Config
	log      *slog.Logger
	keys     *secret.Ring
	store    *store.Store
	bus      *events.Bus
	dispatch *dispatch.Client
}

// logger writes where and how the settings say.
func logger(c config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // the settings allow known levels only
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// openStore connects to the database alone: enough for the tools.
func openStore(ctx context.Context, c config.Config, keys *secret.Ring, log *slog.Logger) (*store.Store, error) {
	return store.New(ctx, store.Options{URL: c.DatabaseURL, Keys: keys, Log: log, BaseURL: c.URL.String()})
}

// open connects to database, NATS and Temporal. Only the database must be there: what the others miss is recorded and made up for.
func open(ctx context.Context, c config.Config, keys *secret.Ring, log *slog.Logger) (*app, error) {
	a := &app{config: c, log: log, keys: keys}
	var err error
	if a.store, err = openStore(ctx, c, keys, log); err != nil {
		return nil, err
	}
	if a.bus, err = events.Connect(c.NATSURL, c.NATSReplicas, log); err != nil {
		a.close()
		return nil, err
	}
	tlsConfig, err := temporalTLS(c.Temporal)
	if err != nil {
		a.close()
		return nil, err
	}
	a.dispatch, err = dispatch.Dial(dispatch.Options{
		Address: c.Temporal.Address, Namespace: c.Temporal.Namespace, TLS: tlsConfig, Requests: a.store, TimeScale: c.TimeScale,
		Log: log,
	})
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) close() {
	if a.dispatch != nil {
		a.dispatch.Close()
	}
	if a.bus != nil {
		a.bus.Close()
	}
	if a.store != nil {
		a.store.Close()
	}
}

// keyRing parses the configured keys.
func keyRing(c config.Config) (*secret.Ring, error) {
	keys, err := secret.Parse(c.Secret)
	if err != nil {
		return nil, fmt.Errorf("TOASOAN_SECRET: %w", err)
	}
	return keys, nil
}

func temporalTLS(t config.Temporal) (*tls.Config, error) {
	if t.TLSCA == "" && t.TLSCert == "" && t.TLSServerName == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLSServerName}
	if t.TLSCA != "" {
		pem, err := os.ReadFile(t.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("TEMPORAL_TLS_CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("TEMPORAL_TLS_CA: no certificate in the file")
		}
	}
	if t.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("TEMPORAL_TLS_CERT: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// webServer is the portal, the desk and the API.
func (a *app) webServer(ready ...web.Check) (*web.Server, error) {
	return web.New(web.Options{
		Store: a.store, Dispatch: a.dispatch, Bus: a.bus, Keys: a.keys, Log: a.log, URL: a.config.URL, Secure: a.config.URL.Scheme == "https",
		Demo: a.config.Demo, TrustedProxies: a.config.TrustedProxies, Ready: ready, MailDomain: a.config.Mail.Domain,
		MailHeld: a.config.Mail.Held(),
		Returns:  a.bounces(),
	})
}

// consumers runs the durable consumers until ctx ends.
func (a *app) consumers(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	counters := a.counters()
	for _, c := range []events.Consumer{a.feeds().Consumer(), counters.Consumer(), a.mailer().Consumer()} {
		group.Go(func() error { return ended(ctx, a.bus.Run(ctx, c)) })
	}
	group.Go(func() error { return ended(ctx, a.bus.RunViews(ctx, consumers.CountersDurable, counters.Views)) })
	return group.Wait()
}

// ended forgets an error that only says that ctx has ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *app) feeds() consumers.Feeds {
	return consumers.Feeds{
		Store: a.store, Bus: a.bus, Runs: a.dispatch, Render: feed.Renderer{Base: a.config.URL.String()}, Log: a.log, Now: time.Now,
	}
}

func (a *app) counters() consumers.Counters {
	return consumers.Counters{Store: a.store, Bus: a.bus, Runs: a.dispatch, Log: a.log}
}

func (a *app) mailer() consumers.Mailer {
	return consumers.Mailer{Store: a.store, Runs: a.dispatch, Log: a.log, Now: time.Now}
}

// courier is the engine that carries mails to the relay.
func (a *app) courier() (*mail.Courier, error) {
	c := a.config
	relay, err := mail.ParseRelay(c.SMTPURL)
	if err != nil {
		return nil, fmt.Errorf("SMTP_URL: %w", err)
	}
	signer, err := signer(c.Mail)
	if err != nil {
		return nil, err
	}
	composer, err := mail.NewComposer(mail.Settings{
		From: c.Mail.From, FromTx: c.Mail.FromTX, ReplyTo: c.Mail.ReplyTo, BounceDomain: c.Mail.BounceDomain, Signer: signer,
	})
	if err != nil {
		return nil, err
	}
	var witness mail.Witness
	if c.Mail.RelayLog != "" {
		witness = relaylog.New(c.Mail.RelayLog)
	}
	return mail.NewCourier(a.store, composer, relay, mail.Options{
		Connections: c.Mail.Connections, Rate: c.Mail.Rate, Window: c.Mail.Window, Hold: c.Mail.Held(), Witness: witness,
		Log: a.log, Alert: a.alert, Settle: a.settle, Waits: mail.DefaultWaits().Scaled(float64(c.TimeScale)),
	}), nil
}

func signer(m config.Mail) (*mail.Signer, error) {
	if m.DKIMKeyFile == "" {
		return nil, nil
	}
	key, err := os.ReadFile(m.DKIMKeyFile)
	if err != nil {
		return nil, fmt.Errorf("DKIM_KEY_FILE: %w", err)
	}
	return mail.NewSigner(m.DKIMDomain, m.DKIMSelector, key, time.Now)
}

// worker runs the Temporal workers until ctx ends; it waits for Temporal as long as it takes.
func (a *app) worker(ctx context.Context) error {
	courier, err := a.courier()
	if err != nil {
		return err
	}
	defer courier.Close()
	gate, err := a.gate()
	if err != nil {
		return err
	}
	go gate.Watch(ctx)
	desk := &activities.Desk{
		Articles: a.store, Portal: a.store, Open: a.store, Counters: a.counters(), Bus: a.bus, Runs: a.dispatch,
		Outside: activities.Visitor{Base: a.config.CheckURL, HTTP: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}},
		Mail: a.mailing(courier, gate), Record: a.store, Inspector: a.config.InspectorEmail, Log: a.log, Now: time.Now,
	}
	stopQueues, err := a.attend(ctx, func(name string, most int, fatal func(error)) worker.Worker {
		return a.queueWorker(desk, name, most, fatal)
	})
	if err != nil {
		return ended(ctx, err)
	}
	defer stopQueues()
	if err := a.ensureSchedules(ctx); err != nil {
		return ended(ctx, err)
	}
	go a.keepSchedules(ctx)
	stop, err := a.returns(ctx)
	if err != nil {
		return err
	}
	defer stop()
	a.log.Info("workers are ready")
	<-ctx.Done()
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
