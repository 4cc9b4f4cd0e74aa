package mail

import (
	"fmt"
	"net/mail"
	"strings"
	"time"

	"toasoan/internal/locale"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// Compose makes a letter. The same view gives the same bytes, but for the time in a DKIM signature. It refuses a kind
// without a template, an address that no relay can carry (*text.EmailError) and control characters in headers.
func (c *Composer) Compose(view newsroom.LetterView) (Message, error) {
	page := c.letterPage(view)
	out, err := render(page.l.Tag(), string(view.Kind), page)
	if err != nil {
		return Message{}, fmt.Errorf("compose letter %s: %w", view.ID, err)
	}
	to, err := recipient(view.ToName, view.ToEmail)
	if err != nil {
		return Message{}, fmt.Errorf("compose letter %s: %w", view.ID, err)
	}
	p := parts{
		from: c.fromTx, to: to, replyTo: tagged(c.replyToTx, view.ReplyTag),
		subject: out.subject, text: out.text, html: out.html,
		messageID: messageID(view.MessageID, c.fromTx.Address), date: view.Date, language: page.l.Tag(),
	}
	if p.from.Name == "" {
		p.from.Name = text.Excerpt(view.Office.Portal, mostName)
	}
	if thread := messageID(view.Thread, c.fromTx.Address); thread != "" && thread != p.messageID {
		p.headers = append(p.headers, header{"In-Reply-To", "<" + thread + ">"}, header{"References", "<" + thread + ">"})
	}
	raw, err := compose(p)
	if err != nil {
		return Message{}, fmt.Errorf("compose letter %s: %w", view.ID, err)
	}
	m := Message{From: c.envelope(view.VERP, c.fromTx), To: to.Address, Raw: raw, BodyHash: Fingerprint(raw)}
	if m.Raw, err = c.signer.letter(raw); err != nil {
		return Message{}, fmt.Errorf("sign letter %s: %w", view.ID, err)
	}
	return m, nil
}

// tagged puts tag behind the local part of a reply address, so that an answer names its question (RFC 5233); no tag, no change.
func tagged(a mail.Address, tag string) mail.Address {
	local, domain, ok := strings.Cut(a.Address, "@")
	if tag != "" && ok {
		a.Address = local + "+" + tag + "@" + domain
	}
	return a
}

// letterPage is what a letter's template sees: the view, cleaned, and the words that follow from it.
type letterPage struct {
	newsroom.LetterView
	l       *locale.Locale
	You     string // how the reader is addressed within a sentence
	Dear    string // how the reader is addressed on top
	Subject string
}

// toCitizen says which letters go to citizens; all others go to officials.
func toCitizen(k newsroom.LetterKind) bool {
	switch k {
	case newsroom.LetterConfirm, newsroom.LetterConfirmAgain, newsroom.LetterLeft, newsroom.LetterToFriend:
		return true
	default:
		return false
	}
}

func (c *Composer) letterPage(v newsroom.LetterView) *letterPage {
	for _, s := range []*string{
		&v.ToName, &v.ToTitle, &v.Title, &v.Section, &v.Authors, &v.Reviewer, &v.ActorName, &v.ActorTitle, &v.Note,
	} {
		*s = text.Line(*s)
	}
	v.Lead, v.Reason = text.Block(v.Lead), text.Block(v.Reason)
	l := locale.For(v.Locale)
	v.Office = office(v.Office, l)
	p := &letterPage{LetterView: v, l: l}
	if toCitizen(v.Kind) {
		p.You = c.addressCitizen(l)
		p.Dear = p.You
		return p
	}
	p.You = c.addressOfficial(l)
	p.Dear = dear(l, c.official, v.ToName, v.ToTitle)
	return p
}

// dear is "Đồng chí Nguyễn Văn A – Phó Chủ tịch", or as much of it as is known.
func dear(l *locale.Locale, form, name, title string) string {
	if l.Tag() != "vi" {
		if name == "" {
			return l.T("address.official")
		}
		return name
	}
	if form == "" {
		form = l.T("address.official")
	}
	said := strings.TrimSpace(form + " " + name)
	if title != "" {
		said += " – " + title
	}
	return said
}

// addressOfficial is how an official is addressed within a sentence. A form of address of the office's own holds for
// Vietnamese, where English just says "you".
func (c *Composer) addressOfficial(l *locale.Locale) string {
	switch {
	case l.Tag() != "vi":
		return l.T("mail.you")
	case c.official != "":
		return strings.ToLower(c.official)
	default:
		return strings.ToLower(l.T("address.official"))
	}
}

func (c *Composer) addressCitizen(l *locale.Locale) string {
	switch {
	case l.Tag() != "vi":
		return l.T("address.citizen")
	case c.citizen != "":
		return c.citizen
	default:
		return l.T("address.citizen")
	}
}

// office fills in what the settings leave open, so that no sentence has a hole.
func office(o newsroom.OfficeInfo, l *locale.Locale) newsroom.OfficeInfo {
	for _, s := range []*string{&o.Portal, &o.Unit, &o.Parent, &o.Bureau, &o.Address, &o.Phone, &o.Email, &o.Chief} {
		*s = text.Line(*s)
	}
	if o.Portal == "" {
		o.Portal = l.T("mail.portal")
	}
	if o.Bureau == "" {
		o.Bureau = l.T("mail.bureau")
	}
	return o
}

// Lang is the language of the letter, for the html element.
func (p *letterPage) Lang() string { return p.l.Tag() }

// T is a sentence of the letter's language.
func (p *letterPage) T(key string, args ...any) string { return p.l.T(key, args...) }

// Actor is whoever decided, returned or asks, with the title: "Phó Chủ tịch Nguyễn Văn B".
func (p *letterPage) Actor() string {
	if p.l.Tag() == "vi" || p.ActorTitle == "" || p.ActorName == "" {
		return strings.TrimSpace(p.ActorTitle + " " + p.ActorName)
	}
	return p.ActorName + ", " + p.ActorTitle
}

// ReasonLabel is the reason code in words, "" without one.
func (p *letterPage) ReasonLabel() string {
	if !p.Code.Known() {
		return ""
	}
	return p.l.T("reason." + string(p.Code))
}

// MoveLabel is the decision in words.
func (p *letterPage) MoveLabel() string {
	if !p.Move.Known() {
		return ""
	}
	return p.l.T("move." + string(p.Move))
}

// AtTime is when it happened, "" where nothing is said.
func (p *letterPage) AtTime() string { return p.when(p.At) }

// DueTime is when it is due.
func (p *letterPage) DueTime() string { return p.when(p.Due) }

// UntilTime is until when the link works.
func (p *letterPage) UntilTime() string { return p.when(p.Until) }

// Cut reports whether the link of a confirmation ends before its usual life, since the data of who left are erased then.
func (p *letterPage) Cut() bool {
	return p.At != nil && p.Until != nil && p.Until.Sub(*p.At) < newsroom.ConfirmLife
}

// UntilDate is the day of Until.
func (p *letterPage) UntilDate() string {
	if p.Until == nil {
		return ""
	}
	return p.l.Date(*p.Until)
}

// DueLeft is when it is due and how much working time is left, or by how much it is late.
func (p *letterPage) DueLeft() string {
	switch {
	case p.Due == nil:
		return ""
	case p.Left > 0:
		return p.l.T("mail.due_left", "due", p.DueTime(), "left", p.LeftTime())
	case p.Left < 0:
		return p.l.T("mail.due_over", "due", p.DueTime(), "over", p.OverTime())
	default:
		return p.DueTime()
	}
}

// LeftTime is the working time left.
func (p *letterPage) LeftTime() string { return p.l.WorkingLeft(p.Left) }

// OverTime is the working time by which it is late.
func (p *letterPage) OverTime() string { return p.l.WorkingOver(p.Left) }

// UndoTime is until when a decision can be undone.
func (p *letterPage) UndoTime() string { return p.when(p.UndoUntil) }

// RootDay, RootLine and RootHash are an audit root in words.
func (p *letterPage) RootDay() string {
	if p.Root == nil {
		return ""
	}
	return p.l.Date(p.Root.Day.Start())
}

func (p *letterPage) RootLine() string {
	if p.Root == nil {
		return ""
	}
	return p.l.Number(p.Root.LastID)
}

func (p *letterPage) RootHash() string {
	if p.Root == nil {
		return ""
	}
	return p.Root.Hash
}

// WhyText is why a mailed answer was not carried out.
func (p *letterPage) WhyText() string {
	for _, key := range []string{"reply.why_" + p.Why, "refused." + p.Why} {
		if p.Why != "" && p.l.Has(key) {
			return p.l.T(key)
		}
	}
	return p.l.T("reply.why_unclear")
}

// SectionList names the sections of a subscription, and how often where that is asked for.
func (p *letterPage) SectionList() string {
	names := make([]string, 0, len(p.Sections))
	for i, s := range p.Sections {
		name := text.Line(s)
		if i < len(p.Cadences) {
			name += " (" + p.l.T("cadence."+string(p.Cadences[i])) + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, " · ")
}

func (p *letterPage) when(t *time.Time) string {
	if t == nil {
		return ""
	}
	return p.l.MailTime(*t)
}

func (p *letterPage) subject(s string) { p.Subject = s }
