package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// publicArticleStore finds one public article and what belongs to it.
type publicArticleStore interface {
	PortalArticle(ctx context.Context, id string) (newsroom.PortalArticle, error)
	Related(ctx context.Context, id string, topics, tags []string, limit int) ([]newsroom.PortalItem, error)
	Older(ctx context.Context, id, section string, before time.Time, limit int) ([]newsroom.PortalItem, error)
	NewestArticles(ctx context.Context, limit int) ([]newsroom.PortalItem, error)
	ArticleViews(ctx context.Context, ids []string) (map[string]int64, error)
}

// How many articles stand under an article.
const (
	relatedSize = 4
	olderSize   = 8
	newestSize  = 6
)

// publicArticlePage is what the pages "article", "article_print" and "withdrawn" show.
type publicArticlePage struct {
	newsroom.PortalArticle
	URL        string
	Address    string // with the public host
	Section    sectionLink
	Cover      *figure
	Body       template.HTML
	Gallery    []figure
	Authors    []nameLink
	Credits    []newsroom.Credit
	Topics     []nameLink
	Tags       []nameLink
	Files      []fileView
	Related    []story
	Older      []story
	Newest     []story // of all sections, beside the text
	Corrected  bool
	Changed    bool   // was changed after its first publication
	Social     string // address of the picture for link previews, "" none
	Structured structured
}

// figure is a picture with its caption and credit.
type figure struct {
	Picture *picture
	Caption string
	Credit  string
}

// nameLink is a name that leads to a list.
type nameLink struct{ Name, URL string }

// fileView is an attachment under an article.
type fileView struct {
	newsroom.Attachment
	URL  string
	Kind string     // PDF, DOCX …
	Day  *time.Time // printed on the document
}

// articleID is the id at the end of an article's address ("ten-bai-0123456789ab").
func articleID(segment string) (string, error) {
	id := segment[strings.LastIndexByte(segment, '-')+1:]
	if !newsroom.ValidID(id) {
		return "", fmt.Errorf("article %q: %w", segment, newsroom.ErrNotFound)
	}
	return id, nil
}

// publicArticle reads the article that r names. moved is where it is found, when r used an old slug; rest comes behind it.
func (s *Server) publicArticle(r *http.Request, rest string) (a newsroom.PortalArticle, moved string, err error) {
	segment := r.PathValue("article")
	id, err := articleID(segment)
	if err != nil {
		return a, "", err
	}
	if a, err = s.Store.PortalArticle(r.Context(), id); err != nil {
		return a, "", err
	}
	if a.Public == newsroom.PublicHidden {
		return a, "", fmt.Errorf("article %s is hidden: %w", id, newsroom.ErrNotFound)
	}
	if path := newsroom.ArticlePath(a.Slug, a.ID); path != "/tin/"+segment {
		return a, path + rest, nil
	}
	return a, "", nil
}

// getArticle finds /tin/{article}: the page of a live or expired article, the notice of a withdrawn one, 410 for one that was
// taken down.
func (s *Server) getArticle(r *http.Request) (shown, error) {
	a, moved, err := s.publicArticle(r, "")
	if err != nil || moved != "" {
		return shown{redirect: moved}, err
	}
	switch a.Public {
	case newsroom.PublicTakenDown:
		return shown{status: http.StatusGone, page: "taken_down", data: a}, nil
	case newsroom.PublicWithdrawn:
		page, err := s.publicPage(r, a, false)
		return shown{page: "withdrawn", data: page}, err
	}
	page, err := s.publicPage(r, a, true)
	return shown{page: "article", data: page, article: a.ID}, err
}

// getPrint finds /tin/{article}/in: the article alone, for paper.
func (s *Server) getPrint(r *http.Request) (shown, error) {
	a, moved, err := s.publicArticle(r, "/in")
	if err != nil || moved != "" {
		return shown{redirect: moved}, err
	}
	if err := stillThere(a); err != nil {
		return shown{}, err
	}
	page, err := s.publicPage(r, a, false)
	return shown{page: "article_print", data: page}, err
}

// stillThere refuses what readers see a notice of.
func stillThere(a newsroom.PortalArticle) error {
	if a.Public == newsroom.PublicTakenDown || a.Public == newsroom.PublicWithdrawn {
		return refuse(http.StatusGone, "portal.taken_down")
	}
	return nil
}

// publicPage gathers everything about a; with around also the articles related to it and older ones.
func (s *Server) publicPage(r *http.Request, a newsroom.PortalArticle, around bool) (*publicArticlePage, error) {
	ctx, c := r.Context(), a.Content
	site, err := s.site(ctx)
	if err != nil {
		return nil, err
	}
	l := s.lang(r)
	p := &publicArticlePage{
		PortalArticle: a, URL: newsroom.ArticlePath(a.Slug, a.ID), Section: linkSection(site.Section(c.Section), l),
		Credits: c.Credits, Corrected: len(a.Corrections) > 0, Changed: a.Updated.Sub(a.Published) >= time.Minute,
	}
	p.Address = s.absolute(p.URL)
	if !strings.HasPrefix(c.Source.URL, "https://") && !strings.HasPrefix(c.Source.URL, "http://") {
		p.Content.Source.URL = ""
	}
	p.Body = bodyHTML(c.Body, a.Images)
	p.Cover, p.Gallery = figuresOf(a)
	for _, author := range c.Authors {
		if author.PenName != "" {
			p.Authors = append(p.Authors, nameLink{Name: author.PenName, URL: "/tac-gia/" + text.Slug(author.PenName)})
		}
	}
	for _, topic := range c.Topics {
		p.Topics = append(p.Topics, nameLink{Name: topic, URL: "/chu-de/" + text.Slug(topic)})
	}
	for _, tag := range c.Tags {
		p.Tags = append(p.Tags, nameLink{Name: tag, URL: "/tu-khoa/" + text.Slug(tag)})
	}
	for _, file := range c.Attachments {
		p.Files = append(p.Files, fileOf(file))
	}
	if image, there := coverOf(a); there {
		p.Social = s.absolute(imagePath(image, fitting(image, 960)))
	}
	p.Structured = s.structured(site, p)
	if !around {
		return p, nil
	}
	tell := teller{site: site, l: l}
	related, err := s.Store.Related(ctx, a.ID, c.Topics, c.Tags, relatedSize)
	if err != nil {
		return nil, err
	}
	older, err := s.Store.Older(ctx, a.ID, c.Section, a.Published, olderSize+len(related))
	if err != nil {
		return nil, err
	}
	older = slices.DeleteFunc(older, func(o newsroom.PortalItem) bool { // each stands once
		return slices.ContainsFunc(related, func(r newsroom.PortalItem) bool { return r.ID == o.ID })
	})
	older = older[:min(len(older), olderSize)]
	newest, err := s.Store.NewestArticles(ctx, newestSize+1)
	if err != nil {
		return nil, err
	}
	newest = slices.DeleteFunc(newest, func(i newsroom.PortalItem) bool { return i.ID == a.ID })
	p.Newest = tell.stories(newest[:min(len(newest), newestSize)], storyBare)
	p.Related, p.Older = tell.stories(related, storySide), tell.stories(older, storyBare)
	return p, nil
}

// coverOf is the first picture of an article, where it is there.
func coverOf(a newsroom.PortalArticle) (newsroom.Image, bool) {
	if len(a.Content.Pictures) == 0 {
		return newsroom.Image{}, false
	}
	image, there := a.Images[a.Content.Pictures[0].SHA]
	return image, there && len(image.Widths) > 0
}

// columnWidth is how wide a picture in an article is shown, as the sizes attribute wants it.
const columnWidth = "(min-width: 48rem) 43rem, 100vw"

// figuresOf are the pictures that the body does not show: the first on top, the others as a gallery.
func figuresOf(a newsroom.PortalArticle) (cover *figure, gallery []figure) {
	for i, one := range a.Content.Pictures {
		if strings.Contains(a.Content.Body, "/anh/"+one.SHA+"-") {
			continue
		}
		shownAs := pictureOf(a.Images[one.SHA], one.Alt, columnWidth)
		if shownAs == nil {
			continue
		}
		made := figure{Picture: shownAs, Caption: one.Caption, Credit: creditName(one.Credit)}
		if i == 0 {
			made.Picture.Eager = true
			cover = &made
			continue
		}
		gallery = append(gallery, made)
	}
	return cover, gallery
}

// creditName is who took a picture, without the word before it that the page writes itself.
func creditName(credit string) string {
	for _, label := range []string{"Ảnh:", "ảnh:", "Photo:", "photo:"} {
		credit = strings.TrimSpace(strings.TrimPrefix(credit, label))
	}
	return credit
}

func fileOf(a newsroom.Attachment) fileView {
	view := fileView{Attachment: a, URL: filePath(a)}
	if dot := strings.LastIndexByte(a.Name, '.'); dot >= 0 && len(a.Name)-dot <= 6 {
		view.Kind = strings.ToUpper(a.Name[dot+1:])
	}
	if day, err := time.ParseInLocation(time.DateOnly, a.Date, newsroom.Zone); err == nil {
		view.Day = &day
	}
	return view
}
