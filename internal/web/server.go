package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Options of New. Store, Bus, Keys, Log and URL are required; Now defaults to time.Now.
type Options struct {
	Store          Store
	Dispatch       Dispatch
	Bus            Bus
	Keys           Keys
	Log            *slog.Logger
	URL            *url.URL       // public base URL: what links in feeds, mails and canonical addresses begin with
	Secure         bool           // the public URL is https: cookies are Secure, HSTS is sent
	Demo           bool           // demo content: the pages say so
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	MailDomain     string         // sender's domain of the newsletters: their Message-IDs end in it
	MailHeld       bool           // newsletters in doubt are not sent once more by themselves
	Returns        Returns        // takes what relays report about mails
	Ready          []Check        // what /readyz asks besides the database
	Now            func() time.Time
}

// Check is one thing without which the program cannot serve. Ready returns nil, or what is missing in a few words
// without secrets; it must answer within a second.
type Check struct {
	Name  string
	Ready func(ctx context.Context) error
}

// Server answers the product's HTTP requests. It is safe for concurrent use.
type Server struct {
	Options
	mux    *http.ServeMux
	assets *assets
	views  *templates
	limits *limiter
	rooms
}

// New parses and checks every page, so that a broken one cannot start. It asks the database for nothing.
func New(o Options) (*Server, error) {
	if o.Store == nil || o.Bus == nil || o.Keys == nil || o.Log == nil || o.URL == nil {
		return nil, errors.New("web server: store, bus, keys, log and URL are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{Options: o, mux: http.NewServeMux(), limits: newLimiter(o.Now)}
	var err error
	if s.assets, err = newAssets(); err != nil {
		return nil, err
	}
	if s.views, err = s.parsePages(pagesFS); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open web server: %w", err)
	}
	s.routes()
	return s, nil
}

// Handler is everything that listens on the public address.
func (s *Server) Handler() http.Handler { return s.outer(s.mux) }

// HTTP is a server for Handler with the time limits that strangers need. A handler that streams or takes large uploads
// sets its own deadlines with http.NewResponseController.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
}
