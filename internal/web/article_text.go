package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// contentView is an article's text as readers will see it.
type contentView struct {
	Title       string
	Lead        string
	Body        template.HTML // canonical HTML: package text has made it safe
	Pictures    []pictureView
	Byline      string
	Credits     []string
	Source      newsroom.Source
	Attachments []attachmentView
	Section     string
	AlsoIn      []string
	Topics      []string
	Tags        []string
	ReleaseAt   string
	DisplayEnd  string
	Change      string
	Note        *newsroom.Correction
}

type pictureView struct {
	SHA, URL      string
	Width, Height int
	Alt, Caption  string
	Credit        string
}

type attachmentView struct {
	SHA, URL, Name, Number, Date, Summary, Size string
}

// mediaStore is what showing and taking uploads asks of the database.
type mediaStore interface {
	Media(ctx context.Context, sha string) (newsroom.Media, error)
	Variants(ctx context.Context, sha string) ([]newsroom.MediaVariant, error)
	SavePicture(ctx context.Context, m newsroom.Media, variants []newsroom.MediaVariant) error
	SaveFile(ctx context.Context, m newsroom.Media, data []byte) error
	File(ctx context.Context, sha string) (newsroom.Media, []byte, error)
}

// showWidth is the width at which the desk shows pictures, in pixels, where the picture has it.
const showWidth = 960

// picture finds the address of a picture in the size that the desk shows.
func (s *Server) picture(r *http.Request, p newsroom.Picture) (pictureView, error) {
	v := pictureView{SHA: p.SHA, Alt: p.Alt, Caption: p.Caption, Credit: p.Credit}
	m, err := s.Store.Media(r.Context(), p.SHA)
	if errors.Is(err, newsroom.ErrNotFound) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	variants, err := s.Store.Variants(r.Context(), p.SHA)
	if err != nil || len(variants) == 0 {
		return v, err
	}
	v.URL, v.Width, v.Height = pictureURL(m, variants)
	return v, nil
}

// pictureURL picks the variant nearest above showWidth, or the largest.
func pictureURL(m newsroom.Media, variants []newsroom.MediaVariant) (url string, width, height int) {
	best := variants[len(variants)-1]
	for _, one := range variants {
		if one.Width >= showWidth {
			best = one
			break
		}
	}
	height = best.Width
	if m.Width > 0 {
		height = best.Width * m.Height / m.Width
	}
	return fmt.Sprintf("/anh/%s-%d.%s", m.SHA, best.Width, best.Ext), best.Width, height
}

func (s *Server) content(r *http.Request, c newsroom.Content) (contentView, error) {
	l := s.lang(r)
	v := contentView{
		Title: c.Title, Lead: c.Lead, Byline: c.Byline(), Source: c.Source, Topics: c.Topics, Tags: c.Tags, Note: c.Note,
		Body: template.HTML(text.HTML(c.Body)), //nolint:gosec // cleaned again here, whatever is stored
	}
	if v.Title == "" {
		v.Title = l.T("desk.untitled")
	}
	o, err := s.lists(r)
	if err != nil {
		return v, err
	}
	v.Section = o.section(c.Section)
	for _, id := range c.AlsoIn {
		v.AlsoIn = append(v.AlsoIn, o.section(id))
	}
	for _, p := range c.Pictures {
		one, err := s.picture(r, p)
		if err != nil {
			return v, err
		}
		one.Credit = creditName(one.Credit)
		v.Pictures = append(v.Pictures, one)
	}
	for _, credit := range c.Credits {
		kind := credit.Kind
		if key := "article.credit_" + credit.Kind; l.Has(key) {
			kind = l.T(key)
		}
		v.Credits = append(v.Credits, kind+": "+credit.Name)
	}
	for _, f := range c.Attachments {
		one := attachmentView{SHA: f.SHA, URL: "/desk/files/" + f.SHA, Name: f.Name, Number: f.Number, Summary: f.Summary, Size: l.Bytes(f.Size), Date: f.Date}
		if at, err := time.ParseInLocation(time.DateOnly, f.Date, vietnam); err == nil {
			one.Date = l.Date(at)
		}
		v.Attachments = append(v.Attachments, one)
	}
	if c.ReleaseAt != nil {
		v.ReleaseAt = l.MailTime(*c.ReleaseAt)
	}
	if c.DisplayEnd != nil {
		v.DisplayEnd = l.MailTime(*c.DisplayEnd)
	}
	if c.Change != newsroom.ChangeNew {
		v.Change = l.T("article.kind_" + string(c.Change))
	}
	return v, nil
}
