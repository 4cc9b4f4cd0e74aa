package web

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLimited bounds how many strangers a node remembers; beyond it the ones with full buckets are forgotten.
const maxLimited = 50_000

// limiter holds a token bucket per rule and network of strangers. It is per node; posts that send mail are limited in
// the database besides.
type limiter struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[limitKey]*rate.Limiter
}

type limitKey struct {
	rule string
	from netip.Prefix
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, buckets: map[limitKey]*rate.Limiter{}}
}

// take uses one of burst tokens, which come back one per every; it returns how long to wait when none is left.
func (l *limiter) take(rule string, from netip.Addr, every time.Duration, burst int) time.Duration {
	key := limitKey{rule: rule, from: network(from)}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, known := l.buckets[key]
	if !known {
		if len(l.buckets) >= maxLimited {
			l.forget(now)
		}
		bucket = rate.NewLimiter(rate.Every(every), burst)
		l.buckets[key] = bucket
	}
	asked := bucket.ReserveN(now, 1)
	wait := asked.DelayFrom(now)
	if wait > 0 {
		asked.CancelAt(now)
	}
	return wait
}

// forget drops everyone whose bucket is full again, and all when that frees nothing.
func (l *limiter) forget(now time.Time) {
	for key, bucket := range l.buckets {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxLimited {
		clear(l.buckets)
	}
}

// network is what one stranger commands: an IPv4 address, or the /64 of an IPv6 one.
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// siteShare is how many times a network's bound a whole site has.
const siteShare = 5

// siteOf is what a provider gives to one customer, who may use it as so many networks: an IPv4 address, or the /48 of an IPv6 one.
func siteOf(addr netip.Addr) netip.Prefix {
	if prefix, err := addr.Prefix(48); addr.Is6() && err == nil {
		return prefix
	}
	return network(addr)
}

// limit lets each stranger run h burst times at once and then once per every; beyond that it answers 429.
func (s *Server) limit(rule string, every time.Duration, burst int, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if wait := s.limits.take(rule, requestInfo(r).client, every, burst); wait > 0 {
			return tooMany(wait)
		}
		return h(w, r)
	}
}
