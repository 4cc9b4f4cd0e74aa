package web

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

const (
	// viewsEvery is how often counted views are handed to the bus.
	viewsEvery = 250 * time.Millisecond
	// viewsWaiting bounds how many views wait while NATS is away; beyond it the newest are not counted.
	viewsWaiting = 100_000
	// viewsBatch is how many views travel together at most: a message may not exceed 1 MB.
	viewsBatch = 2000
)

// Keys is a keyed hash for equality without the value. Met by internal/secret's ring.
type Keys interface {
	MAC(purpose, value string) []byte
}

// viewQueue gathers page views until they are handed over.
type viewQueue struct {
	mu      sync.Mutex
	waiting []events.View
	again   events.ViewBatch // could not be handed over, or so it seemed: goes first, as it was
	kept    []keptBatch      // handed over, and not known to be counted; oldest first
	lost    int
}

// robots are words in the User-Agent of programs that read pages without a person, or for one later.
var robots = regexp.MustCompile(`(?i)bot\b|bots?[/;_ -]|crawl|spider|slurp|fetch|scrap|preview|monitor|uptime|pingdom|lighthouse|headless|phantom|` +
	`facebookexternalhit|feed|rss|curl|wget|python|java/|go-http|okhttp|axios|node|libwww|httpclient|http_request|perl|ruby|php|validator|archive|zgrab|masscan`)

// phones are makers of telephones that robots would take for one.
var phones = regexp.MustCompile(`(?i)cubot`)

// isRobot reports whether a request with this User-Agent is no person's.
func isRobot(agent string) bool {
	return len(agent) < 20 || robots.MatchString(phones.ReplaceAllString(agent, ""))
}

// postView handles POST /xem, the beacon of a page that somebody sees. It always answers 204: whether a view was counted is
// nobody's business. Robots, pages fetched ahead and floods are not counted; no cookie is asked for or set.
func (s *Server) postView(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	from := requestInfo(r).client
	ahead := r.Header.Get("Sec-Purpose") + r.Header.Get("Purpose") + r.Header.Get("X-Moz")
	if isRobot(r.UserAgent()) || strings.Contains(ahead, "prefetch") || strings.Contains(ahead, "prerender") {
		return nil
	}
	if s.limits.take("view", from, 100*time.Millisecond, 300) > 0 {
		return nil
	}
	article := r.PostFormValue("article")
	if article != "" && !newsroom.ValidID(article) {
		return nil
	}
	now := s.Now().UTC()
	s.portal.views.add(events.View{ArticleID: article, Visitor: s.visitor(from.String(), r.UserAgent(), now), At: now})
	return nil
}

// visitor is a keyed hash that is another one each local day: it tells readers apart and cannot be turned back into an
// address.
func (s *Server) visitor(address, agent string, at time.Time) []byte {
	return s.Keys.MAC("visitor", newsroom.DateOf(at).String()+"\n"+address+"\n"+agent)[:16]
}

func (q *viewQueue) add(v events.View) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= viewsWaiting {
		q.lost++
		return
	}
	q.waiting = append(q.waiting, v)
}

// take removes a batch of at most viewsBatch views.
func (q *viewQueue) take() (batch events.ViewBatch, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost, q.lost = q.lost, 0
	if len(q.again.Views) > 0 {
		batch, q.again = q.again, batch
		return batch, lost
	}
	n := min(len(q.waiting), viewsBatch)
	batch = events.ViewBatch{ID: rand.Text(), Views: q.waiting[:n:n]}
	q.waiting = q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	return batch, lost
}

// back keeps a batch whose handing over failed. NATS may have it for all that: only under the same id and with the same views
// does it count once.
func (q *viewQueue) back(batch events.ViewBatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.again = batch
}

// sendViews hands over what was counted, every viewsEvery, and the rest when ctx ends; what gets lost behind NATS goes again.
func (s *Server) sendViews(ctx context.Context) {
	tick, doubt := time.NewTicker(viewsEvery), time.NewTicker(viewsDoubtEvery)
	defer tick.Stop()
	defer doubt.Stop()
	for {
		select {
		case <-tick.C:
			s.handOver(ctx)
		case <-doubt.C:
			s.settleViews(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			s.handOver(last)
			return
		}
	}
}

// handOver sends waiting views in batches until none is left or the bus fails; what failed waits.
func (s *Server) handOver(ctx context.Context) {
	for {
		batch, lost := s.portal.views.take()
		if lost > 0 {
			s.Log.WarnContext(ctx, "page views not counted: too many wait for nats", "count", lost)
		}
		if len(batch.Views) == 0 {
			return
		}
		if err := s.Bus.PublishViews(ctx, batch); err != nil {
			s.portal.views.back(batch)
			s.Log.DebugContext(ctx, "page views wait for nats", "error", err)
			return
		}
		s.portal.views.keep(batch, s.Now())
	}
}
