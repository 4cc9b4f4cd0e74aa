package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"toasoan/internal/bounce"
	"toasoan/internal/inbox"
	"toasoan/internal/reply"
	"toasoan/newsroom"
)

// bounces takes what comes back about mails, whichever way.
func (a *app) bounces() *bounce.Handler {
	m := a.config.Mail
	return &bounce.Handler{
		Store: a.store, Dispatch: a.dispatch, Domain: m.BounceDomain, Limit: newsroom.BounceLimit{Issues: m.SoftIssues, Days: m.SoftDays}, Log: a.log,
	}
}

// returns reads the mailbox of bounces and of answers to approval mails, and takes bounces by SMTP, as far as either is configured;
// stop waits for the end. Every worker may do it: a mail is acted on once.
func (a *app) returns(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	group := errgroup.Group{}
	stop = func() { cancel(); _ = group.Wait() } // both log what goes wrong and go on
	bounces := a.bounces()
	if a.config.IMAPURL != "" {
		box, err := url.Parse(a.config.IMAPURL)
		if err != nil {
			stop()
			return nil, fmt.Errorf("IMAP_URL: %w", err)
		}
		answers := &reply.Handler{Store: a.store, Dispatch: a.dispatch, TrustedServer: a.config.Mail.AuthServer, Log: a.log, Now: time.Now}
		reader := &inbox.Reader{URL: box, Log: a.log, Handler: inbox.Handlers{bounces, answers}}
		group.Go(func() error { reader.Run(ctx); return nil })
	}
	if a.config.Mail.BounceListen != "" {
		receiver, listener, err := a.receiver(ctx, bounces)
		if err != nil {
			stop()
			return nil, err
		}
		a.log.Info("returned mails are taken", "listen", listener.Addr().String(), "tls", receiver.Certificate != nil)
		group.Go(func() error {
			err := receiver.Serve(ctx, listener)
			if err != nil {
				a.log.Error("returned mails are not taken any more", "error", err)
			}
			return err
		})
	}
	return stop, nil
}

// receiver is who takes bounces by SMTP or LMTP, and where.
func (a *app) receiver(ctx context.Context, bounces *bounce.Handler) (*bounce.Receiver, net.Listener, error) {
	m := a.config.Mail
	address, lmtp := bounce.ParseListen(m.BounceListen)
	r := &bounce.Receiver{Handler: bounces, LMTP: lmtp, Log: a.log}
	if m.BounceCert != "" {
		var err error
		if r.Certificate, err = bounce.LoadCertificate(m.BounceCert, m.BounceKey, a.log); err != nil {
			return nil, nil, fmt.Errorf("BOUNCE_TLS_CERT: %w", err)
		}
	}
	listener, err := bounce.Listen(ctx, address)
	if err != nil {
		return nil, nil, fmt.Errorf("BOUNCE_LISTEN: %w", err)
	}
	return r, listener, nil
}
