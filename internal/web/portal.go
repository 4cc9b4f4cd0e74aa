package web

import (
	"context"
	"sync"
	"time"

	"toasoan/newsroom"
)

// portalStore is what the frame of every page asks of the database.
type portalStore interface {
	Site(ctx context.Context) (newsroom.Site, error)
	PortalVersion(ctx context.Context) (int64, error)
}

// portal is what the public pages keep.
type portal struct {
	siteMu   sync.Mutex
	siteRead time.Time
	siteNow  *newsroom.Site
}

// siteFor is how long names of office and sections are believed without an event about them.
const siteFor = 5 * time.Second

func (s *Server) openPortal() error { return nil }

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

// sectionLink is a section in a menu.
type sectionLink struct {
	ID, Name, URL string
}

func sectionLinks(site newsroom.Site, l language) []sectionLink {
	links := make([]sectionLink, len(site.Sections))
	for i, one := range site.Sections {
		links[i] = sectionLink{ID: one.ID, Name: one.Name(l.Tag()), URL: "/chuyen-muc/" + one.ID}
	}
	return links
}
