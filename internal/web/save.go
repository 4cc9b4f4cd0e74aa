package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"toasoan/newsroom"
)

const (
	// savedWidth is how wide the pictures of a saved article are, pixels.
	savedWidth = 960
	// savedBytes bounds the pictures in a saved article; what does not fit stays a link to the portal.
	savedBytes = 12 << 20
)

// savePage is what the page "article_saved" shows: an article in one file that needs no portal.
type savePage struct {
	*publicArticlePage
	Saved time.Time
}

// getSave handles /tin/{article}/luu: the article with its pictures as one HTML file, to keep.
func (s *Server) getSave(w http.ResponseWriter, r *http.Request) error {
	a, moved, err := s.publicArticle(r, "/luu")
	if err != nil {
		return err
	}
	if moved != "" {
		http.Redirect(w, r, moved, http.StatusMovedPermanently)
		return nil
	}
	if err := stillThere(a); err != nil {
		return err
	}
	page, err := s.publicPage(r, a, false)
	if err != nil {
		return err
	}
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	body, err := s.views.html("article_saved", &view{frame: s.frame(r, site), Data: savePage{
		publicArticlePage: page, Saved: s.Now(),
	}})
	if err != nil {
		return err
	}
	if body, err = s.embedPictures(r, a, body); err != nil {
		return err
	}
	body = bytes.ReplaceAll(body, []byte(`href="/`), []byte(`href="`+s.absolute("/"))) // a saved file has no host of its own
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Slug + ".html"}))
	w.Header().Set("Cache-Control", "no-cache")
	return s.send(w, r, http.StatusOK, "text/html; charset=utf-8", body)
}

// savedPicture finds the pictures in a rendered article.
var savedPicture = regexp.MustCompile(`src="/anh/([0-9a-f]{64})-[0-9]+\.[a-z]+"`)

// embedPictures puts the bytes of the pictures into the page, as far as they fit.
func (s *Server) embedPictures(r *http.Request, a newsroom.PortalArticle, body []byte) ([]byte, error) {
	room := savedBytes
	sources := map[string]string{}
	for _, found := range savedPicture.FindAllSubmatch(body, -1) {
		sha := string(found[1])
		image := a.Images[sha]
		if _, done := sources[sha]; done || len(image.Widths) == 0 {
			continue
		}
		variant, err := s.Store.Variant(r.Context(), sha, fitting(image, savedWidth), image.Ext)
		if err != nil {
			return nil, fmt.Errorf("embed picture: %w", err)
		}
		sources[sha] = s.absolute(imagePath(image, variant.Width))
		if room -= len(variant.Bytes); room >= 0 {
			sources[sha] = "data:" + variant.MIME + ";base64," + base64.StdEncoding.EncodeToString(variant.Bytes)
		}
	}
	return savedPicture.ReplaceAllFunc(body, func(tag []byte) []byte {
		source, known := sources[string(savedPicture.FindSubmatch(tag)[1])]
		if !known {
			return tag
		}
		return []byte("src=" + strconv.Quote(source))
	}), nil
}
