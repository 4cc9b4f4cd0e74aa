package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"toasoan/newsroom"
)

// digestStore is what the page about sending asks of the database about digests.
type digestStore interface {
	DigestMinute(ctx context.Context) (int, error)
	SaveDigestMinute(ctx context.Context, by newsroom.Person, minute int) error
}

// postDigestHour handles POST /desk/admin/mail/digest: when digests are made, from tomorrow on.
func (s *Server) postDigestHour(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	typed := strings.TrimSpace(r.PostFormValue("digest")) // 16:30
	minute := -1                                          // which is refused
	if at, err := time.Parse("15:04", typed); err == nil {
		minute = at.Hour()*60 + at.Minute()
	}
	err := s.Store.SaveDigestMinute(r.Context(), me, minute)
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		page, err := s.mailLimitsNow(r)
		if err != nil {
			return err
		}
		page.Digest, page.Errors = typed, wrong.named(s.lang(r), "digest", "admin.digest_hour")
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/mail", "mail", page)
	}
	if err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.digest_hour", "time", clock(minute))
	return see(w, r, "/desk/admin/mail")
}

// clock writes minutes after midnight as 16:30.
func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
