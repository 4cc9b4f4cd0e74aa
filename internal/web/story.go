package web

import (
	"fmt"
	"slices"
	"strings"

	"toasoan/newsroom"
)

// Kinds of stories: how much room an article takes in a list.
const (
	storyPlain = "story"
	storyFirst = "story story-first" // the lead story
	storySide  = "story story-side"  // picture beside the text
	storyBare  = "story story-bare"  // no picture
)

// story is an article in a list.
type story struct {
	newsroom.PortalItem
	Class   string
	URL     string
	Section sectionLink
	Image   *picture // nil: none, or none wanted
	Main    bool     // its headline comes right under the page's
}

// picture is an image as <img> needs it: srcset lets the browser take the smallest that is sharp.
type picture struct {
	Src, Srcset, Sizes string
	Width, Height      int
	Alt                string
	Eager              bool
}

// teller makes stories for one page.
type teller struct {
	site newsroom.Site
	l    language
}

// sizesOf says how wide a picture is shown, as the sizes attribute wants it.
var sizesOf = map[string]string{
	storyPlain: "(min-width: 62rem) 25rem, (min-width: 48rem) 50vw, 100vw",
	storyFirst: "(min-width: 62rem) 46rem, 100vw",
	storySide:  "(min-width: 40rem) 13.5rem, 7.5rem",
}

func (t teller) story(i newsroom.PortalItem, class string) story {
	made := story{
		PortalItem: i, Class: class, URL: newsroom.ArticlePath(i.Slug, i.ID), Section: linkSection(t.site.Section(i.Section), t.l),
		Main: class == storyFirst,
	}
	if class != storyBare {
		made.Image = pictureOf(i.Cover, "", sizesOf[class])
	}
	if made.Image == nil && class != storyFirst {
		made.Class = storyBare
	}
	if made.Image != nil {
		made.Image.Eager = made.Main
	}
	return made
}

// main are the stories that a page is about: their headlines come right under the page's.
func (t teller) main(items []newsroom.PortalItem) []story {
	made := t.stories(items, storySide)
	for i := range made {
		made[i].Main = true
	}
	return made
}

func (t teller) stories(items []newsroom.PortalItem, class string) []story {
	made := make([]story, len(items))
	for i, one := range items {
		made[i] = t.story(one, class)
	}
	return made
}

// pictureOf shows a stored picture; nil where it is not there.
func pictureOf(image newsroom.Image, alt, sizes string) *picture {
	if len(image.Widths) == 0 || image.Width == 0 {
		return nil
	}
	widest := image.Widths[len(image.Widths)-1]
	set := make([]string, len(image.Widths))
	for i, width := range image.Widths {
		set[i] = fmt.Sprintf("%s %dw", imagePath(image, width), width)
	}
	return &picture{
		Src: imagePath(image, fitting(image, 960)), Srcset: strings.Join(set, ", "), Sizes: sizes,
		Width: widest, Height: max(1, (image.Height*widest+image.Width/2)/image.Width), Alt: alt,
	}
}

// fitting is the smallest width of a picture that reaches wanted, its widest where none does.
func fitting(image newsroom.Image, wanted int) int {
	for _, width := range image.Widths {
		if width >= wanted {
			return width
		}
	}
	return slices.Max(image.Widths)
}

func imagePath(image newsroom.Image, width int) string {
	return fmt.Sprintf("/anh/%s-%d.%s", image.SHA, width, image.Ext)
}
