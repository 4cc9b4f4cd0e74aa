package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"toasoan/internal/locale"
	"toasoan/internal/text"
)

// Settings say in whose name mails go out. All of it comes from the configuration; nothing here is secret but the
// signer's keys.
type Settings struct {
	From         string  // newsletters: "Name <address>" or an address
	FromTx       string  // approvals, opt-ins and every other letter; "" the same as From
	ReplyTo      string  // newsroom's mailbox; "" none
	ReplyToTx    string  // workflow's mailbox; "" the same as ReplyTo
	BounceDomain string  // envelopes become b+<verp>@<domain>; "" envelopes carry the From address
	Locale       string  // language of newsletters; "" Vietnamese
	Official     string  // how officials are addressed; "" Đồng chí
	Citizen      string  // how citizens are addressed; "" Quý vị
	Signer       *Signer // nil: the relay signs
}

// Composer makes mails from what the newsroom knows. It holds no state and is safe for concurrent use.
type Composer struct {
	from, fromTx, replyTo, replyToTx mail.Address // a zero ReplyTo is none
	bounceDomain                     string
	official, citizen                string
	locale                           *locale.Locale
	signer                           *Signer
}

// NewComposer checks s and reports everything that is wrong with it at once.
func NewComposer(s Settings) (*Composer, error) {
	var wrong []error
	sender := func(name, given, otherwise string, must bool) mail.Address {
		if given == "" {
			given = otherwise
		}
		if given == "" && !must {
			return mail.Address{}
		}
		address, err := parseSender(given)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
		return address
	}
	c := &Composer{
		from:      sender("from", s.From, "", true),
		fromTx:    sender("from for letters", s.FromTx, s.From, true),
		replyTo:   sender("reply-to", s.ReplyTo, "", false),
		replyToTx: sender("reply-to for letters", s.ReplyToTx, s.ReplyTo, false),
		official:  s.Official, citizen: s.Citizen,
		locale: locale.For(s.Locale), signer: s.Signer,
	}
	if s.BounceDomain != "" {
		bounce, err := text.Email("b@" + s.BounceDomain)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("bounce domain: %w", err))
		}
		c.bounceDomain = strings.TrimPrefix(bounce, "b@")
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("settings of mail: %w", err)
	}
	return c, nil
}

// parseSender reads "Name <address>" or an address, and checks it as strictly as a stranger's.
func parseSender(s string) (mail.Address, error) {
	if strings.ContainsFunc(s, control) {
		return mail.Address{}, errors.New("control character in an address")
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil {
		return mail.Address{}, errors.New("not an address of the form Name <name@domain>")
	}
	address, err := text.Email(parsed.Address)
	if err != nil {
		return mail.Address{}, err
	}
	return mail.Address{Name: text.Excerpt(parsed.Name, mostName), Address: address}, nil
}

// No header line may be longer than 998 octets, not even one of a single long word (RFC 5322 §2.1.1).
const (
	mostName    = 200 // characters
	mostSubject = 500
)

func control(r rune) bool { return r < ' ' || r == 0x7F }

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
