package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toasoan/newsroom"
)

// subscribe is the double opt-in of somebody new.
func (w *demoWalk) subscribe(ctx context.Context) (string, error) {
	w.reader = fmt.Sprintf("ban-doc-%s@bandoc.example", newsroom.NewID())
	reader, err := newVisitor(w.base, w.lang)
	if err != nil {
		return "", err
	}
	page, err := reader.open(ctx, http.MethodGet, "/dang-ky?muc="+walkSection)
	if err != nil {
		return "", err
	}
	if want := fmt.Sprintf("<html lang=%q", w.lang); !bytes.Contains(page.body, []byte(want)) {
		return "", fmt.Errorf("the page /dang-ky is not in %q", w.lang)
	}
	form, err := page.form("/dang-ky")
	if err != nil {
		return "", err
	}
	if form.fields.Get("consent") != "" {
		return "", errors.New("the consent is ticked before the reader ticked it")
	}
	if !slices.Contains(form.fields["section"], walkSection) {
		return "", fmt.Errorf("?muc=%s does not choose the section", walkSection)
	}
	form.fields.Set("email", w.reader)
	form.fields.Set("consent", "1")
	form.fields.Set("cadence", string(newsroom.CadenceInstant))
	if page, err = reader.send(ctx, http.MethodPost, form.action, form.fields); err != nil {
		return "", err
	}
	if page.status != http.StatusOK || strings.Contains(string(page.body), "field-invalid") {
		return "", fmt.Errorf("the subscription was answered %d", page.status)
	}
	_, text, err := w.awaitLetter(ctx, "the letter with the confirmation link", w.reader, "/xac-nhan/")
	if err != nil {
		return "", err
	}
	link, err := linkIn(text, "/xac-nhan/")
	if err != nil {
		return "", err
	}
	if page, err = reader.open(ctx, http.MethodGet, link); err != nil {
		return "", err
	}
	if err := w.readerIs(ctx, "requested", "after opening the link"); err != nil {
		return "", err
	}
	if form, err = page.form("/xac-nhan/"); err != nil {
		return "", err
	}
	if page, err = reader.send(ctx, http.MethodPost, form.action, form.fields); err != nil {
		return "", err
	}
	if page.status != http.StatusOK {
		return "", fmt.Errorf("the confirmation was answered %d", page.status)
	}
	return "", w.readerIs(ctx, "confirmed", "after the confirmation")
}

// readerIs fails unless the reader's subscription is in state.
func (w *demoWalk) readerIs(ctx context.Context, state, when string) error {
	u, err := w.readerState(ctx)
	if err == nil && u.State != state {
		err = fmt.Errorf("%s the reader is %q, want %q", when, u.State, state)
	}
	return err
}

// subscriberSeen is a subscriber as the API tells.
type subscriberSeen struct {
	Email, State, Blocked string
	Lists                 []struct{ Section, Cadence string }
}

func (w *demoWalk) readerState(ctx context.Context) (subscriberSeen, error) {
	var page struct{ Items []subscriberSeen }
	if err := w.ask(ctx, "admin", http.MethodGet, "/subscribers?q="+url.QueryEscape(w.reader), nil, &page); err != nil {
		return subscriberSeen{}, err
	}
	if len(page.Items) != 1 {
		return subscriberSeen{}, fmt.Errorf("the newsroom knows the reader %d times", len(page.Items))
	}
	return page.Items[0], nil
}

// subscribers are the addresses that the section's newsletter must reach at once.
func (w *demoWalk) subscribers(ctx context.Context) ([]string, error) {
	var list []string
	for after := ""; ; {
		var page struct {
			Items []subscriberSeen
			Next  string
		}
		query := url.Values{"state": {"confirmed"}, "section": {walkSection}, "limit": {"200"}, "after": {after}}
		if err := w.ask(ctx, "admin", http.MethodGet, "/subscribers?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		for _, u := range page.Items {
			for _, l := range u.Lists {
				if l.Section == walkSection && l.Cadence == string(newsroom.CadenceInstant) && u.Blocked == "" {
					list = append(list, strings.ToLower(u.Email))
				}
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	slices.Sort(list)
	if !slices.Contains(list, strings.ToLower(w.reader)) {
		return nil, errors.New("the new reader is not among the section's subscribers")
	}
	return list, nil
}
