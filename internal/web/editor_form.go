package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// parseForm reads a form of either encoding; files up to a few MB stay in memory, larger ones go to disk.
func parseForm(r *http.Request) error {
	err := r.ParseMultipartForm(4 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = r.ParseForm()
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); err != nil && !large {
		return &statusError{status: http.StatusBadRequest, key: "error.bad_request"}
	}
	return err
}

// contentForm reads what the editor sent, cleaned, over what the article was: whatever the form does not show stays.
func contentForm(r *http.Request, was newsroom.Content) (c newsroom.Content, wrong []newsroom.FieldError) {
	form := r.PostForm
	bad := func(field, code string) { wrong = append(wrong, newsroom.FieldError{Field: field, Code: code}) }
	c = was
	c.Title, c.Lead, c.Section = text.Line(form.Get("title")), text.Line(form.Get("lead")), form.Get("section")
	c.Body = text.HTML(form.Get("body"))
	c.AlsoIn = without(form["also_in"], c.Section)
	c.Tags, c.Topics = words(form.Get("tags")), words(form.Get("topics"))
	c.Slug = text.Slug(c.Title)
	c.Pictures = pictureRows(form)
	c.Authors = authorRows(form)
	c.Credits = nil
	for i, name := range form["credit_name"] {
		if name = text.Line(name); name != "" {
			c.Credits = append(c.Credits, newsroom.Credit{Kind: known(at(form["credit_kind"], i), creditKinds), Name: name})
		}
	}
	c.Source = newsroom.Source{Name: text.Line(form.Get("source_name")), URL: strings.TrimSpace(form.Get("source_url"))}
	if c.Source.URL != "" && !webAddress(c.Source.URL) {
		bad("source_url", "bad_url")
	}
	c.Attachments = fileRows(form, was.Attachments, bad)
	var ok bool
	if c.ReleaseAt, ok = localTime(form.Get("release_at")); !ok {
		bad("release_at", "bad_time")
	}
	if c.DisplayEnd, ok = localTime(form.Get("display_end")); !ok {
		bad("display_end", "bad_time")
	}
	if was.Change == newsroom.ChangeCorrection {
		c.Note = &newsroom.Correction{Old: text.Line(form.Get("note_old")), New: text.Line(form.Get("note_new"))}
	}
	return c, append(wrong, c.TooLong()...)
}

func pictureRows(form url.Values) (rows []newsroom.Picture) {
	for i, sha := range form["figure_sha"] {
		if !shaForm(sha) {
			continue
		}
		rows = append(rows, newsroom.Picture{
			SHA: sha, Caption: text.Line(at(form["figure_caption"], i)), Alt: text.Line(at(form["figure_alt"], i)), Credit: text.Line(at(form["figure_credit"], i)),
		})
	}
	return rows
}

func authorRows(form url.Values) (rows []newsroom.Author) {
	for i, name := range form["author_name"] {
		share, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(at(form["author_share"], i)), "%"))
		one := newsroom.Author{PenName: text.Line(name), UserID: at(form["author_user"], i), Share: max(0, min(share, 100))}
		if one.PenName != "" || one.UserID != "" {
			rows = append(rows, one)
		}
	}
	return rows
}

// fileRows reads the attachments: which they are says the article, what they are called says the form.
func fileRows(form url.Values, was []newsroom.Attachment, bad func(field, code string)) (rows []newsroom.Attachment) {
	for i, sha := range form["file_sha"] {
		k := slices.IndexFunc(was, func(f newsroom.Attachment) bool { return f.SHA == sha })
		if k < 0 {
			continue
		}
		one := was[k]
		one.Number, one.Summary, one.Date = text.Line(at(form["file_number"], i)), text.Line(at(form["file_summary"], i)), strings.TrimSpace(at(form["file_date"], i))
		if _, err := time.Parse(time.DateOnly, one.Date); one.Date != "" && err != nil {
			bad(fmt.Sprintf("file_date%d", i), "bad_date")
			one.Date = ""
		}
		rows = append(rows, one)
	}
	return rows
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func known(value string, of []string) string {
	if slices.Contains(of, value) {
		return value
	}
	return of[0]
}

// words splits a line at commas, each word once.
func words(line string) (list []string) {
	for _, one := range strings.FieldsFunc(line, func(c rune) bool { return c == ',' || c == ';' || c == '\n' }) {
		if one = text.Line(one); one != "" && !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

func without(list []string, value string) (kept []string) {
	for _, one := range list {
		if one != value && one != "" && !slices.Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	return kept
}

func shaForm(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
