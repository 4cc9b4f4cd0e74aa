package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// searchStore finds articles by their words.
type searchStore interface {
	Search(ctx context.Context, q newsroom.SearchQuery) (newsroom.SearchResult, error)
}

const (
	searchSize  = 10
	searchRunes = 200 // longest query
)

// searchPage is what the page "search" shows.
type searchPage struct {
	Query    string
	Section  string
	From, To string // as typed
	Newest   bool
	Asked    bool   // something was looked for
	Wrong    string // translation key of what is wrong with a date, "" nothing
	Total    int
	Most     bool
	Hits     []hitView
	Pages    *pages
}

// hitView is a found article with its words marked.
type hitView struct {
	story
	Title   []fragment
	Excerpt []fragment
	Numbers string
}

// fragment is a piece of text, marked or not.
type fragment struct {
	Text string
	Mark bool
}

// getSearch handles /tim-kiem?q=: full and exact, with filters.
func (s *Server) getSearch(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	page := searchPage{
		Query: text.Excerpt(form.Get("q"), searchRunes), Section: form.Get("muc"), From: form.Get("tu"), To: form.Get("den"),
		Newest: form.Get("xep") == "moi",
	}
	page.Asked = strings.IndexFunc(page.Query, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0
	q := newsroom.SearchQuery{
		Text: page.Query, Section: page.Section, Newest: page.Newest, Size: searchSize, Page: min(pageNumber(form.Get("trang")), newsroom.MaxListed/searchSize),
	}
	var ok bool
	if q.From, ok = dateField(page.From); !ok {
		page.Wrong = "field.bad_date"
	}
	if q.To, ok = dateField(page.To); !ok {
		page.Wrong = "field.bad_date"
	}
	status := http.StatusOK
	if page.Wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	if page.Asked && page.Wrong == "" {
		if err := s.search(r, q, &page); err != nil {
			return err
		}
	}
	w.Header().Set("Cache-Control", "private, max-age=30")
	return s.render(w, r, status, "search", page)
}

func (s *Server) search(r *http.Request, q newsroom.SearchQuery, page *searchPage) error {
	found, err := s.Store.Search(r.Context(), q)
	if err != nil {
		return err
	}
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	tell := teller{site: site, l: s.lang(r)}
	words := queryWords(q.Text)
	for _, hit := range found.Hits {
		around := hit.Plain
		if hit.Lead != "" {
			around = hit.Lead + " " + around
		}
		page.Hits = append(page.Hits, hitView{
			story: tell.story(hit.PortalItem, storyBare), Title: marked(hit.Title, words), Excerpt: marked(excerptAround(around, words), words),
			Numbers: hit.Numbers,
		})
	}
	page.Total, page.Most = found.Total, found.Total >= 1000
	query := url.Values{"q": {q.Text}}
	for name, value := range map[string]string{"muc": page.Section, "tu": page.From, "den": page.To} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if page.Newest {
		query.Set("xep", "moi")
	}
	page.Pages = pagesOf("/tim-kiem?"+query.Encode()+"&trang=", q.Page, found.Total, q.Size)
	return nil
}

// dateField reads a day as people type it (02/10/2026) or as a date field sends it (2026-10-02). Nothing is no day and no
// mistake.
func dateField(raw string) (*newsroom.Date, bool) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return nil, true
	}
	for _, layout := range []string{time.DateOnly, "2/1/2006", "2-1-2006", "2.1.2006"} {
		if day, err := time.ParseInLocation(layout, raw, newsroom.Zone); err == nil && day.Year() >= 1900 && day.Year() < 2200 {
			return new(newsroom.DateOf(day)), true
		}
	}
	return nil, false
}

// wanted are the words that a query asks for, in their order: as they were typed, and folded.
type wanted struct {
	exact, folded []string
}

// queryWords reads a query; what follows a minus is not asked for.
func queryWords(query string) wanted {
	var w wanted
	for field := range strings.FieldsSeq(query) {
		if strings.HasPrefix(field, "-") {
			continue
		}
		for _, span := range wordSpans(field) {
			word := strings.ToLower(text.Line(field[span[0]:span[1]]))
			if folded := text.Fold(word); folded != "or" {
				w.exact, w.folded = append(w.exact, word), append(w.folded, folded)
			}
		}
	}
	return w
}

// in says for each span of s which word of the query it is, -1 none. A word typed with accents is found with them, and
// only where s has none such without.
func (w wanted) in(s string, spans [][2]int) []int {
	which := make([]int, len(spans))
	found := make([]bool, len(w.exact))
	exact := make([]string, len(spans))
	for i, span := range spans {
		exact[i] = strings.ToLower(text.Line(s[span[0]:span[1]]))
		which[i] = slices.Index(w.exact, exact[i])
		if which[i] >= 0 {
			found[which[i]] = true
		}
	}
	for i := range spans {
		if which[i] >= 0 {
			continue
		}
		if at := slices.Index(w.folded, text.Fold(exact[i])); at >= 0 && (!found[at] || w.exact[at] == w.folded[at]) {
			which[i] = at
		}
	}
	return which
}

// wordSpans finds the words of s as byte ranges.
func wordSpans(s string) (spans [][2]int) {
	start := -1
	for i, r := range s {
		switch in := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r); {
		case in && start < 0:
			start = i
		case !in && start >= 0:
			spans = append(spans, [2]int{start, i})
			start = -1
		}
	}
	if start >= 0 {
		spans = append(spans, [2]int{start, len(s)})
	}
	return spans
}

// marked cuts s into pieces, those that are words of the query marked; neighbours share one mark.
func marked(s string, words wanted) []fragment {
	var out []fragment
	put := func(piece string, mark bool) {
		switch last := len(out) - 1; {
		case piece == "":
		case last >= 0 && out[last].Mark == mark:
			out[last].Text += piece
		case last >= 1 && mark && strings.TrimSpace(out[last].Text) == "" && out[last-1].Mark:
			out[last-1].Text += out[last].Text + piece
			out = out[:last]
		default:
			out = append(out, fragment{Text: piece, Mark: mark})
		}
	}
	end := 0
	spans := wordSpans(s)
	for i, which := range words.in(s, spans) {
		put(s[end:spans[i][0]], false)
		put(s[spans[i][0]:spans[i][1]], which >= 0)
		end = spans[i][1]
	}
	put(s[end:], false)
	return out
}

// excerptLength is how many characters of a found article are shown.
const excerptLength = 260

// excerptAround is the piece of s that shows the query best: its words next to each other in their order, else most of them
// close together; the beginning where none is found.
func excerptAround(s string, words wanted) string {
	s = text.Line(s)
	spans := wordSpans(s)
	which := words.in(s, spans)
	best, most := 0, 0
	for i, from := range spans {
		if which[i] < 0 {
			continue
		}
		seen := map[int]bool{}
		score := 0
		for j := i; j < len(spans) && spans[j][0]-from[0] <= excerptLength; j++ {
			if which[j] < 0 {
				continue
			}
			if !seen[which[j]] {
				seen[which[j]] = true
				score += 10
			}
			if j > i && which[j-1] >= 0 && which[j] == which[j-1]+1 {
				score += 15
			}
			score++
		}
		if score > most {
			best, most = from[0], score
		}
	}
	start := max(0, best-80)
	for start > 0 && (!utf8.RuneStart(s[start]) || s[start-1] != ' ') {
		start--
	}
	piece := text.Excerpt(s[start:], excerptLength)
	if start > 0 {
		piece = "…" + piece
	}
	return piece
}
