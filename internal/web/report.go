package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"toasoan/events"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// reportStore takes what strangers send.
type reportStore interface {
	SaveReport(ctx context.Context, kind, articleID, text, contact string) (string, error)
	WriteToFriend(ctx context.Context, articleID, toEmail, fromName, locale string) (string, error)
	TakeRate(ctx context.Context, rule, value string, most int, window time.Duration) (wait time.Duration, err error)
}

const (
	reportRunes  = 4000 // longest report or feedback
	reportLeast  = 10   // shortest that can be understood
	contactRunes = 200
	nameRunes    = 100
)

// How often strangers may have mail sent: per network, per receiving address, and the whole portal.
const (
	friendsPerNetwork = 10
	friendsPerAddress = 2
	friendsPerPortal  = 500
	friendsWindow     = 24 * time.Hour
)

// strangerForm is what the pages "feedback", "report" and "to_friend" show.
type strangerForm struct {
	Article *articleBrief // nil: about the portal
	Text    string
	Contact string
	Email   string
	Name    string
	Errors  []fieldError
	Sent    bool
}

// articleBrief names the article that a form is about.
type articleBrief struct {
	ID, Title, URL string
	Short          string // the beginning of the title
}

// fieldError is a sentence next to a field, and in the summary on top.
type fieldError struct {
	Field, Message string
}

// Error is the sentence about a field, "" none.
func (f strangerForm) Error(field string) string {
	for _, one := range f.Errors {
		if one.Field == field {
			return one.Message
		}
	}
	return ""
}

// getFeedback and postFeedback handle /gop-y.
func (s *Server) getFeedback(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "feedback", strangerForm{})
}

func (s *Server) postFeedback(w http.ResponseWriter, r *http.Request) error {
	form, robot := s.readReport(r)
	if len(form.Errors) > 0 {
		return s.render(w, r, http.StatusUnprocessableEntity, "feedback", form)
	}
	if !robot {
		if _, err := s.Store.SaveReport(r.Context(), "feedback", "", form.Text, form.Contact); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, "feedback", strangerForm{Sent: true})
}

// getReport and postReport handle /tin/{article}/bao-loi.
func (s *Server) getReport(w http.ResponseWriter, r *http.Request) error {
	article, moved, err := s.briefArticle(w, r, "/bao-loi")
	if err != nil || moved {
		return err
	}
	return s.render(w, r, http.StatusOK, "report", strangerForm{Article: article})
}

func (s *Server) postReport(w http.ResponseWriter, r *http.Request) error {
	article, moved, err := s.briefArticle(w, r, "/bao-loi")
	if err != nil || moved {
		return err
	}
	form, robot := s.readReport(r)
	form.Article = article
	if len(form.Errors) > 0 {
		return s.render(w, r, http.StatusUnprocessableEntity, "report", form)
	}
	if !robot {
		id, err := s.Store.SaveReport(r.Context(), "error", article.ID, form.Text, form.Contact)
		if err != nil {
			return err
		}
		if err := s.Bus.Publish(r.Context(), events.ErrorReported{ReportID: id, ArticleID: article.ID, At: s.Now().UTC()}, 1); err != nil {
			s.Log.WarnContext(r.Context(), "reader's report not announced", "report_id", id, "error", err) // the desk lists it all the same
		}
	}
	return s.render(w, r, http.StatusOK, "report", strangerForm{Article: article, Sent: true})
}

// readReport reads a text and a contact, cleaned. robot says that the field which people do not see was filled in.
func (s *Server) readReport(r *http.Request) (form strangerForm, robot bool) {
	l := s.lang(r)
	form.Text, form.Contact = text.Block(r.PostFormValue("text")), text.Line(r.PostFormValue("contact"))
	switch length := len([]rune(form.Text)); {
	case length == 0:
		form.Errors = append(form.Errors, fieldError{"text", l.T("portal.text_required")})
	case length < reportLeast:
		form.Errors = append(form.Errors, fieldError{"text", l.T("field.too_short", "min", reportLeast)})
	case length > reportRunes:
		form.Errors = append(form.Errors, fieldError{"text", l.T("field.too_long", "max", reportRunes)})
	}
	if len([]rune(form.Contact)) > contactRunes {
		form.Errors = append(form.Errors, fieldError{"contact", l.T("field.too_long", "max", contactRunes)})
	}
	return form, r.PostFormValue("website") != ""
}

// briefArticle finds the article that a form is about; moved says that the reader was sent to its present address.
func (s *Server) briefArticle(w http.ResponseWriter, r *http.Request, rest string) (brief *articleBrief, moved bool, err error) {
	a, to, err := s.publicArticle(r, rest)
	if err != nil {
		return nil, false, err
	}
	if to != "" && r.Method != http.MethodPost {
		http.Redirect(w, r, to, http.StatusMovedPermanently)
		return nil, true, nil
	}
	if err := stillThere(a); err != nil {
		return nil, false, err
	}
	return &articleBrief{
		ID: a.ID, Title: a.Content.Title, URL: newsroom.ArticlePath(a.Slug, a.ID), Short: text.Excerpt(a.Content.Title, 60),
	}, false, nil
}

// getToFriend and postToFriend handle /tin/{article}/gui: the portal sends the article on, never in the visitor's name.
func (s *Server) getToFriend(w http.ResponseWriter, r *http.Request) error {
	article, moved, err := s.briefArticle(w, r, "/gui")
	if err != nil || moved {
		return err
	}
	return s.render(w, r, http.StatusOK, "to_friend", strangerForm{Article: article})
}

func (s *Server) postToFriend(w http.ResponseWriter, r *http.Request) error {
	article, moved, err := s.briefArticle(w, r, "/gui")
	if err != nil || moved {
		return err
	}
	l := s.lang(r)
	form := strangerForm{Article: article, Email: strings.TrimSpace(r.PostFormValue("email")), Name: text.Line(r.PostFormValue("name"))}
	address, err := text.Email(form.Email)
	if err != nil {
		form.Errors = append(form.Errors, fieldError{"email", l.T(emailTrouble(err))})
	}
	if len([]rune(form.Name)) > nameRunes || strings.ContainsAny(form.Name, "@/") || strings.Contains(form.Name, "www.") {
		form.Errors = append(form.Errors, fieldError{"name", l.T("portal.name_plain")})
	}
	if len(form.Errors) > 0 {
		return s.render(w, r, http.StatusUnprocessableEntity, "to_friend", form)
	}
	if r.PostFormValue("website") == "" {
		if err := s.sendToFriend(r, article.ID, address, form.Name); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, "to_friend", strangerForm{Article: article, Sent: true})
}

func (s *Server) sendToFriend(r *http.Request, articleID, address, name string) error {
	ctx := r.Context()
	for _, limit := range []struct {
		rule, value string
		most        int
	}{
		{"to_friend.network", network(requestInfo(r).client).String(), friendsPerNetwork},
		{"to_friend.site", siteOf(requestInfo(r).client).String(), siteShare * friendsPerNetwork},
		{"to_friend.address", text.EmailKey(address), friendsPerAddress},
		{"to_friend.portal", "", friendsPerPortal},
	} {
		wait, err := s.Store.TakeRate(ctx, limit.rule, limit.value, limit.most, friendsWindow)
		if err != nil {
			return err
		}
		if wait > 0 {
			return tooMany(wait)
		}
	}
	letter, err := s.Store.WriteToFriend(ctx, articleID, address, name, s.lang(r).Tag())
	if err != nil {
		return err
	}
	if err := s.Dispatch.Post(ctx, letter); err != nil {
		s.Log.WarnContext(ctx, "letter waits for its workflow", "letter_id", letter, "error", err) // the reconcile schedule starts it
	}
	return nil
}

// emailTrouble is the translation key of what is wrong with an address.
func emailTrouble(err error) string {
	if wrong, ok := errors.AsType[*text.EmailError](err); ok {
		return "email." + fmt.Sprint(wrong.Code)
	}
	return "field.bad_email"
}
