package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"toasoan/events"
)

const (
	// pollAway is how often the portal's version is looked at while NATS is away.
	pollAway = time.Second
	// pollThere is how often it is looked at all the same: a change of settings is no event.
	pollThere = 3 * time.Second
)

// Run does what goes on beside the requests until ctx ends: it empties the page cache when something public changed, and
// hands counted views to the bus. It returns when the last views are handed over.
func (s *Server) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() { s.followChanges(ctx) })
	group.Go(func() { s.pollVersion(ctx) })
	group.Go(func() { s.sendViews(ctx) })
	group.Go(func() { s.runDesk(ctx) })
	group.Wait()
	return nil
}

// changeSubjects are the events after which a kept page may be wrong.
func changeSubjects() []string {
	subjects := []string{events.FeedRegenerated{}.Type()}
	for _, verb := range events.PublicVerbs {
		subjects = append(subjects, events.ArticleSubject(verb))
	}
	return subjects
}

// followChanges empties the caches at each public change, and whenever an event may have been missed.
func (s *Server) followChanges(ctx context.Context) {
	hides := []string{events.ArticleSubject("withdrawn"), events.ArticleSubject("taken_down"), events.ArticleSubject("restored")}
	err := s.Bus.Follow(ctx, changeSubjects(), func(e events.Envelope) {
		s.portal.pages.empty()
		if slices.Contains(hides, e.Type) {
			s.portal.media.empty()
		}
	}, s.forgetPages)
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "page cache no longer follows events", "error", err)
	}
}

// forgetPages empties every cache of public pages on this node.
func (s *Server) forgetPages() {
	s.forgetSite()
	s.portal.pages.empty()
	s.portal.media.empty()
}

// pollVersion looks at the portal's version in Postgres: each second while NATS is away, so that a withdrawn page is gone
// in any case; now and then otherwise.
func (s *Server) pollVersion(ctx context.Context) {
	var seen int64
	for {
		wait := pollThere
		if !s.Bus.Up() {
			wait = pollAway
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		seen = s.lookAtVersion(ctx, seen)
	}
}

// lookAtVersion empties the caches when the portal's version is not the one seen before; it returns the one seen now.
func (s *Server) lookAtVersion(ctx context.Context, seen int64) int64 {
	ctx, cancel := context.WithTimeout(ctx, pollThere)
	defer cancel()
	version, err := s.Store.PortalVersion(ctx)
	if err != nil {
		s.Log.WarnContext(ctx, "portal version not read", "error", err)
		if !s.Bus.Up() {
			s.forgetPages() // neither events nor the database: nothing kept may be trusted
		}
		return seen
	}
	if version != seen {
		s.forgetPages()
	}
	return version
}
