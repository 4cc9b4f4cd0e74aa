package web

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// notMePage is what pages/notme.html shows.
type notMePage struct {
	newsroom.Disowned
	Token   string
	Number  string // to be typed: what no machine does that presses everything
	NotMine bool   // "not me" is chosen already
	Done    bool
	Errors  formErrors
}

// getNotMe handles GET /khong-phai-toi/{token}: it shows the decision and writes nothing.
func (s *Server) getNotMe(w http.ResponseWriter, r *http.Request) error {
	page, err := s.notMePage(r)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "notme", page)
}

func (s *Server) notMePage(r *http.Request) (notMePage, error) {
	token := mailedToken(r)
	d, err := s.Store.NotMe(r.Context(), token)
	if err == nil && !r.URL.Query().Has("lang") {
		setLang(r, locale.For(d.Person.Locale))
	}
	return notMePage{Disowned: d, Token: token, Number: numberOf(d.LinkID), Done: d.Used}, err
}

// numberOf is three digits that a page asks to type, always the same for one link. They keep no secret: they tell a person from a
// program that fills in forms.
func numberOf(link string) string {
	sum := sha256.Sum256([]byte(link))
	return strconv.Itoa(100 + int(binary.BigEndian.Uint32(sum[:])%900))
}

// postNotMe handles POST /khong-phai-toi/{token}: the decision was not the leader's. Before the release it freezes it; afterwards
// chief and admins are told and decide. Trusted phones and the PIN are void either way. The token, an answer and a number that is
// typed are enough: it only stops things, and speed counts. A machine that presses everything types no number.
func (s *Server) postNotMe(w http.ResponseWriter, r *http.Request) error {
	page, err := s.notMePage(r)
	if err != nil {
		return err
	}
	if page.Done {
		return see(w, r, "/khong-phai-toi/"+page.Token)
	}
	switch r.PostFormValue("who") {
	case "not_me":
		if strings.TrimSpace(r.PostFormValue("number")) != page.Number {
			page.NotMine = true
			page.Errors.add(s.lang(r), "number", "notme.type_wrong", "number", page.Number)
			return s.render(w, r, http.StatusUnprocessableEntity, "notme", page)
		}
	case "me":
		return s.render(w, r, http.StatusOK, "notme", page)
	default:
		page.Errors.add(s.lang(r), "who", "notme.choose")
		return s.render(w, r, http.StatusUnprocessableEntity, "notme", page)
	}
	if _, err := s.Dispatch.Move(r.Context(), newsroom.Request{
		ID: requestIDFrom(page.LinkID), ArticleID: page.ArticleID, ActorID: page.Person.ID, Door: newsroom.DoorLink, Move: newsroom.MoveNotMe,
		Decision: page.Decision.RequestID,
	}); err != nil {
		return err
	}
	if err := s.Store.Disowned(r.Context(), page.LinkID); err != nil {
		return err
	}
	return see(w, r, "/khong-phai-toi/"+page.Token)
}

// requestIDFrom makes the id of a move that can happen once per link.
func requestIDFrom(link string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("toasoan:link:"+link)).String()
}
