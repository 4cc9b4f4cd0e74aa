package inbox

import (
	"context"
	"strings"

	"github.com/emersion/go-message/textproto"
)

// MaxMail is how large a mail is read: an answer with the original quoted, pictures in signatures included.
const MaxMail = 10 << 20

// Mail is one mail as it came in.
type Mail struct {
	Raw  []byte
	To   []string // envelope recipients, where they are known
	Null bool     // the envelope names no sender: a server wrote it (RFC 5321 §4.5.5)
	Via  string   // imap, smtp, http
}

// Verdict is what becomes of a mail.
type Verdict int

const (
	Pass Verdict = iota // somebody else's: it stays as it is
	Keep                // dealt with: it stays, marked as read
	Drop                // dealt with: nobody needs it any more
)

// Handler deals with mails. Handle returns Keep or Drop only after what it did is durable, and deals with the same mail once however
// often it is handed in. An error means: hand it in again later. It is safe for concurrent use.
type Handler interface {
	Handle(ctx context.Context, m Mail) (Verdict, error)
}

// Handlers asks one after the other; the first that does not pass has dealt with the mail.
type Handlers []Handler

// Handle implements Handler.
func (list Handlers) Handle(ctx context.Context, m Mail) (Verdict, error) {
	for _, one := range list {
		if verdict, err := one.Handle(ctx, m); err != nil || verdict != Pass {
			return verdict, err
		}
	}
	return Pass, nil
}

// Automatic says why a mail was sent by a machine (RFC 3834 and what came before it), "" for a person's. from is its From address.
func Automatic(h textproto.Header, from string) string {
	value := func(name string) string { return strings.ToLower(strings.TrimSpace(h.Get(name))) }
	local, _, _ := strings.Cut(strings.ToLower(from), "@")
	kind, _, _ := strings.Cut(value("Content-Type"), ";")
	switch {
	case strings.TrimSpace(kind) == "multipart/report" || h.Has("X-Failed-Recipients"):
		return "bounce"
	case value("Return-Path") == "<>" || local == "mailer-daemon" || local == "postmaster":
		return "bounce"
	case value("Auto-Submitted") != "" && !strings.HasPrefix(value("Auto-Submitted"), "no"):
		return "auto-submitted"
	case value("Precedence") == "bulk" || value("Precedence") == "junk" || value("Precedence") == "list" || value("Precedence") == "auto_reply":
		return "precedence"
	case h.Has("X-Autoreply") || h.Has("X-Autorespond") || h.Has("X-Autoresponder") || value("X-Auto-Response-Suppress") != "":
		return "auto-reply"
	case h.Has("List-Id") || h.Has("List-Unsubscribe"):
		return "list"
	}
	return ""
}
