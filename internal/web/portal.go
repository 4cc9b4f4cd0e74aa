package web

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"toasoan/newsroom"
)

// portalStore is what the public pages ask of the database.
type portalStore interface {
	Site(ctx context.Context) (newsroom.Site, error)
	PortalVersion(ctx context.Context) (int64, error)
	Front(ctx context.Context, site newsroom.Site) (newsroom.Front, error)
	Counters(ctx context.Context) (newsroom.Counters, error)
	CountedViews(ctx context.Context, ids []string) ([]string, error)
	Statistics(ctx context.Context) (newsroom.Statistics, error)
	publicListStore
	archiveStore
	publicArticleStore
	publicMediaStore
	feedStore
	searchStore
	reportStore
}

// portal is what the public pages keep on this node.
type portal struct {
	pages    *pageCache // pages and feeds
	media    *pageCache // pictures
	counters countersNow
	views    viewQueue

	siteMu   sync.Mutex
	siteRead time.Time
	siteNow  *newsroom.Site
}

// siteFor is how long names of office and sections are believed without an event about them.
const siteFor = 5 * time.Second

// mediaBytes bounds what a node keeps of pictures.
const mediaBytes = 64 << 20

func (s *Server) openPortal() error {
	s.portal.pages, s.portal.media = newPageCache(cacheBytes), newPageCache(mediaBytes)
	return nil
}

// site is the frame's data. While the database is away the last known one serves, so that an error page still has its
// frame.
func (s *Server) site(ctx context.Context) (newsroom.Site, error) {
	s.portal.siteMu.Lock()
	defer s.portal.siteMu.Unlock()
	if s.portal.siteNow != nil && s.Now().Sub(s.portal.siteRead) < siteFor {
		return *s.portal.siteNow, nil
	}
	fresh, err := s.Store.Site(ctx)
	if err != nil {
		if s.portal.siteNow != nil {
			return *s.portal.siteNow, nil
		}
		return newsroom.Site{}, err
	}
	s.portal.siteNow, s.portal.siteRead = &fresh, s.Now()
	return fresh, nil
}

// forgetSite makes the next page read office and sections anew.
func (s *Server) forgetSite() {
	s.portal.siteMu.Lock()
	s.portal.siteRead = time.Time{}
	s.portal.siteMu.Unlock()
}

// sectionLink is a section in a menu or above a headline.
type sectionLink struct {
	ID, Name, URL string
}

func linkSection(one newsroom.Section, l language) sectionLink {
	return sectionLink{ID: one.ID, Name: one.Name(l.Tag()), URL: newsroom.SectionPath(one.ID)}
}

func sectionLinks(site newsroom.Site, l language) []sectionLink {
	links := make([]sectionLink, len(site.Sections))
	for i, one := range site.Sections {
		links[i] = linkSection(one, l)
	}
	return links
}

// plainURL is a path of ours with its page number, and nothing else that a stranger may have put behind it.
func plainURL(path, page string) *url.URL {
	u := &url.URL{Path: path}
	if n := pageNumber(page); n > 1 {
		u.RawQuery = url.Values{"trang": {page}}.Encode()
	}
	return u
}

// frontPage is what the page "front" shows.
type frontPage struct {
	Lead    *story
	Newest  []story
	Blocks  []blockView
	Notices []story
	Notice  sectionLink
}

// blockView is a section's newest articles: the first as a story, the others as headlines.
type blockView struct {
	Section sectionLink
	First   story
	Others  []story
}

// getFront finds /: the lead story, the newest articles, each section's, and the notices.
func (s *Server) getFront(r *http.Request) (shown, error) {
	site, err := s.site(r.Context())
	if err != nil {
		return shown{}, err
	}
	front, err := s.Store.Front(r.Context(), site)
	if err != nil {
		return shown{}, err
	}
	tell := teller{site: site, l: s.lang(r)}
	page := frontPage{Newest: tell.stories(front.Newest, storyBare), Notices: tell.stories(front.Notices, storyBare)}
	if front.Lead != nil {
		page.Lead = new(tell.story(*front.Lead, storyFirst))
	}
	for _, block := range front.Blocks {
		page.Blocks = append(page.Blocks, blockView{
			Section: linkSection(block.Section, tell.l),
			First:   tell.story(block.Items[0], storyPlain), Others: tell.stories(block.Items[1:], storyBare),
		})
	}
	if site.Notices != "" {
		page.Notice = linkSection(site.Section(site.Notices), tell.l)
	}
	return shown{page: "front", data: page}, nil
}
