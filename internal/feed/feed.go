package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"toasoan/newsroom"
)

// Media types of the files.
const (
	mimeRSS     = "application/rss+xml; charset=utf-8"
	mimeAtom    = "application/atom+xml; charset=utf-8"
	mimeJSON    = "application/feed+json; charset=utf-8"
	mimeSitemap = "application/xml; charset=utf-8"
)

// Renderer renders for one portal. Base is its public address without a slash at the end.
type Renderer struct {
	Base string
}

// Render makes every file that a change touched: three feeds for each list, the touched parts of the sitemap, its list of
// sections and its index.
func (r Renderer) Render(source newsroom.FeedSource) []newsroom.FeedFile {
	var files []newsroom.FeedFile
	for _, list := range source.Lists {
		files = append(files, r.Feeds(source.Site, list, source.At)...)
	}
	for _, part := range source.Parts {
		files = append(files, file(part.Path, mimeSitemap, r.sitemapPart(part), source.At))
	}
	if len(source.Parts) > 0 {
		files = append(files,
			file(SitemapSections, mimeSitemap, r.sitemapSections(source.Site), source.At),
			file(SitemapIndex, mimeSitemap, r.sitemapIndex(source.Known, source.At), source.At))
	}
	return files
}

// Feeds makes the RSS, Atom and JSON feed of one list; at is when it is rendered, the date of a list without articles.
func (r Renderer) Feeds(site newsroom.Site, list newsroom.FeedList, at time.Time) []newsroom.FeedFile {
	c := r.channel(site, list, at)
	return []newsroom.FeedFile{
		file(c.prefix+"/rss.xml", mimeRSS, rss(c), at),
		file(c.prefix+"/atom.xml", mimeAtom, atom(c), at),
		file(c.prefix+"/feed.json", mimeJSON, jsonFeed(c), at),
	}
}

func file(path, mime string, body []byte, at time.Time) newsroom.FeedFile {
	sum := sha256.Sum256(body)
	return newsroom.FeedFile{Path: path, MIME: mime, Body: body, ETag: hex.EncodeToString(sum[:]), At: at}
}

// channel is a list ready to be written in any of the formats.
type channel struct {
	base    string
	prefix  string // "" or /chuyen-muc/<section>
	title   string
	about   string
	home    string // page that the feed belongs to
	email   string
	unit    string
	updated time.Time
	items   []item
}

type item struct {
	id        string // tag URI: survives a change of address and of slug
	url       string
	title     string
	lead      string
	author    string
	section   string
	image     string // full address, "" none
	imageType string
	published time.Time
	updated   time.Time
}

func (r Renderer) channel(site newsroom.Site, list newsroom.FeedList, at time.Time) channel {
	c := channel{
		base: r.Base, title: clean(site.Office.Portal), about: clean(site.Office.Unit), home: r.Base + "/",
		email: clean(site.Office.Email), unit: clean(site.Office.Unit), updated: at,
	}
	if list.Section != nil {
		c.prefix = newsroom.SectionPath(list.Section.ID)
		c.home = r.Base + c.prefix
		c.title = clean(list.Section.NameVI) + " – " + c.title
	}
	for i, one := range list.Items {
		if i == 0 || one.Updated.After(c.updated) {
			c.updated = one.Updated
		}
		c.items = append(c.items, r.item(site, one))
	}
	return c
}

func (r Renderer) item(site newsroom.Site, i newsroom.PortalItem) item {
	made := item{
		id: r.tag(i), url: r.Base + newsroom.ArticlePath(i.Slug, i.ID), title: clean(i.Title), lead: clean(i.Lead),
		author: clean(i.Byline), section: clean(site.Section(i.Section).NameVI), published: i.Published, updated: i.Updated,
	}
	if i.Corrected {
		made.title = "[Đính chính] " + made.title
	}
	if n := len(i.Cover.Widths); n > 0 {
		width := i.Cover.Widths[n-1]
		for _, w := range i.Cover.Widths {
			if w >= 600 {
				width = w
				break
			}
		}
		made.image = fmt.Sprintf("%s/anh/%s-%d.%s", r.Base, i.Cover.SHA, width, i.Cover.Ext)
		made.imageType = imageTypes[i.Cover.Ext]
	}
	return made
}

var imageTypes = map[string]string{"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}

// tag is a tag URI (RFC 4151) made of the host, the day of publication and the id.
func (r Renderer) tag(i newsroom.PortalItem) string {
	host := r.Base
	if _, after, found := strings.Cut(host, "://"); found {
		host = after
	}
	host, _, _ = strings.Cut(host, "/")
	host, _, _ = strings.Cut(host, ":")
	return "tag:" + host + "," + i.Published.In(newsroom.Zone).Format("2006-01-02") + ":" + i.ID
}

// clean drops what XML 1.0 cannot carry even escaped, and bytes that are no UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < 0x20, r == 0x7F, r == 0xFFFE, r == 0xFFFF, r >= 0xD800 && r <= 0xDFFF:
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(s, ""))
}
