package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"toasoan/newsroom"
)

// publicationSeen is a public change with its receipts, as the API tells.
type publicationSeen struct {
	At       time.Time
	Done     *time.Time
	Issues   []string
	Receipts []struct {
		Effect  string
		At      *time.Time
		TookMS  *float64 `json:"took_ms"`
		Checked *time.Time
	}
}

// outside looks at everything that a release must have done, all at once, and notes when each was seen first.
func (w *demoWalk) outside(ctx context.Context) (string, error) {
	var noting sync.Mutex
	group, watching := errgroup.WithContext(ctx)
	watch := func(what string, ok func(context.Context) (bool, error)) {
		group.Go(func() error {
			if err := w.await(watching, what, func() (bool, error) { return ok(watching) }); err != nil {
				return err
			}
			noting.Lock()
			defer noting.Unlock()
			w.seen = append(w.seen, moment{time.Now(), what})
			return nil
		})
	}
	at, err := url.Parse(w.article.URL)
	if err != nil || at.Path == "" {
		return "", fmt.Errorf("the article has no address on the portal: %q", w.article.URL)
	}
	section := newsroom.SectionPath(walkSection)
	for name, path := range map[string]string{"front page": "/", "section page": section} {
		watch(name+" shows it", func(ctx context.Context) (bool, error) { return w.pageShows(ctx, path, at.Path, w.title) })
	}
	watch("article page shows text, photos, captions, alt texts and both authors", func(ctx context.Context) (bool, error) {
		return w.articleShows(ctx, at.Path)
	})
	for _, feed := range newsroom.FeedPaths(walkSection) {
		watch(feed+" carries it", func(ctx context.Context) (bool, error) { return w.feedCarries(ctx, feed, at.Path) })
	}
	group.Go(func() error {
		err := w.countView(watching)
		noting.Lock()
		defer noting.Unlock()
		w.seen = append(w.seen, moment{time.Now(), "view counter went from 0 to 1"})
		return err
	})
	watch("every receipt is in", w.receiptsIn)
	watch("newsletter is delivered", w.delivered)
	if err := group.Wait(); err != nil {
		return "", err
	}
	return w.mailboxes(ctx)
}

// strangerGet reads a public address without cookies.
func (w *demoWalk) strangerGet(ctx context.Context, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept-Language", w.lang)
	if w.lang == "en" {
		req.AddCookie(&http.Cookie{Name: "lang", Value: "en"})
	}
	res, err := w.plain.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("GET %s: %w", path, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return res.StatusCode, body, err
}

// pageShows reports whether the page at path names the address link and shows all words.
func (w *demoWalk) pageShows(ctx context.Context, path, link string, words ...string) (bool, error) {
	status, body, err := w.strangerGet(ctx, path)
	if err != nil || status != http.StatusOK || !bytes.Contains(body, []byte(link)) {
		return false, err
	}
	text := (&webPage{url: &url.URL{Path: path}, body: body}).words()
	for _, want := range words {
		if !strings.Contains(text, want) {
			return false, nil
		}
	}
	return true, nil
}

func (w *demoWalk) articleShows(ctx context.Context, path string) (bool, error) {
	ok, err := w.pageShows(ctx, path, path, slices.Concat([]string{w.title, "312 học sinh"}, walkCaptions, walkAuthors)...)
	if err != nil || !ok {
		return false, err
	}
	_, body, err := w.strangerGet(ctx, path)
	if err != nil {
		return false, err
	}
	for _, alt := range walkAlts {
		if !bytes.Contains(body, []byte(`alt="`+alt+`"`)) {
			return false, fmt.Errorf("the article's page has no picture with alt %q", alt)
		}
	}
	return true, nil
}

// feedCarries parses a feed of any of the three kinds and looks for the article's address and title in one item.
func (w *demoWalk) feedCarries(ctx context.Context, feed, article string) (bool, error) {
	status, body, err := w.strangerGet(ctx, feed)
	if err != nil || status != http.StatusOK {
		return false, err
	}
	items, err := feedItems(feed, body)
	if err != nil {
		return false, fmt.Errorf("%s: %w", feed, err)
	}
	return slices.ContainsFunc(items, func(i feedItem) bool {
		at, err := url.Parse(i.link)
		return err == nil && at.IsAbs() && at.Path == article && i.title == w.title
	}), nil
}

type feedItem struct{ title, link string }

func feedItems(name string, body []byte) (items []feedItem, err error) {
	switch {
	case strings.HasSuffix(name, "rss.xml"):
		var f struct {
			XMLName xml.Name `xml:"rss"`
			Items   []struct {
				Title string `xml:"title"`
				Link  string `xml:"link"`
			} `xml:"channel>item"`
		}
		err = xml.Unmarshal(body, &f)
		for _, i := range f.Items {
			items = append(items, feedItem{i.Title, i.Link})
		}
	case strings.HasSuffix(name, "atom.xml"):
		var f struct {
			XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
			Entries []struct {
				Title string `xml:"title"`
				Link  []struct {
					Rel  string `xml:"rel,attr"`
					Href string `xml:"href,attr"`
				} `xml:"link"`
			} `xml:"entry"`
		}
		err = xml.Unmarshal(body, &f)
		for _, e := range f.Entries {
			for _, l := range e.Link {
				if l.Rel == "" || l.Rel == "alternate" {
					items = append(items, feedItem{e.Title, l.Href})
				}
			}
		}
	default:
		var f struct {
			Version string
			Items   []struct{ Title, URL string }
		}
		if err = json.Unmarshal(body, &f); err == nil && !strings.HasPrefix(f.Version, "https://jsonfeed.org/version/1") {
			err = fmt.Errorf("is no JSON Feed: version %q", f.Version)
		}
		for _, i := range f.Items {
			items = append(items, feedItem{i.Title, i.URL})
		}
	}
	return items, err
}

// countView sees the counter at zero, looks at the page as a person does, and sees it at one.
func (w *demoWalk) countView(ctx context.Context) error {
	views := func() (int64, error) {
		var now struct{ Articles map[string]int64 }
		err := w.ask(ctx, "reporter", http.MethodGet, "/counters?article="+w.article.ID, nil, &now)
		return now.Articles[w.article.ID], err
	}
	if n, err := views(); err != nil {
		return err
	} else if n != 0 {
		return fmt.Errorf("the view counter began at %d", n)
	}
	reader, err := newVisitor(w.base, w.lang)
	if err != nil {
		return err
	}
	page, err := reader.send(ctx, http.MethodPost, "/xem", url.Values{"article": {w.article.ID}})
	if err != nil {
		return err
	}
	if page.status != http.StatusNoContent {
		return fmt.Errorf("the view beacon was answered %d", page.status)
	}
	return w.await(ctx, "one view is counted", func() (bool, error) {
		n, err := views()
		if n > 1 {
			return false, fmt.Errorf("one view was counted as %d", n)
		}
		return n == 1, err
	})
}

// receiptsIn reports that every side effect is confirmed, and what can be seen from outside was seen from outside.
func (w *demoWalk) receiptsIn(ctx context.Context) (bool, error) {
	var p publicationSeen
	if err := w.ask(ctx, "leader", http.MethodGet, "/publications/"+w.article.ID, nil, &p); err != nil {
		return false, err
	}
	w.public = p
	if len(p.Receipts) != 5 {
		return false, fmt.Errorf("the publication expects %d receipts, want page, feeds, sitemap, counters, mail", len(p.Receipts))
	}
	for _, r := range p.Receipts {
		if r.At == nil || (r.Checked == nil && (r.Effect == "page" || r.Effect == "feeds" || r.Effect == "sitemap")) {
			return false, nil
		}
	}
	return p.Done != nil, nil
}

// delivered reports that the newsletter's equation holds with everybody reached.
func (w *demoWalk) delivered(ctx context.Context) (bool, error) {
	var p publicationSeen
	if err := w.ask(ctx, "leader", http.MethodGet, "/publications/"+w.article.ID, nil, &p); err != nil || len(p.Issues) == 0 {
		return false, err
	}
	if len(p.Issues) != 1 {
		return false, fmt.Errorf("the release opened %d newsletters", len(p.Issues))
	}
	var issue struct {
		Status, Why string
		Balanced    bool
		Counts      struct{ Candidates, Sent, Waiting int }
	}
	if err := w.ask(ctx, "leader", http.MethodGet, "/issues/"+p.Issues[0], nil, &issue); err != nil {
		return false, err
	}
	if issue.Status == newsroom.IssuePaused || issue.Status == newsroom.IssueAborted {
		return false, fmt.Errorf("the newsletter is %s: %s", issue.Status, issue.Why)
	}
	if issue.Status != newsroom.IssueDone {
		return false, nil
	}
	if c := issue.Counts; !issue.Balanced || c.Candidates != len(w.wanted) || c.Sent != c.Candidates {
		return false, fmt.Errorf("the newsletter went to %d of %d, want %d", c.Sent, c.Candidates, len(w.wanted))
	}
	return true, nil
}

// newsletters are the mails of the walk's newsletter: its subject begins with the title, those of letters do not.
func (w *demoWalk) newsletters(ctx context.Context) (found []letter, err error) {
	all, err := w.letters(ctx)
	for _, l := range all {
		if strings.HasPrefix(l.Subject, w.title) {
			found = append(found, l)
		}
	}
	return found, err
}

// mailboxes holds the mailbox against the list: exactly one mail for each subscriber, with the article and a leave link.
func (w *demoWalk) mailboxes(ctx context.Context) (string, error) {
	var got []letter
	if err := w.await(ctx, "a mail for each subscriber is in the mailbox", func() (_ bool, err error) {
		got, err = w.newsletters(ctx)
		return len(got) >= len(w.wanted), err
	}); err != nil {
		return "", err
	}
	var reached []string
	for _, l := range got {
		if len(l.To) != 1 {
			return "", fmt.Errorf("a newsletter names %d recipients", len(l.To))
		}
		reached = append(reached, strings.ToLower(l.To[0].Address))
	}
	slices.Sort(reached)
	if !slices.Equal(reached, w.wanted) {
		return "", fmt.Errorf("mailed %d times for %d subscribers: %s", len(reached), len(w.wanted), difference(reached, w.wanted))
	}
	for _, l := range got {
		text, err := w.letterText(ctx, l.ID)
		if err != nil {
			return "", err
		}
		if !strings.Contains(text, w.article.URL) {
			return "", fmt.Errorf("the mail to %s has no link to the article", l.To[0].Address)
		}
		if _, err := linkIn(text, "/huy/"); err != nil {
			return "", fmt.Errorf("the mail to %s: %w", l.To[0].Address, err)
		}
	}
	return fmt.Sprintf("exactly one mail for each of %d subscribers, each with the article and a leave link", len(got)), nil
}

// difference names who was mailed too often or not at all.
func difference(got, want []string) string {
	count := map[string]int{}
	for _, one := range got {
		count[one]++
	}
	for _, one := range want {
		count[one]--
	}
	var odd []string
	for address, n := range count {
		if n != 0 {
			odd = append(odd, fmt.Sprintf("%s %+d", address, n))
		}
	}
	slices.Sort(odd)
	return strings.Join(odd, ", ")
}

// leave ends the reader's subscription the way a mail service does (RFC 8058).
func (w *demoWalk) leave(ctx context.Context) (string, error) {
	all, err := w.newsletters(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(l letter) bool { return l.to(w.reader) })
	if i < 0 {
		return "", errors.New("the reader has no newsletter")
	}
	head, err := w.letterHead(ctx, all[i].ID)
	if err != nil {
		return "", err
	}
	if head.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		return "", fmt.Errorf("List-Unsubscribe-Post is %q", head.Get("List-Unsubscribe-Post"))
	}
	link, err := linkIn(head.Get("List-Unsubscribe"), "/huy/")
	if err != nil {
		return "", err
	}
	for range 2 { // a second click is harmless
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, link, strings.NewReader("List-Unsubscribe=One-Click"))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := w.plain.Do(req)
		if err != nil {
			return "", err
		}
		if err := res.Body.Close(); err != nil {
			return "", err
		}
		if res.StatusCode != http.StatusOK {
			return "", fmt.Errorf("the one-click post was answered %s", res.Status)
		}
	}
	u, err := w.readerState(ctx)
	if err != nil {
		return "", err
	}
	for _, l := range u.Lists {
		if l.Section == walkSection {
			return "", errors.New("the reader still is on the list after leaving")
		}
	}
	return "the reader is " + u.State + " and on no list of the section", nil
}

// timeline prints when each thing happened, counted from the release.
func (w *demoWalk) timeline() {
	type line struct {
		after time.Duration
		what  string
	}
	var lines []line
	for _, r := range w.public.Receipts {
		one := line{r.At.Sub(w.public.At), "receipt: " + r.Effect}
		if r.Checked != nil {
			one.what += fmt.Sprintf(", seen from outside at +%d ms", r.Checked.Sub(w.public.At).Milliseconds())
		}
		lines = append(lines, one)
	}
	lines = append(lines, line{w.public.Done.Sub(w.public.At), "publication closed: all receipts are in"})
	for _, m := range w.seen {
		lines = append(lines, line{m.at.Sub(w.public.At), m.what})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.after, b.after) })
	fmt.Fprintf(w.out, "\nTimeline after the release at %s\n\n", w.public.At.In(newsroom.Zone).Format("02/01/2006 15:04:05.000"))
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, l := range lines {
		fmt.Fprintf(table, "+%d ms\t  %s\n", l.after.Milliseconds(), l.what)
	}
	_ = table.Flush() // the terminal is all there is to tell
	fmt.Fprintf(w.out, "\nEverything is there: %s\n", w.article.URL)
}
