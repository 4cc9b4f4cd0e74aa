package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// liveHub passes on what changed to the browsers that listen. It carries names of page parts only; each browser fetches
// what it may see itself.
type liveHub struct {
	mu        sync.Mutex
	listeners map[chan []string]struct{}
	over      chan struct{} // closed when the server stops: streams end, so that it can
	stuck     time.Duration
}

func newLiveHub() *liveHub {
	return &liveHub{listeners: map[chan []string]struct{}{}, over: make(chan struct{}), stuck: liveStuck}
}

// liveBacklog is how many changes a slow browser may be behind; beyond it everything counts as changed.
const liveBacklog = 32

func (h *liveHub) join() chan []string {
	ch := make(chan []string, liveBacklog)
	h.mu.Lock()
	h.listeners[ch] = struct{}{}
	h.mu.Unlock()
	return ch
}

// heard reports whether anybody listens.
func (h *liveHub) heard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners) > 0
}

func (h *liveHub) leave(ch chan []string) {
	h.mu.Lock()
	delete(h.listeners, ch)
	h.mu.Unlock()
}

// tell passes topics on. A listener whose backlog is full gets "*" in place of what waits.
func (h *liveHub) tell(topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.listeners {
		select {
		case ch <- topics:
			continue
		default:
		}
	drain:
		for {
			select {
			case <-ch:
			default:
				break drain
			}
		}
		ch <- []string{"*"}
	}
}

// runDesk tells the browsers about every event until ctx ends, then ends their streams, so that the server can stop. Of an empty
// newsroom it first writes the one-time code of the first start into the log.
func (s *Server) runDesk(ctx context.Context) {
	defer close(s.desk.live.over)
	empty, err := s.Store.Empty(ctx)
	switch {
	case err != nil:
		s.Log.WarnContext(ctx, "cannot tell whether the newsroom is empty", "error", err)
	case empty && !s.Demo:
		s.Log.InfoContext(ctx, "the newsroom is empty: open the address and give the code", "address", s.absolute("/desk/start"), "code", s.Store.SetupCode())
	}
	go s.sweepDesk(ctx)
	go s.tickIssues(ctx)
	go s.takeUpImports(ctx)
	err = s.Bus.Follow(ctx, []string{"newsroom.>"}, func(e events.Envelope) {
		if topics := liveTopics(e); len(topics) > 0 {
			s.desk.live.tell(topics...)
		}
	}, func() { s.desk.live.tell("*") })
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "the desk no longer follows events", "error", err)
	}
}

// issueTick is how often browsers look at a run: the workers only announce whole chunks.
const issueTick = 3 * time.Second

// tickIssues has listening browsers look again while some issue goes out.
func (s *Server) tickIssues(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(issueTick):
		}
		if !s.desk.live.heard() {
			continue
		}
		running, err := s.Store.Mailing(ctx)
		if err == nil && running {
			s.desk.live.tell("issues")
		}
	}
}

// sweepEvery is how often what is over is deleted: sessions, and counts of wrong passwords. Every node may do it.
const sweepEvery = time.Hour

func (s *Server) sweepDesk(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery):
		}
		for what, sweep := range map[string]func(context.Context) error{"sessions": s.Store.SweepSessions, "sign_ins": s.Store.ForgetSignIns, "imports": s.Store.SweepImports, "inquiries": s.Store.RemindInquiries} {
			if err := sweep(ctx); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "what is over stays until the next sweep", "what", what, "error", err)
			}
		}
	}
}

// liveTopics names the parts of pages that an event concerns.
func liveTopics(e events.Envelope) []string {
	article := func() []string {
		var about struct {
			ArticleID string `json:"article_id"`
		}
		if e.Open(&about) != nil || about.ArticleID == "" {
			return nil
		}
		return []string{"article:" + about.ArticleID}
	}
	switch parts := strings.Split(e.Type, "."); {
	case len(parts) < 3:
		return nil
	case parts[1] == "article" || parts[1] == "review":
		return append(article(), "board", "work", "plan")
	case parts[1] == "feed" || parts[1] == "counter":
		return article()
	case parts[1] == "delivery":
		return append(article(), "issues")
	case parts[1] == "subscriber":
		return []string{"subscribers"}
	case parts[1] == "reader":
		return []string{"work", "reports"}
	default:
		return nil
	}
}

// Times of the event stream: a comment now and then keeps proxies from closing it, and it ends so that a browser that
// signed out elsewhere does not listen for ever.
const (
	liveBeat = 20 * time.Second
	liveLife = 30 * time.Minute
)

// liveStuck is how long a browser may read nothing of what waits for it: then it sleeps, or never meant to read, and comes again if it
// wakes. Without it the stream would wait for that browser for ever, beyond liveLife too.
const liveStuck = 30 * time.Second

// getLive handles GET /desk/live, the one event stream of a browser.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
	out := http.NewResponseController(w)
	changes := s.desk.live.join()
	defer s.desk.live.leave(changes)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	send := func(text string) bool {
		if err := out.SetWriteDeadline(time.Now().Add(s.desk.live.stuck)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return false
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return false // the browser has gone
		}
		return out.Flush() == nil
	}
	if !send("retry: 2000\n\n") {
		return nil
	}
	beat := time.NewTicker(liveBeat)
	defer beat.Stop()
	end := time.NewTimer(liveLife)
	defer end.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-end.C:
			return nil
		case <-s.desk.live.over:
			return nil
		case <-beat.C:
			if !send(": beat\n\n") {
				return nil
			}
		case topics := <-changes:
			topics = gather(changes, topics)
			data, err := json.Marshal(map[string]any{"topics": topics})
			if err != nil || !send("event: changed\ndata: "+string(data)+"\n\n") {
				return nil
			}
		}
	}
}

// gather adds what else waits already.
func gather(changes chan []string, topics []string) []string {
	topics = slices.Clone(topics)
	for {
		select {
		case more := <-changes:
			topics = append(topics, more...)
		default:
			slices.Sort(topics)
			return slices.Compact(topics)
		}
	}
}
