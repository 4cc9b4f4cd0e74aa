package reply

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // mails come in more than UTF-8
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"
	"golang.org/x/net/html"

	"toasoan/internal/inbox"
	"toasoan/internal/text"
)

// answer is a mail as far as it matters here.
type answer struct {
	id        string   // names the mail: its Message-ID, else its bytes
	from      string   // the one address it is from
	to        []string // whom its header says it is to
	refs      []string // message ids it answers, the nearest first, without brackets
	automatic string   // why it was no person who wrote it; "" a person
	body      string   // everything it says, quotes and addresses of links included
	lines     []string // what was written, line by line, before any quote
	header    textproto.Header
}

// errUnreadable says that a mail is none, or is too large.
var errUnreadable = errors.New("mail cannot be read")

// read takes a mail apart.
func read(raw []byte) (answer, error) {
	var a answer
	if len(raw) > inbox.MaxMail {
		return a, fmt.Errorf("%w: %d bytes", errUnreadable, len(raw))
	}
	var err error
	if a.header, err = textproto.ReadHeader(bufio.NewReader(bytes.NewReader(raw))); err != nil {
		return a, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	h := mail.Header{Header: message.Header{Header: a.header}}
	sum := sha256.Sum256(raw)
	a.id = hex.EncodeToString(sum[:])
	if id, err := h.MessageID(); err == nil && id != "" {
		a.id = id
	}
	from, err := h.AddressList("From")
	if err != nil || len(from) != 1 || count(a.header, "From") != 1 {
		a.automatic = "no single sender"
		return a, nil //nolint:nilerr // such a mail is nobody's answer
	}
	a.from = from[0].Address
	for _, field := range []string{"To", "Cc"} {
		list, _ := h.AddressList(field) // an unreadable one names nobody
		for _, one := range list {
			a.to = append(a.to, one.Address)
		}
	}
	for _, field := range []string{"In-Reply-To", "References"} {
		list, _ := h.MsgIDList(field) // likewise
		for i := len(list) - 1; i >= 0; i-- {
			a.refs = append(a.refs, list[i])
		}
	}
	a.automatic = inbox.Automatic(a.header, a.from)
	return a, a.readBody(raw)
}

func count(h textproto.Header, name string) (n int) {
	for fields := h.FieldsByKey(name); fields.Next(); {
		n++
	}
	return n
}

// readBody finds the text that was written: the plain part, else what the HTML part says.
func (a *answer) readBody(raw []byte) error {
	m, err := message.Read(bytes.NewReader(raw))
	if m == nil || (err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err)) {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	var plain, rich string
	var all strings.Builder
	err = m.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil && !message.IsUnknownCharset(err) {
			return err
		}
		kind, _, _ := part.Header.ContentType()
		disposition, _, _ := part.Header.ContentDisposition()
		if disposition == "attachment" || (kind != "text/plain" && kind != "text/html" && kind != "") {
			return nil
		}
		body, err := io.ReadAll(io.LimitReader(part.Body, 2<<20))
		if err != nil {
			return err
		}
		said := strings.ToValidUTF8(string(body), "\uFFFD")
		all.WriteString(said)
		all.WriteByte('\n')
		switch {
		case kind == "text/html" && rich == "":
			rich = said
		case kind != "text/html" && plain == "":
			plain = said
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	a.body = all.String()
	if strings.TrimSpace(plain) == "" {
		plain = htmlText(rich)
	}
	a.lines = written(plain)
	return nil
}

// quoteStarts are the lines with which mail programs begin what they quote.
var quoteStarts = regexp.MustCompile(`(?i)^(>|-{2,}\s*$|-{3,}|_{5,}|(on|vào|le|am)\b.*\b(wrote|đã viết|viết|a écrit|schrieb)\s*:?\s*$|(from|từ|sent|đã gửi|kính gửi)\s*:)`)

// written is a mail's text up to its first quote or signature, without empty lines in front.
func written(body string) []string {
	var lines []string
	for line := range strings.Lines(body) {
		line = text.Line(line)
		if quoteStarts.MatchString(line) {
			break
		}
		if line == "" && len(lines) == 0 {
			continue
		}
		lines = append(lines, line)
		if len(lines) > 200 {
			break
		}
	}
	return lines
}

// htmlText is what an HTML mail says before its first quote, a line for each block.
func htmlText(source string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(source))
	hidden := 0
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return out.String()
		case html.TextToken:
			if hidden == 0 {
				out.WriteString(strings.Join(strings.Fields(string(tokens.Text())), " ") + " ")
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := tokens.Token()
			switch t.Data {
			case "blockquote":
				return out.String()
			case "style", "script", "head", "title":
				if t.Type == html.StartTagToken {
					hidden++
				}
			case "div", "p", "br", "tr", "li", "h1", "h2", "h3", "table", "hr":
				for _, attr := range t.Attr {
					if (attr.Key == "class" && strings.Contains(attr.Val, "gmail_quote")) || (attr.Key == "id" && strings.Contains(attr.Val, "divRplyFwdMsg")) {
						return out.String()
					}
				}
				out.WriteByte('\n')
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			switch string(name) {
			case "style", "script", "head", "title":
				hidden = max(0, hidden-1)
			case "div", "p", "tr", "li":
				out.WriteByte('\n')
			}
		}
	}
}
