package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"toasoan/internal/feed"
	"toasoan/newsroom"
)

// feedStore keeps what the feeds consumer rendered.
type feedStore interface {
	Feed(ctx context.Context, path string) (newsroom.FeedFile, error)
}

// getFeed handles every feed and file of the sitemap: the bytes as they were rendered, from the cache.
func (s *Server) getFeed(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.portal.pages.get(r.Context(), "feed "+r.URL.Path, newsroom.DateOf(s.Now()), func(ctx context.Context) (*answerKept, int, error) {
		file, err := s.Store.Feed(ctx, r.URL.Path)
		if errors.Is(err, newsroom.ErrNotFound) {
			file, err = s.emptyFeed(ctx, r)
		}
		if err != nil {
			return nil, 0, err
		}
		answer := s.keptBytes(file.MIME, file.At, file.Body)
		return answer, answer.filled.Load().size(), nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Access-Control-Allow-Origin", "*") // feeds are for everybody's programs
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	return s.sendKept(w, r, answer)
}

// emptyFeed is the feed of a section, or of a portal, that has published nothing yet.
func (s *Server) emptyFeed(ctx context.Context, r *http.Request) (newsroom.FeedFile, error) {
	site, err := s.site(ctx)
	if err != nil {
		return newsroom.FeedFile{}, err
	}
	renderer := feed.Renderer{Base: strings.TrimSuffix(s.URL.String(), "/")}
	list := newsroom.FeedList{}
	if id := r.PathValue("section"); id != "" {
		for _, section := range slices.Concat(site.Sections, site.Retired) {
			if section.ID == id {
				list.Section = &section
			}
		}
		if list.Section == nil {
			return newsroom.FeedFile{}, fmt.Errorf("feeds of section %s: %w", id, newsroom.ErrNotFound)
		}
	}
	start := newsroom.DateOf(s.Now()).Start()
	for _, file := range append(renderer.Feeds(site, list, start), renderer.Empty(site, start)...) {
		if file.Path == r.URL.Path {
			return file, nil
		}
	}
	return newsroom.FeedFile{}, fmt.Errorf("feed %s: %w", r.URL.Path, newsroom.ErrNotFound)
}

// getTop handles one-segment addresses that no other route has: parts of the sitemap and the icon that browsers ask for.
func (s *Server) getTop(w http.ResponseWriter, r *http.Request) error {
	switch file := r.PathValue("file"); {
	case file == "favicon.ico":
		http.Redirect(w, r, s.assets.URL("favicon.svg"), http.StatusFound)
		return nil
	case strings.HasPrefix(file, "sitemap-") && strings.HasSuffix(file, ".xml"):
		return s.getFeed(w, r)
	default:
		return s.getNothing(w, r)
	}
}

// robotsText keeps robots out of what is no page for readers, and shows them the sitemap.
const robotsText = `User-agent: *
Disallow: /desk
Disallow: /api/
Disallow: /tim-kiem
Disallow: /duyet/
Disallow: /khong-phai-toi/
Disallow: /ma-pin/
Disallow: /mat-khau/
Disallow: /xac-nhan/
Disallow: /tuy-chon/
Disallow: /huy/
Disallow: /tin/*/gui
Disallow: /tin/*/bao-loi
Disallow: /tin/*/luu

Sitemap: `

// getRobots handles /robots.txt.
func (s *Server) getRobots(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	return s.send(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(robotsText+s.absolute(feed.SitemapIndex)+"\n"))
}
