package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"strings"
	"time"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// pagesFS holds the templates: pages/layout/ are frames, pages/part/ are pieces that pages share, everything else is a
// page, named by its path ("front", "desk/board"). A page begins with {{template "layout/portal" .}} and defines
// "title" and "main", and "head" where it adds to <head>. Its dot is a *view: the frame, and the page's own struct as
// .Data; the functions are those of funcs.
//
//go:embed pages
var pagesFS embed.FS

// templates are the parsed pages in each language.
type templates struct {
	pages map[string]map[string]*template.Template // language, name
}

// view is the dot of every page.
type view struct {
	frame
	Data any // the page's own struct
}

// frame is what the parts around a page show, the same for every reader with the same language and display choices.
type frame struct {
	Lang      string // "vi", "en"
	Other     string // the other language
	OtherURL  string // this page in it
	Path      string
	Canonical string // full address without the query
	Site      newsroom.Site
	Display   display
	Today     time.Time
	Demo      bool
}

// funcs are the functions of every template in language l.
func (s *Server) funcs(l language) template.FuncMap {
	funcs := template.FuncMap{
		"T":          l.T,
		"has":        l.Has,
		"num":        func(n any) (string, error) { return number(l, n) },
		"decimal":    l.Decimal,
		"size":       l.Bytes,
		"date":       l.Date,
		"clock":      l.Time,
		"datetime":   l.DateTime,
		"listdate":   l.ListDate,
		"formaldate": l.FormalDate,
		"mailtime":   l.MailTime,
		"left":       func(d time.Duration) string { return workingLeft(l, d) },
		"ago":        func(t time.Time) string { return l.Ago(t, s.Now()) },
		"iso":        func(t time.Time) string { return t.In(vietnam).Format(time.RFC3339) },
		"inzone":     func(layout string, t time.Time) string { return t.In(vietnam).Format(layout) },
		"asset":      s.assets.URL,
		"icon":       s.icon,
		"strings":    func(keys ...string) map[string]string { return s.scriptStrings(l, keys) },
		"dict":       dict,
		"list":       func(items ...any) []any { return items },
		"tel":        telephone,
		"slot":       slot(l),
		"sections":   func(f newsroom.Site) []sectionLink { return sectionLinks(f, l) },
	}
	for _, room := range s.roomFuncs(l) {
		maps.Copy(funcs, room)
	}
	return funcs
}

// workingLeft says how much working time is left, or by how much something is late.
func workingLeft(l language, d time.Duration) string {
	if d < 0 {
		return l.T("date.late_by", "time", l.WorkingOver(d))
	}
	return l.T("date.left", "time", l.WorkingLeft(d))
}

// vietnam is the office's time zone, UTC+7 all year.
var vietnam = time.FixedZone("GMT+7", 7*3600)

func number(l language, n any) (string, error) {
	switch n := n.(type) {
	case int:
		return l.Number(int64(n)), nil
	case int64:
		return l.Number(n), nil
	default:
		return "", fmt.Errorf("num: %T is no whole number", n)
	}
}

// dict makes one argument of several for a part: dict "key" value ….
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a key without a value")
	}
	made := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v is no string", pairs[i])
		}
		made[key] = pairs[i+1]
	}
	return made, nil
}

// icon draws a named icon of the sprite; it says nothing to a screen reader.
func (s *Server) icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + //nolint:gosec // the name is escaped, the URL ours
		s.assets.URL("icons.svg") + `#` + template.HTMLEscapeString(name) + `"/></svg>`)
}

// scriptStrings are the words that the page's scripts show, under the keys that they ask for; with prefixes only those
// whose keys begin with one of them.
func (s *Server) scriptStrings(l language, prefixes []string) map[string]string {
	words := map[string]string{}
	for _, key := range s.assets.Strings() {
		wanted := len(prefixes) == 0
		for _, prefix := range prefixes {
			wanted = wanted || strings.HasPrefix(key, prefix)
		}
		if wanted {
			words[key] = l.T("js." + key)
		}
	}
	return words
}

// parsePages parses every page with the layouts and parts in every language, and refuses one that html/template cannot
// make safe or that names a template that does not exist.
func (s *Server) parsePages(files fs.FS) (*templates, error) {
	base := template.New("").Funcs(s.funcs(locale.For("vi")))
	sources := map[string]string{}
	err := fs.WalkDir(files, "pages", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".html" {
			return err
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "pages/"), ".html")
		if strings.HasPrefix(name, "layout/") || strings.HasPrefix(name, "part/") {
			_, err = base.New(name).Parse(string(text))
			return err
		}
		sources[name] = string(text)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	parsed := &templates{pages: map[string]map[string]*template.Template{}}
	for _, tag := range locale.Tags() {
		parsed.pages[tag] = map[string]*template.Template{}
		for name, text := range sources {
			one, err := parsePage(base, name, text, s.funcs(locale.For(tag)))
			if err != nil {
				return nil, fmt.Errorf("parse page %s: %w", name, err)
			}
			parsed.pages[tag][name] = one
		}
	}
	return parsed, nil
}

func parsePage(base *template.Template, name, text string, funcs template.FuncMap) (*template.Template, error) {
	set, err := base.Clone()
	if err != nil {
		return nil, err
	}
	page, err := set.Funcs(funcs).New(name).Parse(text)
	if err != nil {
		return nil, err
	}
	// The first execution makes the page safe, and says so when it cannot; that it then lacks data does not matter here.
	if unsafe, ok := errors.AsType[*template.Error](page.Execute(io.Discard, nil)); ok {
		return nil, unsafe
	}
	return page, nil
}

// html executes page name with v in its language.
func (t *templates) html(name string, v *view) ([]byte, error) {
	page, known := t.pages[v.Lang][name]
	if !known {
		return nil, fmt.Errorf("no page %q", name)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("render page %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// render answers r with page name about data. It keeps nothing: Cache-Control is no-store unless the handler has set it.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	s.rememberLang(w, r)
	body, err := s.views.html(name, &view{frame: s.frame(r, site), Data: data})
	if err != nil {
		return err
	}
	if body, err = s.fillSlots(r.Context(), body); err != nil {
		return err
	}
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.send(w, r, status, "text/html; charset=utf-8", body)
}

func (s *Server) frame(r *http.Request, site newsroom.Site) frame {
	tag := s.lang(r).Tag()
	other := "en"
	if tag == "en" {
		other = "vi"
	}
	query := r.URL.Query()
	query.Set("lang", other)
	return frame{
		Lang: tag, Other: other, OtherURL: r.URL.EscapedPath() + "?" + query.Encode(),
		Path: r.URL.Path, Canonical: s.absolute(r.URL.EscapedPath()),
		Site: site, Display: displayOf(r), Today: s.Now(), Demo: s.Demo,
	}
}

// absolute puts the public base URL before a path of ours.
func (s *Server) absolute(path string) string { return strings.TrimSuffix(s.URL.String(), "/") + path }

// telephone keeps what a phone dials of a number as it is printed.
func telephone(printed string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, printed)
}
