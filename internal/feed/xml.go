package feed

import (
	"bytes"
	"encoding/xml"
	"time"

	"toasoan/newsroom"
)

// xmlWriter writes elements whose names and attribute names are ours and whose texts are anybody's.
type xmlWriter struct{ bytes.Buffer }

func newXML() *xmlWriter {
	w := &xmlWriter{}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	return w
}

func (w *xmlWriter) text(s string) {
	_ = xml.EscapeText(&w.Buffer, []byte(s)) // a buffer takes everything
}

// open begins an element with attributes given as name, value, name, value ….
func (w *xmlWriter) open(name string, attributes ...string) {
	w.tag(name, attributes)
	w.WriteString(">")
}

// empty writes an element without content.
func (w *xmlWriter) empty(name string, attributes ...string) {
	w.tag(name, attributes)
	w.WriteString("/>\n")
}

func (w *xmlWriter) tag(name string, attributes []string) {
	w.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		w.WriteString(" " + attributes[i] + `="`)
		w.text(attributes[i+1])
		w.WriteString(`"`)
	}
}

func (w *xmlWriter) close(name string) { w.WriteString("</" + name + ">\n") }

// element writes an element around a text; an empty text writes nothing.
func (w *xmlWriter) element(name, text string, attributes ...string) {
	if text == "" {
		return
	}
	w.open(name, attributes...)
	w.text(text)
	w.close(name)
}

// rss writes RSS 2.0 (rssboard.org/rss-specification), dates as RFC 822 with four digits of the year.
func rss(c channel) []byte {
	w := newXML()
	w.open("rss", "version", "2.0", "xmlns:atom", "http://www.w3.org/2005/Atom", "xmlns:dc", "http://purl.org/dc/elements/1.1/")
	w.open("channel")
	w.WriteString("\n")
	w.element("title", c.title)
	w.element("link", c.home)
	w.element("description", orTitle(c.about, c.title))
	w.element("language", "vi")
	w.element("lastBuildDate", rfc822(c.updated))
	w.element("ttl", "5")
	w.empty("atom:link", "href", c.base+c.prefix+"/rss.xml", "rel", "self", "type", "application/rss+xml")
	for _, i := range c.items {
		w.open("item")
		w.WriteString("\n")
		w.element("title", i.title)
		w.element("link", i.url)
		w.element("description", i.lead)
		w.element("dc:creator", i.author)
		w.element("category", i.section)
		w.element("pubDate", rfc822(i.published))
		w.element("guid", i.id, "isPermaLink", "false")
		if i.image != "" {
			w.empty("enclosure", "url", i.image, "length", "0", "type", i.imageType)
		}
		w.close("item")
	}
	w.close("channel")
	w.close("rss")
	return w.Bytes()
}

// atom writes Atom 1.0 (RFC 4287).
func atom(c channel) []byte {
	w := newXML()
	w.open("feed", "xmlns", "http://www.w3.org/2005/Atom", "xml:lang", "vi")
	w.WriteString("\n")
	w.element("title", c.title)
	w.element("subtitle", c.about)
	w.element("id", c.base+c.prefix+"/atom.xml")
	w.element("updated", rfc3339(c.updated))
	w.empty("link", "rel", "self", "type", "application/atom+xml", "href", c.base+c.prefix+"/atom.xml")
	w.empty("link", "rel", "alternate", "type", "text/html", "href", c.home)
	w.open("author")
	w.element("name", orTitle(c.unit, c.title))
	w.element("email", c.email)
	w.close("author")
	for _, i := range c.items {
		w.open("entry")
		w.WriteString("\n")
		w.element("title", i.title)
		w.element("id", i.id)
		w.empty("link", "rel", "alternate", "type", "text/html", "href", i.url)
		w.element("published", rfc3339(i.published))
		w.element("updated", rfc3339(i.updated))
		if i.author != "" {
			w.open("author")
			w.element("name", i.author)
			w.close("author")
		}
		if i.section != "" {
			w.empty("category", "term", i.section)
		}
		w.element("summary", i.lead)
		if i.image != "" {
			w.empty("link", "rel", "enclosure", "type", i.imageType, "href", i.image)
		}
		w.close("entry")
	}
	w.close("feed")
	return w.Bytes()
}

func orTitle(s, title string) string {
	if s == "" {
		return title
	}
	return s
}

func rfc822(t time.Time) string  { return t.In(newsroom.Zone).Format(time.RFC1123Z) }
func rfc3339(t time.Time) string { return t.In(newsroom.Zone).Format(time.RFC3339) }
