package mailbox

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Query is a search in Mailpit's language: words, "exact phrases", and fields to: from: cc: bcc: addressed: subject:
// message-id: is:read is:unread has:attachment before:2006-01-02 after:2006-01-02, each turned round by a leading - or
// !. All terms must hold. A term without marks finds words with and without them ("nong" finds "nông").
type Query struct{ terms []term }

type term struct {
	field string
	value string // folded unless marked
	exact bool   // has marks, so it wants the same ones
	not   bool
	when  time.Time
}

var vietnam = time.FixedZone("+07", 7*60*60)

// ParseQuery never fails: what is no field is a word.
func ParseQuery(text string) Query {
	var q Query
	for _, token := range tokens(text) {
		t := term{}
		if strings.HasPrefix(token, "-") || strings.HasPrefix(token, "!") {
			t.not, token = true, token[1:]
		}
		field, value, found := strings.Cut(token, ":")
		field = strings.ToLower(field)
		if found && knownField(field) {
			t.field = field
		} else {
			value = token
		}
		value = strings.ReplaceAll(value, `"`, "")
		if value == "" {
			continue
		}
		if t.field == "before" || t.field == "after" {
			when, ok := parseDay(value)
			if !ok {
				continue
			}
			t.when = when
		}
		lower := lowered(value)
		t.value, t.exact = fold(lower), fold(lower) != lower
		if t.exact {
			t.value = lower
		}
		q.terms = append(q.terms, t)
	}
	return q
}

// tokens splits at blanks outside quotation marks.
func tokens(text string) []string {
	quoted := false
	return strings.FieldsFunc(firstRunes(text, 1000), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return unicode.IsSpace(r) && !quoted
	})
}

func knownField(name string) bool {
	switch name {
	case "addressed", "is", "has", "before", "after", "tag":
		return true
	}
	_, known := fieldNames[name]
	return known
}

func parseDay(text string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2006/01/02", time.RFC3339, "2006-01-02T15:04"} {
		if when, err := time.ParseInLocation(layout, text, vietnam); err == nil {
			return when, true
		}
	}
	return time.Time{}, false
}

// The searched fields of a message.
const (
	inTo = iota
	inFrom
	inCc
	inBcc
	inSubject
	inMessageID
	inWords
	searchedFields
)

var fieldNames = map[string]int{
	"to": inTo, "from": inFrom, "cc": inCc, "bcc": inBcc, "subject": inSubject, "message-id": inMessageID,
}

// searchable is the text of a message by field, lowered, once with its marks and once without.
type searchable struct{ marked, folded [searchedFields]string }

func (e *entry) searchable() (s searchable) {
	s.marked = [searchedFields]string{
		inTo: people(e.To...), inFrom: people(e.From), inCc: people(e.Cc...), inBcc: people(e.Bcc...),
		inSubject: lowered(e.Subject), inMessageID: lowered(e.MessageID), inWords: lowered(e.Words),
	}
	for field, text := range s.marked {
		s.folded[field] = fold(text)
	}
	return s
}

func people(list ...Address) string {
	var all strings.Builder
	for _, a := range list {
		all.WriteString(lowered(a.Name))
		all.WriteString(" <")
		all.WriteString(lowered(a.Address))
		all.WriteString("> ")
	}
	return all.String()
}

func (q Query) matches(e *entry) bool {
	for _, t := range q.terms {
		if t.matches(e) == t.not {
			return false
		}
	}
	return true
}

func (t term) matches(e *entry) bool {
	text := &e.words.folded
	if t.exact {
		text = &e.words.marked
	}
	in := func(fields ...int) bool {
		for _, field := range fields {
			if strings.Contains(text[field], t.value) {
				return true
			}
		}
		return false
	}
	switch t.field {
	case "":
		return in(inFrom, inTo, inCc, inBcc, inSubject, inWords, inMessageID)
	case "addressed":
		return in(inFrom, inTo, inCc, inBcc)
	case "is":
		return t.value == "read" && e.Read || t.value == "unread" && !e.Read
	case "has":
		return strings.HasPrefix(t.value, "attachment") && e.Attachments > 0
	case "before":
		return e.Created.Before(t.when)
	case "after":
		return !e.Created.Before(t.when)
	case "tag":
		return false // this mailbox has none
	default:
		return in(fieldNames[t.field])
	}
}

func lowered(text string) string { return strings.ToLower(norm.NFC.String(text)) }

// fold takes the marks off lowered Vietnamese.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'đ':
			return 'd'
		default:
			return r
		}
	}, norm.NFD.String(text))
}
