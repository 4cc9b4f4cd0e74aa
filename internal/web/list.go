package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"toasoan/newsroom"
)

// publicListStore finds articles for lists.
type publicListStore interface {
	SectionArticles(ctx context.Context, section string, page, size int) (newsroom.PortalList, error)
	AuthorArticles(ctx context.Context, penName string, page, size int) (newsroom.PortalList, error)
	TagArticles(ctx context.Context, tag string, page, size int) (newsroom.PortalList, error)
	TopicArticles(ctx context.Context, topic string, page, size int) (newsroom.PortalList, error)
	AuthorName(ctx context.Context, slug string) (string, error)
	TagName(ctx context.Context, slug string) (string, error)
	TopicName(ctx context.Context, slug string) (string, error)
}

// listSize is how many articles a page of a list shows.
const listSize = 20

// publicList is what the page "list" shows: a section, an author, a keyword or a topic.
type publicList struct {
	Kind    string // section, author, tag, topic: translation key portal.list_<kind>
	Name    string
	URL     string
	Feeds   bool // has feeds of its own
	Total   int
	Most    bool // there are more than can be paged through
	Stories []story
	Pages   *pages // nil: one page
}

// getSection finds /chuyen-muc/{section}.
func (s *Server) getSection(r *http.Request) (shown, error) {
	id := r.PathValue("section")
	site, err := s.site(r.Context())
	if err != nil {
		return shown{}, err
	}
	known := func(one newsroom.Section) bool { return one.ID == id }
	if !slices.ContainsFunc(site.Sections, known) && !slices.ContainsFunc(site.Retired, known) {
		return shown{}, fmt.Errorf("section %s: %w", id, newsroom.ErrNotFound)
	}
	link := linkSection(site.Section(id), s.lang(r))
	return s.listShown(r, site, publicList{Kind: "section", Name: link.Name, URL: link.URL, Feeds: true}, id, s.Store.SectionArticles)
}

// getAuthor finds /tac-gia/{name}.
func (s *Server) getAuthor(r *http.Request) (shown, error) {
	return s.namedList(r, "author", "/tac-gia/", s.Store.AuthorName, s.Store.AuthorArticles)
}

// getTag finds /tu-khoa/{name}.
func (s *Server) getTag(r *http.Request) (shown, error) {
	return s.namedList(r, "tag", "/tu-khoa/", s.Store.TagName, s.Store.TagArticles)
}

// getTopic finds /chu-de/{name}.
func (s *Server) getTopic(r *http.Request) (shown, error) {
	return s.namedList(r, "topic", "/chu-de/", s.Store.TopicName, s.Store.TopicArticles)
}

// lister reads one page of a list by its key.
type lister func(ctx context.Context, key string, page, size int) (newsroom.PortalList, error)

func (s *Server) namedList(r *http.Request, kind, prefix string, nameOf func(context.Context, string) (string, error), list lister) (shown, error) {
	slug := r.PathValue("name")
	name, err := nameOf(r.Context(), slug)
	if err != nil {
		return shown{}, err
	}
	site, err := s.site(r.Context())
	if err != nil {
		return shown{}, err
	}
	return s.listShown(r, site, publicList{Kind: kind, Name: name, URL: prefix + slug}, slug, list)
}

func (s *Server) listShown(r *http.Request, site newsroom.Site, page publicList, key string, list lister) (shown, error) {
	number := pageNumber(r.URL.Query().Get("trang"))
	found, err := list(r.Context(), key, number, listSize)
	if err != nil {
		return shown{}, err
	}
	page.Stories = teller{site: site, l: s.lang(r)}.main(found.Items)
	page.Total, page.Most = found.Total, found.Total >= newsroom.MaxListed
	page.Pages = pagesOf(page.URL+"?trang=", number, found.Total, listSize)
	return shown{page: "list", data: page}, nil
}

// pages is the row of links to the pages of a list.
type pages struct {
	Previous, Next string // "" none
	Links          []pageLink
}

// pageLink is one number in the row; without a URL it is the page itself, and a gap where Number is 0.
type pageLink struct {
	Number int
	URL    string
}

// pagesOf makes the row for a list of total items; base is completed with the page's number. Nil for a single page.
func pagesOf(base string, current, total, size int) *pages {
	last := (total + size - 1) / size
	if last <= 1 {
		return nil
	}
	row := &pages{}
	if current > 1 {
		row.Previous = base + strconv.Itoa(current-1)
	}
	if current < last {
		row.Next = base + strconv.Itoa(current+1)
	}
	for n, before := 1, 0; n <= last; n++ {
		if n != 1 && n != last && (n < current-1 || n > current+1) {
			continue
		}
		if n > before+1 {
			row.Links = append(row.Links, pageLink{})
		}
		before = n
		link := pageLink{Number: n}
		if n != current {
			link.URL = base + strconv.Itoa(n)
		}
		row.Links = append(row.Links, link)
	}
	return row
}
