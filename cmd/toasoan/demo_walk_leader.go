package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// scan opens the leader's link as mail scanners do, fills the form in without the PIN, and holds the newsroom against what it was.
func (w *demoWalk) scan(ctx context.Context) (string, error) {
	before, err := w.standing(ctx)
	if err != nil {
		return "", err
	}
	scanner, err := newVisitor(w.base, w.lang)
	if err != nil {
		return "", err
	}
	var page *webPage
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		if page, err = scanner.open(ctx, method, w.link); err != nil {
			return "", err
		}
		if page.status != http.StatusOK || page.header.Get("Cache-Control") != "no-store" {
			return "", fmt.Errorf("%s of the link answers %d, Cache-Control %q", method, page.status, page.header.Get("Cache-Control"))
		}
	}
	form, err := page.form("/duyet/")
	if err != nil {
		return "", err
	}
	form.fields.Set("move", "approve")
	form.fields.Set("pin", "")
	if page, err = scanner.send(ctx, http.MethodPost, form.action, form.fields); err != nil {
		return "", err
	}
	if page.status < 400 {
		return "", fmt.Errorf("the form without a PIN was answered %d", page.status)
	}
	after, err := w.standing(ctx)
	if err != nil {
		return "", err
	}
	if before != after {
		return "", errors.New("opening the link, or its form without the PIN, changed the article or its record")
	}
	return fmt.Sprintf("GET, HEAD, GET, POST without a PIN (%d): nothing changed", page.status), nil
}

func (w *demoWalk) approve(ctx context.Context) (string, error) {
	var err error
	if w.wanted, err = w.subscribers(ctx); err != nil {
		return "", err
	}
	leader, _ := w.file.as("leader")
	phone, err := newVisitor(w.base, w.lang)
	if err != nil {
		return "", err
	}
	page, err := phone.open(ctx, http.MethodGet, w.link)
	if err != nil {
		return "", err
	}
	for _, want := range append(append([]string{w.title}, walkCaptions...), walkAuthors...) {
		if !strings.Contains(page.words(), want) {
			return "", fmt.Errorf("the leader's page does not show %q", want)
		}
	}
	form, err := page.form("/duyet/")
	if err != nil {
		return "", err
	}
	if !slices.Contains(form.offers["move"], "approve") {
		return "", errors.New("the leader's page offers no approval")
	}
	form.fields.Set("move", "approve")
	form.fields.Set("pin", leader.PIN)
	pressed := time.Now()
	if page, err = phone.send(ctx, http.MethodPost, form.action, form.fields); err != nil {
		return "", err
	}
	answered := time.Since(pressed)
	if page.status != http.StatusOK {
		return "", fmt.Errorf("the approval was answered %d: %s", page.status, shortened(page.words()))
	}
	if err := w.await(ctx, "the article is released", func() (bool, error) {
		a, err := w.look(ctx, "leader")
		w.article = a
		return a.Stage == "released", err
	}); err != nil {
		return "", err
	}
	return fmt.Sprintf("answered in %d ms; %s", answered.Milliseconds(), path.Base(w.article.URL)), nil
}
