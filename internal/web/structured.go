package web

import (
	"time"

	"toasoan/newsroom"
)

// structured is an article for search engines: schema.org NewsArticle as JSON-LD.
type structured struct {
	Context       string              `json:"@context"`
	Type          string              `json:"@type"`
	Headline      string              `json:"headline"`
	Description   string              `json:"description,omitempty"`
	Image         []string            `json:"image,omitempty"`
	DatePublished string              `json:"datePublished"`
	DateModified  string              `json:"dateModified"`
	Author        []structuredPerson  `json:"author,omitempty"`
	Publisher     structuredPublisher `json:"publisher"`
	Page          string              `json:"mainEntityOfPage"`
	Section       string              `json:"articleSection,omitempty"`
	Keywords      []string            `json:"keywords,omitempty"`
	Language      string              `json:"inLanguage"`
	Free          bool                `json:"isAccessibleForFree"`
	Correction    []structuredComment `json:"correction,omitempty"`
	IsBasedOn     string              `json:"isBasedOn,omitempty"`
}

type structuredPerson struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

type structuredPublisher struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	URL  string `json:"url"`
	Logo string `json:"logo"`
}

type structuredComment struct {
	Type string `json:"@type"`
	Text string `json:"text"`
	Date string `json:"datePublished"`
}

func (s *Server) structured(site newsroom.Site, p *publicArticlePage) structured {
	iso := func(t time.Time) string { return t.In(newsroom.Zone).Format(time.RFC3339) }
	made := structured{
		Context: "https://schema.org", Type: "NewsArticle", Headline: p.Content.Title, Description: p.Content.Lead,
		DatePublished: iso(p.Published), DateModified: iso(p.Updated), Page: p.Address,
		Section: site.Section(p.Content.Section).NameVI, Keywords: p.Content.Tags, Language: "vi", Free: true, IsBasedOn: p.Content.Source.URL,
		Publisher: structuredPublisher{
			Type: "Organization", Name: site.Office.Portal, URL: s.absolute("/"), Logo: s.absolute(s.assets.URL("emblem.svg")),
		},
	}
	if p.Social != "" {
		made.Image = []string{p.Social}
	}
	for _, author := range p.Authors {
		made.Author = append(made.Author, structuredPerson{Type: "Person", Name: author.Name, URL: s.absolute(author.URL)})
	}
	for _, note := range p.Corrections {
		made.Correction = append(made.Correction, structuredComment{
			Type: "CorrectionComment", Text: note.Old + " → " + note.New, Date: iso(note.At),
		})
	}
	return made
}
