package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"

	"toasoan/internal/media"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// uploadBody is how much one upload may send: the largest attachment and its form.
const uploadBody = 64 << 20

// fileError says why a file is not taken, by its translation key.
type fileError struct{ key string }

func (e *fileError) Error() string { return "file refused: " + e.key }

// postMedia handles POST /desk/media, a picture for an article: 201 with its name and address, or a problem whose detail is shown.
func (s *Server) postMedia(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if !me.Writes() {
		return newsroom.ErrForbidden
	}
	file, head, err := r.FormFile("file")
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return s.tell(w, r, http.StatusRequestEntityTooLarge, "media.too_large")
		}
		return s.tell(w, r, http.StatusBadRequest, "media.empty")
	}
	defer func() { _ = file.Close() }()
	taken, err := s.takePicture(r, me, file, head.Filename, head.Size)
	if wrong, ok := errors.AsType[*fileError](err); ok {
		return s.tell(w, r, http.StatusUnprocessableEntity, wrong.key)
	}
	if err != nil {
		return err
	}
	return s.json(w, http.StatusCreated, map[string]any{"sha": taken.SHA, "url": taken.URL, "width": taken.Width, "height": taken.Height})
}

func (s *Server) json(w http.ResponseWriter, status int, value any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(value)
}

// takePicture keeps an uploaded picture as new encodings of its pixels.
func (s *Server) takePicture(r *http.Request, me newsroom.Person, file io.Reader, name string, size int64) (pictureView, error) {
	picture, err := media.Decode(file, 0)
	if err != nil {
		return pictureView{}, asFileError(err)
	}
	made, err := media.Variants(picture)
	if err != nil {
		return pictureView{}, fmt.Errorf("take picture: %w", err)
	}
	m := newsroom.Media{
		SHA: picture.SHA256, Name: text.Line(name), MIME: made[0].MIME, Width: picture.Width, Height: picture.Height, Size: size, CreatedBy: me.ID,
	}
	variants := make([]newsroom.MediaVariant, len(made))
	for i, v := range made {
		variants[i] = newsroom.MediaVariant{Width: v.Width, Ext: v.Ext, MIME: v.MIME, Bytes: v.Bytes}
	}
	if err := s.Store.SavePicture(r.Context(), m, variants); err != nil {
		return pictureView{}, err
	}
	v := pictureView{SHA: m.SHA}
	v.URL, v.Width, v.Height = pictureURL(m, variants)
	return v, nil
}

// asFileError makes a refusal of package media one that a person can read.
func asFileError(err error) error {
	if refused, ok := errors.AsType[*media.RefusedError](err); ok {
		return &fileError{key: "media." + refused.Code}
	}
	return err
}

// takeUploads keeps the files that the editor's form brought: pictures, attachments, a Word file. What is refused comes back as
// sentences; the rest is taken.
func (s *Server) takeUploads(r *http.Request, me newsroom.Person, c *newsroom.Content) (wrong formErrors, err error) {
	if r.MultipartForm == nil {
		return nil, nil
	}
	l := s.lang(r)
	each := func(field string, take func(file multipart.File, head *multipart.FileHeader) error) error {
		for _, head := range r.MultipartForm.File[field] {
			if head.Size == 0 && head.Filename == "" {
				continue
			}
			file, err := head.Open()
			if err != nil {
				return fmt.Errorf("open upload: %w", err)
			}
			err = take(file, head)
			_ = file.Close()
			if refused, ok := errors.AsType[*fileError](err); ok {
				wrong = append(wrong, formError{Field: field, Text: head.Filename + ": " + l.T(refused.key)})
				continue
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	err = each("photo", func(file multipart.File, head *multipart.FileHeader) error {
		taken, err := s.takePicture(r, me, file, head.Filename, head.Size)
		if err == nil {
			c.Pictures = append(c.Pictures, newsroom.Picture{SHA: taken.SHA})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each("attachment", func(file multipart.File, head *multipart.FileHeader) error {
		f, err := media.Attachment(file, head.Filename)
		if err != nil {
			return asFileError(err)
		}
		m := newsroom.Media{SHA: f.SHA256, Name: f.Name, MIME: f.MIME, Size: int64(len(f.Bytes)), CreatedBy: me.ID}
		if err := s.Store.SaveFile(r.Context(), m, f.Bytes); err != nil {
			return err
		}
		c.Attachments = append(c.Attachments, newsroom.Attachment{SHA: m.SHA, Name: m.Name, MIME: m.MIME, Size: m.Size})
		return nil
	})
	if err != nil {
		return nil, err
	}
	file, err := s.docx(r)
	if refused, ok := errors.AsType[*fileError](err); ok {
		wrong.add(l, "docx", refused.key)
		return wrong, nil
	}
	if err != nil || file == nil {
		return wrong, err
	}
	original, err := s.takeDocx(r, me, file, c)
	if refused, ok := errors.AsType[*fileError](err); ok {
		wrong.add(l, "docx", refused.key)
		return wrong, nil
	}
	if err == nil {
		err = s.Store.KeepPasted(r.Context(), r.PathValue("id"), 0, me.ID, original)
	}
	return wrong, err
}

// getFile handles GET /desk/files/{sha}: an attachment for the newsroom, always as a download.
func (s *Server) getDeskFile(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
	m, data, err := s.Store.File(r.Context(), r.PathValue("sha"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", m.MIME)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.Name+`"`)
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(data) // the reader may have gone
	return nil
}
