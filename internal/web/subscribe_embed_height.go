package web

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"toasoan/newsroom"
)

// embedHeight is how high the frame of the small form must be, in CSS pixels, for whoever sees it 320 px wide to see consent and button
// without scrolling. No script of ours runs in another's page, so it is reckoned from the words; a browser holds it against the form in
// a test. asked are the sections that the form names, none: all are offered.
func embedHeight(site newsroom.Site, l language, asked []string) int {
	office := site.Office
	small := func(words string) int { return 21 * embedLines(words, 32) }
	height := small(cmp.Or(office.Portal, l.T("portal.kind"))) +
		24*embedLines(l.T("subscriber.consent", "unit", cmp.Or(office.Unit, office.Portal)), 24) +
		small(l.T("subscribe.privacy")+" "+l.T("portal.privacy"))
	if len(asked) > 0 {
		names := make([]string, len(asked))
		for i, id := range asked {
			names[i] = site.Section(id).Name(l.Tag())
		}
		return 350 + height + small(l.T("portal.sections")+": "+strings.Join(names, ", "))
	}
	choices := 2
	for _, one := range sectionLinks(site, l) {
		choices += 24 + 24*embedLines(one.Name, 24)
	}
	return 410 + height + min(choices, embedChoices)
}

// embedChoices is how high the box of sections gets; the others are scrolled to (css/embed.css).
const embedChoices = 216

// embedLines is how many lines words take where each has room for n letters.
func embedLines(words string, n int) int { return max(1, (utf8.RuneCountInString(words)+n-1)/n) }
