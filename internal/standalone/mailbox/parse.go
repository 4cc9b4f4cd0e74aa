package mailbox

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // knows the charsets that mail is written in
	"github.com/emersion/go-message/mail"
	"golang.org/x/net/html"
)

// How far a message is taken apart. Whatever goes beyond stays in its raw form.
const (
	maxHeader     = 256 << 10 // bytes
	maxDepth      = 20        // multiparts in multiparts
	maxParts      = 200
	maxBodyText   = 4 << 20 // bytes of all texts, and again of all HTML
	maxAddresses  = 1000
	snippetLength = 250 // characters
	wordsLength   = 1 << 10
)

// Address is a person of a message, as Mailpit's API shows one.
type Address struct{ Name, Address string }

// Summary is a message in a list; field names are those of Mailpit's API.
type Summary struct {
	ID          string
	MessageID   string
	Read        bool
	From        Address
	To          []Address
	Cc          []Address
	Bcc         []Address
	ReplyTo     []Address
	Subject     string
	Created     time.Time
	Username    string
	Tags        []string
	Size        uint64
	Attachments int
	Snippet     string
}

// Message is a message taken apart; field names are those of Mailpit's API.
type Message struct {
	ID              string
	MessageID       string
	From            Address
	To              []Address
	Cc              []Address
	Bcc             []Address // recipients of the envelope whom no header names
	ReplyTo         []Address
	ReturnPath      string
	Subject         string
	ListUnsubscribe ListUnsubscribe
	Date            time.Time
	Tags            []string
	Username        string
	Text            string
	HTML            string
	Size            uint64
	Inline          []Attachment
	Attachments     []Attachment

	Received time.Time `json:"-"`
	Header   []Field   `json:"-"` // in order
	parts    int
}

// ListUnsubscribe is what the headers say about leaving a list (RFC 2369, RFC 8058).
type ListUnsubscribe struct {
	Header     string
	Links      []string
	Errors     string
	HeaderPost string
}

// Attachment is a part of a message that is not its text.
type Attachment struct {
	PartID      string
	FileName    string
	ContentType string
	ContentID   string
	Size        uint64
	Checksums   Checksums

	content []byte
}

// Checksums name the bytes of an attachment.
type Checksums struct{ MD5, SHA1, SHA256 string }

// Field is one header field, decoded.
type Field struct{ Name, Value string }

// parse takes a message apart as far as it goes. It never fails: what cannot be read is shown as text.
func parse(raw []byte) *Message {
	m := &Message{
		To: []Address{}, Cc: []Address{}, Bcc: []Address{}, ReplyTo: []Address{}, Tags: []string{},
		Inline: []Attachment{}, Attachments: []Attachment{}, Size: uint64(len(raw)),
		ListUnsubscribe: ListUnsubscribe{Links: []string{}},
	}
	entity, err := message.ReadWithOptions(bytes.NewReader(raw), &message.ReadOptions{MaxHeaderBytes: maxHeader})
	if entity == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		m.Text = clean(string(raw[:min(len(raw), maxBodyText)]))
		return m
	}
	m.readHeader(mail.Header{Header: entity.Header})
	m.readPart(entity, 0)
	m.Text, m.HTML = clean(m.Text), clean(m.HTML)
	return m
}

func (m *Message) readHeader(h mail.Header) {
	for fields := h.Fields(); fields.Next(); {
		value, err := fields.Text()
		if err != nil {
			value = fields.Value()
		}
		m.Header = append(m.Header, Field{fields.Key(), clean(value)})
	}
	m.Subject = oneLine(decoded(h, "Subject"))
	if id, err := h.MessageID(); err == nil {
		m.MessageID = clean(id)
	} else {
		m.MessageID = clean(strings.Trim(strings.TrimSpace(h.Get("Message-Id")), "<>"))
	}
	if from := addresses(h, "From"); len(from) > 0 {
		m.From = from[0]
	}
	m.To, m.Cc, m.ReplyTo = addresses(h, "To"), addresses(h, "Cc"), addresses(h, "Reply-To")
	m.Date, _ = h.Date() // none or a wrong one: the time of arrival stands in
	m.Date = sane(m.Date)
	m.ListUnsubscribe = listUnsubscribe(h)
}

// sane keeps a date that JSON can show (RFC 3339 knows the years 0 to 9999).
func sane(t time.Time) time.Time {
	if year := t.UTC().Year(); year < 1 || year > 9998 {
		return time.Time{}
	}
	return t
}

func decoded(h mail.Header, key string) string {
	text, err := h.Text(key)
	if err != nil {
		return h.Get(key)
	}
	return text
}

// addresses reads a list; what is no address is shown as it stands.
func addresses(h mail.Header, key string) []Address {
	text := h.Get(key)
	if strings.TrimSpace(text) == "" {
		return []Address{}
	}
	list, err := h.AddressList(key)
	if err != nil {
		return []Address{{Address: oneLine(decoded(h, key))}}
	}
	found := make([]Address, 0, len(list))
	for _, a := range list[:min(len(list), maxAddresses)] {
		found = append(found, Address{Name: oneLine(a.Name), Address: oneLine(a.Address)})
	}
	return found
}

var linkInBrackets = regexp.MustCompile(`<([^<>]*)>`)

func listUnsubscribe(h mail.Header) ListUnsubscribe {
	l := ListUnsubscribe{
		Header: clean(h.Get("List-Unsubscribe")), HeaderPost: clean(h.Get("List-Unsubscribe-Post")), Links: []string{},
	}
	for _, match := range linkInBrackets.FindAllStringSubmatch(l.Header, 20) {
		link := strings.TrimSpace(match[1])
		lower := strings.ToLower(link)
		if strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "mailto:") {
			l.Links = append(l.Links, link)
		} else {
			l.Errors = "a link is neither http, https nor mailto"
		}
	}
	switch {
	case l.Header == "":
	case len(l.Links) == 0 && l.Errors == "":
		l.Errors = "no link in angle brackets"
	case l.HeaderPost != "" && l.HeaderPost != "List-Unsubscribe=One-Click":
		l.Errors = "List-Unsubscribe-Post must be List-Unsubscribe=One-Click"
	}
	return l
}

// readPart takes one part in; multiparts by their parts.
func (m *Message) readPart(e *message.Entity, depth int) {
	if m.parts++; m.parts > maxParts {
		return
	}
	if reader := e.MultipartReader(); reader != nil && depth < maxDepth {
		for m.parts <= maxParts {
			part, err := reader.NextPart()
			if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return
			}
			m.readPart(part, depth+1)
		}
		return
	}
	kind, _, err := e.Header.ContentType()
	if err != nil || kind == "" {
		kind = "text/plain"
	}
	kind = strings.ToLower(kind)
	disposition, _, _ := e.Header.ContentDisposition() // a wrong one is none
	name, _ := (&mail.AttachmentHeader{Header: e.Header}).Filename()
	content, _ := io.ReadAll(e.Body) // a broken encoding: what came before it. The message as a whole is bounded.
	isText := kind == "text/plain" || kind == "text/html"
	switch {
	case isText && !strings.EqualFold(disposition, "attachment") && name == "":
		m.addText(kind, string(content))
	default:
		m.addAttachment(e, kind, disposition, name, content)
	}
}

func (m *Message) addText(kind, text string) {
	whole := &m.Text
	if kind == "text/html" {
		whole = &m.HTML
	}
	if *whole != "" {
		*whole += "\n"
	}
	*whole += text[:min(len(text), max(0, maxBodyText-len(*whole)))]
}

func (m *Message) addAttachment(e *message.Entity, kind, disposition, name string, content []byte) {
	// These two name bytes as Mailpit does; nothing relies on their strength.
	sumMD5, sumSHA1, sumSHA256 := md5.Sum(content), sha1.Sum(content), sha256.Sum256(content) //nolint:gosec // see above
	a := Attachment{
		PartID: strconv.Itoa(m.parts), FileName: fileName(name, kind, m.parts), ContentType: clean(kind),
		ContentID: clean(strings.Trim(strings.TrimSpace(e.Header.Get("Content-Id")), "<>")), Size: uint64(len(content)),
		Checksums: Checksums{hex.EncodeToString(sumMD5[:]), hex.EncodeToString(sumSHA1[:]), hex.EncodeToString(sumSHA256[:])},
		content:   content,
	}
	if !strings.EqualFold(disposition, "attachment") && a.ContentID != "" {
		m.Inline = append(m.Inline, a)
		return
	}
	m.Attachments = append(m.Attachments, a)
}

// fileName is a name without folders and control characters, made up where there is none.
func fileName(name, kind string, number int) string {
	name = oneLine(name)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if name = strings.Trim(name, ". "); name != "" {
		return firstRunes(name, 150)
	}
	ending := ".bin"
	if known, err := mime.ExtensionsByType(kind); err == nil && len(known) > 0 {
		ending = known[0]
	}
	return "part-" + strconv.Itoa(number) + ending
}

// part gives an attachment by its id.
func (m *Message) part(id string) (Attachment, error) {
	for _, list := range [][]Attachment{m.Inline, m.Attachments} {
		for _, a := range list {
			if a.PartID == id {
				return a, nil
			}
		}
	}
	return Attachment{}, ErrNotFound
}

// plainText is the text, or that of the HTML.
func (m *Message) plainText(limit int) string {
	if strings.TrimSpace(m.Text) != "" {
		return m.Text[:min(len(m.Text), limit)]
	}
	return textOfHTML(m.HTML, limit)
}

func (m *Message) summary() Summary {
	return Summary{
		ID: m.ID, MessageID: m.MessageID, From: m.From, To: m.To, Cc: m.Cc, Bcc: m.Bcc, ReplyTo: m.ReplyTo,
		Subject: m.Subject, Tags: []string{}, Size: m.Size, Attachments: len(m.Inline) + len(m.Attachments),
		Snippet: firstRunes(oneLine(m.plainText(8*snippetLength)), snippetLength),
	}
}

func (m *Message) words() string { return clean(oneLine(m.plainText(wordsLength))) }

// blindCopies are the recipients of the envelope whom the header does not name.
func blindCopies(s Summary, envelope []string) []Address {
	named := map[string]bool{}
	for _, list := range [][]Address{s.To, s.Cc} {
		for _, a := range list {
			named[strings.ToLower(a.Address)] = true
		}
	}
	blind := []Address{}
	for _, to := range envelope {
		if !named[strings.ToLower(to)] {
			blind = append(blind, Address{Address: to})
		}
	}
	return blind
}

// textOfHTML is what an HTML text says, without its tags, scripts and styles, at most about limit bytes.
func textOfHTML(source string, limit int) string {
	var text strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(source))
	tokens.SetMaxBuf(1 << 20)
	for hidden := ""; text.Len() < limit; {
		switch tokens.Next() {
		case html.ErrorToken:
			return text.String() // the end, or a token of over 1 MB
		case html.StartTagToken:
			if name, _ := tokens.TagName(); hidden == "" {
				switch string(name) {
				case "script", "style", "head", "title", "template":
					hidden = string(name)
				default:
					text.WriteByte(' ')
				}
			}
		case html.EndTagToken:
			if name, _ := tokens.TagName(); string(name) == hidden {
				hidden = ""
			}
			text.WriteByte(' ')
		case html.TextToken:
			if hidden == "" {
				text.Write(tokens.Text())
			}
		}
	}
	return text.String()
}

// clean makes text that every page and JSON can hold.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// oneLine is clean text with single blanks.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

func firstRunes(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
