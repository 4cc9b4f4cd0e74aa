package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"toasoan/internal/inbox"
	"toasoan/internal/reply"
)

// readReplies reads the mailbox of answers to approval mails until ctx ends, where one is configured; stop waits for the end. Every
// worker may read it: a mail is acted on once.
func (a *app) readReplies(ctx context.Context) (stop func(), err error) {
	if a.config.IMAPURL == "" {
		return func() {}, nil
	}
	box, err := url.Parse(a.config.IMAPURL)
	if err != nil {
		return nil, fmt.Errorf("IMAP_URL: %w", err)
	}
	reader := &inbox.Reader{URL: box, Log: a.log, Handler: &reply.Handler{
		Store: a.store, Dispatch: a.dispatch, TrustedServer: a.config.Mail.AuthServer, Log: a.log, Now: time.Now,
	}}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		reader.Run(ctx)
	}()
	return func() { cancel(); <-done }, nil
}
