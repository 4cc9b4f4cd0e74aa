package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The shapes of JSON Feed 1.1 (jsonfeed.org/version/1.1).
type (
	jsonDocument struct {
		Version     string       `json:"version"`
		Title       string       `json:"title"`
		HomePageURL string       `json:"home_page_url"`
		FeedURL     string       `json:"feed_url"`
		Description string       `json:"description,omitempty"`
		Language    string       `json:"language"`
		Authors     []jsonAuthor `json:"authors,omitempty"`
		Items       []jsonItem   `json:"items"`
	}
	jsonAuthor struct {
		Name string `json:"name"`
	}
	jsonItem struct {
		ID            string       `json:"id"`
		URL           string       `json:"url"`
		Title         string       `json:"title"`
		ContentText   string       `json:"content_text"`
		Summary       string       `json:"summary,omitempty"`
		Image         string       `json:"image,omitempty"`
		DatePublished string       `json:"date_published"`
		DateModified  string       `json:"date_modified"`
		Authors       []jsonAuthor `json:"authors,omitempty"`
		Tags          []string     `json:"tags,omitempty"`
	}
)

// jsonFeed writes JSON Feed 1.1.
func jsonFeed(c channel) []byte {
	doc := jsonDocument{
		Version: "https://jsonfeed.org/version/1.1", Title: c.title, HomePageURL: c.home,
		FeedURL: c.base + c.prefix + "/feed.json", Description: c.about, Language: "vi", Items: []jsonItem{},
	}
	if c.unit != "" {
		doc.Authors = []jsonAuthor{{Name: c.unit}}
	}
	for _, i := range c.items {
		one := jsonItem{
			ID: i.id, URL: i.url, Title: i.title, ContentText: orTitle(i.lead, i.title), Summary: i.lead, Image: i.image,
			DatePublished: rfc3339(i.published), DateModified: rfc3339(i.updated),
		}
		if i.author != "" {
			one.Authors = []jsonAuthor{{Name: i.author}}
		}
		if i.section != "" {
			one.Tags = []string{i.section}
		}
		doc.Items = append(doc.Items, one)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(doc); err != nil {
		panic(fmt.Sprintf("feed: JSON feed does not encode: %v", err)) // strings only: cannot happen
	}
	return out.Bytes()
}
