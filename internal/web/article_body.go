package web

import (
	"html/template"
	"regexp"
	"strings"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// bodyPicture is a picture in a canonical body (internal/text).
var bodyPicture = regexp.MustCompile(`<img src="/anh/([0-9a-f]{64})-[0-9]+\.[a-z]+"`)

// bodyHTML is an article's body as it may stand in a page. It is cleaned once more, so that not even a row written past the
// newsroom brings markup of its own; its pictures get their smaller sizes and wait until they are scrolled to.
func bodyHTML(body string, images map[string]newsroom.Image) template.HTML {
	clean := bodyPicture.ReplaceAllStringFunc(text.HTML(body), func(tag string) string {
		image := images[bodyPicture.FindStringSubmatch(tag)[1]]
		shownAs := pictureOf(image, "", columnWidth)
		if shownAs == nil {
			return `<img loading="lazy"` + strings.TrimPrefix(tag, "<img")
		}
		return `<img loading="lazy" decoding="async" srcset="` + shownAs.Srcset + `" sizes="` + shownAs.Sizes + `" src="` + shownAs.Src + `"`
	})
	return template.HTML(clean) //nolint:gosec // text.HTML passed it through bluemonday; what was added are our own addresses
}
