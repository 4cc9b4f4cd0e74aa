package mail

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"toasoan/internal/text"
)

// The headers a signature covers. RFC 8058 wants both List-Unsubscribe headers in it, which go-mail's default lacks.
var (
	signedInLetters = []string{
		"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "Auto-Submitted",
		"In-Reply-To", "References",
	}
	signedInNewsletters = []string{
		"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "List-Id",
		"List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted",
	}
	oversigned = []string{"From", "Subject", "To", "Date"} // nobody can add a second one
)

// Signer signs mails for one domain (RFC 6376, relaxed/relaxed). It is safe for concurrent use. A nil Signer leaves
// mails as they are: the relay signs.
type Signer struct{ letters, newsletters *gomail.DKIMSigner }

// NewSigner makes a signer from a PEM key: RSA of 2,048 bits or more, or Ed25519. now is the time of the signatures (t=);
// nil is the wall clock.
func NewSigner(domain, selector string, key []byte, now func() time.Time) (*Signer, error) {
	if _, err := text.Email("x@" + domain); err != nil {
		return nil, fmt.Errorf("dkim domain: %w", err)
	}
	if selector == "" {
		return nil, errors.New("dkim selector is empty")
	}
	private, err := gomail.PrivKeyFromPEM(key)
	if err != nil {
		return nil, fmt.Errorf("dkim key: %w", err)
	}
	if r, ok := private.(*rsa.PrivateKey); ok && r.N.BitLen() < 2048 {
		return nil, fmt.Errorf("dkim key: RSA of %d bits, 2048 are needed", r.N.BitLen())
	}
	s := &Signer{
		letters:     signer(domain, selector, private, signedInLetters, now),
		newsletters: signer(domain, selector, private, signedInNewsletters, now),
	}
	// go-mail's signer settles its algorithm at its first use, which is a race between goroutines: use it once here.
	for _, one := range []*gomail.DKIMSigner{s.letters, s.newsletters} {
		if _, err := one.Sign([]byte("From: a@example.org\r\n"), []byte("\r\n")); err != nil {
			return nil, fmt.Errorf("dkim: %w", err)
		}
	}
	return s, nil
}

func signer(domain, selector string, key crypto.Signer, headers []string, now func() time.Time) *gomail.DKIMSigner {
	s := gomail.NewDKIMSigner(domain, selector, key)
	s.SignHeaders(headers...)
	s.OversignHeaders(oversigned...)
	s.NowFunc = now
	return s
}

func (s *Signer) letter(raw []byte) ([]byte, error) {
	if s == nil {
		return raw, nil
	}
	return sign(s.letters, raw)
}

func (s *Signer) newsletter(raw []byte) ([]byte, error) {
	if s == nil {
		return raw, nil
	}
	return sign(s.newsletters, raw)
}

// sign puts the signature in front of a whole mail.
func sign(with *gomail.DKIMSigner, raw []byte) ([]byte, error) {
	end := bytes.Index(raw, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, errors.New("mail without a body")
	}
	signature, err := with.Sign(raw[:end+2], raw[end+4:])
	if err != nil {
		return nil, err
	}
	return append([]byte(unwrap(signature)), raw...), nil
}

// unwrap mends the signature's own header. go-mail v0.8.1 signs the tags unfolded and then wraps a tag that is too long
// for a line, such as our h=, in its middle: relaxed canonicalization makes a space of that, and no verifier agrees. The
// tags before b= keep the folds between them only; in b= white space does not count (RFC 6376 §3.5).
func unwrap(signature string) string {
	tags := strings.Index(signature, " b=")
	if tags < 0 {
		return signature
	}
	var out strings.Builder
	for i, part := range strings.Split(signature[:tags], "\r\n ") {
		if i > 0 && strings.HasSuffix(out.String(), " ") {
			out.WriteString("\r\n ")
		}
		out.WriteString(part)
	}
	return out.String() + signature[tags:]
}
