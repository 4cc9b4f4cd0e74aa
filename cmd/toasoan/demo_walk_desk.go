package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

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
