package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/language"
)

//go:embed text/*.json
var files embed.FS

// Locale is one language: its sentences and its way to write dates and numbers. It is safe for concurrent use.
type Locale struct {
	tag    string
	text   map[string]string
	asked  sync.Map // missing keys that were logged
	layout layout
}

var (
	vi   = load("vi", vietnamese)
	en   = load("en", english)
	tags = language.NewMatcher([]language.Tag{language.Vietnamese, language.English})
)

// Tags lists the languages there are, the default first.
func Tags() []string { return []string{"vi", "en"} }

// For returns the language of tag: "en" for English, Vietnamese for everything else.
func For(tag string) *Locale {
	if tag == "en" || strings.HasPrefix(tag, "en-") {
		return en
	}
	return vi
}

// Accept picks the best language for an Accept-Language header, Vietnamese where nothing fits.
func Accept(header string) *Locale {
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(wanted) == 0 {
		return vi
	}
	if _, i, sure := tags.Match(wanted...); sure >= language.High && i == 1 {
		return en
	}
	return vi
}

// Tag is the language's BCP 47 tag: "vi" or "en".
func (l *Locale) Tag() string { return l.tag }

// Has reports whether key exists.
func (l *Locale) Has(key string) bool {
	_, ok := l.text[key]
	return ok
}

// T is the sentence of key with its placeholders filled from name, value pairs or from one map. Whole numbers,
// decimals and times are written in the language's way. A key that does not exist is logged once and comes back as it
// is; under `go test` it panics, so that it cannot reach a person.
func (l *Locale) T(key string, args ...any) string {
	sentence, ok := l.text[key]
	if !ok {
		return l.missing(key)
	}
	if len(args) == 0 || !strings.Contains(sentence, "{") {
		return sentence
	}
	return l.fill(sentence, args)
}

// Strings returns the sentences whose keys begin with one of the prefixes, by their full keys: what a script needs.
func (l *Locale) Strings(prefixes ...string) map[string]string {
	found := map[string]string{}
	for key, sentence := range l.text {
		for _, p := range prefixes {
			if strings.HasPrefix(key, p) {
				found[key] = sentence
			}
		}
	}
	return found
}

func (l *Locale) fill(sentence string, args []any) string {
	var pairs []string
	add := func(name string, value any) { pairs = append(pairs, "{"+name+"}", l.value(value)) }
	switch first := args[0].(type) {
	case map[string]string:
		for name, value := range first {
			add(name, value)
		}
	case map[string]any:
		for name, value := range first {
			add(name, value)
		}
	default:
		for i := 0; i+1 < len(args); i += 2 {
			add(fmt.Sprint(args[i]), args[i+1])
		}
	}
	return strings.NewReplacer(pairs...).Replace(sentence) // one pass: a value cannot smuggle in a placeholder
}

func (l *Locale) value(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return l.Number(int64(v))
	case int64:
		return l.Number(v)
	case float64:
		return l.Decimal(v)
	case time.Time:
		return l.DateTime(v)
	default:
		return fmt.Sprint(v)
	}
}

func (l *Locale) missing(key string) string {
	if testing.Testing() {
		panic("locale: no sentence " + key + " in " + l.tag)
	}
	if _, again := l.asked.LoadOrStore(key, true); !again {
		slog.Error("sentence missing", "key", key, "locale", l.tag)
	}
	return key
}

func load(tag string, layout layout) *Locale {
	raw, err := files.ReadFile("text/" + tag + ".json")
	if err != nil {
		panic("locale: " + err.Error()) // embedded at build time
	}
	l := &Locale{tag: tag, layout: layout}
	if err := json.Unmarshal(raw, &l.text); err != nil {
		panic("locale: text/" + tag + ".json: " + err.Error())
	}
	return l
}
