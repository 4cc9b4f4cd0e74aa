package web

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// publicMediaStore keeps uploads by the hash of their bytes.
type publicMediaStore interface {
	Variant(ctx context.Context, sha string, width int, ext string) (newsroom.MediaVariant, error)
	File(ctx context.Context, sha string) (m newsroom.Media, data []byte, err error)
	HiddenMedia(ctx context.Context, sha string) (bool, error)
}

var (
	imageName = regexp.MustCompile(`^([0-9a-f]{64})-([1-9][0-9]{0,4})\.(jpg|png|webp)$`)
	hashForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// forever is the Cache-Control of what is named by the hash of its bytes.
const forever = "public, max-age=31536000, immutable"

// getImage handles /anh/{file}: one size of a picture. 410 for what was withdrawn with its article.
func (s *Server) getImage(w http.ResponseWriter, r *http.Request) error {
	name := imageName.FindStringSubmatch(r.PathValue("file"))
	if name == nil {
		return fmt.Errorf("picture: %w", newsroom.ErrNotFound)
	}
	answer, err := s.portal.media.get(r.Context(), name[0], newsroom.DateOf(s.Now()), func(ctx context.Context) (*answerKept, int, error) {
		if err := s.notHidden(ctx, name[1]); err != nil {
			return nil, 0, err
		}
		width, err := strconv.Atoi(name[2])
		if err != nil {
			return nil, 0, fmt.Errorf("picture: %w", newsroom.ErrNotFound)
		}
		found, err := s.Store.Variant(ctx, name[1], width, name[3])
		if err != nil {
			return nil, 0, err
		}
		made := &answerKept{status: http.StatusOK, mediaType: found.MIME, modified: s.Now(), day: newsroom.DateOf(s.Now())}
		made.filled.Store(&packed{plain: found.Bytes, tag: name[0]})
		return made, len(found.Bytes), nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", forever)
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	return s.sendKept(w, r, answer)
}

// getFile handles /tep/{id}/{name}: an attachment, always as a download. The id is the hash of its bytes; the name is only
// what it is saved as.
func (s *Server) getFile(w http.ResponseWriter, r *http.Request) error {
	sha := r.PathValue("id")
	if !hashForm.MatchString(sha) {
		return fmt.Errorf("attachment: %w", newsroom.ErrNotFound)
	}
	if err := s.notHidden(r.Context(), sha); err != nil {
		return err
	}
	file, data, err := s.Store.File(r.Context(), sha)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", file.MIME)
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": r.PathValue("name")}))
	header.Set("Cache-Control", forever)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("ETag", `"`+sha+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

// notHidden refuses what readers may no longer have.
func (s *Server) notHidden(ctx context.Context, sha string) error {
	hidden, err := s.Store.HiddenMedia(ctx, sha)
	if err != nil {
		return err
	}
	if hidden {
		return refuse(http.StatusGone, "portal.file_gone")
	}
	return nil
}

// filePath is the public address of an attachment.
func filePath(a newsroom.Attachment) string {
	name := strings.ReplaceAll(a.Name, "/", "-")
	if name == "" || strings.Trim(name, ".") == "" {
		name = "tep"
	}
	return "/tep/" + a.SHA + "/" + name
}
