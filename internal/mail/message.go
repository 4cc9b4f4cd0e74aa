package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"toasoan/internal/text"
)

// Message is one mail to one person, whole: nothing of it is decided later.
type Message struct {
	From     string   // envelope sender, bare
	To       string   // envelope recipient, bare
	Raw      []byte   // what goes behind DATA, lines end in CR LF, not dot-stuffed; signed where a signer is set
	BodyHash [32]byte // Fingerprint of Raw without the DKIM-Signature

	proven int // octets at the end of Raw whose line ends and dots were looked at before: they are the same in every mail of an issue
}

// unproven is the part of Raw whose line ends and dots nobody has looked at.
func (m Message) unproven() []byte { return m.Raw[:max(0, len(m.Raw)-m.proven)] }

// zone is the zone of every Date header: Vietnam's, UTC+7 all year round.
var zone = time.FixedZone("", 7*3600)

// ErrBadHeader says that a value that would become a header holds a control character.
var ErrBadHeader = errors.New("control character in a header")

// parts is a mail before it is bytes.
type parts struct {
	from, to, replyTo mail.Address
	subject           string
	messageID         string // with its domain, without brackets
	date              time.Time
	language          string
	boundary          string   // "" one that follows from messageID
	headers           []header // in any order: go-mail sorts them
	text, html        string
}

type header struct{ name, value string }

// compose lets go-mail build the bytes: multipart/alternative, text first, base64, every value fixed by p, so that the
// same p gives the same bytes.
func compose(p parts) ([]byte, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	if p.boundary == "" {
		p.boundary = boundary(p.messageID)
	}
	m := gomail.NewMsg(
		gomail.WithEncoding(gomail.EncodingB64), gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(p.boundary))
	m.FromMailAddress(&p.from)
	m.AddToMailAddress(&p.to)
	if p.replyTo.Address != "" {
		m.ReplyToMailAddress(&p.replyTo)
	}
	m.Subject(p.subject)
	m.SetDateWithValue(p.date.In(zone))
	m.SetMessageIDWithValue(p.messageID)
	m.SetGenHeader(gomail.HeaderContentLang, p.language)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	for _, h := range p.headers {
		m.SetGenHeader(gomail.Header(h.name), h.value) // sorted by go-mail; preformatted headers come in map order
	}
	m.SetBodyString(gomail.TypeTextPlain, p.text)
	m.AddAlternativeString(gomail.TypeTextHTML, p.html)
	var raw bytes.Buffer
	raw.Grow(4096 + (len(p.text)+len(p.html))*7/5)
	if _, err := m.WriteTo(&raw); err != nil {
		return nil, fmt.Errorf("compose %s: %w", p.messageID, err)
	}
	return raw.Bytes(), nil
}

// validate refuses whatever could smuggle a second header or command in; go-mail lets some of it through.
func (p parts) validate() error {
	values := []string{p.from.Name, p.from.Address, p.to.Name, p.to.Address, p.replyTo.Name, p.replyTo.Address, p.subject, p.messageID, p.language}
	for _, h := range p.headers {
		values = append(values, h.name, h.value)
	}
	for _, v := range values {
		if strings.ContainsFunc(v, control) {
			return ErrBadHeader
		}
	}
	switch {
	case strings.TrimSpace(p.text) == "" || strings.TrimSpace(p.html) == "":
		return errors.New("empty text or html part")
	case strings.ContainsAny(p.messageID, "<> ") || strings.Count(p.messageID, "@") != 1:
		return errors.New("bad message id")
	case p.date.IsZero():
		return errors.New("no date")
	}
	return nil
}

// boundary is fixed by the message id. Base64 has no underscore, so that no body can contain it.
func boundary(messageID string) string {
	sum := sha256.Sum256([]byte(messageID))
	return "_toasoan_" + hex.EncodeToString(sum[:12]) + "_"
}

// messageID completes the local part that the ledger keeps with the sender's domain.
func messageID(local, sender string) string {
	if local == "" || strings.Contains(local, "@") {
		return local
	}
	return local + "@" + domainOf(sender)
}

// phrase encodes words in front of an angle bracket, as in List-Id.
func phrase(words string) string {
	return mime.BEncoding.Encode("utf-8", text.Excerpt(words, mostName))
}

// envelope is the VERP sender for token, or the plain sender where there is no bounce domain.
func (c *Composer) envelope(token string, from mail.Address) string {
	if c.bounceDomain == "" || token == "" {
		return from.Address
	}
	return "b+" + token + "@" + c.bounceDomain
}

// recipient is the To address, checked: an address from the ledger that no relay can carry is an *text.EmailError.
func recipient(name, address string) (mail.Address, error) {
	checked, err := text.Email(address)
	if err != nil {
		return mail.Address{}, err
	}
	return mail.Address{Name: text.Excerpt(name, mostName), Address: checked}, nil
}
