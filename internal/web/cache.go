package web

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"toasoan/newsroom"
)

// cacheBytes bounds what a node keeps of rendered pages and feeds, packed forms included.
const cacheBytes = 96 << 20

// slotsFor is how long the numbers in a kept page are believed.
const slotsFor = 3 * time.Second

// answerKept is a page or feed as it was made, with the places of its numbers, ready to be sent packed.
type answerKept struct {
	status    int
	mediaType string
	modified  time.Time
	parts     [][]byte // around the slots
	slots     []string
	article   string        // whose views the slot "views" shows
	day       newsroom.Date // local day it was made on: pages show dates

	filled atomic.Pointer[packed]
	mu     sync.Mutex // one refill at a time; who finds it held sends what there is
	age    time.Time  // when the numbers were read
}

// packed is an answer in each of its encodings.
type packed struct {
	numbers           string // what the slots hold, to see whether they changed
	plain, brotli, gz []byte
	tag               string // hash of plain
}

func (p *packed) size() int { return len(p.plain) + len(p.brotli) + len(p.gz) }

// pageCache keeps answers by key, the least recently used go first. It is emptied as a whole when something public changed:
// that is rare, and nothing stale can be forgotten.
type pageCache struct {
	mu         sync.Mutex
	limit      int // bytes
	size       int
	generation uint64
	byKey      map[string]*list.Element
	order      *list.List // of *cacheEntry, most recently used first
	flight     singleflight.Group
}

type cacheEntry struct {
	key    string
	answer *answerKept
	size   int
}

func newPageCache(limit int) *pageCache {
	return &pageCache{limit: limit, byKey: map[string]*list.Element{}, order: list.New()}
}

// empty forgets everything, what is being made now too.
func (c *pageCache) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.size = 0
	clear(c.byKey)
	c.order.Init()
}

func (c *pageCache) find(key string) (*answerKept, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, known := c.byKey[key]
	if !known {
		return nil, c.generation
	}
	c.order.MoveToFront(element)
	return element.Value.(*cacheEntry).answer, c.generation //nolint:forcetypeassert // the list holds nothing else
}

// keep stores an answer that was begun in generation; what was emptied since is not brought back.
func (c *pageCache) keep(key string, answer *answerKept, size int, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation || size > c.limit/4 {
		return
	}
	if old, known := c.byKey[key]; known {
		c.drop(old)
	}
	c.byKey[key] = c.order.PushFront(&cacheEntry{key: key, answer: answer, size: size})
	c.size += size
	for c.size > c.limit {
		c.drop(c.order.Back())
	}
}

func (c *pageCache) drop(element *list.Element) {
	entry := c.order.Remove(element).(*cacheEntry) //nolint:forcetypeassert // the list holds nothing else
	delete(c.byKey, entry.key)
	c.size -= entry.size
}

// get finds the answer of key, or makes it: once, however many ask for it at the same time.
func (c *pageCache) get(ctx context.Context, key string, today newsroom.Date, make func(context.Context) (*answerKept, int, error)) (*answerKept, error) {
	found, generation := c.find(key)
	if found != nil && found.day == today {
		return found, nil
	}
	made := c.flight.DoChan(strconv.FormatUint(generation, 36)+" "+key, func() (any, error) {
		// The first asker may go away; the others still want the page.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		answer, size, err := make(ctx)
		if err != nil {
			return nil, err
		}
		c.keep(key, answer, size, generation)
		return answer, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-made:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*answerKept), nil //nolint:forcetypeassert // made above
	}
}

// shown is what a public page's handler found: the page to render, or where to go instead.
type shown struct {
	status   int // 0: 200
	page     string
	data     any
	article  string // whose views are shown
	redirect string // 301 to this address
}

// finder is the work of a public page that is the same for every reader: it may look at path and query of r only.
type finder func(r *http.Request) (shown, error)

// kept answers with the page that find describes, from the cache when it is there. The key is path, page number, language
// and display: whatever else a query holds changes nothing.
func (s *Server) kept(find finder) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s.rememberLang(w, r)
		page := r.URL.Query().Get("trang")
		key := s.lang(r).Tag() + " " + displayOf(r).key() + " " + page + " " + r.URL.Path
		answer, err := s.portal.pages.get(r.Context(), key, newsroom.DateOf(s.Now()), func(ctx context.Context) (*answerKept, int, error) {
			r := r.WithContext(ctx)
			r.URL = plainURL(r.URL.Path, page)
			return s.makePage(r, find)
		})
		if to, ok := errors.AsType[*redirectError](err); ok {
			w.Header().Set("Cache-Control", "no-cache")
			http.Redirect(w, r, to.to, http.StatusMovedPermanently)
			return nil
		}
		if err != nil {
			return err
		}
		w.Header().Set("Vary", "Accept-Encoding, Cookie")
		return s.sendKept(w, r, answer)
	}
}

// redirectError leads elsewhere instead of a page.
type redirectError struct{ to string }

func (e *redirectError) Error() string { return "moved to " + e.to }

// makePage renders what find found, without its numbers.
func (s *Server) makePage(r *http.Request, find finder) (*answerKept, int, error) {
	site, err := s.site(r.Context())
	if err != nil {
		return nil, 0, err
	}
	found, err := find(r)
	if err != nil {
		return nil, 0, err
	}
	if found.redirect != "" {
		return nil, 0, &redirectError{to: found.redirect}
	}
	body, err := s.views.html(found.page, &view{frame: s.frame(r, site), Data: found.data})
	if err != nil {
		return nil, 0, err
	}
	now := s.Now()
	answer := &answerKept{
		status: max(found.status, http.StatusOK), mediaType: "text/html; charset=utf-8", modified: now,
		article: found.article, day: newsroom.DateOf(now),
	}
	answer.parts, answer.slots = s.splitSlots(body)
	if err := s.refill(r.Context(), answer); err != nil {
		return nil, 0, err
	}
	return answer, answer.filled.Load().size() + len(body), nil
}

// keptBytes makes an answer of bytes without slots.
func (s *Server) keptBytes(mediaType string, modified time.Time, body []byte) *answerKept {
	answer := &answerKept{status: http.StatusOK, mediaType: mediaType, modified: modified, day: newsroom.DateOf(s.Now())}
	answer.filled.Store(pack(body, ""))
	return answer
}

func pack(body []byte, numbers string) *packed {
	sum := sha256.Sum256(body)
	p := &packed{numbers: numbers, plain: body, tag: hex.EncodeToString(sum[:16])}
	if len(body) >= worthPacking {
		p.brotli, p.gz = packBrotli(body, brotliKept), packGzip(body, gzipKept)
	}
	return p
}

// current is the answer with numbers that are not too old. A database that is away leaves the old ones.
func (s *Server) current(ctx context.Context, a *answerKept) *packed {
	if len(a.slots) == 0 || !a.mu.TryLock() {
		return a.filled.Load()
	}
	defer a.mu.Unlock()
	if s.Now().Sub(a.age) >= slotsFor {
		if err := s.refill(ctx, a); err != nil {
			s.Log.WarnContext(ctx, "numbers of a page not read", "error", err)
			a.age = s.Now()
		}
	}
	return a.filled.Load()
}

// sendKept answers with a kept page in the encoding that the client takes, or 304.
func (s *Server) sendKept(w http.ResponseWriter, r *http.Request, a *answerKept) error {
	p := s.current(r.Context(), a)
	header := w.Header()
	if header.Get("Vary") == "" {
		header.Set("Vary", "Accept-Encoding")
	}
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-cache")
	}
	body, encoding := p.plain, ""
	if p.brotli != nil {
		switch encoding = bestEncoding(r); encoding {
		case "br":
			body = p.brotli
		case "gzip":
			body = p.gz
		}
	}
	tag := `"` + p.tag + encoding + `"`
	header.Set("ETag", tag)
	header.Set("Last-Modified", a.modified.UTC().Format(http.TimeFormat))
	if a.status == http.StatusOK && matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Type", a.mediaType)
	if encoding != "" {
		header.Set("Content-Encoding", encoding)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader who went away is nobody's error
	}
	return nil
}
