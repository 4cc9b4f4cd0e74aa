package text

import (
	"regexp"
	"slices"
	"strings"
)

// pictureCredit recognises who took a picture in a caption or credit line.
var (
	pictureCredit = regexp.MustCompile(`(?i)(?:^|[^\p{L}])(?:ảnh|nguồn|photo|source)(?:\s*(?:minh họa|tư liệu|của|do))?\s*[:/]|^(?:bài(?: và|,| -)? )?ảnh|©`)
	cameraName    = regexp.MustCompile(`(?i)^(?:img|dsc|dscn|image|anh|hinh|photo|picture|screenshot|untitled|zalo)?[\s_()-]*\d*\.?(?:jpe?g|png|gif|webp|heic)?$`)
	emptyLink     = set("here link url click more")
)

var emptyLinkPhrases = []string{
	"tai day", "o day", "day", "xem", "xem them", "xem tai day", "chi tiet", "xem chi tiet", "bam vao day", "nhan vao day", "click vao day",
	"doc them", "doc tiep", "duong link", "duong dan", "click here", "read more", "tai ve", "link nay",
}

func (c *checker) body(list []unit, credits []string) {
	credited := slices.ContainsFunc(credits, func(s string) bool {
		return strings.Contains(Fold(s), "anh") && strings.Contains(strings.ToLower(s), "ảnh")
	})
	seenH2 := false
	for i, u := range list {
		c.paragraph = i
		for _, text := range u.texts() {
			c.text(text)
		}
		for _, link := range u.links() {
			said := Fold(strings.Trim(link.text, " .,:;!?…()[]\"“”>»"))
			if said == "" || emptyLink[said] || slices.Contains(emptyLinkPhrases, said) || strings.HasPrefix(said, "http") || strings.HasPrefix(said, "www.") {
				c.add("link_text", Excerpt(link.text, 60), "")
			}
		}
		switch u.kind {
		case heading2, heading3:
			said := runsText(u.runs)
			if allCapitals(said) {
				c.add("all_capitals", Excerpt(said, 80), "")
			}
			if u.kind == heading3 && !seenH2 {
				c.add("heading_order", Excerpt(said, 60), "")
			}
			seenH2 = seenH2 || u.kind == heading2
		case figure:
			c.figure(u, credited)
		default:
		}
	}
	c.phoneNumbers()
}

func (c *checker) figure(u unit, credited bool) {
	caption := runsText(u.runs)
	for _, im := range u.images {
		switch {
		case im.alt == "":
			c.add("missing_alt", Excerpt(caption, 60), "")
		case cameraName.MatchString(im.alt):
			c.add("meaningless_alt", Excerpt(im.alt, 60), "")
		}
	}
	if caption == "" {
		c.add("missing_caption", Excerpt(u.images[0].alt, 60), "")
	}
	if !credited && !pictureCredit.MatchString(caption) {
		c.add("missing_credit", Excerpt(caption, 60), "")
	}
}

// texts are the stretches of a unit that are read one by one.
func (u unit) texts() []string {
	out := []string{runsText(u.runs)}
	for _, im := range u.images {
		out = append(out, im.alt)
	}
	for _, c := range u.cells {
		out = append(out, runsText(c.kids[0].runs))
	}
	return out
}

// links are the links of a unit with their whole text.
func (u unit) links() []run {
	var out []run
	all := u.allRuns()
	for i, r := range all {
		if r.href == "" {
			continue
		}
		if i > 0 && all[i-1].href == r.href {
			out[len(out)-1].text += r.text
			continue
		}
		out = append(out, r)
	}
	return out
}
