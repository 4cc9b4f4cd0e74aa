package feed

import (
	"time"

	"toasoan/newsroom"
)

// Paths of the sitemap's fixed files; its parts are named by month.
const (
	SitemapIndex    = "/sitemap.xml"
	SitemapSections = "/sitemap-muc.xml"
)

const sitemapSpace = "http://www.sitemaps.org/schemas/sitemap/0.9"

// Empty is the sitemap of a portal that has published nothing: the index with its list of sections alone.
func (r Renderer) Empty(site newsroom.Site, at time.Time) []newsroom.FeedFile {
	return []newsroom.FeedFile{
		file(SitemapIndex, mimeSitemap, r.sitemapIndex(nil, at), at),
		file(SitemapSections, mimeSitemap, r.sitemapSections(site), at),
	}
}

// sitemapIndex names every part (sitemaps.org/protocol.html).
func (r Renderer) sitemapIndex(parts []newsroom.SitemapFile, at time.Time) []byte {
	w := newXML()
	w.open("sitemapindex", "xmlns", sitemapSpace)
	w.WriteString("\n")
	for _, part := range append([]newsroom.SitemapFile{{Path: SitemapSections, Updated: at}}, parts...) {
		w.open("sitemap")
		w.element("loc", r.Base+part.Path)
		w.element("lastmod", rfc3339(part.Updated))
		w.close("sitemap")
	}
	w.close("sitemapindex")
	return w.Bytes()
}

func (r Renderer) sitemapPart(part newsroom.SitemapPart) []byte {
	w := newXML()
	w.open("urlset", "xmlns", sitemapSpace)
	w.WriteString("\n")
	for _, e := range part.Entries {
		r.page(w, e.Path, rfc3339(e.Updated))
	}
	w.close("urlset")
	return w.Bytes()
}

func (r Renderer) sitemapSections(site newsroom.Site) []byte {
	w := newXML()
	w.open("urlset", "xmlns", sitemapSpace)
	w.WriteString("\n")
	r.page(w, "/", "")
	for _, section := range site.Sections {
		r.page(w, newsroom.SectionPath(section.ID), "")
	}
	w.close("urlset")
	return w.Bytes()
}

func (r Renderer) page(w *xmlWriter, path, changed string) {
	w.open("url")
	w.element("loc", r.Base+path)
	w.element("lastmod", changed)
	w.close("url")
}
