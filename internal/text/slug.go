package text

import (
	"strings"

	"github.com/gosimple/slug"
)

const (
	maxSlug   = 80
	emptySlug = "bai-viet"
)

// Slug is the readable part of an article's address: lower-case ASCII words joined by hyphens, at most 80 characters,
// cut between words, never empty ("bai-viet" where nothing readable is left).
func Slug(s string) string {
	made := slug.MakeLang(strings.ReplaceAll(Line(s), "&", " và "), "vi")
	made = strings.Trim(strings.ReplaceAll(made, "_", "-"), "-")
	for strings.Contains(made, "--") {
		made = strings.ReplaceAll(made, "--", "-")
	}
	if len(made) > maxSlug {
		cut := strings.LastIndexByte(made[:maxSlug+1], '-')
		if cut <= 0 {
			cut = maxSlug
		}
		made = made[:cut]
	}
	if made == "" {
		return emptySlug
	}
	return made
}
