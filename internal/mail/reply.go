package mail

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"unicode"

	"toasoan/internal/text"
)

// Stage is a point of the conversation with the relay; the text is kept in the ledger.
type Stage string

const (
	StageCompose Stage = "compose" // before any conversation: the mail cannot be made
	StageDial    Stage = "dial"
	StageBanner  Stage = "banner"
	StageHello   Stage = "ehlo"
	StageTLS     Stage = "tls"
	StageAuth    Stage = "auth"
	StageMail    Stage = "mail"
	StageRcpt    Stage = "rcpt"
	StageData    Stage = "data"
	StageBody    Stage = "body"
	StageDot     Stage = "dot"
)

// Reply is what the relay said.
type Reply struct {
	Code     int    // 0: nothing
	Enhanced string // RFC 3463: "5.1.1"; "" none
	Text     string // one line without addresses, at most 300 characters; it may still hold the recipient's name (StepError.about)
}

// refuses reports a 4xx or 5xx: whatever else comes where a 2xx is due says neither yes nor no.
func (r Reply) refuses() bool { return r.Code/100 == 4 || r.Code/100 == 5 }

// StepError is a step that did not succeed: refused (Reply) or broken (Err).
type StepError struct {
	Stage Stage
	Reply Reply
	Err   error
}

func (e *StepError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("smtp %s: %v", e.Stage, e.Err)
	}
	return fmt.Sprintf("smtp %s: %d %s", e.Stage, e.Reply.Code, e.Reply.Text)
}

func (e *StepError) Unwrap() error { return e.Err }

// about is r without the name of the recipient.
func (r Reply) about(recipient string) Reply {
	r.Text = text.HideName(r.Text, recipient)
	return r
}

// about is e without the name of the recipient, which relays like to repeat: neither ledger nor alerts nor logs keep it.
func (e *StepError) about(recipient string) *StepError {
	if e == nil || e.Reply.Text == "" {
		return e
	}
	kept := *e
	kept.Reply = e.Reply.about(recipient)
	return &kept
}

const (
	maxReplyText  = 300
	maxReplyLines = 100
)

var (
	anAddress = regexp.MustCompile(`<?[^\s<>"]+@[^\s<>"]+>?`)
	errReply  = errors.New("not an SMTP reply")
)

// newReply keeps what may be kept of a reply's words: they may quote the recipient, or be anything at all.
func newReply(code int, words string) Reply {
	r := Reply{Code: code, Enhanced: enhanced(code, words)}
	if harmless(words) { // as nearly all are
		r.Text = words
		return r
	}
	words = strings.ToValidUTF8(words, "\uFFFD")
	words = strings.Join(strings.FieldsFunc(words, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
	words = anAddress.ReplaceAllString(words, "<…>")
	if said := []rune(words); len(said) > maxReplyText {
		words = string(said[:maxReplyText-1]) + "…"
	}
	r.Text = words
	return r
}

// harmless reports that words can be kept as they are: short, printable ASCII, one space between words, no address.
func harmless(words string) bool {
	space := true // at the beginning
	for i := range len(words) {
		c := words[i]
		if c < ' ' || c > '~' || c == '@' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return len(words) <= maxReplyText && (!space || words == "")
}

// enhanced is the code of RFC 3463 in front of a reply's words, where it belongs to the same class as code.
func enhanced(code int, words string) string {
	word, _, _ := strings.Cut(words, " ")
	class, rest, _ := strings.Cut(word, ".")
	subject, detail, _ := strings.Cut(rest, ".")
	if len(class) != 1 || int(class[0]-'0') != code/100 || !fewDigits(subject) || !fewDigits(detail) {
		return ""
	}
	return word
}

// fewDigits reports one to three digits.
func fewDigits(s string) bool { return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == "" }

// readReply reads one reply, of several lines perhaps. Too long a line, too many lines or anything else that RFC 5321
// §4.2 does not know is an error: from there on nobody knows which reply belongs to what.
func readReply(in *bufio.Reader) (Reply, error) {
	code, words := 0, ""
	for range maxReplyLines {
		line, err := in.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return Reply{}, err
		}
		said := strings.TrimRight(string(line), "\r\n")
		if len(said) < 3 || strings.Trim(said[:3], "0123456789") != "" || said[0] < '2' || said[0] > '5' {
			return Reply{}, errReply
		}
		this := int(said[0]-'0')*100 + int(said[1]-'0')*10 + int(said[2]-'0')
		if code != 0 && this != code {
			return Reply{}, errReply
		}
		code = this
		switch {
		case len(said) == 3:
			return newReply(code, words), nil
		case said[3] == ' ':
			return newReply(code, join(words, said[4:])), nil
		case said[3] == '-':
			words = join(words, said[4:])
		default:
			return Reply{}, errReply
		}
	}
	return Reply{}, errReply
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	if len(a) > 4*maxReplyText {
		return a
	}
	return a + " " + b
}

// isClosed reports the ends of a connection that carry no Timeout method.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
