package web

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// embedPath is the small form that other sites show in a frame. It works without cookies and without script, and posts to itself.
const embedPath = "/dang-ky/nhung"

// embedPolicy is stricter than every other page's but for who may frame it.
const embedPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

// embedSetting is the setting with the sites that may frame the form.
const embedSetting = "embed_sites"

// embedSite is what may stand in frame-ancestors: an origin, whose first label may be a star. Nothing else comes near a header.
var embedSite = regexp.MustCompile(`^https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?$`)

// embedMost bounds the list: a header has to carry it.
const embedMost = 50

// embedLanguage is the frame's ?ngon-ngu=: not ?lang=, which is remembered in a cookie.
const embedLanguage = "ngon-ngu"

// framed lets the sites of the setting show h in a frame; every other page refuses that.
func (s *Server) framed(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Query().Get(embedLanguage) == "en" {
			setLang(r, locale.For("en"))
		}
		sites, err := s.embedSites(r.Context())
		if err != nil {
			return err
		}
		w.Header().Set("Content-Security-Policy", strings.Join(append([]string{embedPolicy}, sites...), " "))
		w.Header().Del("X-Frame-Options") // knows no list; frame-ancestors goes before it
		return h(w, r)
	}
}

func (s *Server) embedSites(ctx context.Context) ([]string, error) {
	var sites []string
	return sites, s.Store.Setting(ctx, embedSetting, &sites)
}

// getEmbedded handles GET /dang-ky/nhung; ?chuyen-muc= names the sections that are subscribed to, none: the reader chooses.
func (s *Server) getEmbedded(w http.ResponseWriter, r *http.Request) error {
	page, err := s.subscribePage(r, newsroom.SubscribeRequest{Sections: r.URL.Query()["chuyen-muc"], Cadence: newsroom.CadenceInstant})
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "subscribe_embed", page)
}

// postEmbedded handles POST /dang-ky/nhung, of the frame itself: the same limits and the same answers as the page.
func (s *Server) postEmbedded(w http.ResponseWriter, r *http.Request) error {
	return s.takeSubscription(w, r, "subscribe_embed", "embed")
}

// embedPage is the page "desk/embed": the snippet to copy, and who may use it.
type embedPage struct {
	Snippet  string
	Preview  string // address of the form in this portal
	Height   int    // of its frame, in pixels
	Sections []option
	English  bool
	Sites    string // one a line
	Errors   formErrors
}

// getEmbedForm handles GET /desk/subscribers/form; ?section= and ?english choose what the snippet shows.
func (s *Server) getEmbedForm(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sites, err := s.embedSites(r.Context())
	if err != nil {
		return err
	}
	return s.showEmbedForm(w, r, me, http.StatusOK, embedPage{Sites: strings.Join(sites, "\n")})
}

func (s *Server) showEmbedForm(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page embedPage) error {
	q := r.URL.Query()
	chosen := url.Values{}
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return err
	}
	for _, one := range sections {
		if one.Retired {
			continue
		}
		wanted := slices.Contains(q["section"], one.ID)
		if wanted {
			chosen.Add("chuyen-muc", one.ID)
		}
		page.Sections = append(page.Sections, option{one.ID, one.Name(s.lang(r).Tag()), wanted})
	}
	l := locale.For("vi")
	if page.English = q.Has("english"); page.English {
		chosen.Set(embedLanguage, "en")
		l = locale.For("en")
	}
	if page.Preview = embedPath; len(chosen) > 0 {
		page.Preview += "?" + chosen.Encode()
	}
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	page.Height = embedHeight(site, l, chosen["chuyen-muc"])
	page.Snippet = `<iframe src="` + strings.ReplaceAll(s.absolute(page.Preview), "&", "&amp;") + `" title="` + l.T("action.subscribe") +
		`" width="100%" height="` + strconv.Itoa(page.Height) + `" loading="lazy" style="border:0;max-width:30rem"></iframe>`
	return s.deskPage(w, r, me, status, "desk/embed", "subscribers", page)
}

// postEmbedForm handles POST /desk/subscribers/form: the sites that may show the form.
func (s *Server) postEmbedForm(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page := embedPage{Sites: r.PostFormValue("sites")}
	sites := []string{}
	for line := range strings.Lines(page.Sites) {
		site := strings.ToLower(strings.TrimRight(strings.TrimSpace(line), "/"))
		if site == "" || slices.Contains(sites, site) {
			continue
		}
		if !embedSite.MatchString(site) {
			page.Errors.add(s.lang(r), "sites", "embed.bad_site", "site", site)
			break
		}
		sites = append(sites, site)
	}
	if len(sites) > embedMost {
		page.Errors.add(s.lang(r), "sites", "embed.too_many", "n", embedMost)
	}
	if len(page.Errors) > 0 {
		return s.showEmbedForm(w, r, me, http.StatusUnprocessableEntity, page)
	}
	if err := s.Store.SaveSetting(r.Context(), me, embedSetting, sites); err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/subscribers/form")
}
