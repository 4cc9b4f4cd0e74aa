package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// display is how a reader chose to see pages, from cookies; "" leaves it to the system.
type display struct {
	Theme    string // light, dark
	Contrast string // more, normal
	Size     string // s, m, l, xl
}

var (
	themes    = []string{"light", "dark"}
	contrasts = []string{"more", "normal"}
	sizes     = []string{"s", "m", "l", "xl"}
)

func displayOf(r *http.Request) display {
	choice := func(name string, of []string) string {
		cookie, err := r.Cookie(name)
		if err != nil || !slices.Contains(of, cookie.Value) {
			return ""
		}
		return cookie.Value
	}
	return display{Theme: choice("theme", themes), Contrast: choice("contrast", contrasts), Size: choice("size", sizes)}
}

// key tells displays apart in the page cache.
func (d display) key() string { return d.Theme + "," + d.Contrast + "," + d.Size }

// postDisplay handles POST /hien-thi, the buttons A- A A+, contrast and theme without script: it keeps the choice in a
// cookie and goes back to where the reader was.
func (s *Server) postDisplay(w http.ResponseWriter, r *http.Request) error {
	now := displayOf(r)
	switch form := func(name string) string { return r.PostFormValue(name) }; {
	case form("size") != "":
		s.keepChoice(w, "size", nextSize(now.Size, form("size")))
	case form("contrast") != "":
		s.keepChoice(w, "contrast", toggled(now.Contrast, form("contrast"), contrasts))
	case form("theme") != "":
		s.keepChoice(w, "theme", toggled(now.Theme, form("theme"), themes))
	}
	http.Redirect(w, r, s.backTo(r), http.StatusSeeOther)
	return nil
}

// nextSize moves one step on the scale of sizes; "0" goes back to the ordinary one.
func nextSize(now, step string) string {
	at := slices.Index(sizes, now)
	if at < 0 {
		at = slices.Index(sizes, "m")
	}
	switch step {
	case "+":
		return sizes[min(at+1, len(sizes)-1)]
	case "-":
		return sizes[max(at-1, 0)]
	default:
		return "m"
	}
}

// toggled is the asked value, or none ("": the system's) when it is in force already or unknown.
func toggled(now, asked string, of []string) string {
	if now == asked || !slices.Contains(of, asked) {
		return ""
	}
	return asked
}

// backTo is the page of ours that r came from, the front page where that is not known.
func (s *Server) backTo(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || !strings.HasPrefix(from.Path, "/") || strings.HasPrefix(from.Path, "//") || strings.ContainsRune(from.Path, '\\') {
		return "/"
	}
	back := url.URL{Path: from.Path, RawQuery: from.RawQuery}
	return back.String()
}
