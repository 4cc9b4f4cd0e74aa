package mailbox

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static
var staticFiles embed.FS

const (
	pageLength = 50
	rawShown   = 1 << 20 // bytes of the source that the page shows; the rest is in the download
)

var pages = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
	"when": func(t time.Time) string { return t.In(vietnam).Format("02/01/2006 15:04") },
	"iso":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"size": sizeText, "people": peopleText, "segments": segments, "recipient": recipient,
}).ParseFS(pageFiles, "pages/*.html"))

// frame is what every page has.
type frame struct {
	Lang  string
	T     map[string]string
	Title string
	Query string
}

type listView struct {
	frame
	Messages              []Summary
	Total, Unread, Found  int
	From, To              int
	Newest                string // id, by which the script sees that more has come
	HasPrevious, HasNext  bool
	PreviousURL, NextURL  string
	Filtered, IsFirstPage bool
}

type messageView struct {
	frame
	*Message
	View   string // html, text, headers or raw
	Source string
	Cut    bool
}

func newFrame(r *http.Request, title string) frame {
	f := frame{Lang: language(r.Header.Get("Accept-Language")), Query: strings.TrimSpace(r.URL.Query().Get("q"))}
	f.T = texts[f.Lang]
	if f.Title = title; title == "" {
		f.Title = f.T["title"]
	}
	return f
}

// language is English for those who ask for it before Vietnamese.
func language(accept string) string {
	for part := range strings.SplitSeq(strings.ToLower(firstRunes(accept, 500)), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		base, _, _ := strings.Cut(tag, "-")
		if base == "vi" || base == "en" {
			return base
		}
	}
	return "vi"
}

func (h *handler) listPage(w http.ResponseWriter, r *http.Request) {
	v := listView{frame: newFrame(r, "")}
	start := number(r, "start", 0)
	v.Messages, v.Found = h.box.Find(ParseQuery(v.Query), start, pageLength)
	v.Total, v.Unread = h.box.Totals()
	v.Filtered, v.IsFirstPage = v.Query != "", start == 0
	if newest, _ := h.box.Find(Query{}, 0, 1); len(newest) > 0 {
		v.Newest = newest[0].ID
	}
	v.From, v.To = start+1, start+len(v.Messages)
	v.HasPrevious, v.PreviousURL = start > 0, listURL(v.Query, max(0, start-pageLength))
	v.HasNext, v.NextURL = v.To < v.Found, listURL(v.Query, start+pageLength)
	h.render(w, "list.html", v)
}

func listURL(query string, start int) string {
	values := url.Values{}
	if query != "" {
		values.Set("q", query)
	}
	if start > 0 {
		values.Set("start", strconv.Itoa(start))
	}
	return (&url.URL{Path: "/", RawQuery: values.Encode()}).String()
}

func (h *handler) messagePage(w http.ResponseWriter, r *http.Request) {
	m, ok := h.read(w, r)
	if !ok {
		return
	}
	v := messageView{frame: newFrame(r, m.Subject), Message: m, View: r.URL.Query().Get("view")}
	if v.Title == "" {
		v.Title = v.T["no_subject"]
	}
	switch v.View {
	case "html", "text", "headers":
	case "raw":
		raw, err := h.box.Raw(m.ID)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		v.Cut = len(raw) > rawShown
		v.Source = clean(string(raw[:min(len(raw), rawShown)]))
	default:
		if v.View = "text"; m.HTML != "" {
			v.View = "html"
		}
	}
	h.render(w, "message.html", v)
}

func (h *handler) render(w http.ResponseWriter, name string, view any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, view); err != nil {
		h.log.Error("mailbox page failed", "err", err)
		http.Error(w, "Error: the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Language")
	_, _ = page.WriteTo(w)
}

// htmlPart is the message's own HTML for the frame of its page: no script, no form, nothing loaded but its own
// pictures, an origin of its own; its links open in new windows.
func (h *handler) htmlPart(w http.ResponseWriter, r *http.Request) {
	m, err := h.box.Get(r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	parts := "/message/" + m.ID + "/part/"
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data: http://"+r.Host+parts+
		"; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><base target="_blank">`+"\n"+withPictures(m, parts))
}

// withPictures points cid: addresses at the message's own parts (RFC 2392).
func withPictures(m *Message, parts string) string {
	var pairs []string
	for _, a := range m.Inline {
		pairs = append(pairs, "cid:"+a.ContentID, parts+a.PartID)
	}
	return strings.NewReplacer(pairs...).Replace(m.HTML)
}

func (h *handler) deletePost(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "Error: the form cannot be read", http.StatusBadRequest)
		return
	}
	ids := r.PostForm["id"]
	if r.PostForm.Get("all") == "1" {
		ids = h.box.IDs()
	}
	if err := h.box.Delete(ids...); err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (h *handler) static() http.Handler {
	files := http.FileServerFS(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})
}

// recipient is whom the list shows: the first of the header, else of the envelope.
func recipient(s Summary) Address {
	for _, list := range [][]Address{s.To, s.Cc, s.Bcc} {
		if len(list) > 0 {
			return list[0]
		}
	}
	return Address{}
}

func peopleText(list []Address) string {
	var all []string
	for _, a := range list {
		if a.Name == "" {
			all = append(all, a.Address)
		} else {
			all = append(all, a.Name+" <"+a.Address+">")
		}
	}
	return strings.Join(all, ", ")
}

// sizeText is a size in the Vietnamese way of writing numbers, which a reader of English understands too.
func sizeText(bytes uint64) string {
	switch {
	case bytes < 1000:
		return strconv.FormatUint(bytes, 10) + " B"
	case bytes < 1_000_000:
		return strconv.FormatUint((bytes+500)/1000, 10) + " kB"
	default:
		return strings.Replace(strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64), ".", ",", 1) + " MB"
	}
}

// segment of a text: plain, or an address that can be followed.
type textSegment struct{ Text, Link string }

var webAddress = regexp.MustCompile(`https?://[^\s<>"'\x60]+`)

// segments finds the web addresses in a text, without the punctuation of the sentence around them.
func segments(text string) []textSegment {
	var found []textSegment
	last := 0
	for _, at := range webAddress.FindAllStringIndex(text, 5000) {
		end := at[0] + len(strings.TrimRight(text[at[0]:at[1]], ".,;:!?)]}»”"))
		found = append(found, textSegment{Text: text[last:at[0]]}, textSegment{Text: text[at[0]:end], Link: text[at[0]:end]})
		last = end
	}
	return append(found, textSegment{Text: text[last:]})
}
