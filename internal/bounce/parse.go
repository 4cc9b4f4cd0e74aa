package bounce

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // mails come in more than UTF-8
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"toasoan/internal/inbox"
	"toasoan/newsroom"
)

// What a stranger's mail may cost.
const (
	maxParts = 100
	maxDepth = 6
	maxBody  = 1 << 20  // of one part
	maxText  = 64 << 10 // of what was written for people
)

// Report is what one mail from outside says.
type Report struct {
	newsroom.Bounce        // its Kind is "" where the mail is no report
	Why             string // why it is none: automatic, receipt, delivered, not_spam, other, unreadable
	Ours            bool   // it came to an address that only mails of ours name
}

// parser gathers what a mail holds.
type parser struct {
	domain   string // of our bounce addresses, lower-case
	parts    int
	to       names    // of the addresses that the mail came to
	said     names    // of the mail that is sent back, or named in a report
	ids      []string // of that mail
	groups   []fields // per recipient (RFC 3464 §2.3)
	feedback fields   // RFC 5965 §3
	receipt  bool     // a disposition notification (RFC 8098)
	text     strings.Builder
}

// Parse reads a mail whose bounce addresses end in domain. It never fails: what cannot be read is no report.
func Parse(m inbox.Mail, domain string) Report {
	p := &parser{domain: strings.ToLower(domain)}
	for _, address := range m.To {
		p.to.find(address, p.domain)
	}
	header, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(m.Raw)))
	if err != nil || len(m.Raw) > inbox.MaxMail {
		return Report{Why: "unreadable", Ours: p.ours()}
	}
	for _, field := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"} {
		for _, value := range header.Values(field) {
			p.to.find(value, p.domain)
		}
	}
	if whole, err := message.Read(bytes.NewReader(m.Raw)); whole != nil && readable(err) {
		p.entity(whole, 0)
	}
	r := p.judge(header, m.Null)
	r.Ours, r.Via, r.Report = p.ours(), m.Via, identity(header, m.Raw)
	r.Tokens = slices.Concat(p.to.bounce, p.said.bounce, p.said.leave)
	if r.Kind == newsroom.BounceLeave {
		r.Tokens = slices.Concat(p.to.leave, r.Tokens)
	}
	r.MessageIDs = p.ids
	return r
}

func (p *parser) ours() bool { return len(p.to.bounce)+len(p.to.leave) > 0 }

func readable(err error) bool {
	return err == nil || message.IsUnknownCharset(err) || message.IsUnknownEncoding(err)
}

// identity names a report: by its Message-ID, else by what it says. The lines that servers on its way put on top do not count.
func identity(header textproto.Header, raw []byte) []byte {
	named := []byte(strings.TrimSpace(header.Get("Message-Id")))
	if len(named) == 0 {
		_, named, _ = bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	}
	sum := sha256.Sum256(named)
	return sum[:]
}

// entity walks a mail or a part of one.
func (p *parser) entity(e *message.Entity, depth int) {
	if p.parts++; p.parts > maxParts || depth > maxDepth {
		return
	}
	if parts := e.MultipartReader(); parts != nil {
		for {
			part, err := parts.NextPart()
			if part == nil || !readable(err) {
				return
			}
			p.entity(part, depth+1)
		}
	}
	kind, _, _ := e.Header.ContentType()
	body, _ := io.ReadAll(io.LimitReader(e.Body, maxBody)) // as far as it can be read
	switch strings.ToLower(kind) {
	case "message/delivery-status", "message/global-delivery-status":
		groups := readFields(body)
		p.groups = append(p.groups, slices.DeleteFunc(groups, func(f fields) bool { return !f.recipient() })...)
	case "message/feedback-report":
		if groups := readFields(body); len(groups) > 0 {
			p.feedback = groups[0]
			p.said.find(p.feedback["original-mail-from"], p.domain)
		}
	case "message/disposition-notification":
		p.receipt = true
	case "message/rfc822", "message/global":
		p.returned(body)
		if inner, err := message.Read(bytes.NewReader(body)); inner != nil && readable(err) && len(p.groups) == 0 {
			if kind, _, _ := inner.Header.ContentType(); strings.EqualFold(kind, "multipart/report") { // a report within a report
				p.entity(inner, depth+1)
			}
		}
	case "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
		p.returned(body)
	case "text/plain", "":
		if left := maxText - p.text.Len(); left > 0 {
			p.text.Write(body[:min(len(body), left)])
			p.text.WriteByte('\n')
		}
	}
}

// returned takes the names out of the mail that is sent back, or its header.
func (p *parser) returned(body []byte) {
	groups := readFields(body)
	if len(groups) == 0 {
		return
	}
	header := groups[0]
	for _, field := range []string{"return-path", "x-envelope-from", "list-unsubscribe"} {
		p.said.find(header[field], p.domain)
	}
	p.named(header["message-id"])
}

// named keeps a Message-ID that may be ours. Ours are printable ASCII; what the database could not even be asked for would come back
// for ever, since a report is acknowledged only when it is dealt with.
func (p *parser) named(id string) {
	id = strings.Trim(strings.TrimSpace(id), "<>")
	if (strings.HasPrefix(id, "d.") || strings.HasPrefix(id, "l.")) && len(id) < 300 && !strings.ContainsFunc(id, unprintable) && len(p.ids) < 10 {
		p.ids = append(p.ids, id)
	}
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// judge says what the mail means. What is written for machines counts before what is written for people.
func (p *parser) judge(header textproto.Header, null bool) Report {
	h := mail.Header{Header: message.Header{Header: header}}
	from := ""
	if list, err := h.AddressList("From"); err == nil && len(list) > 0 {
		from = list[0].Address
	}
	automatic := inbox.Automatic(header, from)
	if null && automatic == "" {
		automatic = "bounce"
	}
	switch {
	case p.feedback != nil:
		return p.complaint()
	case len(p.groups) > 0:
		return p.delivery()
	case p.receipt:
		return Report{Why: "receipt"}
	case len(p.to.leave) > 0 && automatic != "bounce" && !strings.HasPrefix(strings.ToLower(header.Get("Auto-Submitted")), "auto-replied"):
		return Report{Bounce: newsroom.Bounce{Kind: newsroom.BounceLeave}}
	}
	subject, _ := h.Subject()
	if r, ok := p.words(header, subject, automatic == "bounce" || null); ok {
		return r
	}
	if automatic != "" {
		return Report{Why: "automatic"}
	}
	return Report{Why: "other"}
}
