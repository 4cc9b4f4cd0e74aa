package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// walkSection is where the walk publishes; walkPatience is how long each thing may take to happen.
	walkSection  = "van-hoa-xa-hoi"
	walkPatience = 30 * time.Second
	walkReason   = "Đề nghị bổ sung số lượng học sinh tham gia và nguồn của số liệu."
)

// demoWalk is one article on its way from a draft to the mailboxes, as seen from outside.
type demoWalk struct {
	file    demoFile
	base    string
	mailbox string
	lang    string
	out     io.Writer
	plain   *http.Client // no cookies: scripts, feed readers, mail services
	began   time.Time

	reader  string // address of the fresh subscriber
	wanted  []string
	title   string
	article walkArticle
	link    string // of the leader's mail
	public  publicationSeen
	seen    []moment
}

// walkArticle is what the API tells about the article.
type walkArticle struct {
	ID          string `json:"id"`
	Stage       string `json:"stage"`
	ETag        string `json:"etag"`
	ContentHash string `json:"content_hash"`
	Revision    int    `json:"revision"`
	URL         string `json:"url"`
}

// moment is something that was seen, and when.
type moment struct {
	at   time.Time
	what string
}

func newDemoWalk(file demoFile, lang string, out io.Writer) (*demoWalk, error) {
	for _, role := range []string{"reporter", "reviewer", "leader", "admin"} {
		if u, ok := file.as(role); !ok || u.Token == "" {
			return nil, fmt.Errorf("%s has no token of the %s", demoName, role)
		}
	}
	if file.URL == "" || file.Mailbox == "" {
		return nil, fmt.Errorf("%s names no newsroom and mailbox", demoName)
	}
	return &demoWalk{
		file: file, base: strings.TrimRight(file.URL, "/"), mailbox: strings.TrimRight(file.Mailbox, "/"), lang: lang, out: out,
		plain: &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		began: time.Now().Add(-time.Second), // the mailbox's times are whole seconds
	}, nil
}

// run makes the walk and prints its timeline.
func (w *demoWalk) run(ctx context.Context) error {
	fmt.Fprintf(w.out, "\nOne article from draft to mailbox at %s\n\n", w.base)
	for _, step := range []struct {
		what string
		do   func(context.Context) (string, error)
	}{
		{"a reader subscribes and confirms by mail", w.subscribe},
		{"the reporter writes an article with two photos and two authors", w.write},
		{"the reporter submits, the reviewer claims and returns it", w.giveBack},
		{"the reporter mends and submits it again, the reviewer forwards it", w.forward},
		{"the leader's link is opened by a scanner, and nothing changes", w.scan},
		{"the leader approves with the PIN", w.approve},
		{"portal, feeds, counter, mailboxes and receipts are checked from outside", w.outside},
		{"the reader leaves with one click", w.leave},
	} {
		began := time.Now()
		told, err := step.do(ctx)
		if err != nil {
			fmt.Fprintf(w.out, "  ✗ %s\n", step.what)
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(w.out, "  ✓ %s (%s)\n", step.what, time.Since(began).Round(time.Millisecond))
		if told != "" {
			fmt.Fprintf(w.out, "      %s\n", told)
		}
	}
	w.timeline()
	return nil
}

// await polls until ok, less often the longer it takes; what it waits for is named when it does not come.
func (w *demoWalk) await(ctx context.Context, what string, ok func() (bool, error)) error {
	began := time.Now()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		waited := time.Since(began)
		if waited > walkPatience {
			return fmt.Errorf("not within %s: %s", walkPatience, what)
		}
		if err := pause(ctx, min(max(waited/10, 25*time.Millisecond), time.Second)); err != nil {
			return err
		}
	}
}

func shortened(text string) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), 300)])
}
