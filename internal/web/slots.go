package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// slotBegin and slotEnd stand around the name of a number in a rendered page. Nobody can know the random part, so nothing
// that a person wrote can be taken for a slot.
var (
	slotBegin = "slot" + rand.Text() + "x"
	slotEnd   = "x" + rand.Text() + "slot"
)

// slot marks the place of a number that changes more often than the page: online, today, week, month, total, views; written
// in language l.
func slot(l language) func(name string) string {
	return func(name string) string { return slotBegin + l.Tag() + name + slotEnd }
}

// splitSlots cuts a rendered page at its slots; each is named by language and number.
func (s *Server) splitSlots(body []byte) (parts [][]byte, slots []string) {
	rest := body
	for {
		before, after, found := bytes.Cut(rest, []byte(slotBegin))
		parts = append(parts, before)
		if !found {
			return parts, slots
		}
		name, tail, _ := bytes.Cut(after, []byte(slotEnd))
		slots = append(slots, string(name))
		rest = tail
	}
}

// refill writes the numbers of now into a; the caller holds a.mu, or nobody else knows a yet.
func (s *Server) refill(ctx context.Context, a *answerKept) error {
	values, err := s.slotValues(ctx, a.slots, a.article)
	if err != nil {
		return err
	}
	a.age = s.Now()
	numbers := strings.Join(values, "\n")
	if now := a.filled.Load(); now != nil && now.numbers == numbers {
		return nil
	}
	a.filled.Store(pack(joinSlots(a.parts, values), numbers))
	return nil
}

func joinSlots(parts [][]byte, values []string) []byte {
	var out bytes.Buffer
	for i, part := range parts {
		out.Write(part)
		if i < len(values) {
			out.WriteString(values[i])
		}
	}
	return out.Bytes()
}

// fillSlots is body with its numbers, for pages that are not kept.
func (s *Server) fillSlots(ctx context.Context, body []byte) ([]byte, error) {
	parts, slots := s.splitSlots(body)
	values, err := s.slotValues(ctx, slots, "")
	if err != nil {
		return nil, err
	}
	return joinSlots(parts, values), nil
}

// slotValues reads the numbers of slots, written as their languages do; digits and separators only, safe in any markup.
func (s *Server) slotValues(ctx context.Context, slots []string, article string) ([]string, error) {
	if len(slots) == 0 {
		return nil, nil
	}
	counters := s.counters(ctx)
	values := make([]string, len(slots))
	var views int64
	var known bool
	for i, name := range slots {
		l := locale.For(name[:2])
		switch name[2:] {
		case "online":
			values[i] = l.Number(max(counters.Online, 1)) // whoever reads this is one
		case "today":
			values[i] = l.Number(counters.Today)
		case "week":
			values[i] = l.Number(counters.Week)
		case "month":
			values[i] = l.Number(counters.Month)
		case "total":
			values[i] = l.Number(counters.Total)
		case "views":
			if !known {
				found, err := s.Store.ArticleViews(ctx, []string{article})
				if err != nil {
					return nil, err
				}
				views, known = found[article], true
			}
			values[i] = l.Number(views)
		}
	}
	return values, nil
}

// countersNow is the newest reading of Số lượt truy cập on this node.
type countersNow struct {
	now  atomic.Pointer[newsroom.Counters]
	mu   sync.Mutex // one reading at a time; who finds it held takes the last one
	read time.Time
}

// counters reads the site's counters, at most once every slotsFor; while the database is away the last reading serves.
func (s *Server) counters(ctx context.Context) newsroom.Counters {
	c := &s.portal.counters
	last := c.now.Load()
	if last == nil {
		last = &newsroom.Counters{}
		c.mu.Lock()
	} else if !c.mu.TryLock() {
		return *last
	}
	defer c.mu.Unlock()
	if s.Now().Sub(c.read) < slotsFor {
		return *c.now.Load()
	}
	fresh, err := s.Store.Counters(ctx)
	if err != nil {
		s.Log.WarnContext(ctx, "counters not read", "error", err)
		fresh = *last
	}
	fresh.Total = max(fresh.Total, last.Total)
	c.read = s.Now()
	c.now.Store(&fresh)
	return fresh
}

// matches reports whether an If-None-Match header names tag (RFC 9110 §13.1.2).
func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}

// pageNumber reads ?trang=, from 1; anything else is page 1.
func pageNumber(raw string) int {
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 {
		return 1
	}
	return min(n, newsroom.MaxListed)
}
