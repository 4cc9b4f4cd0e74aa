package web

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// formError is one thing to mend, told next to its field and in the summary on top.
type formError struct {
	Field, Text string
	Label       string // of the field, in the summary; "" where the sentence says it
}

// formErrors is everything wrong with a form at once.
type formErrors []formError

// On is the sentence next to field, "" none.
func (e formErrors) On(field string) string {
	for _, one := range e {
		if one.Field == field {
			return one.Text
		}
	}
	return ""
}

// named says in the summary which field each sentence is about, in the order of the page: labels are pairs of a field and its label's key.
func (e formErrors) named(l language, labels ...string) formErrors {
	place := func(one formError) int { return slices.Index(labels, one.Field) }
	for i, one := range e {
		if at := place(one); at >= 0 {
			e[i].Label = l.T(labels[at+1])
		}
	}
	slices.SortStableFunc(e, func(a, b formError) int { return place(a) - place(b) })
	return e
}

// add appends the sentence of key for field.
func (e *formErrors) add(l language, field, key string, args ...any) {
	*e = append(*e, formError{Field: field, Text: l.T(key, args...)})
}

// wrongFields turns what the domain says is wrong with an input into sentences; ok is false when err says something else.
func wrongFields(l language, err error) (found formErrors, ok bool) {
	invalid, ok := errors.AsType[*newsroom.InvalidError](err)
	if !ok {
		return nil, false
	}
	for _, f := range invalid.Fields {
		found = append(found, formError{Field: f.Field, Text: fieldSentence(l, f)})
	}
	return found, true
}

func fieldSentence(l language, f newsroom.FieldError) string {
	key := "field." + f.Code
	if !l.Has(key) {
		key = "field.invalid"
	}
	args := []any{}
	for name, value := range f.Params {
		args = append(args, name, value)
	}
	return l.T(key, args...)
}

// localTime reads the value of a datetime-local field in Vietnam's time; nil for an empty one.
func localTime(value string) (*time.Time, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil, true
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "02/01/2006 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, value, vietnam); err == nil {
			return &at, true
		}
	}
	return nil, false
}

// fieldTime writes a time into a datetime-local field.
func fieldTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(vietnam).Format("2006-01-02T15:04")
}

// number reads a whole number of a form; -1 where it is none.
func wholeNumber(r *http.Request, name string) int {
	n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue(name)))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// ticked reports whether a checkbox was sent.
func ticked(r *http.Request, name string) bool { return r.PostFormValue(name) != "" }

// see redirects to to with 303 after a post.
func see(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// localPath is next when it is a path of the desk, else /desk.
func localPath(next string) string {
	if next == "/desk" || (strings.HasPrefix(next, "/desk/") && !strings.ContainsAny(next, "\\\r\n") && !strings.Contains(next, "//")) {
		return next
	}
	return "/desk"
}

// sameSecret compares two secrets without telling by its time where they differ.
func sameSecret(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// minutesUntil rounds a wait up to whole minutes.
func minutesUntil(d time.Duration) int { return max(1, int((d+time.Minute-1)/time.Minute)) }
