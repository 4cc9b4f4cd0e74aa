package newsroom

import (
	"crypto/sha256"
	"encoding/hex"
)

// PublicPaths says where readers can see a public change, and what they should see there: the page as it stands now, which
// may be the work of a later change, and the feeds and sitemap files as they were rendered last.
type PublicPaths struct {
	Page    string // path of the article's page
	Section string
	Public  Public
	N       int64  // publication that brought what is shown now
	Hash    string // content hash of what is shown; "" where the page shows a notice only
	Feeds   []PublicFile
	Sitemap []PublicFile
}

// PublicFile is a rendered file and the sha256 of its bytes, hex.
type PublicFile struct {
	Path string
	ETag string
}

// Files returns the files that confirm effect.
func (p PublicPaths) Files(effect Effect) []PublicFile {
	if effect == EffectSitemap {
		return p.Sitemap
	}
	return p.Feeds
}

// Same reports whether body are the bytes that were rendered.
func (f PublicFile) Same(body []byte) bool {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]) == f.ETag
}

// ArticlePath is the public address of an article. Its id is what counts; an old slug redirects.
func ArticlePath(slug, id string) string { return "/tin/" + slug + "-" + id }

// SectionPath is the public address of a section.
func SectionPath(section string) string { return "/chuyen-muc/" + section }

// FeedPaths lists the feeds that carry an article of section: the site's and the section's.
func FeedPaths(section string) []string {
	at := SectionPath(section)
	return []string{"/rss.xml", "/atom.xml", "/feed.json", at + "/rss.xml", at + "/atom.xml", at + "/feed.json"}
}
