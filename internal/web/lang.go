package web

import (
	"cmp"
	"net/http"
	"time"

	"toasoan/internal/locale"
)

// language is short for what every page is written in.
type language = *locale.Locale

const langCookie = "lang"

// lang is the language of the answer to r: the account's where a room has set it, else what ?lang= asks for, else the
// cookie's, else Vietnamese.
func (s *Server) lang(r *http.Request) language {
	notes := requestInfo(r)
	if notes.lang == nil {
		notes.lang = locale.For(langChosen(r))
	}
	return notes.lang
}

// setLang makes l the language of the answer to r, whatever the reader's cookie says.
func setLang(r *http.Request, l language) { requestInfo(r).lang = l }

// ownLang makes the language tag of whoever a mailed link belongs to that of the answer to r, unless the browser says another.
func ownLang(r *http.Request, tag string) {
	if langSaid(r) == "" {
		setLang(r, locale.For(tag))
	}
}

func langChosen(r *http.Request) string { return cmp.Or(langSaid(r), "vi") }

// langSaid is the language that the address or the cookie of r names, "" neither.
func langSaid(r *http.Request) string {
	if asked := r.URL.Query().Get("lang"); asked == "vi" || asked == "en" {
		return asked
	}
	if kept, err := r.Cookie(langCookie); err == nil && (kept.Value == "vi" || kept.Value == "en") {
		return kept.Value
	}
	return ""
}

// rememberLang keeps a language that ?lang= asked for, for a year.
func (s *Server) rememberLang(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query().Get("lang")
	if asked != "vi" && asked != "en" {
		return
	}
	if kept, err := r.Cookie(langCookie); err == nil && kept.Value == asked {
		return
	}
	s.keepChoice(w, langCookie, asked)
}

// keepChoice sets a cookie with a reader's choice about how pages look. It names nobody.
func (s *Server) keepChoice(w http.ResponseWriter, name, value string) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", SameSite: http.SameSiteLaxMode, Secure: s.Secure,
		MaxAge: int((365 * 24 * time.Hour).Seconds()), HttpOnly: name == langCookie,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
