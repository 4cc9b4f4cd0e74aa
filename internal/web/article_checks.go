package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// checksView is what the checks found, with what is missing before an article may be submitted.
type checksView struct {
	Missing []checkView // must be there
	Found   []checkView
	Legacy  string // a piece of the text in Unicode, where it looks like a legacy encoding; "" it does not
}

// Count is how many things there are to look at.
func (v checksView) Count() int { return len(v.Missing) + len(v.Found) }

type checkView struct {
	Class, Icon string
	Text        string
	Where       string
	Excerpt     string
	Suggest     string
	Field       string // id of the field in the editor
}

// checks looks a text over as the editor and the reviewer see it.
func (s *Server) checks(r *http.Request, c newsroom.Content, sit newsroom.Situation) checksView {
	l := s.lang(r)
	var v checksView
	for _, m := range c.Missing() {
		where := m.Field
		if i, ok := pictureField(m.Field); ok {
			where = l.T("desk.check_picture", "n", i+1)
		} else if key := "article." + m.Field; l.Has(key) {
			where = l.T(key)
		}
		v.Missing = append(v.Missing, checkView{Class: "check-block", Icon: "state-failed", Text: where + ": " + fieldSentence(l, m), Field: fieldID(m.Field)})
	}
	words, err := s.officeWords(r.Context())
	if err != nil {
		s.Log.WarnContext(r.Context(), "word list cannot be read", "error", err)
	}
	for _, f := range text.Check(text.Document{Title: c.Title, Lead: c.Lead, Body: c.Body, Credits: creditLines(c), Words: words}) {
		one := checkView{Class: "check-advice", Icon: "alert", Text: findingText(l, f), Excerpt: f.Excerpt, Suggest: f.Suggest, Field: f.Field}
		if slices.Contains(sit.Policy.BlockingChecks, f.Code) {
			one.Class, one.Icon = "check-block", "state-failed"
		}
		if f.Field != text.FieldBody {
			one.Where = l.T("article." + f.Field)
		}
		v.Found = append(v.Found, one)
	}
	if converted, _, ok := text.SuggestLegacyHTML(c.Body); ok {
		v.Legacy = text.Excerpt(text.Plain(converted), 300)
	}
	return v
}

// findingText is the sentence of a finding; a code without one is named as it is.
func findingText(l language, f text.Finding) string {
	if key := "check." + f.Code; l.Has(key) {
		return l.T(key)
	}
	return f.Code
}

// pictureField reads "pictures.2.alt" as 2.
func pictureField(field string) (int, bool) {
	rest, ok := strings.CutPrefix(field, "pictures.")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, err == nil
}

// fieldID is the id of the editor's field for what the domain calls field.
func fieldID(field string) string {
	if i, ok := pictureField(field); ok {
		return fmt.Sprintf("alt%d", i)
	}
	if field == "authors" {
		return "author0"
	}
	return field
}

// wordStore is where the office's word list is.
type wordStore interface {
	Setting(ctx context.Context, key string, out any) error
}

// officeWords is the office's list of words and how they should be written (nổ lực → nỗ lực).
func (s *Server) officeWords(ctx context.Context) ([]text.Word, error) {
	var words []text.Word
	return words, s.Store.Setting(ctx, "words", &words)
}
