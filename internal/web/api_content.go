package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// apiArticleInput is an article as a script writes it. Text is cleaned as on the pages: NFC, plain spaces, canonical markup.
type apiArticleInput struct {
	Title       string               `json:"title" doc:"At most 300 characters." example:"Vân Khê ra mắt bộ phận một cửa lưu động"`
	Lead        string               `json:"lead,omitempty" doc:"Sapo: at most 2,000 characters."`
	Body        string               `json:"body,omitempty" doc:"HTML, at most 2 MB. Kept: p h2 h3 ul ol li strong em br a blockquote figure figcaption table; images only as /anh/<sha>-<width>.<ext>."`
	Section     string               `json:"section,omitempty" doc:"Id of a section; needed before submit."`
	AlsoIn      []string             `json:"also_in,omitempty" doc:"Further sections that list it."`
	Authors     []apiAuthorInput     `json:"authors,omitempty" doc:"The byline, in order; at least one before submit."`
	Credits     []apiCreditInput     `json:"credits,omitempty" doc:"Lines apart from the byline."`
	Pictures    []apiPictureInput    `json:"pictures,omitempty" doc:"The first one is the cover. Every alt text is needed before submit."`
	Attachments []apiAttachmentInput `json:"attachments,omitempty"`
	Source      *apiSourceInput      `json:"source,omitempty" doc:"Where a reposted text came from."`
	Tags        []string             `json:"tags,omitempty"`
	Topics      []string             `json:"topics,omitempty"`
	ReleaseAt   *time.Time           `json:"release_at,omitempty" nullable:"true" doc:"Embargo; none: as soon as it is approved."`
	DisplayEnd  *time.Time           `json:"display_end,omitempty" nullable:"true" doc:"Leaves the lists then; none: never."`
	Note        *apiNoteInput        `json:"note,omitempty" doc:"Public note of a correction; only while one is being written."`
}

type apiAuthorInput struct {
	PenName string `json:"pen_name"`
	UserID  string `json:"user_id,omitempty" doc:"Account behind the name."`
	Share   int    `json:"share,omitempty" minimum:"0" maximum:"100" doc:"Royalty share in percent."`
}

type apiCreditInput struct {
	Kind string `json:"kind" enum:"photo,text_and_photo,video,translation"`
	Name string `json:"name"`
}

type apiPictureInput struct {
	SHA     string `json:"sha" doc:"As POST /media answered."`
	Alt     string `json:"alt,omitempty"`
	Caption string `json:"caption,omitempty"`
	Credit  string `json:"credit,omitempty"`
}

type apiAttachmentInput struct {
	SHA     string `json:"sha" doc:"As POST /media answered."`
	Name    string `json:"name,omitempty" doc:"File name for readers; none: as uploaded."`
	Number  string `json:"number,omitempty" doc:"Document number." example:"15/TB-UBND"`
	Date    string `json:"date,omitempty" doc:"YYYY-MM-DD as printed on the document."`
	Summary string `json:"summary,omitempty"`
}

type apiSourceInput struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

type apiNoteInput struct {
	Old string `json:"old" doc:"The wrong wording."`
	New string `json:"new" doc:"The right wording."`
}

// content cleans what a script sent and checks what it names. before is the working text it replaces (zero: a new article).
func (s *Server) apiContent(ctx context.Context, in apiArticleInput, before newsroom.Content) (newsroom.Content, error) {
	c := newsroom.Content{
		Title: text.Line(in.Title), Lead: text.Block(in.Lead), Body: text.HTML(in.Body), Section: in.Section, AlsoIn: in.AlsoIn,
		Tags: lines(in.Tags), Topics: lines(in.Topics), ReleaseAt: in.ReleaseAt, DisplayEnd: in.DisplayEnd,
		Audience: before.Audience, Change: before.Change, Note: before.Note,
	}
	if len(in.Body) > newsroom.MaxBody {
		c.Body = in.Body // too long as it came: SaveDraft says so
	}
	if c.Slug = before.Slug; c.Slug == "" || c.Title != before.Title {
		c.Slug = text.Slug(c.Title)
	}
	var wrong []newsroom.FieldError
	bad := func(code, field string, args ...any) {
		wrong = append(wrong, newsroom.FieldError{Field: fmt.Sprintf(field, args...), Code: code})
	}
	if in.Source != nil {
		c.Source = newsroom.Source{Name: text.Line(in.Source.Name), URL: text.Line(in.Source.URL)}
		if c.Source.URL != "" && !webAddress(c.Source.URL) {
			bad("bad_url", "source.url")
		}
	}
	if in.Note != nil {
		if before.Change != newsroom.ChangeCorrection {
			bad("unexpected", "note")
		}
		c.Note = &newsroom.Correction{Old: text.Line(in.Note.Old), New: text.Line(in.Note.New)}
	}
	if c.ReleaseAt != nil && c.DisplayEnd != nil && !c.DisplayEnd.After(*c.ReleaseAt) {
		bad("bad_time", "display_end")
	}
	if err := s.apiSections(ctx, c, bad); err != nil {
		return c, err
	}
	if err := s.apiNames(ctx, in, &c, bad); err != nil {
		return c, err
	}
	if err := s.apiUploads(ctx, in, &c, bad); err != nil {
		return c, err
	}
	if len(wrong) > 0 {
		return c, &newsroom.InvalidError{Fields: wrong}
	}
	return c, nil
}

// complain notes one field to mend.
type complain func(code, field string, args ...any)

func (s *Server) apiSections(ctx context.Context, c newsroom.Content, bad complain) error {
	all, err := s.Store.Sections(ctx)
	if err != nil {
		return err
	}
	open := func(id string) bool {
		return slices.ContainsFunc(all, func(one newsroom.Section) bool { return one.ID == id && !one.Retired })
	}
	if c.Section != "" && !open(c.Section) {
		bad("unknown", "section")
	}
	for i, id := range c.AlsoIn {
		if !open(id) {
			bad("unknown", "also_in.%d", i)
		}
	}
	return nil
}

// apiNames takes over byline and credits.
func (s *Server) apiNames(ctx context.Context, in apiArticleInput, c *newsroom.Content, bad complain) error {
	for i, a := range in.Authors {
		one := newsroom.Author{PenName: text.Line(a.PenName), UserID: a.UserID, Share: a.Share}
		if one.PenName == "" {
			bad("required", "authors.%d.pen_name", i)
		}
		if a.UserID != "" {
			_, err := s.Store.Person(ctx, a.UserID)
			if errors.Is(err, newsroom.ErrNotFound) {
				bad("unknown", "authors.%d.user_id", i)
			} else if err != nil {
				return err
			}
		}
		c.Authors = append(c.Authors, one)
	}
	for i, a := range in.Credits {
		one := newsroom.Credit{Kind: a.Kind, Name: text.Line(a.Name)}
		if one.Name == "" {
			bad("required", "credits.%d.name", i)
		}
		c.Credits = append(c.Credits, one)
	}
	return nil
}

// apiUploads takes over pictures and attachments, which must have been uploaded before.
func (s *Server) apiUploads(ctx context.Context, in apiArticleInput, c *newsroom.Content, bad complain) error {
	upload := func(sha, kind, field string, i int) (newsroom.Media, error) {
		m, err := s.Store.Media(ctx, sha)
		if errors.Is(err, newsroom.ErrNotFound) || (err == nil && m.Kind != kind) {
			bad("unknown", field, i)
			return m, nil
		}
		return m, err
	}
	for i, p := range in.Pictures {
		if _, err := upload(p.SHA, "image", "pictures.%d.sha", i); err != nil {
			return err
		}
		c.Pictures = append(c.Pictures, newsroom.Picture{SHA: p.SHA, Alt: text.Line(p.Alt), Caption: text.Line(p.Caption), Credit: text.Line(p.Credit)})
	}
	for i, f := range in.Attachments {
		m, err := upload(f.SHA, "file", "attachments.%d.sha", i)
		if err != nil {
			return err
		}
		one := newsroom.Attachment{
			SHA: f.SHA, Name: text.Line(f.Name), MIME: m.MIME, Size: m.Size, Number: text.Line(f.Number), Date: f.Date, Summary: text.Block(f.Summary),
		}
		if one.Name == "" {
			one.Name = m.Name
		}
		if f.Date != "" {
			if _, err := time.Parse(time.DateOnly, f.Date); err != nil {
				bad("bad_date", "attachments.%d.date", i)
			}
		}
		c.Attachments = append(c.Attachments, one)
	}
	return nil
}

// lines cleans one-line names, each once, without empty ones.
func lines(names []string) []string {
	var list []string
	for _, name := range names {
		if name = text.Line(name); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
