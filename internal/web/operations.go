package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// checkPatience is how long one readiness check may take.
const checkPatience = time.Second

// getHealth says that the process lives.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // whoever asks and leaves is no trouble
}

// readiness is the answer of /readyz: 200 when nothing is missing, else 503.
type readiness struct {
	Ready   bool              `json:"ready"`
	Missing map[string]string `json:"missing,omitempty"` // check, what is wrong
}

// getReady says whether the program can serve, and names what is missing.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request) {
	answer := readiness{Ready: true, Missing: map[string]string{}}
	checks := append([]Check{{Name: "portal", Ready: func(ctx context.Context) error {
		_, err := s.Store.PortalVersion(ctx)
		return err
	}}}, s.Ready...)
	for _, check := range checks {
		ctx, cancel := context.WithTimeout(r.Context(), checkPatience)
		err := check.Ready(ctx)
		cancel()
		if err != nil {
			answer.Ready, answer.Missing[check.Name] = false, err.Error()
		}
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // strings only; the reader may have gone
}

// getNothing answers every address that no route has: without a trailing slash where that helps, 405 where the address
// exists for another method, else 404.
func (s *Server) getNothing(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		get := r.Clone(r.Context())
		get.Method = http.MethodGet
		if _, pattern := s.mux.Handler(get); pattern != "/" && pattern != "" {
			w.Header().Set("Allow", "GET, HEAD")
			return refuse(http.StatusMethodNotAllowed, "error.bad_request")
		}
		return refuse(http.StatusNotFound, "error.not_found")
	}
	if trimmed := trimSlashes(r.URL.Path); trimmed != r.URL.Path {
		to := *r.URL
		to.Path, to.RawPath, to.Scheme, to.Host = trimmed, "", "", ""
		http.Redirect(w, r, to.String(), http.StatusMovedPermanently)
		return nil
	}
	return refuse(http.StatusNotFound, "error.not_found")
}

// trimSlashes drops slashes at the end, and all but one at the beginning, so that the result is a path of this host.
func trimSlashes(path string) string {
	end := len(path)
	for end > 1 && path[end-1] == '/' {
		end--
	}
	start := 0
	for start+1 < end && path[start+1] == '/' {
		start++
	}
	return path[start:end]
}
