package mail

import (
	"fmt"
	"net/mail"
	"strings"

	"toasoan/internal/locale"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// NewMaster renders an issue once, with slots where recipients differ, and returns its master copy. It refuses an issue
// without title, link or items. What has to be kept is Subject, HTML and Text; OpenMaster makes the same master of them.
func (c *Composer) NewMaster(view newsroom.IssueView) (*Master, error) {
	p := c.issuePage(view)
	out, err := render(p.l.Tag(), view.Issue.Kind, p)
	if err != nil {
		return nil, fmt.Errorf("compose issue %s: %w", view.Issue.ID, err)
	}
	frozen := IssueCopy{
		Issue: view.Issue, HTML: out.html, Text: out.text,
		ListName: view.ListName, ArchiveURL: view.ArchiveTo, Portal: p.Office.Portal,
	}
	frozen.Issue.Subject = out.subject
	return c.OpenMaster(frozen)
}

// issuePage is what an issue's template sees.
type issuePage struct {
	newsroom.IssueView
	l                  *locale.Locale
	You                string
	Subject            string
	Leave, Prefs, Mark string // slots
}

func (c *Composer) issuePage(v newsroom.IssueView) *issuePage {
	for _, s := range []*string{&v.Title, &v.Section, &v.Byline, &v.CoverAlt, &v.ListName} {
		*s = text.Line(*s)
	}
	v.Lead = text.Line(v.Lead)
	v.Office = office(v.Office, c.locale)
	return &issuePage{
		IssueView: v, l: c.locale, You: c.addressCitizen(c.locale),
		Leave: slotLeave.in(v.Issue.ID), Prefs: slotPrefs.in(v.Issue.ID), Mark: slotSince.in(v.Issue.ID),
	}
}

// Lang is the language of the issue, for the html element.
func (p *issuePage) Lang() string { return p.l.Tag() }

// Bulk says that the mail carries a leave link and the reason why it came.
func (p *issuePage) Bulk() bool { return true }

// Bulk of a letter: nobody can leave it, it is part of the work.
func (p *letterPage) Bulk() bool { return false }

// T is a sentence of the issue's language.
func (p *issuePage) T(key string, args ...any) string { return p.l.T(key, args...) }

// Why says why the recipient got the mail, with the slot of the day they subscribed.
func (p *issuePage) Why() string {
	said := p.l.T("mail.why", "since", p.Mark)
	return strings.Replace(said, p.l.T("address.citizen"), p.You, 1)
}

// PublishedTime is when the article (or its correction) went live.
func (p *issuePage) PublishedTime() string { return p.l.MailTime(p.Published) }

// Old is the wording that was wrong.
func (p *issuePage) Old() string {
	if p.Note == nil {
		return ""
	}
	return text.Block(p.Note.Old)
}

// New is the wording that is right.
func (p *issuePage) New() string {
	if p.Note == nil {
		return ""
	}
	return text.Block(p.Note.New)
}

// Heading names a digest by its cadence and day. Who has changed to mails at once is told the rest of days or of a week.
func (p *issuePage) Heading() string {
	cadence, _, _ := strings.Cut(p.Issue.Period, "/")
	return p.l.T("mail.digest_"+cadence, "date", p.l.Date(p.Published))
}

// digestItem is one article of a digest, ready to print.
type digestItem struct{ Title, Lead, Section, URL, When string }

// Items are the articles of a digest.
func (p *issuePage) Items() []digestItem {
	list := make([]digestItem, 0, len(p.IssueView.Items))
	for _, i := range p.IssueView.Items {
		list = append(list, digestItem{
			Title: text.Line(i.Title), Lead: text.Line(i.Lead), Section: text.Line(i.Section), URL: i.URL, When: p.l.DateTime(i.At),
		})
	}
	return list
}

func (p *issuePage) subject(s string) { p.Subject = s }

// bulkHeaders are the headers that newsletters carry and letters do not (RFC 2369, RFC 2919, RFC 8058).
func (c *Composer) bulkHeaders(frozen IssueCopy, from mail.Address, leaveURL, verp string) []header {
	domain := domainOf(from.Address)
	list := listLabel(frozen.Issue.List)
	headers := []header{
		{"List-Id", strings.TrimSpace(phrase(frozen.ListName) + " <" + list + "." + domain + ">")},
		{"List-Unsubscribe", c.unsubscribe(leaveURL, verp)},
		{"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
		{"Feedback-ID", frozen.Issue.ID + ":" + list + ":" + domain},
		{"Precedence", "bulk"},
		{"X-Auto-Response-Suppress", "All"},
	}
	if frozen.ArchiveURL != "" {
		headers = append(headers, header{"List-Archive", "<" + frozen.ArchiveURL + ">"})
	}
	return headers
}

// unsubscribe is the value of List-Unsubscribe: the one-click link first (RFC 8058), a mail address where bounces are read.
func (c *Composer) unsubscribe(leaveURL, verp string) string {
	if c.bounceDomain == "" || verp == "" {
		return "<" + leaveURL + ">"
	}
	return "<" + leaveURL + ">, <mailto:u+" + verp + "@" + c.bounceDomain + ">"
}

// listLabel is the section as a DNS label of List-Id; the digest over everything is "all".
func listLabel(list string) string {
	label := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(list))
	if label = strings.Trim(label, "-"); label == "" {
		return "all"
	}
	return label
}
