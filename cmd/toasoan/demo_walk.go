package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"toasoan/newsroom"
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

// upload is a file as a form.
type upload struct {
	body bytes.Buffer
	kind string
}

// photo is a fresh picture: a random cut of one of the demo content's, so that no other upload has its bytes.
func photo(name, from string) (*upload, error) {
	file, err := demoContent.Open("democontent/pictures/" + from)
	if err != nil {
		return nil, fmt.Errorf("make photo: %w", err)
	}
	whole, err := jpeg.Decode(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("make photo: %w", err)
	}
	left, top := rand.IntN(60), rand.IntN(40)
	cut := image.NewRGBA(image.Rect(0, 0, whole.Bounds().Dx()-left-rand.IntN(60), whole.Bounds().Dy()-top-rand.IntN(40)))
	draw.Draw(cut, cut.Rect, whole, image.Pt(left, top), draw.Src)
	u := &upload{}
	form := multipart.NewWriter(&u.body)
	part, err := form.CreateFormFile("file", name)
	if err == nil {
		err = jpeg.Encode(part, cut, &jpeg.Options{Quality: 85})
	}
	if err = errors.Join(err, form.Close()); err != nil {
		return nil, fmt.Errorf("make photo: %w", err)
	}
	u.kind = form.FormDataContentType()
	return u, nil
}

type walkInput struct {
	Title    string              `json:"title"`
	Lead     string              `json:"lead"`
	Body     string              `json:"body"`
	Section  string              `json:"section"`
	Authors  []map[string]any    `json:"authors"`
	Credits  []map[string]string `json:"credits"`
	Pictures []map[string]string `json:"pictures"`
	Tags     []string            `json:"tags"`
}

// The words of the walk's article that are looked for on the portal.
var (
	walkAuthors  = []string{"Hải Yên", "Khê Sơn"}
	walkAlts     = []string{"Học sinh tập trung thành hàng trong sân trường", "Nhà văn hóa thôn mái ngói, phía trước có vài người trò chuyện"}
	walkCaptions = []string{"Học sinh toàn trường tập trung trước giờ khai mạc ngày hội.", "Nhà văn hóa thôn Suối Trong, một trong chín điểm nhận tủ sách."}
)

func (w *demoWalk) draft(pictures []string) walkInput {
	in := walkInput{
		Title: w.title, Section: walkSection, Tags: []string{"văn hóa đọc", "trường học"},
		Lead: "Hơn ba trăm học sinh cùng thầy cô và phụ huynh tham dự ngày hội đọc sách tại Trường Tiểu học Vân Khê sáng nay.",
		Body: "<p>Ngay từ sáng sớm, sân trường đã có mười hai gian sách do chín thôn cùng bày. Mỗi gian kể một câu chuyện về nghề, về sông và về những người giữ rừng của xã.</p>" +
			"<h2>Đọc để kể lại</h2><p>Em nào đọc xong một cuốn thì lên kể cho cả lớp nghe trong ba phút. Cuối buổi, sách được chuyển về các nhà văn hóa thôn, ai cũng có thể mượn.</p>",
		Authors: []map[string]any{{"pen_name": walkAuthors[0], "share": 60}, {"pen_name": walkAuthors[1], "share": 40}},
		Credits: []map[string]string{{"kind": "photo", "name": walkAuthors[1]}},
	}
	for i, sha := range pictures {
		in.Pictures = append(in.Pictures, map[string]string{"sha": sha, "alt": walkAlts[i], "caption": walkCaptions[i], "credit": "Ảnh: " + walkAuthors[1]})
	}
	return in
}

func (w *demoWalk) write(ctx context.Context) (string, error) {
	w.title = fmt.Sprintf("Ngày hội đọc sách lần thứ %d tại Trường Tiểu học Vân Khê", 10+rand.IntN(990))
	var pictures []string
	for _, from := range []string{"school-1.jpg", "community_house-1.jpg"} {
		file, err := photo("anh-"+from, from)
		if err != nil {
			return "", err
		}
		var kept struct{ SHA, Kind string }
		if err := w.ask(ctx, "reporter", http.MethodPost, "/media", file, &kept); err != nil {
			return "", err
		}
		pictures = append(pictures, kept.SHA)
	}
	in, key := w.draft(pictures), uuid.NewString()
	var again walkArticle
	for _, into := range []*walkArticle{&w.article, &again} { // a script that repeats itself makes one article
		if err := w.ask(ctx, "reporter", http.MethodPost, "/articles", in, into, "Idempotency-Key", key); err != nil {
			return "", err
		}
	}
	if again.ID != w.article.ID || w.article.Stage != "draft" {
		return "", fmt.Errorf("the same Idempotency-Key made %s and %s", w.article.ID, again.ID)
	}
	in.Body += "<p>Ban tổ chức cảm ơn các gia đình đã góp sách.</p>"
	if err := w.ask(ctx, "reporter", http.MethodPut, "/articles/"+w.article.ID, in, &w.article, "If-Match", w.article.ETag); err != nil {
		return "", err
	}
	err := w.ask(ctx, "reporter", http.MethodPut, "/articles/"+w.article.ID, in, nil, "If-Match", again.ETag)
	if refused, ok := errors.AsType[*apiError](err); !ok || refused.status != http.StatusPreconditionFailed {
		return "", fmt.Errorf("a save over a newer text was not refused with 412: %w", err)
	}
	return w.title, nil
}

// move makes a move as role; it must be settled at once or soon after.
func (w *demoWalk) move(ctx context.Context, role, move string, more map[string]any) error {
	body := map[string]any{"id": uuid.NewString(), "move": move}
	for k, v := range more {
		body[k] = v
	}
	return w.await(ctx, move+" is settled", func() (bool, error) {
		var outcome struct{ Pending bool }
		err := w.ask(ctx, role, http.MethodPost, "/articles/"+w.article.ID+"/moves", body, &outcome)
		return !outcome.Pending, err
	})
}

// look reads the article as role.
func (w *demoWalk) look(ctx context.Context, role string) (a walkArticle, err error) {
	return a, w.ask(ctx, role, http.MethodGet, "/articles/"+w.article.ID, nil, &a)
}

func (w *demoWalk) giveBack(ctx context.Context) (string, error) {
	if err := w.move(ctx, "reporter", "submit", nil); err != nil {
		return "", err
	}
	if err := w.move(ctx, "reviewer", "claim", nil); err != nil {
		return "", err
	}
	if err := w.move(ctx, "reviewer", "return", map[string]any{"reason_code": "unverified_or_no_source", "reason": walkReason}); err != nil {
		return "", err
	}
	reporter, _ := w.file.as("reporter")
	mail, _, err := w.awaitLetter(ctx, "the reporter's mail with the reason", reporter.Email, walkReason)
	if err != nil {
		return "", err
	}
	if !strings.Contains(mail.Subject, w.title) {
		return "", fmt.Errorf("the reporter's mail is about %q", mail.Subject)
	}
	var history struct {
		Items []struct{ Action, Reason, To string }
	}
	if err := w.ask(ctx, "reporter", http.MethodGet, "/articles/"+w.article.ID+"/history", nil, &history); err != nil {
		return "", err
	}
	if last := history.Items[len(history.Items)-1]; last.Reason != walkReason || last.To != "changes_requested" {
		return "", fmt.Errorf("the record ends with %q to %q", last.Action, last.To)
	}
	return "the reporter has the reason by mail: " + mail.Subject, nil
}

func (w *demoWalk) forward(ctx context.Context) (string, error) {
	a, err := w.look(ctx, "reporter")
	if err != nil {
		return "", err
	}
	var full struct {
		Pictures []struct{ SHA string }
		Body     string
	}
	if err := w.ask(ctx, "reporter", http.MethodGet, "/articles/"+a.ID, nil, &full); err != nil {
		return "", err
	}
	var pictures []string
	for _, p := range full.Pictures {
		pictures = append(pictures, p.SHA)
	}
	in := w.draft(pictures)
	in.Body = full.Body + "<p>Theo Ban Giám hiệu, có 312 học sinh đăng ký tham gia, mượn 540 cuốn sách trong ngày hội.</p>"
	if err := w.ask(ctx, "reporter", http.MethodPut, "/articles/"+a.ID, in, &w.article, "If-Match", a.ETag); err != nil {
		return "", err
	}
	if err := w.move(ctx, "reporter", "submit", map[string]any{"content_hash": w.article.ContentHash}); err != nil {
		return "", err
	}
	if err := w.move(ctx, "reviewer", "claim", nil); err != nil {
		return "", err
	}
	if err := w.move(ctx, "reviewer", "forward", map[string]any{"comment": "Đã bổ sung số liệu, kính trình."}); err != nil {
		return "", err
	}
	leader, _ := w.file.as("leader")
	mail, text, err := w.awaitLetter(ctx, "the leader's mail", leader.Email, w.title)
	if err != nil {
		return "", err
	}
	if w.link, err = linkIn(text, "/duyet/"); err != nil {
		return "", err
	}
	return "the leader has a mail: " + mail.Subject, nil
}

// standing is everything that opening a link could have changed.
func (w *demoWalk) standing(ctx context.Context) (string, error) {
	var all strings.Builder
	for _, at := range []string{"/articles/" + w.article.ID, "/articles/" + w.article.ID + "/history"} {
		var answer map[string]any
		if err := w.ask(ctx, "leader", http.MethodGet, at, nil, &answer); err != nil {
			return "", err
		}
		fmt.Fprintln(&all, answer)
	}
	return all.String(), nil
}

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

func shortened(text string) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), 300)])
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
