// Package feed renders what programs read of the portal: RSS 2.0, Atom, JSON Feed 1.1 and the sitemap, as bytes.
// Its rule: the same read model gives the same bytes, every address is absolute, every text is escaped for its format,
// and characters that XML forbids are left out. Read feed.go first.
package feed
