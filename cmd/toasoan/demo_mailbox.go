package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// letter is a mail as the mailbox's read API (Mailpit's) lists it.
type letter struct {
	ID      string
	Subject string
	Created time.Time
	To      []struct{ Address string }
}

// to reports whether the letter went to address alone.
func (l letter) to(address string) bool {
	return len(l.To) == 1 && strings.EqualFold(l.To[0].Address, address)
}

// mailboxGet reads from the mailbox.
func (w *demoWalk) mailboxGet(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.mailbox+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := w.plain.Do(req)
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(io.LimitReader(res.Body, 32<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s answers %s", path, res.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	return raw, nil
}

// letters lists the mails since the walk began, newest first.
func (w *demoWalk) letters(ctx context.Context) ([]letter, error) {
	const page = 250
	var found []letter
	for start := 0; ; start += page {
		raw, err := w.mailboxGet(ctx, fmt.Sprintf("/api/v1/messages?start=%d&limit=%d", start, page))
		if err != nil {
			return nil, err
		}
		var list struct{ Messages []letter }
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("mailbox: %w", err)
		}
		for _, l := range list.Messages {
			if l.Created.Before(w.began) {
				return found, nil
			}
			found = append(found, l)
		}
		if len(list.Messages) < page {
			return found, nil
		}
	}
}

// awaitLetter waits for a mail to address whose text contains part, and returns it with its text.
func (w *demoWalk) awaitLetter(ctx context.Context, what, address, part string) (l letter, text string, err error) {
	err = w.await(ctx, what, func() (bool, error) {
		list, err := w.letters(ctx)
		if err != nil {
			return false, err
		}
		for _, l = range list {
			if !l.to(address) {
				continue
			}
			if text, err = w.letterText(ctx, l.ID); err != nil {
				return false, err
			}
			if strings.Contains(text, part) {
				return true, nil
			}
		}
		return false, nil
	})
	return l, text, err
}

func (w *demoWalk) letterText(ctx context.Context, id string) (string, error) {
	raw, err := w.mailboxGet(ctx, "/api/v1/message/"+id)
	if err != nil {
		return "", err
	}
	var m struct{ Text string }
	if err := json.Unmarshal(raw, &m); err != nil {
		return "", fmt.Errorf("mailbox: %w", err)
	}
	return m.Text, nil
}

// letterHead are the header fields of a mail as they went over the wire.
func (w *demoWalk) letterHead(ctx context.Context, id string) (mail.Header, error) {
	raw, err := w.mailboxGet(ctx, "/api/v1/message/"+id+"/raw")
	if err != nil {
		return nil, err
	}
	m, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		return nil, fmt.Errorf("mail %s: %w", id, err)
	}
	return m.Header, nil
}

var addresses = regexp.MustCompile(`https?://[^\s<>"]+`)

// linkIn finds the only link of a text whose path begins with prefix.
func linkIn(text, prefix string) (string, error) {
	var links []string
	for _, found := range addresses.FindAllString(text, -1) {
		if u, err := url.Parse(found); err == nil && strings.HasPrefix(u.Path, prefix) && !slices.Contains(links, found) {
			links = append(links, found)
		}
	}
	if len(links) != 1 {
		return "", fmt.Errorf("want one link to %s… in the mail, found %d", prefix, len(links))
	}
	return links[0], nil
}
