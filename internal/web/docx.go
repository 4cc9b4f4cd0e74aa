package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// maxDocx is the largest Word file that is taken in, in bytes.
const maxDocx = 20 << 20

// docx is the Word file that a form brought, nil where it brought none.
func (s *Server) docx(r *http.Request) ([]byte, error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File["docx"]) == 0 {
		return nil, nil
	}
	head := r.MultipartForm.File["docx"][0]
	if head.Size == 0 {
		return nil, nil
	}
	if head.Size > maxDocx {
		return nil, &fileError{key: "media.too_large"}
	}
	file, err := head.Open()
	if err != nil {
		return nil, fmt.Errorf("open Word file: %w", err)
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}

// firstHeading is what a Word document begins with when it begins with its title.
var firstHeading = regexp.MustCompile(`(?s)^\s*<h[1-3][^>]*>(.*?)</h[1-3]>`)

// takeDocx puts the text of a Word file into c: its body, its pictures as new encodings, and its first heading as the title where
// there is none yet. It returns the markup as it came, to be kept. A picture that cannot be read is left out.
func (s *Server) takeDocx(r *http.Request, me newsroom.Person, file []byte, c *newsroom.Content) (original string, err error) {
	markup, images, err := text.Docx(bytes.NewReader(file), int64(len(file)))
	if errors.Is(err, text.ErrDocxTooLarge) {
		return "", &fileError{key: "media.too_large"}
	}
	if err != nil {
		return "", &fileError{key: "media.damaged"}
	}
	original = markup
	for _, image := range images {
		taken, err := s.takePicture(r, me, bytes.NewReader(image.Data), image.Name, int64(len(image.Data)))
		if _, refused := errors.AsType[*fileError](err); refused {
			continue // text.HTML drops the placeholder that is left
		}
		if err != nil {
			return "", err
		}
		markup = strings.ReplaceAll(markup, image.Placeholder, taken.URL)
	}
	if c.Title == "" {
		if found := firstHeading.FindStringSubmatch(markup); found != nil {
			c.Title = text.Excerpt(text.Plain(found[1]), newsroom.MaxTitle)
			markup = markup[len(found[0]):]
		}
	}
	c.Body = text.HTML(markup)
	return original, nil
}
